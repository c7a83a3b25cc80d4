//! Activations on vectors.

use super::lanes::{Body, get, put, sweep};
use super::rows::Rows;
use super::simd::{Isa, Simd};
use crate::kernels::activation::{Function, Identity};
use crate::kernels::gelu::Gelu;
use crate::kernels::hsigmoid::Hsigmoid;
use crate::kernels::hswish::Hswish;
use crate::kernels::leaky::Leaky;
use crate::kernels::relu::Relu;
use crate::kernels::relu6::Relu6;
use crate::kernels::sigmoid::Sigmoid;
use crate::kernels::silu::Silu;
use crate::kernels::tanh::Tanh;

/// An activation, compiled for each kind of vectors. What is not a number stays so.
///
/// # Safety
/// Of all functions: the processor has the vectors. SAFETY of the blocks in implementations: it is the caller's.
pub(super) trait Curve: Copy + Sync {
    /// `f(x)`
    unsafe fn value<S: Simd>(&self, x: S::V) -> S::V;
    /// `f'(x)`
    unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V;
    /// The slope where the value is y, of those whose value tells it: straight lines through 0 have the same at x and y.
    #[inline(always)]
    unsafe fn slope_at_value<S: Simd>(&self, y: S::V) -> S::V {
        unsafe { Curve::slope::<S>(self, y) }
    }
}

/// What a compiler turns into vectors.
macro_rules! by_numbers {
    ($($layer:ty),*) => {$(
        impl Curve for $layer {
            #[inline(always)]
            unsafe fn value<S: Simd>(&self, x: S::V) -> S::V {
                unsafe { S::map(x, |x| Function::value(self, x)) }
            }
            #[inline(always)]
            unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V {
                unsafe { S::map(x, |x| Function::slope(self, x)) }
            }
        }
    )*};
}
by_numbers!(Identity, Relu, Relu6, Leaky);

/// `c0 + c1 x + c2 x^2 …`
#[inline(always)]
unsafe fn series<S: Simd, const N: usize>(x: S::V, coefficients: [f32; N]) -> S::V {
    // SAFETY: the caller's.
    unsafe {
        let mut sum = S::splat(coefficients[N - 1]);
        for &c in coefficients[..N - 1].iter().rev() {
            sum = S::fma(sum, x, S::splat(c));
        }
        sum
    }
}

/// e^x for x from -87 to 88, off by less than 2e-7 of itself.
#[inline(always)]
unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    /// `log 2` in two parts: multiples of the first, which has few digits, are exact. Cody & Waite 1980.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const TAYLOR: [f32; 8] = [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5_040.0];
    // SAFETY: the caller's.
    unsafe {
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        let r = S::fma(n, S::splat(-LN_2[0]), x);
        let r = S::fma(n, S::splat(-LN_2[1]), r);
        S::mul(series::<S, 8>(r, TAYLOR), S::power2(n))
    }
}

/// x, at least `-limit` and at most `limit`.
#[inline(always)]
unsafe fn clamp<S: Simd>(x: S::V, limit: f32) -> S::V {
    // SAFETY: the caller's.
    unsafe { S::max(S::splat(-limit), S::min(S::splat(limit), x)) }
}

/// `min(max(x + 3, 0), 6) / 6`
#[inline(always)]
unsafe fn ramp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's.
    unsafe {
        let x = S::add(x, S::splat(3.0));
        S::mul(S::max(S::zero(), S::min(S::splat(6.0), x)), S::splat(1.0 / 6.0))
    }
}

/// `slope` between -3 and 3, outside `left` and `right`.
#[inline(always)]
unsafe fn between<S: Simd>(x: S::V, slope: S::V, left: f32, right: f32) -> S::V {
    // SAFETY: the caller's.
    unsafe {
        let inner = S::above(x, S::splat(-3.0), slope, S::splat(left));
        S::above(S::splat(3.0), x, inner, S::splat(right))
    }
}

impl Curve for Hsigmoid {
    #[inline(always)]
    unsafe fn value<S: Simd>(&self, x: S::V) -> S::V {
        unsafe { ramp::<S>(x) }
    }
    #[inline(always)]
    unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V {
        unsafe { between::<S>(x, S::splat(1.0 / 6.0), 0.0, 0.0) }
    }
}

impl Curve for Hswish {
    #[inline(always)]
    unsafe fn value<S: Simd>(&self, x: S::V) -> S::V {
        // Left of -3 the ramp is 0, and 0 times infinity would be no number.
        unsafe { S::mul(S::max(S::splat(-3.0), x), ramp::<S>(x)) }
    }
    #[inline(always)]
    unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V {
        unsafe { between::<S>(x, S::fma(x, S::splat(1.0 / 3.0), S::splat(0.5)), 0.0, 1.0) }
    }
}

/// Where `1 / (1 + e^-x)` is as good as 0 or 1: e^-87 is about the least f32 with all its digits.
const FLAT: f32 = 87.0;

/// `1 / (1 + e^-x)` for x within [`FLAT`].
#[inline(always)]
unsafe fn logistic<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's.
    unsafe { S::div(S::splat(1.0), S::add(S::splat(1.0), exp::<S>(S::sub(S::zero(), x)))) }
}

impl Curve for Sigmoid {
    #[inline(always)]
    unsafe fn value<S: Simd>(&self, x: S::V) -> S::V {
        unsafe { logistic::<S>(clamp::<S>(x, FLAT)) }
    }
    #[inline(always)]
    unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V {
        unsafe { Curve::slope_at_value::<S>(self, Curve::value::<S>(self, x)) }
    }
    #[inline(always)]
    unsafe fn slope_at_value<S: Simd>(&self, y: S::V) -> S::V {
        unsafe { S::mul(y, S::sub(S::splat(1.0), y)) }
    }
}

impl Curve for Silu {
    #[inline(always)]
    unsafe fn value<S: Simd>(&self, x: S::V) -> S::V {
        // Left of the flat part x would be as large as the rest is small.
        unsafe { S::mul(S::max(S::splat(-FLAT), x), logistic::<S>(clamp::<S>(x, FLAT))) }
    }
    #[inline(always)]
    unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V {
        unsafe {
            let x = clamp::<S>(x, FLAT);
            let s = logistic::<S>(x);
            S::mul(s, S::fma(x, S::sub(S::splat(1.0), s), S::splat(1.0)))
        }
    }
}

impl Curve for Tanh {
    /// Off by less than 5e-7 of itself.
    #[inline(always)]
    unsafe fn value<S: Simd>(&self, x: S::V) -> S::V {
        /// Of `tanh x = x + x^3 (…)`, by which the difference of the other form would lose digits near 0.
        const NEAR: [f32; 5] = [-1.0 / 3.0, 2.0 / 15.0, -17.0 / 315.0, 62.0 / 2_835.0, -1_382.0 / 155_925.0];
        unsafe {
            let x = clamp::<S>(x, 10.0);
            let square = S::mul(x, x);
            let near = S::fma(S::mul(x, square), series::<S, 5>(square, NEAR), x);
            let a = S::abs(x);
            let e = exp::<S>(S::add(a, a));
            let far = S::sub(S::splat(1.0), S::div(S::splat(2.0), S::add(e, S::splat(1.0))));
            let far = S::above(x, S::zero(), far, S::sub(S::zero(), far));
            S::above(a, S::splat(0.3), far, near)
        }
    }
    #[inline(always)]
    unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V {
        unsafe { Curve::slope_at_value::<S>(self, Curve::value::<S>(self, x)) }
    }
    #[inline(always)]
    unsafe fn slope_at_value<S: Simd>(&self, y: S::V) -> S::V {
        unsafe { S::sub(S::splat(1.0), S::mul(y, y)) }
    }
}

/// Where GELU is as good as 0 or x: a standard normal number is beyond it once in 10^33 times.
const BEYOND: f32 = 12.0;

/// Of a, the distance of x from 0 but at most [`BEYOND`]: `e^(-a^2 / 2)`, and the probability that a standard normal number is
/// above a. The latter is `e^(-a^2 / 2) u R(u)`, u = 1 / (1 + 0.26 a): what is left is so smooth that a polynomial of degree 8
/// is off by 1.4e-8 of it; its coefficients are the least of the greatest error, found by Lawson's iteration.
#[inline(always)]
unsafe fn tail<S: Simd>(a: S::V) -> (S::V, S::V) {
    const R: [f32; 9] = [
        0.103_768_97,
        0.102_855_53,
        0.104_136_74,
        0.046_838_274,
        0.170_531_37,
        -0.164_534_74,
        0.263_168_65,
        -0.158_403_76,
        0.031_638_96,
    ];
    // SAFETY: the caller's.
    unsafe {
        let density = exp::<S>(S::mul(S::mul(a, a), S::splat(-0.5)));
        let u = S::div(S::splat(1.0), S::fma(a, S::splat(0.26), S::splat(1.0)));
        (density, S::mul(S::mul(density, u), series::<S, 9>(u, R)))
    }
}

impl Curve for Gelu {
    /// `max(x, 0) - |x| P(above |x|)`: off by less than 1e-6 of itself where x is above -5, 5e-6 down to -12.
    #[inline(always)]
    unsafe fn value<S: Simd>(&self, x: S::V) -> S::V {
        unsafe {
            let a = S::min(S::splat(BEYOND), S::abs(x));
            let (_, above) = tail::<S>(a);
            S::sub(S::max(S::zero(), x), S::mul(a, above))
        }
    }
    #[inline(always)]
    unsafe fn slope<S: Simd>(&self, x: S::V) -> S::V {
        /// `1 / sqrt(2 pi)`
        const HEIGHT: f32 = 0.398_942_3;
        unsafe {
            let x = clamp::<S>(x, BEYOND);
            let (density, above) = tail::<S>(S::abs(x));
            let below = S::above(x, S::zero(), S::sub(S::splat(1.0), above), above);
            S::fma(S::mul(x, S::splat(HEIGHT)), density, below)
        }
    }
}

/// Applies an activation in place.
///
/// # Safety
/// There are so many rows of so many numbers, which nobody else touches.
pub(super) unsafe fn apply<F: Curve>(isa: Isa, f: F, y: Rows, rows: usize, len: usize) {
    // SAFETY: the caller's.
    unsafe { sweep(isa, rows, len, Applied { y, f }) }
}

struct Applied<F> {
    y: Rows,
    f: F,
}

impl<F: Curve> Body for Applied<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: numbers of the rows.
        unsafe {
            let y = self.y.at(row).add(c);
            put::<S, FULL>(y, self.f.value::<S>(get::<S, FULL>(y, width)), width);
        }
    }
}

#[cfg(test)]
mod tests;
