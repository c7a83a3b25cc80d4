//! Two-dimensional convolution (cross-correlation, as everywhere in deep learning).
//!
//! ```text
//! y[b, o, i, j] = bias[o] + sum over c, u, v of
//!     weight[o, c, u, v] x[b, group(o) * C/groups + c, i stride + u dilation - top, j stride + v dilation - left]
//! ```
//!
//! where `group(o) = o / (O/groups)` and x is zero outside of its map. LeCun et al. 1989, "Backpropagation applied to
//! handwritten zip code recognition", <https://doi.org/10.1162/neco.1989.1.4.541>; groups: Krizhevsky et al. 2012;
//! dilation: Yu & Koltun 2015, <https://arxiv.org/abs/1511.07122>.

mod columns;
mod direct;
mod im2col;
#[cfg(test)]
mod speed;
mod strip;
#[cfg(test)]
mod tests;
pub mod weight;

use super::window::Axis;
use super::{Float, Kernel, Needs, expect_inputs, expect_len, object, parallel};

/// Inputs: x `[batch, inputs, H, W]`, weight `[outputs, inputs / groups, KH, KW]` and, with `bias`, `[outputs]`.
/// Output: `[batch, outputs, OH, OW]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Maps in the batch.
    pub batch: usize,
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Groups; both numbers of channels are multiples of it.
    pub groups: usize,
    /// The window down a column.
    pub rows: Axis,
    /// The window along a row.
    pub cols: Axis,
    /// Whether the bias is the third input.
    pub bias: bool,
}

impl Conv {
    /// Elements of one input map of one channel.
    fn in_plane(&self) -> usize {
        self.rows.input * self.cols.input
    }

    /// Elements of one output map of one channel.
    fn out_plane(&self) -> usize {
        self.rows.output * self.cols.output
    }

    /// Input channels that one output channel sees.
    fn in_group(&self) -> usize {
        self.inputs / self.groups
    }

    /// Output channels of one group.
    fn out_group(&self) -> usize {
        self.outputs / self.groups
    }

    /// Weights of one output channel.
    fn taps(&self) -> usize {
        self.in_group() * self.rows.kernel * self.cols.kernel
    }

    /// With one input channel to a group, products of matrices would have a single row: loops do better.
    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.in_group() == 1
    }

    fn check(&self, x: usize, weight: usize, bias: Option<usize>, y: usize) {
        self.rows.check("conv", "height", false);
        self.cols.check("conv", "width", false);
        assert!(
            self.groups > 0 && self.inputs.is_multiple_of(self.groups) && self.outputs.is_multiple_of(self.groups),
            "conv: {} groups do not divide {} input and {} output channels; this is a bug in the calling code",
            self.groups,
            self.inputs,
            self.outputs
        );
        expect_len("conv: x", x, self.batch * self.inputs * self.in_plane());
        expect_len("conv: weight", weight, self.outputs * self.taps());
        if let Some(bias) = bias {
            expect_len("conv: bias", bias, self.outputs);
        }
        expect_len("conv: y", y, self.batch * self.outputs * self.out_plane());
    }
}

/// The passes by themselves, on memory of the caller: nothing is allocated here.
///
/// `workspace` holds at least [`Conv::workspace`] of one lane; what is in it before does not matter. Every pass adds to its
/// result, and the result does not depend on the number of lanes.
impl Conv {
    /// Elements of workspace that any of the passes needs to keep `lanes` threads busy: 480 KiB in f32 for each of them,
    /// and up to 2 MiB for partial sums of the weight gradient. Depthwise convolution needs none.
    pub fn workspace(&self, lanes: usize) -> usize {
        if self.is_depthwise() { 0 } else { self.product_workspace(lanes) }
    }

    /// `y += conv(x)`, without bias.
    pub fn forward_onto<E: Float>(&self, x: &[E], weight: &[E], y: &mut [E], workspace: &mut [E]) {
        self.check(x.len(), weight.len(), None, y.len());
        if self.is_depthwise() {
            direct::forward(self, x, weight, y);
        } else {
            im2col::forward(self, x, weight, y, workspace);
        }
    }

    /// Adds the gradient with respect to x.
    pub fn input_grad<E: Float>(&self, weight: &[E], dy: &[E], dx: &mut [E], workspace: &mut [E]) {
        self.check(dx.len(), weight.len(), None, dy.len());
        if self.is_depthwise() {
            direct::input_grad(self, weight, dy, dx);
        } else {
            im2col::input_grad(self, weight, dy, dx, workspace);
        }
    }

    /// Adds the gradient with respect to the weight.
    pub fn weight_grad<E: Float>(&self, x: &[E], dy: &[E], dweight: &mut [E], workspace: &mut [E]) {
        self.check(x.len(), dweight.len(), None, dy.len());
        if self.is_depthwise() {
            direct::weight_grad(self, x, dy, dweight);
        } else {
            im2col::weight_grad(self, x, dy, dweight, workspace);
        }
    }

    /// Adds the gradient with respect to the bias: the sum of dy over samples and pixels.
    pub fn bias_grad<E: Float>(&self, dy: &[E], dbias: &mut [E]) {
        expect_len("conv: dy", dy.len(), self.batch * self.outputs * self.out_plane());
        expect_len("conv: bias", dbias.len(), self.outputs);
        parallel::channels(dbias, 1, |o, dbias| {
            let planes = dy.chunks(self.out_plane()).skip(o).step_by(self.outputs);
            dbias[0] += E::of(planes.map(parallel::sum).sum());
        });
    }
}

impl Kernel for Conv {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_inputs("conv", inputs.len(), 2 + usize::from(self.bias));
        let (x, weight, bias) = (inputs[0], inputs[1], inputs.get(2));
        self.check(x.len(), weight.len(), bias.map(|bias| bias.len()), y.len());
        parallel::rows(y, self.out_plane(), |plane, y| {
            y.fill(bias.map_or(E::ZERO, |bias| bias[plane % self.outputs]));
        });
        let mut workspace = vec![E::ZERO; self.workspace(rayon::current_num_threads())];
        self.forward_onto(x, weight, y, &mut workspace);
    }

    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        expect_inputs("conv", inputs.len(), 2 + usize::from(self.bias));
        let (x, weight) = (inputs[0], inputs[1]);
        let [dx, dweight, dbias @ ..] = grads else { unreachable!("as many gradients as inputs") };
        let mut workspace = vec![E::ZERO; self.workspace(rayon::current_num_threads())];
        self.input_grad(weight, dy, dx, &mut workspace);
        self.weight_grad(x, dy, dweight, &mut workspace);
        for dbias in dbias {
            self.bias_grad(dy, dbias);
        }
    }
}

object!(Conv);
