//! Stochastic depth: each sample is 0 as a whole with probability p and otherwise divided by 1 - p, so that the
//! expectation stays. Huang et al. 2016, <https://arxiv.org/abs/1603.09382>.

use super::dropout::uniform;
use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output: `[batch, len]`.
///
/// Whether sample i stays is a function of `seed` and i alone: the backward pass draws the same samples again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropPath {
    /// Values of one sample.
    pub len: usize,
    /// The probability of a zero; from 1 on all are.
    pub p: f64,
    /// Names the samples that stay.
    pub seed: u64,
}

impl DropPath {
    /// What sample i is multiplied by.
    pub fn factor(&self, i: usize) -> f64 {
        if uniform(self.seed, i as u64) < self.p { 0.0 } else { 1.0 / (1.0 - self.p) }
    }
}

impl Kernel for DropPath {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len("drop_path: y", y.len(), inputs[0].len());
        parallel::rows(y, self.len, |i, y| {
            let factor = E::of(self.factor(i));
            y.iter_mut().zip(&inputs[0][i * self.len..]).for_each(|(y, &x)| *y = x * factor);
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        expect_len("drop_path: dy", dy.len(), grads[0].len());
        parallel::rows(grads[0], self.len, |i, dx| {
            let factor = E::of(self.factor(i));
            dx.iter_mut().zip(&dy[i * self.len..]).for_each(|(dx, &dy)| *dx += dy * factor);
        });
    }
}

object!(DropPath);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn whole_samples_go() {
        let (n, p) = (10_000, 0.2);
        let y = run(&DropPath { len: 3, p, seed: 3 }, &[vec![1.0; 3 * n]], 3 * n);
        assert!(y.chunks(3).all(|y| y == [0.0; 3] || y == [1.25; 3]));
        let zeros = y.chunks(3).filter(|y| y[0] == 0.0).count() as f64 / n as f64;
        assert!((zeros - p).abs() < 0.01, "{zeros} are zero");
    }

    #[test]
    fn gradients() {
        check_gradients(&DropPath { len: 4, p: 0.4, seed: 5 }, &randoms(&[40]), 40);
    }
}
