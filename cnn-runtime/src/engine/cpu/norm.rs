//! Batch normalisation in training: two passes over the pixels forward, two back.

use super::conv::direct::Onto;
use super::grid::Grid;
use super::lanes::{Body, get, put, sweep};
use super::rows::{Chunks, Rows, pixels, sums, total};
use super::simd::Simd;
use super::team::Team;
use crate::engine::operation::BatchNorm;
use crate::kernels::activation::{Function, with_function};

/// Numbers of scratch for maps of so many samples, channels and pixels.
pub(super) fn scratch(samples: usize, channels: usize, plane: usize) -> usize {
    (2 * Chunks::most(samples, plane) + 3) * channels
}

/// What a normalisation has of its own.
pub(super) struct Parameters<'a> {
    pub weight: Option<&'a [f32]>,
    pub bias: Option<&'a [f32]>,
}

/// What is kept for the way back, and moved from step to step.
pub(super) struct Statistics<'a> {
    pub mean: &'a mut [f32],
    pub inverse: &'a mut [f32],
    pub running_mean: &'a mut [f32],
    pub running_var: &'a mut [f32],
}

/// `y = f((x - mean) inverse weight + bias + onto)`
#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(super) fn forward(
    team: &Team,
    norm: &BatchNorm,
    x: Grid,
    parameters: Parameters<'_>,
    statistics: Statistics<'_>,
    onto: Onto,
    y: Grid,
    scratch: &mut [f32],
) {
    let channels = x.channels;
    let chunks = Chunks::of(x);
    // Of each chunk the mean, and the squares of distances from it.
    sums(team, chunks, channels, scratch, |chunk, mean, squares| {
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
    let (partial, rest) = scratch.split_at_mut(2 * chunks.count() * channels);
    let (scale, rest) = rest.split_at_mut(channels);
    let (shift, _) = rest.split_at_mut(channels);
    let all: usize = (0..chunks.count()).map(|chunk| chunks.range(chunk).1.len()).sum();
    for c in 0..channels {
        let (mut mean, mut squares) = (0.0f64, 0.0f64);
        for chunk in 0..chunks.count() {
            mean += f64::from(partial[2 * chunk * channels + c]) * chunks.range(chunk).1.len() as f64;
        }
        mean /= all as f64;
        for chunk in 0..chunks.count() {
            let off = f64::from(partial[2 * chunk * channels + c]) - mean;
            squares += f64::from(partial[(2 * chunk + 1) * channels + c]).max(0.0)
                + off * off * chunks.range(chunk).1.len() as f64;
        }
        let var = squares / all as f64;
        let inverse = 1.0 / (var + norm.eps).sqrt();
        statistics.mean[c] = mean as f32;
        statistics.inverse[c] = inverse as f32;
        let unbiased = if all > 1 { squares / (all - 1) as f64 } else { var };
        let follow = |running: &mut f32, now: f64| {
            *running = ((1.0 - norm.momentum) * f64::from(*running) + norm.momentum * now) as f32;
        };
        follow(&mut statistics.running_mean[c], mean);
        follow(&mut statistics.running_var[c], unbiased);
        scale[c] = (inverse * parameters.weight.map_or(1.0, |weight| f64::from(weight[c]))) as f32;
        shift[c] = parameters.bias.map_or(0.0, |bias| bias[c]);
    }
    let mean = &*statistics.mean;
    let other = match onto {
        Onto::Nothing => None,
        Onto::Itself => Some(y),
        Onto::Other(other) => Some(other),
    };
    let (mean, scale, shift) = (mean.as_ptr(), scale.as_ptr(), shift.as_ptr());
    let constants = Constants { mean, scale, shift };
    with_function!(norm.activation, |f| pixels(team, [x, y, other.unwrap_or(x)], |part| {
        let [x, y, other] = part.rows;
        let other = onto.is_some().then_some(other);
        // SAFETY: pixels of the maps, which tasks write each its own; what is added may be y itself.
        unsafe { sweep(team.isa(), part.count, channels, Normalise { x, y, other, constants, f }) };
    }));
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

impl<F: Function> Body for Normalise<F> {
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
            put::<S, FULL>(self.y.at(row).add(c), S::map(y, |y| self.f.value(y)), width);
        }
    }
}

/// What the way back writes of parameters.
pub(super) struct ParameterGradients<'a> {
    pub weight: &'a mut [f32],
    pub bias: &'a mut [f32],
}

/// The gradients of x, weight and bias. `dx` may be `dy`.
#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(super) fn backward(
    team: &Team,
    norm: &BatchNorm,
    x: Grid,
    mean: &[f32],
    inverse: &[f32],
    parameters: Parameters<'_>,
    dy: Grid,
    onto: bool,
    dx: Grid,
    mut gradients: Option<ParameterGradients<'_>>,
    scratch: &mut [f32],
) {
    let channels = x.channels;
    let chunks = Chunks::of(x);
    let (partial, rest) = scratch.split_at_mut(2 * chunks.count() * channels);
    let (scale, rest) = rest.split_at_mut(channels);
    let (bias, rest) = rest.split_at_mut(channels);
    let products = &mut rest[..channels];
    for c in 0..channels {
        scale[c] = inverse[c] * parameters.weight.map_or(1.0, |weight| weight[c]);
        bias[c] = parameters.bias.map_or(0.0, |bias| bias[c]);
    }
    let (scale, bias) = (&*scale, &*bias);
    // Of each chunk the sums of g, the gradient behind the normalisation, and of g times what was normalised.
    let constants = Constants { mean: mean.as_ptr(), scale: scale.as_ptr(), shift: bias.as_ptr() };
    with_function!(norm.activation, |f| sums(team, chunks, channels, partial, |chunk, sum, product| {
        let ((x, count), (dy, _)) = (chunks.rows(x, chunk), chunks.rows(dy, chunk));
        let (sum, product) = (sum.as_mut_ptr(), product.as_mut_ptr());
        // SAFETY: pixels of the maps, and as many sums.
        unsafe { sweep(team.isa(), count, channels, Products { x, dy, sum, product, constants, f }) };
    }));
    let count = (x.samples * x.plane()) as f64;
    for first in (0..channels).step_by(16) {
        let [sum, product] = total(partial, chunks.count(), channels, first);
        for c in first..(first + 16).min(channels) {
            let (sum, product) = (sum[c - first], product[c - first] * f64::from(inverse[c]));
            if let Some(ParameterGradients { weight, bias }) = &mut gradients {
                (weight[c], bias[c]) = (product as f32, sum as f32);
            }
            // The first chunk's sums of these channels have been read.
            partial[c] = (sum / count) as f32;
            products[c] = (product / count) as f32 * inverse[c];
        }
    }
    let means = Means { sums: partial.as_ptr(), products: products.as_ptr() };
    with_function!(norm.activation, |f| pixels(team, [x, dy, dx], |part| {
        let [x, dy, dx] = part.rows;
        // SAFETY: pixels of the maps, which tasks write each its own; dx may be dy.
        unsafe { sweep(team.isa(), part.count, channels, Back { x, dy, dx, onto, means, constants, f }) };
    }));
}

/// Sums of g, the gradient behind the normalisation, and of g times the distance from the mean.
struct Products<F> {
    x: Rows,
    dy: Rows,
    sum: *mut f32,
    product: *mut f32,
    constants: Constants,
    f: F,
}

/// Distance from the mean, and the gradient behind the normalisation.
#[inline(always)]
unsafe fn behind<S: Simd, const FULL: bool, F: Function>(
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
        let slope = S::map(S::fma(d, scale, shift), |z| f.slope(z));
        (d, S::mul(dy, slope), scale)
    }
}

impl<F: Function> Body for Products<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and as many sums.
        unsafe {
            let [x, dy] = [self.x, self.dy].map(|rows| get::<S, FULL>(rows.at(row).add(c), width));
            let (d, g, _) = behind::<S, FULL, F>(&self.f, &self.constants, x, dy, c, width);
            let (sum, product) = (self.sum.add(c), self.product.add(c));
            put::<S, FULL>(sum, S::add(get::<S, FULL>(sum, width), g), width);
            put::<S, FULL>(product, S::fma(g, d, get::<S, FULL>(product, width)), width);
        }
    }
}

/// For each channel the mean of g, and that of g times what was normalised, over the deviation.
#[derive(Clone, Copy)]
struct Means {
    sums: *const f32,
    products: *const f32,
}

// SAFETY: as of `Constants`.
unsafe impl Sync for Means {}
// SAFETY: as above.
unsafe impl Send for Means {}

struct Back<F> {
    x: Rows,
    dy: Rows,
    dx: Rows,
    onto: bool,
    means: Means,
    constants: Constants,
    f: F,
}

impl<F: Function> Body for Back<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let [x, dy] = [self.x, self.dy].map(|rows| get::<S, FULL>(rows.at(row).add(c), width));
            let (d, g, scale) = behind::<S, FULL, F>(&self.f, &self.constants, x, dy, c, width);
            let [sum, product] = [self.means.sums, self.means.products].map(|from| get::<S, FULL>(from.add(c), width));
            let mut dx = S::mul(scale, S::sub(S::sub(g, sum), S::mul(d, product)));
            let to = self.dx.at(row).add(c);
            if self.onto {
                dx = S::add(dx, get::<S, FULL>(to, width));
            }
            put::<S, FULL>(to, dx, width);
        }
    }
}
