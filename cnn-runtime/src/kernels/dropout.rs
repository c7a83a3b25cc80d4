//! Inverted dropout: each value is 0 with probability p and otherwise divided by 1 - p, so that the expectation stays.
//! Srivastava et al. 2014, <https://jmlr.org/papers/v15/srivastava14a.html>.

use super::{Float, Kernel, Needs, expect_len, object};

/// Input and output of any one length.
///
/// Whether value i stays is a function of `seed` and i alone: the backward pass draws the same mask again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The probability of a zero; from 1 on all are.
    pub p: f64,
    /// Names the mask.
    pub seed: u64,
}

impl Dropout {
    /// What value i is multiplied by.
    pub fn factor(&self, i: usize) -> f64 {
        if uniform(self.seed, i as u64) < self.p { 0.0 } else { 1.0 / (1.0 - self.p) }
    }
}

/// The i-th number in [0, 1) of SplitMix64. Steele et al. 2014, <https://doi.org/10.1145/2660193.2660195>.
pub(super) fn uniform(seed: u64, i: u64) -> f64 {
    let mut z = seed.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

impl Kernel for Dropout {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len("dropout: y", y.len(), inputs[0].len());
        for (i, (y, &x)) in y.iter_mut().zip(inputs[0]).enumerate() {
            *y = x * E::of(self.factor(i));
        }
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        for (i, (dx, &dy)) in grads[0].iter_mut().zip(dy).enumerate() {
            *dx += dy * E::of(self.factor(i));
        }
    }
}

object!(Dropout);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn keeps_the_expectation() {
        for p in [0.0, 0.2, 0.5, 0.9] {
            let n = 100_000;
            let y = run(&Dropout { p, seed: 3 }, &[vec![1.0; n]], n);
            let zeros = y.iter().filter(|&&y| y == 0.0).count() as f64 / n as f64;
            let mean = y.iter().sum::<f64>() / n as f64;
            assert!((zeros - p).abs() < 0.01, "p = {p}: {zeros} are zero");
            assert!((mean - 1.0).abs() < 0.03, "p = {p}: mean {mean}");
        }
    }

    #[test]
    fn everything_may_be_dropped() {
        assert_eq!(run(&Dropout { p: 1.0, seed: 3 }, &[vec![1.0; 9]], 9), [0.0; 9]);
    }

    #[test]
    fn a_seed_is_a_mask() {
        let y = |seed| run(&Dropout { p: 0.5, seed }, &[vec![1.0; 64]], 64);
        assert_eq!(y(1), y(1));
        assert_ne!(y(1), y(2));
    }

    #[test]
    fn gradients() {
        check_gradients(&Dropout { p: 0.3, seed: 5 }, &randoms(&[40]), 40);
    }
}
