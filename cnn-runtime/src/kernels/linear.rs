//! Fully connected layer: `y[b, o] = bias[o] + sum over i of weight[o, i] x[b, i]`. Rosenblatt 1958,
//! <https://doi.org/10.1037/h0042519>.

use super::matmul::{Mat, matmul};
use super::{Float, Kernel, Needs, expect_inputs, expect_len, object};

/// Inputs: x `[batch, inputs]`, weight `[outputs, inputs]` and, with `bias`, `[outputs]`. Output: `[batch, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Vectors in the batch.
    pub batch: usize,
    /// Values in.
    pub inputs: usize,
    /// Values out.
    pub outputs: usize,
    /// Whether the bias is the third input.
    pub bias: bool,
}

impl Linear {
    fn check<E>(&self, inputs: &[&[E]], y: usize) {
        expect_inputs("linear", inputs.len(), 2 + usize::from(self.bias));
        expect_len("linear: x", inputs[0].len(), self.batch * self.inputs);
        expect_len("linear: weight", inputs[1].len(), self.outputs * self.inputs);
        if self.bias {
            expect_len("linear: bias", inputs[2].len(), self.outputs);
        }
        expect_len("linear: y", y, self.batch * self.outputs);
    }

    /// `y += weight x`, without bias.
    pub fn forward_onto<E: Float>(&self, x: &[E], weight: &[E], y: &mut [E]) {
        matmul(self.y(y), self.x(x), self.weight(weight).t(), true);
    }

    /// `dx += weight^T dy`
    pub fn input_grad<E: Float>(&self, weight: &[E], dy: &[E], dx: &mut [E]) {
        matmul(self.x(dx), self.y(dy), self.weight(weight), true);
    }

    /// `dweight += dy^T x`
    pub fn weight_grad<E: Float>(&self, x: &[E], dy: &[E], dweight: &mut [E]) {
        matmul(self.weight(dweight), self.y(dy).t(), self.x(x), true);
    }

    fn x<S>(&self, x: S) -> Mat<S> {
        Mat::new(x, self.batch, self.inputs, self.inputs)
    }

    fn weight<S>(&self, weight: S) -> Mat<S> {
        Mat::new(weight, self.outputs, self.inputs, self.inputs)
    }

    fn y<S>(&self, y: S) -> Mat<S> {
        Mat::new(y, self.batch, self.outputs, self.outputs)
    }
}

impl Kernel for Linear {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs, y.len());
        match inputs.get(2) {
            Some(bias) => y.chunks_mut(self.outputs.max(1)).for_each(|y| y.copy_from_slice(bias)),
            None => y.fill(E::ZERO),
        }
        self.forward_onto(inputs[0], inputs[1], y);
    }

    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs, dy.len());
        let [dx, dweight, dbias @ ..] = grads else { unreachable!("as many gradients as inputs") };
        self.input_grad(inputs[1], dy, dx);
        self.weight_grad(inputs[0], dy, dweight);
        for dbias in dbias {
            for (o, dbias) in dbias.iter_mut().enumerate() {
                let column = dy.iter().skip(o).step_by(self.outputs);
                *dbias += E::of(column.map(|dy| dy.double()).sum());
            }
        }
    }
}

object!(Linear);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let linear = Linear { batch: 2, inputs: 2, outputs: 3, bias: true };
        let mut y = [0.0f64; 6];
        linear.forward(&[&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[10.0, 20.0, 30.0]], &mut y);
        assert_eq!(y, [11.0, 22.0, 33.0, 13.0, 24.0, 37.0]);
    }

    #[test]
    fn gradients() {
        for (batch, inputs, outputs, bias) in [(1, 1, 1, true), (3, 5, 4, true), (2, 7, 1, false)] {
            let linear = Linear { batch, inputs, outputs, bias };
            let sizes = [batch * inputs, outputs * inputs, outputs];
            check_gradients(&linear, &randoms(&sizes[..2 + usize::from(bias)]), batch * outputs);
        }
    }
}
