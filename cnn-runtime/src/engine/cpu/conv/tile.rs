//! The heart of a convolution: a run of pixels times a few vectors of filters, summed up in registers.

use super::bf16::Form;
use crate::engine::cpu::curve;
use crate::engine::cpu::rows::Rows;
use crate::engine::cpu::simd::{Isa, Simd, compiled};
use crate::engine::operation::Activation;
use crate::kernels::activation::with_function;

/// Channels that stand together in packed inputs.
pub(super) const BLOCK: usize = 16;

/// Terms that are summed up before they join the sum of all: long sums of f32 lose digits.
pub(super) const RUN: usize = 512;

/// Steps ahead of which weights are fetched: about as long as memory takes.
const AHEAD: usize = 32;

/// What follows a sum while it is in registers; other activations are applied to what has been stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Last {
    /// Nothing
    Sum,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
}

impl Last {
    /// What can be done in registers, and what is left to do.
    pub fn of(activation: Option<Activation>) -> (Last, Option<Activation>) {
        match activation {
            Some(Activation::Relu) => (Last::Relu, None),
            Some(Activation::Relu6) => (Last::Relu6, None),
            other => (Last::Sum, other),
        }
    }
}

/// The operands of a tile of P pixels and V vectors of filters.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    /// Packed inputs under the first pixel: blocks of channels, `BLOCK` numbers for each pixel.
    pub x: *const f32,
    /// Numbers from a block of channels to the next.
    pub block: usize,
    /// Words of all channels: see [`Form`](super::bf16::Form).
    pub channels: usize,
    /// Numbers from a pixel's input to that under each tap.
    pub taps: &'a [usize],
    /// Weights, in the order in which they are met: for each block, tap and channel a number for each of the tile's filters.
    pub w: *const f32,
    /// A number for each filter, or null.
    pub bias: *const f32,
    /// What the result is added to, or null.
    pub onto: *const f32,
    /// Numbers from a pixel to the next there.
    pub onto_pitch: usize,
    /// Where the result goes.
    pub y: *mut f32,
    /// Numbers from a pixel to the next there.
    pub y_pitch: usize,
    /// Filters, at most V vectors of them.
    pub filters: usize,
    pub last: Last,
}

/// What a word of inputs and a word of weights add to a sum.
pub(super) trait Terms<S: Simd> {
    /// # Safety
    /// The processor has the instructions.
    unsafe fn add(x: S::V, w: S::V, sum: S::V) -> S::V;
}

/// Words are numbers: their product.
pub(super) struct Product;

impl<S: Simd> Terms<S> for Product {
    #[inline(always)]
    unsafe fn add(x: S::V, w: S::V, sum: S::V) -> S::V {
        // SAFETY: the caller's.
        unsafe { S::fma(x, w, sum) }
    }
}

/// A compiled tile.
pub(super) type Run = unsafe fn(&Tile<'_>);

/// # Safety
/// The processor has the vectors; packed inputs are there for P pixels of all channels under all taps, weights for V vectors of
/// filters, and outputs for P pixels of the tile's filters, which nobody else touches.
#[inline(always)]
unsafe fn tile<S: Simd, const P: usize, const V: usize>(t: &Tile<'_>) {
    // SAFETY: the caller's.
    unsafe { body::<S, Product, P, V>(t) }
}

/// A tile of words that add such terms.
///
/// # Safety
/// As of [`tile`]; the processor has the terms' instructions.
#[inline(always)]
pub(super) unsafe fn body<S: Simd, T: Terms<S>, const P: usize, const V: usize>(t: &Tile<'_>) {
    // SAFETY: the caller's. All of `kept` is written before the loop is left for the first time, and before it is read.
    unsafe {
        let mut kept = std::mem::MaybeUninit::<[[S::V; V]; P]>::uninit();
        let done = kept.as_mut_ptr().cast::<S::V>();
        let mut w = t.w;
        let mut first = 0;
        let mut block = t.x;
        let mut begun = false;
        loop {
            let mut sums = [[S::zero(); V]; P];
            let mut steps = 0;
            while first < t.channels && steps < RUN {
                let count = (t.channels - first).min(BLOCK);
                for &tap in t.taps {
                    let x = block.add(tap);
                    // Not unrolled: the sums fill the registers, and a second step in flight would spill some.
                    for c in 0..count {
                        step::<S, T, P, V>(&mut sums, x.add(c), w);
                        w = w.add(V * S::LANES);
                    }
                }
                first += BLOCK;
                // Behind the last block this lies nowhere, and is not read.
                block = block.wrapping_add(t.block);
                steps += count * t.taps.len();
            }
            // Volatile, so that these stay in memory and the sums can be registers.
            for (p, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let done = done.add(p * V + v);
                    done.write_volatile(if begun { S::add(done.read_volatile(), sum) } else { sum });
                }
            }
            begun = true;
            if first >= t.channels {
                break;
            }
        }
        finish::<S, V>(t, kept.assume_init_ref());
    }
}

/// One channel under one tap.
///
/// # Safety
/// As of [`tile`], for this channel.
#[inline(always)]
unsafe fn step<S: Simd, T: Terms<S>, const P: usize, const V: usize>(
    sums: &mut [[S::V; V]; P],
    x: *const f32,
    w: *const f32,
) {
    // SAFETY: the caller's.
    unsafe {
        for v in 0..V {
            S::prefetch(w.wrapping_add((AHEAD * V + v) * S::LANES));
        }
        let w: [S::V; V] = std::array::from_fn(|v| S::load(w.add(v * S::LANES)));
        for (p, sums) in sums.iter_mut().enumerate() {
            let x = S::splat(*x.add(p * BLOCK));
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = T::add(x, w, *sum);
            }
        }
    }
}

/// Stores the sums of pixels, and what follows them.
///
/// # Safety
/// As of [`tile`], for so many pixels.
#[inline(always)]
pub(super) unsafe fn finish<S: Simd, const V: usize>(t: &Tile<'_>, sums: &[[S::V; V]]) {
    // SAFETY: the caller's.
    unsafe {
        for v in 0..V {
            // All vectors are full but the last.
            let count = t.filters.saturating_sub(v * S::LANES).min(S::LANES);
            if count == 0 {
                break;
            }
            let full = count == S::LANES;
            let load = |from: *const f32| if full { S::load(from) } else { S::load_first(from, count) };
            let bias = if t.bias.is_null() { S::zero() } else { load(t.bias.add(v * S::LANES)) };
            for (p, sums) in sums.iter().enumerate() {
                let mut y = S::add(sums[v], bias);
                if !t.onto.is_null() {
                    y = S::add(y, load(t.onto.add(p * t.onto_pitch + v * S::LANES)));
                }
                y = match t.last {
                    Last::Sum => y,
                    Last::Relu => S::max(y, S::zero()),
                    Last::Relu6 => S::min(S::max(y, S::zero()), S::splat(6.0)),
                };
                let to = t.y.add(p * t.y_pitch + v * S::LANES);
                if full { S::store(to, y) } else { S::store_first(to, y, count) }
            }
        }
    }
}

compiled!(tile<P, V>(t: &Tile<'_>));

macro_rules! table {
    ($isa:ident, $vectors:literal: $($pixels:literal)*) => {
        &[$($isa::tile::<$pixels, $vectors> as Run),*]
    };
}

/// Tiles of 1, 2, … pixels and so many vectors of filters, as many as the registers hold.
pub(super) fn tiles(isa: Isa, vectors: usize) -> &'static [Run] {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => match vectors {
            1 => table!(avx512, 1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28),
            2 => table!(avx512, 2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            3 => table!(avx512, 3: 1 2 3 4 5 6 7 8 9),
            _ => table!(avx512, 4: 1 2 3 4 5 6),
        },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => match vectors {
            1 => table!(avx2, 1: 1 2 3 4 5 6 7 8 9 10 11 12),
            2 => table!(avx2, 2: 1 2 3 4 5 6),
            3 => table!(avx2, 3: 1 2 3 4),
            _ => table!(avx2, 4: 1 2),
        },
        _ => match vectors {
            1 => table!(portable, 1: 1 2 3 4 5 6 7 8),
            2 => table!(portable, 2: 1 2 3 4 5 6),
            3 => table!(portable, 3: 1 2 3 4),
            _ => table!(portable, 4: 1 2),
        },
    }
}

/// The most vectors of filters in a tile.
pub(super) const MOST_VECTORS: usize = 4;

/// How a row of pixels is cut into tiles: as even as can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Pixels of the shorter tiles.
    pub base: usize,
    /// How many tiles have one more.
    pub longer: usize,
    /// All tiles.
    pub count: usize,
}

impl Cut {
    pub fn of(pixels: usize, most: usize) -> Cut {
        let count = pixels.div_ceil(most);
        Cut { base: pixels / count.max(1), longer: pixels % count.max(1), count }
    }
}

/// How many vectors of filters a tile has best, for rows of so many pixels: the least of multiply-adds, loads, and waiting
/// for sums, in cycles of a processor with two units for each.
pub(super) fn best_vectors(isa: Isa, form: Form, pixels: usize, filters: usize) -> usize {
    if form == Form::Matrix {
        return if filters > isa.lanes() { 2 } else { 1 };
    }
    let all = filters.div_ceil(isa.lanes());
    let cycles = |vectors: usize| {
        let cut = Cut::of(pixels, tiles(isa, vectors).len());
        let tile = |pixels: usize, vectors: usize| (pixels * vectors).max(pixels + vectors).max(8);
        let row = |vectors: usize| {
            (cut.count - cut.longer) * tile(cut.base, vectors) + cut.longer * tile(cut.base + 1, vectors)
        };
        let rest = all % vectors;
        (all / vectors) * row(vectors) + if rest > 0 { row(rest) } else { 0 }
    };
    // More filters at a time read the inputs less often.
    (1..=MOST_VECTORS.min(all)).rev().min_by_key(|&vectors| cycles(vectors)).unwrap_or(1)
}

/// Applies an activation to pixels that have just been stored.
///
/// # Safety
/// There are so many pixels of so many filters, which nobody else touches.
pub(super) unsafe fn activate(isa: Isa, activation: Activation, y: Rows, pixels: usize, filters: usize) {
    // Without gaps between them they are one row of numbers, which fills vectors however few filters there are.
    let (pixels, filters) = if y.step() == filters { (1, pixels * filters) } else { (pixels, filters) };
    // SAFETY: the caller's.
    with_function!(Some(activation), |f| unsafe { curve::apply(isa, f, y, pixels, filters) });
}
