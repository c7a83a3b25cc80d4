//! Factors rounded to bf16: the upper half of an f32, to nearest, ties to even.
//!
//! AVX512-BF16 multiplies pairs: 32 bits of packed inputs hold two neighbouring channels, 32 bits of packed filters their weights,
//! and an instruction adds both products to a sum of f32. So packed operands are *words*, half as many as numbers, and the tile
//! stays what it is. Without these instructions words are numbers, rounded: the same factors at the speed of f32.

use super::tile::{BLOCK, Run, Terms, body};
use super::weight_gradient_tile::{self, Patch};
use crate::engine::cpu::simd::Isa;
use crate::engine::precision::Precision;

/// What a word of packed operands is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::cpu) enum Form {
    /// A number.
    Number,
    /// A number rounded to bf16.
    Rounded,
    /// Two channels in bf16, the first in the lower half.
    Pair,
    /// Pairs in whole blocks, zeros behind the last: for the matrix unit.
    Matrix,
}

impl Form {
    /// The fastest that gives the precision on this processor.
    pub fn of(precision: Precision, isa: Isa) -> Form {
        match precision {
            Precision::Full | Precision::Tf32 | Precision::F16 => Form::Number,
            Precision::Bf16 if isa == Isa::Avx512 && has_matrix_unit() => Form::Matrix,
            Precision::Bf16 if isa == Isa::Avx512 && has_pairs() => Form::Pair,
            Precision::Bf16 => Form::Rounded,
        }
    }

    /// Words for so many channels.
    pub fn words(self, channels: usize) -> usize {
        match self {
            Form::Number | Form::Rounded => channels,
            Form::Pair => channels.div_ceil(2),
            Form::Matrix => channels.div_ceil(2).next_multiple_of(BLOCK),
        }
    }
}

/// Whether the processor multiplies pairs.
fn has_pairs() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether there is a unit for whole tiles of pairs.
fn has_matrix_unit() -> bool {
    super::amx::is_here()
}

/// The nearest bf16's bits.
#[inline(always)]
fn bits(x: f32) -> u32 {
    let bits = x.to_bits();
    // What is no number stays so: its digits could be rounded to those of infinity.
    if x.is_nan() { (bits >> 16) | 0x40 } else { (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 }
}

/// The nearest bf16.
#[inline(always)]
fn nearest(x: f32) -> f32 {
    f32::from_bits(bits(x) << 16)
}

#[inline(always)]
fn pair(low: f32, high: f32) -> f32 {
    f32::from_bits(bits(low) | bits(high) << 16)
}

/// Rounds all.
pub(super) fn round(row: &mut [f32]) {
    crate::kernels::wide(|| row.iter_mut().for_each(|x| *x = nearest(*x)));
}

/// Makes words of a channel's numbers and the next channel's.
pub(super) fn join(low: &mut [f32], high: &[f32]) {
    crate::kernels::wide(|| low.iter_mut().zip(high).for_each(|(low, &high)| *low = pair(*low, high)));
}

/// Copies pixels, `step` apart, to blocks of rounded channels, `block` apart.
///
/// # Safety
/// There are so many pixels of so many channels, and as much room for them.
pub(super) unsafe fn copy_rounded(
    from: *const f32,
    step: usize,
    pixels: usize,
    channels: usize,
    to: *mut f32,
    block: usize,
) {
    crate::kernels::wide(|| {
        for pixel in 0..pixels {
            for first in (0..channels).step_by(BLOCK) {
                for c in 0..(channels - first).min(BLOCK) {
                    // SAFETY: the caller's.
                    unsafe {
                        let x = *from.add(pixel * step + first + c);
                        *to.add(first / BLOCK * block + pixel * BLOCK + c) = nearest(x);
                    }
                }
            }
        }
    });
}

/// Copies pixels, rounded; zeros where `to_step` is more than the channels are.
///
/// # Safety
/// There are so many pixels of so many channels, and as much room for them.
pub(super) unsafe fn copy_pixels(
    from: *const f32,
    step: usize,
    pixels: usize,
    channels: usize,
    to: *mut f32,
    to_step: usize,
) {
    crate::kernels::wide(|| {
        for pixel in 0..pixels {
            // SAFETY: the caller's.
            unsafe {
                let (from, to) = (from.add(pixel * step), to.add(pixel * to_step));
                (0..channels).for_each(|c| *to.add(c) = nearest(*from.add(c)));
                (channels..to_step).for_each(|c| *to.add(c) = 0.0);
            }
        }
    });
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{copy_pairs, copy_samples, pairs_of_samples, patch, tiles};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::*;
    use crate::engine::cpu::conv::tile::Tile;
    use crate::engine::cpu::simd::Avx512;

    /// Two products are added to each sum.
    #[derive(Clone, Copy)]
    struct Pairs;

    impl Terms<Avx512> for Pairs {
        #[inline(always)]
        unsafe fn add(x: __m512, w: __m512, sum: __m512) -> __m512 {
            // SAFETY: the same 512 bits; the processor has the instruction, or `Form` were another.
            unsafe {
                _mm512_dpbf16_ps(
                    sum,
                    std::mem::transmute::<__m512, __m512bh>(w),
                    std::mem::transmute::<__m512, __m512bh>(x),
                )
            }
        }
    }

    /// # Safety
    /// The processor has AVX-512 and AVX512-BF16; the tile's own conditions.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
    unsafe fn tile<const P: usize, const V: usize>(t: &Tile<'_>) {
        // SAFETY: the caller's.
        unsafe { body::<Avx512, Pairs, P, V>(t) }
    }

    macro_rules! table {
        ($vectors:literal: $($pixels:literal)*) => { &[$(tile::<$pixels, $vectors> as Run),*] };
    }

    /// Tiles of 1, 2, … pixels and so many vectors of filters: of the same sizes as those of f32.
    pub(in crate::engine::cpu::conv) fn tiles(vectors: usize) -> &'static [Run] {
        match vectors {
            1 => table!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28),
            2 => table!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            3 => table!(3: 1 2 3 4 5 6 7 8 9),
            _ => table!(4: 1 2 3 4 5 6),
        }
    }

    /// # Safety
    /// The processor has AVX-512 and AVX512-BF16; the patch's own conditions.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
    unsafe fn sums<const C: usize, const V: usize>(p: &Patch) {
        // SAFETY: the caller's.
        unsafe { weight_gradient_tile::body::<Avx512, Pairs, C, V>(p) }
    }

    /// The tile of a weight gradient, of so many channels, at most 8, and vectors of filters, one or two.
    pub(in crate::engine::cpu::conv) fn patch(channels: usize, vectors: usize) -> weight_gradient_tile::Run {
        macro_rules! pick {
            ($($channels:literal)*) => {
                match (channels, vectors) {
                    $(($channels, 1) => sums::<$channels, 1>,
                    ($channels, _) => sums::<$channels, 2>,)*
                    _ => unreachable!("tiles have at most eight channels"),
                }
            };
        }
        pick!(1 2 3 4 5 6 7 8)
    }

    /// Words of the lower half and of the upper half in turns.
    const TURNS: [u16; 32] = {
        let mut turns = [0; 32];
        let mut i = 0;
        while i < 32 {
            turns[i] = (i / 2 + i % 2 * 16) as u16;
            i += 1;
        }
        turns
    };

    /// Up to 16 channels of a pixel of two samples, or of one and zeros, as pairs; zeros behind them.
    ///
    /// # Safety
    /// There are as many channels `at` numbers behind both pointers as `mask` has bits; the processor has AVX512-BF16.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
    pub(in crate::engine::cpu::conv) unsafe fn pairs_of_samples(
        first: *const f32,
        second: Option<*const f32>,
        at: usize,
        mask: __mmask16,
    ) -> __m512i {
        // SAFETY: the caller's; masked loads touch what their masks say.
        unsafe {
            let turns = _mm512_loadu_epi16(TURNS.as_ptr().cast());
            let load = |from: *const f32| _mm512_maskz_loadu_ps(mask, from.add(at));
            let upper = second.map_or(_mm512_setzero_ps(), load);
            let pairs = _mm512_cvtne2ps_pbh(upper, load(first));
            _mm512_permutexvar_epi16(turns, std::mem::transmute::<__m512bh, __m512i>(pairs))
        }
    }

    /// Copies pixels of two samples, or of one and zeros, to pairs of the same channel, in whole vectors with zeros behind the last
    /// channel: beyond `to_step` words of the last pixel they may take up to 15 more.
    ///
    /// # Safety
    /// There are so many pixels of so many channels in both samples, and as much room for their words; the processor has
    /// AVX512-BF16.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
    pub(in crate::engine::cpu::conv) unsafe fn copy_samples(
        first: *const f32,
        second: Option<*const f32>,
        step: usize,
        pixels: usize,
        channels: usize,
        to: *mut f32,
        to_step: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            for pixel in 0..pixels {
                for c in (0..channels).step_by(BLOCK) {
                    let mask = ((1u32 << (channels - c).min(BLOCK)) - 1) as __mmask16;
                    let pairs = pairs_of_samples(first, second, pixel * step + c, mask);
                    _mm512_storeu_epi32(to.add(pixel * to_step + c).cast(), pairs);
                }
            }
        }
    }

    /// Copies pixels, `step` apart, to blocks of pairs of channels, `block` words apart. A last pair of one has a zero; so have,
    /// if all are to be `WHOLE`, words behind it in its block.
    ///
    /// # Safety
    /// There are so many pixels of so many channels, and as much room for their words; the processor has AVX512-BF16.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
    pub(in crate::engine::cpu::conv) unsafe fn copy_pairs<const WHOLE: bool>(
        from: *const f32,
        step: usize,
        pixels: usize,
        channels: usize,
        to: *mut f32,
        block: usize,
    ) {
        let rest = channels % (2 * BLOCK);
        let mask = |first: usize| ((1u32 << rest.saturating_sub(first).min(16)) - 1) as __mmask16;
        let words = if WHOLE { 0xFFFF } else { ((1u32 << rest.div_ceil(2)) - 1) as __mmask16 };
        let (low, high) = (mask(0), mask(16));
        for pixel in 0..pixels {
            // SAFETY: the caller's; masked loads and stores touch what their masks say.
            unsafe {
                let (mut from, mut to) = (from.add(pixel * step), to.add(pixel * BLOCK));
                for _ in 0..channels / (2 * BLOCK) {
                    let pairs = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from.add(16)), _mm512_loadu_ps(from));
                    to.cast::<__m512bh>().write_unaligned(pairs);
                    from = from.add(2 * BLOCK);
                    to = to.add(block);
                }
                if rest > 0 {
                    let upper = _mm512_maskz_loadu_ps(high, from.wrapping_add(16));
                    let pairs = _mm512_cvtne2ps_pbh(upper, _mm512_maskz_loadu_ps(low, from));
                    _mm512_mask_storeu_epi32(to.cast(), words, std::mem::transmute::<__m512bh, __m512i>(pairs));
                }
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn tiles(_: usize) -> &'static [Run] {
    unreachable!("pairs are of x86-64")
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn patch(_: usize, _: usize) -> weight_gradient_tile::Run {
    unreachable!("pairs are of x86-64")
}

/// # Safety
/// None.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn copy_samples(
    _: *const f32,
    _: Option<*const f32>,
    _: usize,
    _: usize,
    _: usize,
    _: *mut f32,
    _: usize,
) {
    unreachable!("pairs are of x86-64")
}

/// # Safety
/// None.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn copy_pairs<const WHOLE: bool>(_: *const f32, _: usize, _: usize, _: usize, _: *mut f32, _: usize) {
    unreachable!("pairs are of x86-64")
}
