//! Pixels as weight gradients multiply them: channel by channel.

use std::arch::x86_64::*;

use super::super::bf16::pairs_of_samples;
use super::ROWS;

/// Copies pixels of two samples, or of one and zeros, `step` apart, channel by channel: to pairs of the same channel, `pitch` words
/// from a channel to the next.
///
/// # Safety
/// There are so many pixels of so many channels in both samples, and as much room for their words; the processor has
/// AVX512-BF16.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
pub(in super::super) unsafe fn copy_turned(
    first: *const f32,
    second: Option<*const f32>,
    step: usize,
    pixels: usize,
    channels: usize,
    to: *mut f32,
    pitch: usize,
) {
    // SAFETY: the caller's; masked loads and stores touch what their masks say.
    unsafe {
        for c in (0..channels).step_by(ROWS) {
            let count = (channels - c).min(ROWS);
            let mask = ((1u32 << count) - 1) as __mmask16;
            for pixel in (0..pixels).step_by(ROWS) {
                let here = (pixels - pixel).min(ROWS);
                let mut words = [_mm512_setzero_si512(); ROWS];
                for (p, words) in words.iter_mut().enumerate().take(here) {
                    *words = pairs_of_samples(first, second, (pixel + p) * step + c, mask);
                }
                let turned = turn(words);
                let mask = ((1u32 << here) - 1) as __mmask16;
                for (i, words) in turned.into_iter().enumerate().take(count) {
                    _mm512_mask_storeu_epi32(to.add((c + i) * pitch + pixel).cast(), mask, words);
                }
            }
        }
    }
}

/// Rows become columns.
#[target_feature(enable = "avx512f")]
fn turn(rows: [__m512i; ROWS]) -> [__m512i; ROWS] {
    let mut pairs = rows;
    for i in (0..ROWS).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // Quarter q of `fours[4 i + j]` is column 4 q + j of rows 4 i to 4 i + 3.
    let mut fours = rows;
    for i in (0..ROWS).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    let mut columns = rows;
    for j in 0..4 {
        // Quarters 0 and 2 of both, and 1 and 3.
        let even = |a, b| _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
        let odd = |a, b| _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
        let evens = [even(fours[j], fours[4 + j]), even(fours[8 + j], fours[12 + j])];
        let odds = [odd(fours[j], fours[4 + j]), odd(fours[8 + j], fours[12 + j])];
        columns[j] = even(evens[0], evens[1]);
        columns[4 + j] = even(odds[0], odds[1]);
        columns[8 + j] = odd(evens[0], evens[1]);
        columns[12 + j] = odd(odds[0], odds[1]);
    }
    columns
}
