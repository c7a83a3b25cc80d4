//! `y = x min(max(x + 3, 0), 6) / 6`, swish in straight lines. Howard et al. 2019, <https://arxiv.org/abs/1905.02244>.

use super::elementwise::{Elementwise, clamp};
use super::{Float, object};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hswish;

impl Elementwise for Hswish {
    const NAME: &'static str = "hswish";

    #[inline(always)]
    fn value<E: Float>(&self, x: E) -> E {
        x * clamp(x + E::of(3.0), 0.0, 6.0) / E::of(6.0)
    }

    #[inline(always)]
    fn slope<E: Float>(&self, x: E) -> E {
        if x <= E::of(-3.0) {
            E::ZERO
        } else if x >= E::of(3.0) {
            E::ONE
        } else {
            x / E::of(3.0) + E::of(0.5)
        }
    }
}

object!(Hswish);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        assert_eq!(run(&Hswish, &[vec![-4.0, 0.0, 1.5, 9.0]], 4), [0.0, 0.0, 1.125, 9.0]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Hswish, &[random(1, 80).iter().map(|x| 8.0 * x).collect()], 80);
    }
}
