//! The vectors of x86-64.

use std::arch::x86_64::*;

use super::Simd;

/// AVX-512: F, VL, DQ and BW.
#[derive(Clone, Copy)]
pub struct Avx512;

#[inline(always)]
fn first16(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

vectors! { Avx512, __m512, 16;
    fn zero() -> __m512 = _mm512_setzero_ps();
    fn splat(x: f32) -> __m512 = _mm512_set1_ps(x);
    fn load(from: *const f32) -> __m512 = _mm512_loadu_ps(from);
    fn store(to: *mut f32, v: __m512) = _mm512_storeu_ps(to, v);
    fn stream(to: *mut f32, v: __m512) = _mm512_stream_ps(to, v);
    fn load_first(from: *const f32, count: usize) -> __m512 = _mm512_maskz_loadu_ps(first16(count), from);
    fn store_first(to: *mut f32, v: __m512, count: usize) = _mm512_mask_storeu_ps(to, first16(count), v);
    fn prefetch(at: *const f32) = _mm_prefetch::<_MM_HINT_T0>(at.cast());
    fn fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
    fn add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
    fn sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
    fn mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
    fn div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
    fn sqrt(a: __m512) -> __m512 = _mm512_sqrt_ps(a);
    fn max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
    fn min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
    fn round(a: __m512) -> __m512 = _mm512_roundscale_ps::<_MM_FROUND_TO_NEAREST_INT>(a);
    fn power2(n: __m512) -> __m512 = _mm512_scalef_ps(_mm512_set1_ps(1.0), n);
    fn above(x: __m512, y: __m512, yes: __m512, no: __m512) -> __m512 = {
        let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, y) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
        _mm512_mask_blend_ps(above, no, yes)
    };
    fn equal(x: __m512, y: __m512, yes: __m512, no: __m512) -> __m512 =
        _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(x, y), no, yes);
    // SAFETY: a vector is its numbers.
    fn lanes(v: __m512) -> [f32; 16] = std::mem::transmute(v);
    fn vector(lanes: [f32; 16]) -> __m512 = std::mem::transmute(lanes);
}

/// AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2;

/// Eight ones, then eight zeros: a mask begins where it has as many ones as are wanted.
static MASK: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// # Safety
/// The processor has AVX.
#[inline(always)]
unsafe fn first8(count: usize) -> __m256i {
    debug_assert!(count <= 8);
    // SAFETY: eight of the sixteen.
    unsafe { _mm256_loadu_si256(MASK.as_ptr().add(8 - count).cast()) }
}

vectors! { Avx2, __m256, 8;
    fn zero() -> __m256 = _mm256_setzero_ps();
    fn splat(x: f32) -> __m256 = _mm256_set1_ps(x);
    fn load(from: *const f32) -> __m256 = _mm256_loadu_ps(from);
    fn store(to: *mut f32, v: __m256) = _mm256_storeu_ps(to, v);
    fn stream(to: *mut f32, v: __m256) = _mm256_stream_ps(to, v);
    fn load_first(from: *const f32, count: usize) -> __m256 = _mm256_maskload_ps(from, first8(count));
    fn store_first(to: *mut f32, v: __m256, count: usize) = _mm256_maskstore_ps(to, first8(count), v);
    fn prefetch(at: *const f32) = _mm_prefetch::<_MM_HINT_T0>(at.cast());
    fn fma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
    fn add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
    fn sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
    fn mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
    fn div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
    fn sqrt(a: __m256) -> __m256 = _mm256_sqrt_ps(a);
    fn max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
    fn min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
    fn round(a: __m256) -> __m256 = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
    fn power2(n: __m256) -> __m256 = {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
    };
    fn above(x: __m256, y: __m256, yes: __m256, no: __m256) -> __m256 = {
        let above = _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(x, y), _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
        _mm256_blendv_ps(no, yes, above)
    };
    fn equal(x: __m256, y: __m256, yes: __m256, no: __m256) -> __m256 =
        _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_EQ_OQ>(x, y));
    // SAFETY: a vector is its numbers.
    fn lanes(v: __m256) -> [f32; 8] = std::mem::transmute(v);
    fn vector(lanes: [f32; 8]) -> __m256 = std::mem::transmute(lanes);
}
