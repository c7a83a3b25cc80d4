//! `y = max(x, 0)`; NaN stays NaN. Glorot et al. 2011, <https://proceedings.mlr.press/v15/glorot11a.html>.

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relu;

impl Relu {
    /// `max(x, 0)`
    #[inline(always)]
    pub(super) fn value<E: Float>(x: E) -> E {
        if x < E::ZERO { E::ZERO } else { x }
    }

    /// The slope where the value is y.
    #[inline(always)]
    pub(super) fn slope_at_value<E: Float>(y: E) -> E {
        if y <= E::ZERO { E::ZERO } else { E::ONE }
    }
}

impl Kernel for Relu {
    const NEEDS: Needs = Needs::Output;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len("relu: y", y.len(), inputs[0].len());
        parallel::zip(y, inputs[0], |y, x| *y = Self::value(x));
    }

    /// `dx = dy` where y is positive, 0 elsewhere: at 0 the gradient is 0, as in PyTorch.
    fn backward<E: Float>(&self, _: &[&[E]], y: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        parallel::zip2(grads[0], y, dy, |dx, y, dy| *dx += if y <= E::ZERO { E::ZERO } else { dy });
    }
}

object!(Relu);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let mut y = [9.0f32; 4];
        Relu.forward(&[&[-1.0, 0.0, 2.0, f32::NAN]], &mut y);
        assert_eq!(y[..3], [0.0, 0.0, 2.0]);
        assert!(y[3].is_nan());
    }

    #[test]
    fn gradients() {
        check_gradients(&Relu, &randoms(&[50]), 50);
    }

    #[test]
    fn gradient_at_zero_is_zero() {
        let mut dx = [0.0f64; 1];
        Relu.backward(&[&[]], &[0.0], &[1.0], &mut [&mut dx[..]]);
        assert_eq!(dx, [0.0]);
    }
}
