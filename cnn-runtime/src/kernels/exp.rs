//! The exponential function and its kin in f32, without branches or calls, so that loops over them become vectors.

use std::f32::consts::LOG2_E;

/// `log 2` in two parts: multiples of the first, which has few digits, are exact. Cody & Waite 1980.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// e^x, off by less than 2e-7 of itself; infinity above 88.72, 0 below -87.34, where f32 has no normal number left. NaN stays NaN.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding and taking it away rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    // Taylor's series up to r^7: |r| is at most log 2 / 2
    let p = 1.0 / 5_040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // 2^n in two factors, because 2^128 is not a number but e^88.7 is; the low bits of `shifted` are n
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    let y = p * power(half) * power(n.wrapping_sub(half));
    let y = if x < -87.336_54 { 0.0 } else { y };
    if x > 88.722_84 { f32::INFINITY } else { y }
}

/// tanh x, off by less than 4e-7 of itself.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    // near 0 the difference below would lose digits: x times a series in x^2 there
    let s = x * x;
    let p = -1_382.0 / 155_925.0;
    let p = p * s + 62.0 / 2_835.0;
    let p = p * s - 17.0 / 315.0;
    let p = p * s + 2.0 / 15.0;
    let p = p * s - 1.0 / 3.0;
    let near = x + x * s * p;
    let far = (1.0 - 2.0 / (exp(2.0 * a) + 1.0)).copysign(x);
    if a < 0.3 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(f: fn(f32) -> f32, exact: fn(f64) -> f64, low: f32, high: f32) -> f64 {
        let at = |i: u32| low + (high - low) * (i as f32 / 300_000.0);
        let off = |x: f32| (f64::from(f(x)) / exact(f64::from(x)) - 1.0).abs();
        (0..=300_000).map(at).filter(|x| *x != 0.0).map(off).fold(0.0, f64::max)
    }

    #[test]
    fn off_by_a_rounding_or_two() {
        let found = worst(exp, f64::exp, -87.3, 88.7);
        assert!(found < 2e-7, "exp: {found:e}");
        for range in [0.01, 0.5, 12.0] {
            let found = worst(tanh, f64::tanh, -range, range);
            assert!(found < 4e-7, "tanh up to {range}: {found:e}");
        }
    }

    #[test]
    fn at_the_ends() {
        assert_eq!([exp(0.0), exp(-0.0), exp(-1e4), exp(f32::NEG_INFINITY)], [1.0, 1.0, 0.0, 0.0]);
        assert_eq!([exp(89.0), exp(1e30), exp(f32::INFINITY)], [f32::INFINITY; 3]);
        assert_eq!([tanh(50.0), tanh(f32::NEG_INFINITY), tanh(0.0), tanh(1e-20)], [1.0, -1.0, 0.0, 1e-20]);
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}
