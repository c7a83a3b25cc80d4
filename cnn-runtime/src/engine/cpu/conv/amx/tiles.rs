//! Tiles of convolutions, forward and by data.

use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::super::tile::{BLOCK, Run, Tile, finish};
use super::ROWS;
use crate::engine::cpu::simd::Avx512;

/// Pixels of the longest tile.
const PIXELS: usize = 2 * ROWS;
/// Words that are read, and not used, behind a tile's last pixel.
pub(in super::super) const SLACK: usize = (PIXELS - 1) * BLOCK;

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
/// The processor has AVX-512, a [`Unit`](super::Unit) of this thread lives, and packed inputs are there for P pixels and [`SLACK`] behind them;
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
pub(in super::super) fn tiles(vectors: usize) -> &'static [Run] {
    match vectors {
        1 => table!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32),
        _ => table!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32),
    }
}
