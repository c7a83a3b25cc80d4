//! Arrays that compilers turn into the vectors of whatever the crate is built for.

use std::array::from_fn;

use super::Simd;

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Portable;

type V = [f32; 4];

/// Adding it and taking it away rounds to a whole number.
const ROUND: f32 = 12_582_912.0;

vectors! { Portable, V, 4;
    fn zero() -> V = [0.0; 4];
    fn splat(x: f32) -> V = [x; 4];
    fn load(from: *const f32) -> V = from.cast::<V>().read_unaligned();
    fn store(to: *mut f32, v: V) = to.cast::<V>().write_unaligned(v);
    fn load_first(from: *const f32, count: usize) -> V = from_fn(|i| if i < count { *from.add(i) } else { 0.0 });
    fn store_first(to: *mut f32, v: V, count: usize) =
        v.iter().take(count).enumerate().for_each(|(i, &x)| *to.add(i) = x);
    // Where there is no such instruction, `mul_add` would be a call.
    fn fma(a: V, b: V, c: V) -> V = match cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
        true => from_fn(|i| a[i].mul_add(b[i], c[i])),
        false => from_fn(|i| a[i] * b[i] + c[i]),
    };
    fn add(a: V, b: V) -> V = from_fn(|i| a[i] + b[i]);
    fn sub(a: V, b: V) -> V = from_fn(|i| a[i] - b[i]);
    fn mul(a: V, b: V) -> V = from_fn(|i| a[i] * b[i]);
    fn div(a: V, b: V) -> V = from_fn(|i| a[i] / b[i]);
    fn sqrt(a: V) -> V = a.map(f32::sqrt);
    fn max(a: V, b: V) -> V = from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] });
    fn min(a: V, b: V) -> V = from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] });
    fn round(a: V) -> V = from_fn(|i| a[i] + ROUND - ROUND);
    fn power2(n: V) -> V = from_fn(|i| f32::from_bits((n[i] + ROUND).to_bits().wrapping_add(127) << 23));
    fn above(x: V, y: V, yes: V, no: V) -> V = from_fn(|i| if x[i] > y[i] || x[i].is_nan() { yes[i] } else { no[i] });
    fn equal(x: V, y: V, yes: V, no: V) -> V = from_fn(|i| if x[i] == y[i] { yes[i] } else { no[i] });
    fn lanes(v: V) -> V = v;
    fn vector(lanes: V) -> V = lanes;
}
