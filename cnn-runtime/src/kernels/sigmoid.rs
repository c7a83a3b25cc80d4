//! `y = 1 / (1 + e^-x)`, the logistic function.

use super::elementwise::sigmoid;
use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sigmoid;

impl Sigmoid {
    /// `1 / (1 + e^-x)`
    #[inline(always)]
    pub(super) fn value<E: Float>(x: E) -> E {
        sigmoid(x)
    }

    /// `y (1 - y)`
    #[inline(always)]
    pub(super) fn slope_at_value<E: Float>(y: E) -> E {
        y * (E::ONE - y)
    }
}

impl Kernel for Sigmoid {
    const NEEDS: Needs = Needs::Output;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len("sigmoid: y", y.len(), inputs[0].len());
        parallel::zip(y, inputs[0], |y, x| *y = Self::value(x));
    }

    /// `dx = dy y (1 - y)`
    fn backward<E: Float>(&self, _: &[&[E]], y: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        parallel::zip2(grads[0], y, dy, |dx, y, dy| *dx += dy * Self::slope_at_value(y));
    }
}

object!(Sigmoid);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let mut y = [9.0f32; 3];
        Sigmoid.forward(&[&[0.0, 200.0, -200.0]], &mut y);
        assert_eq!(y, [0.5, 1.0, 0.0]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Sigmoid, &randoms(&[50]), 50);
    }
}
