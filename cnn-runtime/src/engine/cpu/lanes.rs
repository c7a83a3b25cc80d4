//! Loops over the channels of pixels, a vector at a time.
//!
//! A loop's body is a [`Body`], not a closure: its one method is inlined wherever it is compiled for a kind of vectors, which
//! nothing promises of closures.

use super::simd::{Isa, Simd};

/// What is done with some channels of a pixel.
pub(super) trait Body {
    /// Channels from `c` on of row `row`: a whole vector of them, or with `FULL` false the first `width`.
    ///
    /// # Safety
    /// The processor has the vectors, and there are such a row and such channels; each body says what else.
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize);
}

/// Some numbers, a vector of them or the first `width`.
///
/// # Safety
/// They are there.
#[inline(always)]
pub(super) unsafe fn get<S: Simd, const FULL: bool>(from: *const f32, width: usize) -> S::V {
    // SAFETY: the caller's.
    unsafe { if FULL { S::load(from) } else { S::load_first(from, width) } }
}

/// Stores some numbers, a vector of them or the first `width`.
///
/// # Safety
/// There is room.
#[inline(always)]
pub(super) unsafe fn put<S: Simd, const FULL: bool>(to: *mut f32, v: S::V, width: usize) {
    // SAFETY: the caller's.
    unsafe { if FULL { S::store(to, v) } else { S::store_first(to, v, width) } }
}

/// The body for every channel of every row.
///
/// # Safety
/// What the body asks for.
pub(super) unsafe fn sweep<B: Body>(isa: Isa, rows: usize, channels: usize, body: B) {
    // SAFETY: an `Isa` is what the processor has; the rest is the caller's.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::avx512(rows, channels, body),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::avx2(rows, channels, body),
            _ => run::<super::simd::Portable, B>(rows, channels, &body),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Body, run};
    use crate::engine::cpu::simd::{Avx2, Avx512};

    /// # Safety
    /// The processor has AVX-512; the rest is the body's.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    pub unsafe fn avx512<B: Body>(rows: usize, channels: usize, body: B) {
        // SAFETY: the caller's.
        unsafe { run::<Avx512, B>(rows, channels, &body) }
    }

    /// # Safety
    /// The processor has AVX2 and FMA; the rest is the body's.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2<B: Body>(rows: usize, channels: usize, body: B) {
        // SAFETY: the caller's.
        unsafe { run::<Avx2, B>(rows, channels, &body) }
    }
}

/// # Safety
/// The processor has the vectors; the rest is the body's.
#[inline(always)]
unsafe fn run<S: Simd, B: Body>(rows: usize, channels: usize, body: &B) {
    let whole = channels / S::LANES * S::LANES;
    for row in 0..rows {
        let mut c = 0;
        while c < whole {
            // SAFETY: the caller's.
            unsafe { body.block::<S, true>(row, c, S::LANES) };
            c += S::LANES;
        }
        if c < channels {
            // SAFETY: the caller's.
            unsafe { body.block::<S, false>(row, c, channels - c) };
        }
    }
}
