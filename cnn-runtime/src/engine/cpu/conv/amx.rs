//! Intel's matrix unit (AMX): 16 x 16 sums of products of pairs in bf16. A tile of a convolution is 16 pixels with 32 channels times as
//! many channels of 16 filters; a square of a weight gradient 16 channels times 16 filters, with 16 pixels of two samples between them.
//!
//! Packed operands are what [`Form::Pair`](super::bf16::Form) packs, in whole blocks of 16 words: a block of channels of 16 pixels
//! is a tile as it lies there, and so are its weights. The instructions come through `asm!`, since rustc's own names for them are
//! unstable. Everything that knows the matrix unit is in this file.

use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use super::tile::{BLOCK, Run, Tile, finish};
use crate::engine::cpu::simd::Avx512;

/// Pixels of the longest tile.
const PIXELS: usize = 2 * ROWS;
/// Rows of a matrix register, and words of each.
pub(super) const ROWS: usize = 16;
/// Words that are read, and not used, behind a tile's last pixel.
pub(super) const SLACK: usize = (PIXELS - 1) * BLOCK;

/// Whether processor and system have it for this process.
pub(super) fn is_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| has_instructions() && may_use())
}

fn has_instructions() -> bool {
    if !is_x86_feature_detected!("avx512bf16") || !is_x86_feature_detected!("xsave") {
        return false;
    }
    // Leaf 7 of processors that have AVX-512; bits 22 and 24 are AMX-BF16 and AMX-TILE.
    let features = __cpuid_count(7, 0).edx;
    let unit = features >> 22 & 1 == 1 && features >> 24 & 1 == 1;
    // SAFETY: the processor has XSAVE.
    let saved = unsafe { states() };
    // The system saves both the registers and their shapes.
    unit && saved >> 17 & 3 == 3
}

/// # Safety
/// The processor has XSAVE.
#[target_feature(enable = "xsave")]
unsafe fn states() -> u64 {
    // SAFETY: register 0 is there where XSAVE is, which the system uses where AVX-512 is seen.
    unsafe { _xgetbv(0) }
}

/// Linux gives the registers, which are large, to processes that ask.
#[cfg(target_os = "linux")]
fn may_use() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: no memory is handed over; a system that knows neither answers with an error.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn may_use() -> bool {
    false
}

/// What `ldtilecfg` reads: eight registers of 16 rows, 64 bytes each.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static SHAPES: Shapes = {
    let mut shapes = Shapes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
    let mut register = 0;
    while register < 8 {
        (shapes.row_bytes[register], shapes.rows[register]) = (64, ROWS as u8);
        register += 1;
    }
    shapes
};

/// While it lives this thread's matrix registers have their shapes, and nothing else uses them.
pub(super) struct Unit(std::marker::PhantomData<*const ()>);

impl Unit {
    /// # Safety
    /// [`is_here`] said yes.
    pub unsafe fn begin() -> Unit {
        // SAFETY: the shapes are valid ones; rustc's own code has no matrix registers.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, readonly, preserves_flags)) };
        Unit(std::marker::PhantomData)
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: frees the registers, so that threads that are switched to and from need not save them.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Sums of a tile: for each pixel its vectors.
#[repr(C, align(64))]
struct Sums<const V: usize>(MaybeUninit<[[__m512; V]; PIXELS]>);

macro_rules! kernel {
    ($name:ident, $vectors:literal, clear: [$($clear:literal)*], step: [$($step:literal)*], store: [$($store:literal)*]) => {
        /// All channels under all taps.
        ///
        /// # Safety
        /// As of [`run`].
        #[inline(always)]
        unsafe fn $name(t: &Tile<'_>, to: *mut f32) {
            // SAFETY: the caller's. Reads what is packed, the slack too, and writes the sums.
            unsafe {
                asm!(
                    $($clear,)*
                    "2:",
                    "mov {tap}, {taps}",
                    "mov {left}, {count}",
                    "3:",
                    "mov {a}, [{tap}]",
                    "lea {a}, [{x} + {a} * 4]",
                    $($step,)*
                    concat!("add {w}, ", $vectors, " * 1024"),
                    "add {tap}, 8",
                    "dec {left}",
                    "jnz 3b",
                    "add {x}, {block}",
                    "dec {blocks}",
                    "jnz 2b",
                    $($store,)*
                    x = inout(reg) t.x => _,
                    w = inout(reg) t.w => _,
                    blocks = inout(reg) t.channels / BLOCK => _,
                    block = in(reg) t.block * size_of::<f32>(),
                    taps = in(reg) t.taps.as_ptr(),
                    count = in(reg) t.taps.len(),
                    to = in(reg) to,
                    row = in(reg) 64usize,
                    // From a row of weights, or of sums, to the next.
                    wide = in(reg) $vectors * 64usize,
                    tap = out(reg) _, left = out(reg) _, a = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

kernel!(short_narrow, 1,
    clear: ["tilezero tmm0"],
    step: ["tileloadd tmm6, [{w} + {wide}]" "tileloadd tmm4, [{a} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"],
    store: ["tilestored [{to} + {wide}], tmm0"]);
kernel!(long_narrow, 1,
    clear: ["tilezero tmm0" "tilezero tmm2"],
    step: ["tileloadd tmm6, [{w} + {wide}]" "tileloadd tmm4, [{a} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{a} + {row} + 1024]" "tdpbf16ps tmm2, tmm5, tmm6"],
    store: ["tilestored [{to} + {wide}], tmm0" "tilestored [{to} + {wide} + 1024], tmm2"]);
kernel!(short_wide, 2,
    clear: ["tilezero tmm0" "tilezero tmm1"],
    step: ["tileloadd tmm4, [{a} + {row}]" "tileloadd tmm6, [{w} + {wide}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{w} + {wide} + 64]" "tdpbf16ps tmm1, tmm4, tmm7"],
    store: ["tilestored [{to} + {wide}], tmm0" "tilestored [{to} + {wide} + 64], tmm1"]);
kernel!(long_wide, 2,
    clear: ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3"],
    step: ["tileloadd tmm4, [{a} + {row}]" "tileloadd tmm6, [{w} + {wide}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{w} + {wide} + 64]" "tdpbf16ps tmm1, tmm4, tmm7"
        "tileloadd tmm5, [{a} + {row} + 1024]" "tdpbf16ps tmm2, tmm5, tmm6" "tdpbf16ps tmm3, tmm5, tmm7"],
    store: ["tilestored [{to} + {wide}], tmm0" "tilestored [{to} + {wide} + 64], tmm1"
        "tilestored [{to} + {wide} + 2048], tmm2" "tilestored [{to} + {wide} + 2112], tmm3"]);

/// # Safety
/// The processor has AVX-512, a [`Unit`] of this thread lives, and packed inputs are there for P pixels and [`SLACK`] behind them;
/// otherwise as of `tile`.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
unsafe fn run<const P: usize, const V: usize>(t: &Tile<'_>) {
    debug_assert!(t.channels.is_multiple_of(BLOCK));
    let mut sums = Sums::<V>(MaybeUninit::uninit());
    // SAFETY: the caller's. Kernels write the sums of at least P pixels.
    unsafe {
        if t.channels == 0 || t.taps.is_empty() {
            sums.0 = MaybeUninit::zeroed();
        } else {
            let to = sums.0.as_mut_ptr().cast();
            match (P > ROWS, V) {
                (false, 1) => short_narrow(t, to),
                (true, 1) => long_narrow(t, to),
                (false, _) => short_wide(t, to),
                (true, _) => long_wide(t, to),
            }
        }
        let sums = std::slice::from_raw_parts(sums.0.as_ptr().cast::<[__m512; V]>(), P);
        finish::<Avx512, V>(t, sums);
    }
}

macro_rules! table {
    ($vectors:literal: $($pixels:literal)*) => { &[$(run::<$pixels, $vectors> as Run),*] };
}

/// Tiles of 1, 2, … pixels and so many vectors of filters, one or two.
pub(super) fn tiles(vectors: usize) -> &'static [Run] {
    match vectors {
        1 => table!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32),
        _ => table!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32),
    }
}

/// Squares of sums to which the products of packed inputs and gradients are added.
pub(super) struct Product {
    /// Words of 16 channels: pixels follow each other.
    pub x: *const f32,
    /// Words from a channel to the next.
    pub x_pitch: usize,
    /// Words from the end of a sequence to the next one's start; it may lie in front.
    pub jump: isize,
    /// Words of pixels, 16 filters each, sequence behind sequence.
    pub dy: *const f32,
    /// Words from 16 filters to the next 16.
    pub dy_pitch: usize,
    pub sequences: usize,
    /// Of 16 pixels, of a sequence.
    pub steps: usize,
    /// How many times 16 channels and 16 filters, one or two.
    pub squares: [usize; 2],
    /// Squares of 16 channels times 16 filters.
    pub sums: *mut f32,
    /// Numbers from 16 filters to the next 16; channels lie together.
    pub sums_pitch: usize,
}

macro_rules! product {
    ($name:ident, clear: [$($clear:literal)*], step: [$($step:literal)*], store: [$($store:literal)*]) => {
        /// All pixels.
        ///
        /// # Safety
        /// As of [`Product::add`].
        #[inline(always)]
        unsafe fn $name(p: &Product, to: *mut f32) {
            // SAFETY: the caller's. Reads what is packed, and writes the squares.
            unsafe {
                asm!(
                    $($clear,)*
                    "2:",
                    "mov {left}, {steps}",
                    "3:",
                    $($step,)*
                    "add {a}, 64",
                    "add {c}, 64",
                    "add {d}, 1024",
                    "add {e}, 1024",
                    "dec {left}",
                    "jnz 3b",
                    "add {a}, {jump}",
                    "add {c}, {jump}",
                    "dec {sequences}",
                    "jnz 2b",
                    $($store,)*
                    a = inout(reg) p.x => _,
                    c = inout(reg) p.x.wrapping_add(ROWS * p.x_pitch) => _,
                    d = inout(reg) p.dy => _,
                    e = inout(reg) p.dy.wrapping_add(p.dy_pitch) => _,
                    far = in(reg) p.x_pitch * size_of::<f32>(),
                    row = in(reg) 64usize,
                    steps = in(reg) p.steps,
                    sequences = inout(reg) p.sequences => _,
                    jump = in(reg) p.jump * size_of::<f32>() as isize,
                    to = in(reg) to,
                    left = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

product!(one,
    clear: ["tilezero tmm0"],
    step: ["tileloadd tmm4, [{a} + {far}]" "tileloadd tmm6, [{d} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"],
    store: ["tilestored [{to} + {row}], tmm0"]);
product!(two_of_channels,
    clear: ["tilezero tmm0" "tilezero tmm1"],
    step: ["tileloadd tmm6, [{d} + {row}]" "tileloadd tmm4, [{a} + {far}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{c} + {far}]" "tdpbf16ps tmm1, tmm5, tmm6"],
    store: ["tilestored [{to} + {row}], tmm0" "tilestored [{to} + {row} + 1024], tmm1"]);
product!(two_of_filters,
    clear: ["tilezero tmm0" "tilezero tmm2"],
    step: ["tileloadd tmm4, [{a} + {far}]" "tileloadd tmm6, [{d} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{e} + {row}]" "tdpbf16ps tmm2, tmm4, tmm7"],
    store: ["tilestored [{to} + {row}], tmm0" "tilestored [{to} + {row} + 2048], tmm2"]);
product!(four,
    clear: ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3"],
    step: ["tileloadd tmm4, [{a} + {far}]" "tileloadd tmm6, [{d} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{c} + {far}]" "tdpbf16ps tmm1, tmm5, tmm6"
        "tileloadd tmm7, [{e} + {row}]" "tdpbf16ps tmm2, tmm4, tmm7" "tdpbf16ps tmm3, tmm5, tmm7"],
    store: ["tilestored [{to} + {row}], tmm0" "tilestored [{to} + {row} + 1024], tmm1"
        "tilestored [{to} + {row} + 2048], tmm2" "tilestored [{to} + {row} + 3072], tmm3"]);

/// A square of sums.
type Square = [f32; ROWS * ROWS];

impl Product {
    /// # Safety
    /// A [`Unit`] of this thread lives; there are so many words and sums, at which nobody else is.
    pub unsafe fn add(&self) {
        if self.sequences == 0 || self.steps == 0 {
            return;
        }
        #[repr(C, align(64))]
        struct Squares(MaybeUninit<[[Square; 2]; 2]>);
        let mut made = Squares(MaybeUninit::uninit());
        let to = made.0.as_mut_ptr().cast::<f32>();
        // SAFETY: the caller's. Kernels write as many squares as are read.
        unsafe {
            match self.squares {
                [1, 1] => one(self, to),
                [_, 1] => two_of_channels(self, to),
                [1, _] => two_of_filters(self, to),
                [_, _] => four(self, to),
            }
            for f in 0..self.squares[1] {
                let len = self.squares[0] * ROWS * ROWS;
                let sums = std::slice::from_raw_parts_mut(self.sums.add(f * self.sums_pitch), len);
                let made = std::slice::from_raw_parts(to.add(f * 2 * ROWS * ROWS), len);
                crate::kernels::wide(|| sums.iter_mut().zip(made).for_each(|(sum, made)| *sum += made));
            }
        }
    }
}

/// Copies pixels of two samples, or of one and zeros, `step` apart, channel by channel: to pairs of the same channel, `pitch` words
/// from a channel to the next.
///
/// # Safety
/// There are so many pixels of so many channels in both samples, and as much room for their words; the processor has
/// AVX512-BF16.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
pub(super) unsafe fn copy_turned(
    first: *const f32,
    second: Option<*const f32>,
    step: usize,
    pixels: usize,
    channels: usize,
    to: *mut f32,
    pitch: usize,
) {
    let turns: [u16; 32] = std::array::from_fn(|i| (i / 2 + i % 2 * 16) as u16);
    // SAFETY: the caller's; masked loads and stores touch what their masks say.
    unsafe {
        let turns = _mm512_loadu_epi16(turns.as_ptr().cast());
        for c in (0..channels).step_by(ROWS) {
            let count = (channels - c).min(ROWS);
            let mask = ((1u32 << count) - 1) as __mmask16;
            for pixel in (0..pixels).step_by(ROWS) {
                let here = (pixels - pixel).min(ROWS);
                let mut words = [_mm512_setzero_si512(); ROWS];
                for (p, words) in words.iter_mut().enumerate().take(here) {
                    let load = |from: *const f32| _mm512_maskz_loadu_ps(mask, from.add((pixel + p) * step + c));
                    let upper = second.map_or(_mm512_setzero_ps(), load);
                    let pairs = _mm512_cvtne2ps_pbh(upper, load(first));
                    *words = _mm512_permutexvar_epi16(turns, std::mem::transmute::<__m512bh, __m512i>(pairs));
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
