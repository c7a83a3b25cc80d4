//! What functions of single values share: an activation names its value and its slope, the loops are here.

use super::{Float, Kernel, Needs, expect_len, parallel};

/// `y = f(x)` for every value by itself.
pub trait Elementwise: Send + Sync {
    /// The keyword.
    const NAME: &'static str;

    /// `f(x)`
    fn value<E: Float>(&self, x: E) -> E;

    /// `f'(x)`; where f has a kink, what PyTorch takes.
    fn slope<E: Float>(&self, x: E) -> E;
}

impl<F: Elementwise> Kernel for F {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len(F::NAME, y.len(), inputs[0].len());
        parallel::zip(y, inputs[0], |y, x| *y = self.value(x));
    }

    /// `dx = dy f'(x)`
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        expect_len(F::NAME, dy.len(), inputs[0].len());
        parallel::zip2(grads[0], inputs[0], dy, |dx, x, dy| *dx += dy * self.slope(x));
    }
}

/// x, at least `low` and at most `high`; NaN stays NaN.
#[inline(always)]
pub(super) fn clamp<E: Float>(x: E, low: f64, high: f64) -> E {
    if x < E::of(low) {
        E::of(low)
    } else if x > E::of(high) {
        E::of(high)
    } else {
        x
    }
}

/// `1 / (1 + e^-x)`
#[inline(always)]
pub(super) fn sigmoid<E: Float>(x: E) -> E {
    E::ONE / (E::ONE + (-x).exp())
}
