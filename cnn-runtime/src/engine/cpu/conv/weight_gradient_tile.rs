//! The heart of a weight gradient: a few input channels times a few vectors of filters, summed up over a patch of pixels.

use super::tile::{Product, Terms};
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::{Isa, Simd, compiled, for_isa};

/// Input channels of a tile: with two vectors of filters as many sums as registers hold.
pub(super) fn tile_channels(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 8,
        Isa::Avx2 | Isa::Portable => 4,
    }
}

/// The operands of a tile.
#[derive(Clone, Copy)]
pub(super) struct Patch {
    /// The first input channel under the first pixel.
    pub x: *const f32,
    pub x_step: usize,
    pub x_row: usize,
    pub x_sample: usize,
    pub dy: *const f32,
    pub dy_step: usize,
    pub dy_row: usize,
    pub dy_sample: usize,
    pub samples: usize,
    pub rows: usize,
    pub cols: usize,
    /// Sums, channel by channel.
    pub sums: *mut f32,
    /// Numbers from a channel's sums to the next's.
    pub pitch: usize,
    /// Filters in the second vector, or the first if there is one only.
    pub last: usize,
}

/// Where the pixels of a sample lie, or those of them that are packed.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    pub start: *const f32,
    /// The row and the column that lie there, and from one to the next.
    pub first: [usize; 2],
    pub every: [usize; 2],
    /// Words from a sample to the next, from a row to the next, and from a pixel to the next.
    pub sample: usize,
    pub row: usize,
    pub step: usize,
}

impl Pixels {
    /// # Safety
    /// There is such a sample.
    pub unsafe fn of(grid: &Grid, sample: usize) -> Pixels {
        // SAFETY: the caller's.
        let start = unsafe { grid.at(sample, 0) };
        Pixels {
            start,
            first: [0; 2],
            every: [1; 2],
            sample: grid.stride,
            row: grid.width * grid.pitch,
            step: grid.pitch,
        }
    }

    /// # Safety
    /// There is such a pixel.
    pub unsafe fn at(&self, pixel: [usize; 2]) -> *const f32 {
        let [row, col] = [0, 1].map(|i| (pixel[i] - self.first[i]) / self.every[i]);
        // SAFETY: the caller's.
        unsafe { self.start.add(row * self.row + col * self.step) }
    }
}

/// # Safety
/// The processor has the vectors; the addresses are those of so many rows and columns of C channels and of filters enough for V
/// vectors, the last one's first `last`; of sums there are V whole vectors for each channel, at which nobody else is.
#[inline(always)]
unsafe fn patch<S: Simd, const C: usize, const V: usize>(p: &Patch) {
    // SAFETY: the caller's.
    unsafe { body::<S, Product, C, V>(p) }
}

/// A patch of words that add such terms.
///
/// # Safety
/// As of [`patch`]; the processor has the terms' instructions.
#[inline(always)]
pub(super) unsafe fn body<S: Simd, T: Terms<S>, const C: usize, const V: usize>(p: &Patch) {
    // SAFETY: the caller's.
    unsafe {
        // A patch's sums by themselves, which then join those of all pixels: long sums of f32 lose digits.
        let mut sums = [[S::zero(); V]; C];
        let partial = p.last < S::LANES;
        for (sample, row) in (0..p.samples).flat_map(|sample| (0..p.rows).map(move |row| (sample, row))) {
            // Behind the last pixel they may lie nowhere, and are not read.
            let mut x = p.x.add(sample * p.x_sample + row * p.x_row);
            let mut dy = p.dy.add(sample * p.dy_sample + row * p.dy_row);
            if partial {
                for _ in 0..p.cols {
                    let dys: [S::V; V] = std::array::from_fn(|v| {
                        let at = dy.add(v * S::LANES);
                        if v + 1 == V { S::load_first(at, p.last) } else { S::load(at) }
                    });
                    product::<S, T, C, V>(&mut sums, x, dys);
                    (x, dy) = (x.wrapping_add(p.x_step), dy.wrapping_add(p.dy_step));
                }
            } else {
                for _ in 0..p.cols {
                    let dys: [S::V; V] = std::array::from_fn(|v| S::load(dy.add(v * S::LANES)));
                    product::<S, T, C, V>(&mut sums, x, dys);
                    (x, dy) = (x.wrapping_add(p.x_step), dy.wrapping_add(p.dy_step));
                }
            }
        }
        for (c, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = p.sums.add(c * p.pitch + v * S::LANES);
                S::store(to, S::add(S::load(to), sum));
            }
        }
    }
}

/// # Safety
/// The processor has the vectors, and there are C numbers at `x`.
#[inline(always)]
unsafe fn product<S: Simd, T: Terms<S>, const C: usize, const V: usize>(
    sums: &mut [[S::V; V]; C],
    x: *const f32,
    dy: [S::V; V],
) {
    // SAFETY: the caller's.
    unsafe {
        for (c, sums) in sums.iter_mut().enumerate() {
            let x = S::splat(*x.add(c));
            for (sum, dy) in sums.iter_mut().zip(dy) {
                *sum = T::add(x, dy, *sum);
            }
        }
    }
}

compiled!(patch<C, V>(p: &Patch));

pub(super) type Run = unsafe fn(&Patch);

/// The tile of so many channels, at most 8, and vectors of filters, one or two.
pub(super) fn tile(isa: Isa, channels: usize, vectors: usize) -> Run {
    macro_rules! pick {
        ($($channels:literal)*) => {
            match (channels, vectors) {
                $(($channels, 1) => for_isa!(isa, patch::<$channels, 1>),
                ($channels, _) => for_isa!(isa, patch::<$channels, 2>),)*
                _ => unreachable!("tiles have at most eight channels"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8)
}
