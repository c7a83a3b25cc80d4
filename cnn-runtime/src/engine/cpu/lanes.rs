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

/// The statement for every vector of channels: `$full` says whether it is a whole one, `$width` how many channels it has.
/// A macro, because nothing promises that a closure is inlined.
macro_rules! across {
    ($simd:ty, $channels:expr, |$c:ident, $width:ident, $full:ident| $body:expr) => {{
        let (channels, mut $c) = ($channels, 0);
        while $c + <$simd>::LANES <= channels {
            const $full: bool = true;
            let $width = <$simd>::LANES;
            $body;
            $c += $width;
        }
        if $c < channels {
            const $full: bool = false;
            let $width = channels - $c;
            $body;
        }
    }};
}
pub(super) use across;

/// What is compiled for each kind of vectors. Its one method is `#[inline(always)]`, as all that it calls.
pub(super) trait Work {
    /// Does it.
    ///
    /// # Safety
    /// The processor has the vectors; each work says what else.
    unsafe fn run<S: Simd>(&self);
}

/// Does a work with the vectors.
///
/// # Safety
/// What the work asks for.
pub(super) unsafe fn with_vectors<W: Work>(isa: Isa, work: W) {
    // SAFETY: an `Isa` is what the processor has; the rest is the caller's.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::avx512(work),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::avx2(work),
            _ => work.run::<super::simd::Portable>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Work;
    use crate::engine::cpu::simd::{Avx2, Avx512};

    /// # Safety
    /// The processor has AVX-512; the rest is the work's.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    pub unsafe fn avx512<W: Work>(work: W) {
        // SAFETY: the caller's.
        unsafe { work.run::<Avx512>() }
    }

    /// # Safety
    /// The processor has AVX2 and FMA; the rest is the work's.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2<W: Work>(work: W) {
        // SAFETY: the caller's.
        unsafe { work.run::<Avx2>() }
    }
}

/// The body for every channel of every row.
///
/// # Safety
/// What the body asks for.
pub(super) unsafe fn sweep<B: Body>(isa: Isa, rows: usize, channels: usize, body: B) {
    // SAFETY: the caller's.
    unsafe { with_vectors(isa, Sweep { rows, channels, body }) }
}

struct Sweep<B> {
    rows: usize,
    channels: usize,
    body: B,
}

impl<B: Body> Work for Sweep<B> {
    #[inline(always)]
    unsafe fn run<S: Simd>(&self) {
        for row in 0..self.rows {
            // SAFETY: the caller's.
            across!(S, self.channels, |c, width, FULL| unsafe { self.body.block::<S, FULL>(row, c, width) });
        }
    }
}
