//! `y = x P(x)`, P the distribution function of the standard normal: exact, by erf. Hendrycks & Gimpel 2016,
//! <https://arxiv.org/abs/1606.08415>.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::elementwise::Elementwise;
use super::{Float, object};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gelu;

/// The probability that a standard normal number is below x: `erfc(-x / sqrt 2) / 2`.
fn below<E: Float>(x: E) -> E {
    (-x * E::of(FRAC_1_SQRT_2)).erfc() * E::of(0.5)
}

impl Elementwise for Gelu {
    const NAME: &'static str = "gelu";

    #[inline(always)]
    fn value<E: Float>(&self, x: E) -> E {
        x * below(x)
    }

    #[inline(always)]
    fn slope<E: Float>(&self, x: E) -> E {
        let density = (-x * x * E::of(0.5)).exp() * E::of(FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * 0.5);
        below(x) + x * density
    }
}

object!(Gelu);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        // torch.nn.functional.gelu in f64
        let y = run(&Gelu, &[vec![0.0, 1.0, -1.0, 40.0]], 4);
        for (y, expected) in y.iter().zip([0.0, 0.841_344_746_068_542_9, -0.158_655_253_931_457_05, 40.0]) {
            assert!((y - expected).abs() < 1e-15, "{y} is not {expected}");
        }
    }

    #[test]
    fn gradients() {
        check_gradients(&Gelu, &[random(1, 80).iter().map(|x| 8.0 * x).collect()], 80);
    }
}
