//! `y = weight x + bias`, both learned for each channel: the subsampling layers of LeCun et al. 1998,
//! <https://doi.org/10.1109/5.726791>; without bias LayerScale, Touvron et al. 2021, <https://arxiv.org/abs/2103.17239>.

use super::{Float, Kernel, Needs, expect_inputs, expect_len, object, parallel};

/// Inputs: x `[batch, channels, plane]`, weight `[channels]` and, with `bias`, `[channels]`. Output: as x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine {
    /// Channels.
    pub channels: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
    /// Whether the bias is the third input.
    pub bias: bool,
}

impl Affine {
    fn check<E>(&self, inputs: &[&[E]], y: usize) {
        expect_inputs("affine", inputs.len(), 2 + usize::from(self.bias));
        for parameter in &inputs[1..] {
            expect_len("affine: weight or bias", parameter.len(), self.channels);
        }
        expect_len("affine: y", y, inputs[0].len());
    }
}

impl Kernel for Affine {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs, y.len());
        parallel::rows(y, self.plane, |row, y| {
            let c = row % self.channels;
            let (weight, bias) = (inputs[1][c], inputs.get(2).map_or(E::ZERO, |bias| bias[c]));
            let x = &inputs[0][row * self.plane..];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = weight * x + bias);
        });
    }

    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs, dy.len());
        let [dx, dweight, dbias @ ..] = grads else { unreachable!("as many gradients as inputs") };
        parallel::rows(dx, self.plane, |row, dx| {
            let weight = inputs[1][row % self.channels];
            dx.iter_mut().zip(&dy[row * self.plane..]).for_each(|(dx, &dy)| *dx += weight * dy);
        });
        let rows = |x, c| <[E]>::chunks(x, self.plane.max(1)).skip(c).step_by(self.channels);
        parallel::channels(dweight, 1, |c, dweight| {
            let dot = |(x, dy): (&[E], &[E])| x.iter().zip(dy).map(|(x, dy)| x.double() * dy.double()).sum::<f64>();
            dweight[0] += E::of(rows(inputs[0], c).zip(rows(dy, c)).map(dot).sum());
        });
        for dbias in dbias {
            for (c, dbias) in dbias.iter_mut().enumerate() {
                *dbias += E::of(rows(dy, c).map(parallel::sum).sum());
            }
        }
    }
}

object!(Affine);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let affine = Affine { channels: 2, plane: 2, bias: true };
        let y = run(&affine, &[vec![1.0, 2.0, 3.0, 4.0], vec![2.0, -1.0], vec![0.5, 0.0]], 4);
        assert_eq!(y, [2.5, 4.5, -3.0, -4.0]);
    }

    #[test]
    fn gradients() {
        for (channels, plane, bias) in [(3, 4, true), (5, 1, true), (3, 2, false)] {
            let len = 2 * channels * plane;
            let inputs = randoms(&[len, channels, channels]);
            check_gradients(&Affine { channels, plane, bias }, &inputs[..2 + usize::from(bias)], len);
        }
    }
}
