//! `y = min(max(x, 0), 6)`; NaN stays NaN. Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".

use super::elementwise::{Elementwise, clamp};
use super::{Float, object};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relu6;

impl Elementwise for Relu6 {
    const NAME: &'static str = "relu6";

    #[inline(always)]
    fn value<E: Float>(&self, x: E) -> E {
        clamp(x, 0.0, 6.0)
    }

    #[inline(always)]
    fn slope<E: Float>(&self, x: E) -> E {
        if x <= E::ZERO || x >= E::of(6.0) { E::ZERO } else { E::ONE }
    }
}

object!(Relu6);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        assert_eq!(run(&Relu6, &[vec![-1.0, 0.0, 2.0, 7.0]], 4), [0.0, 0.0, 2.0, 6.0]);
        assert!(run(&Relu6, &[vec![f64::NAN]], 1)[0].is_nan());
    }

    #[test]
    fn gradients() {
        check_gradients(&Relu6, &[random(1, 80).iter().map(|x| 8.0 * x).collect()], 80);
    }
}
