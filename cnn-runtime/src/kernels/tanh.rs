//! `y = tanh x`, the hyperbolic tangent.

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tanh;

impl Tanh {
    /// `tanh x`
    #[inline(always)]
    pub(super) fn value<E: Float>(x: E) -> E {
        x.tanh()
    }

    /// `1 - y^2`
    #[inline(always)]
    pub(super) fn slope_at_value<E: Float>(y: E) -> E {
        E::ONE - y * y
    }
}

impl Kernel for Tanh {
    const NEEDS: Needs = Needs::Output;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len("tanh: y", y.len(), inputs[0].len());
        parallel::zip(y, inputs[0], |y, x| *y = Self::value(x));
    }

    /// `dx = dy (1 - y^2)`
    fn backward<E: Float>(&self, _: &[&[E]], y: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        parallel::zip2(grads[0], y, dy, |dx, y, dy| *dx += dy * Self::slope_at_value(y));
    }
}

object!(Tanh);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let mut y = [9.0f64; 3];
        Tanh.forward(&[&[0.0, 50.0, 0.5]], &mut y);
        assert_eq!(y, [0.0, 1.0, 0.5f64.tanh()]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Tanh, &randoms(&[50]), 50);
    }
}
