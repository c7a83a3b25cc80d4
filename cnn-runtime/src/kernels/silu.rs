//! `y = x / (1 + e^-x)`, also named swish. Elfwing et al. 2017, <https://arxiv.org/abs/1702.03118>; Ramachandran et al.
//! 2017, <https://arxiv.org/abs/1710.05941>.

use super::elementwise::{Elementwise, sigmoid};
use super::{Float, object};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silu;

impl Elementwise for Silu {
    const NAME: &'static str = "silu";

    #[inline(always)]
    fn value<E: Float>(&self, x: E) -> E {
        x * sigmoid(x)
    }

    #[inline(always)]
    fn slope<E: Float>(&self, x: E) -> E {
        let s = sigmoid(x);
        s * (E::ONE + x * (E::ONE - s))
    }
}

object!(Silu);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        assert_eq!(run(&Silu, &[vec![0.0, 200.0, -800.0]], 3), [0.0, 200.0, 0.0]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Silu, &[random(1, 80).iter().map(|x| 8.0 * x).collect()], 80);
    }
}
