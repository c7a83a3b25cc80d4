//! `y = x` where x is positive, `weight x` elsewhere, the weight learned. He et al. 2015,
//! <https://arxiv.org/abs/1502.01852>.

use super::{Float, Kernel, Needs, expect_inputs, expect_len, object, parallel};

/// Inputs: x `[batch, channels, plane]` and weight `[weights]`, one for all channels or one for each. Output: as x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prelu {
    /// Channels.
    pub channels: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
    /// 1 or the number of channels.
    pub weights: usize,
}

impl Prelu {
    fn check<E>(&self, inputs: &[&[E]], y: usize) {
        expect_inputs("prelu", inputs.len(), 2);
        assert!(
            self.weights == 1 || self.weights == self.channels,
            "prelu: {} weights for {} channels; this is a bug in the calling code",
            self.weights,
            self.channels
        );
        expect_len("prelu: weight", inputs[1].len(), self.weights);
        expect_len("prelu: y", y, inputs[0].len());
    }
}

impl Kernel for Prelu {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs, y.len());
        parallel::rows(y, self.plane, |row, y| {
            let weight = inputs[1][row % self.channels % self.weights];
            let x = &inputs[0][row * self.plane..];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > E::ZERO { x } else { weight * x });
        });
    }

    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs, dy.len());
        let [dx, dweight] = grads else { unreachable!("as many gradients as inputs") };
        parallel::rows(dx, self.plane, |row, dx| {
            let weight = inputs[1][row % self.channels % self.weights];
            let (x, dy) = (&inputs[0][row * self.plane..], &dy[row * self.plane..]);
            for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                *dx += if x > E::ZERO { dy } else { weight * dy };
            }
        });
        let plane = self.plane.max(1);
        parallel::channels(dweight, 1, |c, dweight| {
            let rows = |x| <[E]>::chunks(x, plane).skip(c).step_by(self.weights);
            let left = |(x, dy): (&E, &E)| if *x > E::ZERO { 0.0 } else { x.double() * dy.double() };
            let sum = |(x, dy): (&[E], &[E])| x.iter().zip(dy).map(left).sum::<f64>();
            dweight[0] += E::of(rows(inputs[0]).zip(rows(dy)).map(sum).sum());
        });
    }
}

object!(Prelu);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let prelu = Prelu { channels: 2, plane: 2, weights: 2 };
        let y = run(&prelu, &[vec![-1.0, 1.0, -1.0, 2.0], vec![0.5, 0.25]], 4);
        assert_eq!(y, [-0.5, 1.0, -0.25, 2.0]);
    }

    #[test]
    fn gradients() {
        for (channels, plane, weights) in [(3, 4, 1), (3, 4, 3), (5, 1, 5)] {
            let len = 2 * channels * plane;
            check_gradients(&Prelu { channels, plane, weights }, &randoms(&[len, weights]), len);
        }
    }
}
