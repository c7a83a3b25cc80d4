//! Normalisation: over the batch (`bn`), over groups of channels of a sample (`gn`), over the channels of a pixel (`ln`).
//!
//! Means and variances are found in two passes, chunk by chunk, and chunks are put together in f64. Chan et al. 1983.

pub(super) mod bn;
pub(super) mod gn;
pub(super) mod ln;

use super::curve::Curve;
use super::grid::Grid;
use super::lanes::{Body, get, put, sweep};
use super::rows::{Chunks, Rows, Scratch, TOGETHER, sums};
use super::simd::Simd;
use super::team::Team;
use crate::kernels::wide;

/// What the way back writes of parameters.
#[derive(Clone, Copy, Default)]
pub(super) struct ParameterGradients {
    pub weight: Option<Gradient>,
    pub bias: Option<Gradient>,
}

/// The gradient of a parameter that has a number for each channel.
#[derive(Clone, Copy)]
pub(super) struct Gradient {
    to: Scratch,
    onto: bool,
}

impl Gradient {
    /// With `onto`, what is there is added to.
    pub fn new(to: &mut [f32], onto: bool) -> Gradient {
        Gradient { to: Scratch::of(to), onto }
    }

    /// Writes channels from `first` on.
    ///
    /// # Safety
    /// There are so many, and nobody else touches them.
    pub unsafe fn put(&self, first: usize, sums: &[f64]) {
        // SAFETY: the caller's.
        for (to, &sum) in unsafe { self.to.part(first, sums.len()) }.iter_mut().zip(sums) {
            *to = if self.onto { *to + sum as f32 } else { sum as f32 };
        }
    }
}

/// Of each chunk and channel the mean, and the squares of distances from it.
fn moments(team: &Team, chunks: Chunks, x: Grid, partial: &mut [f32]) {
    let channels = x.channels;
    sums(team, chunks, channels, partial, |chunk, mean, squares| {
        let (rows, count) = chunks.rows(x, chunk);
        // SAFETY: pixels of the map, and as many sums. The second pass finds the pixels in a cache.
        unsafe {
            let first = rows.get(0, channels);
            sweep(team.isa(), count, channels, Distances { x: rows, from: first.as_ptr(), sum: mean.as_mut_ptr() });
            let share = 1.0 / count as f32;
            mean.iter_mut().zip(first).for_each(|(mean, &first)| *mean = first + *mean * share);
            sweep(team.isa(), count, channels, Squares { x: rows, from: mean.as_ptr(), sum: squares.as_mut_ptr() });
        }
    });
}

/// Puts together what [`moments`] left of some chunks, for at most 16 channels from `c` on: their means, and the squares of
/// distances from them.
fn together(
    partial: &[f32],
    chunks: Chunks,
    range: std::ops::Range<usize>,
    channels: usize,
    c: usize,
    width: usize,
) -> [[f64; TOGETHER]; 2] {
    let (mut means, mut squares) = ([0.0f64; TOGETHER], [0.0f64; TOGETHER]);
    let row = |chunk: usize, which: usize| &partial[(2 * chunk + which) * channels + c..][..width];
    let len = |chunk: usize| chunks.range(chunk).1.len() as f64;
    let all: f64 = range.clone().map(len).sum();
    wide(|| {
        for chunk in range.clone() {
            let len = len(chunk);
            means.iter_mut().zip(row(chunk, 0)).for_each(|(mean, &x)| *mean += f64::from(x) * len);
        }
        means.iter_mut().for_each(|mean| *mean /= all);
        for chunk in range.clone() {
            let len = len(chunk);
            let pairs = row(chunk, 0).iter().zip(row(chunk, 1)).zip(&means);
            for (sum, ((&x, &square), mean)) in squares.iter_mut().zip(pairs) {
                let off = f64::from(x) - mean;
                *sum += f64::from(square) + off * off * len;
            }
        }
    });
    [means, squares]
}

/// A number for each channel: `(x - mean) scale + shift`.
#[derive(Clone, Copy)]
struct Constants {
    mean: *const f32,
    scale: *const f32,
    shift: *const f32,
}

// SAFETY: only read, while whoever has the numbers waits.
unsafe impl Sync for Constants {}
// SAFETY: as above.
unsafe impl Send for Constants {}

impl Constants {
    /// Of a sample, for each of which there are so many numbers.
    ///
    /// # Safety
    /// There are.
    unsafe fn of_sample(&self, sample: usize, numbers: usize) -> Constants {
        let Constants { mean, scale, shift } = *self;
        // SAFETY: the caller's.
        let [mean, scale, shift] = [mean, scale, shift].map(|from| unsafe { from.add(sample * numbers) });
        Constants { mean, scale, shift }
    }
}

/// Sums of distances from a number for each channel.
struct Distances {
    x: Rows,
    from: *const f32,
    sum: *mut f32,
}

impl Body for Distances {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the map, and as many sums.
        unsafe {
            let (x, from) = (get::<S, FULL>(self.x.at(row).add(c), width), get::<S, FULL>(self.from.add(c), width));
            let sum = self.sum.add(c);
            put::<S, FULL>(sum, S::add(get::<S, FULL>(sum, width), S::sub(x, from)), width);
        }
    }
}

/// Sums of squares of distances from a number for each channel.
struct Squares {
    x: Rows,
    from: *const f32,
    sum: *mut f32,
}

impl Body for Squares {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: as above.
        unsafe {
            let (x, from) = (get::<S, FULL>(self.x.at(row).add(c), width), get::<S, FULL>(self.from.add(c), width));
            let (d, sum) = (S::sub(x, from), self.sum.add(c));
            put::<S, FULL>(sum, S::fma(d, d, get::<S, FULL>(sum, width)), width);
        }
    }
}

struct Normalise<F> {
    x: Rows,
    y: Rows,
    other: Option<Rows>,
    constants: Constants,
    f: F,
}

impl<F: Curve> Body for Normalise<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let Constants { mean, scale, shift } = self.constants;
            let [mean, scale, shift] = [mean, scale, shift].map(|from| get::<S, FULL>(from.add(c), width));
            let x = get::<S, FULL>(self.x.at(row).add(c), width);
            let mut y = S::fma(S::sub(x, mean), scale, shift);
            if let Some(other) = &self.other {
                y = S::add(y, get::<S, FULL>(other.at(row).add(c), width));
            }
            put::<S, FULL>(self.y.at(row).add(c), self.f.value::<S>(y), width);
        }
    }
}

/// A gradient that arrives, pixel by pixel.
trait Arrives: Copy {
    /// Channels from c on of a pixel's.
    ///
    /// # Safety
    /// There are such numbers, and the processor has the vectors.
    unsafe fn arrived<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) -> S::V;
}

impl Arrives for Rows {
    #[inline(always)]
    unsafe fn arrived<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) -> S::V {
        // SAFETY: the caller's.
        unsafe { get::<S, FULL>(self.at(row).add(c), width) }
    }
}

/// Sums of g, the gradient behind the normalisation, and of g times the distance from the mean.
struct Products<F, A> {
    x: Rows,
    dy: A,
    sum: *mut f32,
    product: *mut f32,
    constants: Constants,
    f: F,
}

/// Distance from the mean, and the gradient behind the normalisation.
#[inline(always)]
unsafe fn behind<S: Simd, const FULL: bool, F: Curve>(
    f: &F,
    constants: &Constants,
    x: S::V,
    dy: S::V,
    c: usize,
    width: usize,
) -> (S::V, S::V, S::V) {
    // SAFETY: the caller's.
    unsafe {
        let Constants { mean, scale, shift } = *constants;
        let [mean, scale, shift] = [mean, scale, shift].map(|from| get::<S, FULL>(from.add(c), width));
        let d = S::sub(x, mean);
        let slope = f.slope::<S>(S::fma(d, scale, shift));
        (d, S::mul(dy, slope), scale)
    }
}

impl<F: Curve, A: Arrives> Body for Products<F, A> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and as many sums.
        unsafe {
            let (x, dy) = (get::<S, FULL>(self.x.at(row).add(c), width), self.dy.arrived::<S, FULL>(row, c, width));
            let (d, g, _) = behind::<S, FULL, F>(&self.f, &self.constants, x, dy, c, width);
            let (sum, product) = (self.sum.add(c), self.product.add(c));
            put::<S, FULL>(sum, S::add(get::<S, FULL>(sum, width), g), width);
            put::<S, FULL>(product, S::fma(g, d, get::<S, FULL>(product, width)), width);
        }
    }
}
