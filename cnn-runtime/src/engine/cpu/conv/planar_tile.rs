//! A few vectors of pixels times a few filters, summed up in registers.

use std::mem::MaybeUninit;

use super::tile::{Last, RUN};
use crate::engine::cpu::simd::{Isa, Simd, compiled};

/// The operands of a tile of F filters and Q vectors of pixels.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    /// Packed inputs under the first pixel.
    pub x: *const f32,
    /// Numbers from a vector to the next there.
    pub x_step: usize,
    /// Numbers from a channel to the next there.
    pub channel: usize,
    pub channels: usize,
    /// Numbers from a pixel's input to that under each tap.
    pub taps: &'a [usize],
    /// For each channel and tap a weight for each filter.
    pub w: *const f32,
    /// A number for each filter, or null.
    pub bias: *const f32,
    /// What the result is added to, or null; numbers from a pixel and from a vector to the next.
    pub onto: *const f32,
    pub onto_step: usize,
    pub onto_vector: usize,
    /// Where the result goes.
    pub y: *mut f32,
    pub y_step: usize,
    pub y_vector: usize,
    /// Pixels of all vectors but the last, and of that.
    pub full: usize,
    pub last_pixels: usize,
    pub last: Last,
}

/// The most sums of a tile, and of its vectors.
const MOST_SUMS: usize = 24;
const MOST_LANES: usize = 16;

/// # Safety
/// The processor has the vectors; packed inputs are there for Q whole vectors of pixels of all channels under all taps, F weights
/// for each, and outputs for the pixels, which nobody else touches.
#[inline(always)]
unsafe fn planar<S: Simd, const F: usize, const Q: usize>(t: &Tile<'_>) {
    // SAFETY: the caller's. All of `kept` that is read is written before.
    unsafe {
        let mut kept = MaybeUninit::<[f32; MOST_SUMS * MOST_LANES]>::uninit();
        let kept = kept.as_mut_ptr().cast::<f32>();
        let (mut w, mut x) = (t.w, t.x);
        let mut first = 0;
        // Long sums of f32 lose digits.
        let run = (RUN / t.taps.len().max(1)).max(1);
        while first < t.channels {
            let mut sums = [[S::zero(); Q]; F];
            let count = run.min(t.channels - first);
            for _ in 0..count {
                for &tap in t.taps {
                    let x = x.add(tap);
                    let xs: [S::V; Q] = std::array::from_fn(|q| S::load(x.add(q * t.x_step)));
                    for (f, sums) in sums.iter_mut().enumerate() {
                        let w = S::splat(*w.add(f));
                        for (sum, x) in sums.iter_mut().zip(xs) {
                            *sum = S::fma(x, w, *sum);
                        }
                    }
                    w = w.add(F);
                }
                // Behind the last channel this may lie nowhere, and is not read.
                x = x.wrapping_add(t.channel);
            }
            for (f, sums) in sums.iter().enumerate() {
                for (q, &sum) in sums.iter().enumerate() {
                    let to = kept.add((q * F + f) * S::LANES);
                    S::store(to, if first == 0 { sum } else { S::add(S::load(to), sum) });
                }
            }
            first += count;
        }
        for q in 0..Q {
            let pixels = if q + 1 == Q { t.last_pixels } else { t.full };
            let kept = kept.add(q * F * S::LANES);
            if !t.onto.is_null() {
                let onto = t.onto.add(q * t.onto_vector);
                for p in 0..pixels {
                    for f in 0..F {
                        *kept.add(f * S::LANES + p) += *onto.add(p * t.onto_step + f);
                    }
                }
            }
            for f in 0..F {
                let to = kept.add(f * S::LANES);
                let mut y = S::load(to);
                if !t.bias.is_null() {
                    y = S::add(y, S::splat(*t.bias.add(f)));
                }
                y = match t.last {
                    Last::Sum => y,
                    Last::Relu => S::max(y, S::zero()),
                    Last::Relu6 => S::min(S::max(y, S::zero()), S::splat(6.0)),
                };
                S::store(to, y);
            }
            let y = t.y.add(q * t.y_vector);
            for p in 0..pixels {
                for f in 0..F {
                    *y.add(p * t.y_step + f) = *kept.add(f * S::LANES + p);
                }
            }
        }
    }
}

compiled!(planar<F, Q>(t: &Tile<'_>));

/// A compiled tile.
pub(super) type Run = unsafe fn(&Tile<'_>);

/// The most vectors of pixels in a tile of so many filters, as many as the registers hold.
pub(super) fn most_vectors(isa: Isa, filters: usize) -> usize {
    let sums = match isa {
        Isa::Avx512 => MOST_SUMS,
        Isa::Avx2 | Isa::Portable => 10,
    };
    (sums / filters.max(1)).clamp(1, 8)
}

/// The tile of so many filters and vectors of pixels.
pub(super) fn tile(isa: Isa, filters: usize, vectors: usize) -> Run {
    macro_rules! pick {
        ($isa:ident: $($filters:literal: $($vectors:literal)*;)*) => {
            match (filters, vectors) {
                $($(($filters, $vectors) => $isa::planar::<$filters, $vectors>,)*)*
                _ => unreachable!("tiles have no more sums than registers hold"),
            }
        };
    }
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => pick!(avx512:
            1: 1 2 3 4 5 6 7 8; 2: 1 2 3 4 5 6 7 8; 3: 1 2 3 4 5 6 7 8; 4: 1 2 3 4 5 6; 5: 1 2 3 4; 6: 1 2 3 4; 7: 1 2 3;
            8: 1 2 3;),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => pick!(avx2: 1: 1 2 3 4 5 6 7 8; 2: 1 2 3 4 5; 3: 1 2 3; 4: 1 2;),
        _ => pick!(portable: 1: 1 2 3 4 5 6 7 8; 2: 1 2 3 4 5;),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_tiles_for_all_that_are_asked_for() {
        for &isa in Isa::all() {
            for filters in 1..=isa.lanes() / 2 {
                (1..=most_vectors(isa, filters)).for_each(|vectors| _ = tile(isa, filters, vectors));
            }
        }
    }
}
