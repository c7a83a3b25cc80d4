//! A factor and a summand for each channel, and their gradients.

use super::conv::way::Onto;
use super::curve::Curve;
use super::grid::Grid;
use super::lanes::{Body, get, put, sweep};
use super::norm::ParameterGradients;
use super::rows::{Chunks, Rows, pixels, sums, totals};
use super::simd::Simd;
use super::team::Team;
use crate::engine::operation::Activation;
use crate::kernels::activation::with_function;

/// `y = f(onto + x scale + shift)`, each channel by itself; without a shift there is none. `y` may be `x`.
pub(super) fn forward(
    team: &Team,
    x: Grid,
    scale: &[f32],
    shift: Option<&[f32]>,
    onto: Onto,
    y: Grid,
    activation: Option<Activation>,
) {
    let channels = x.channels;
    let other = match onto {
        Onto::Nothing => None,
        Onto::Itself => Some(y),
        Onto::Other(other) => Some(other),
    };
    with_function!(activation, |f| pixels(team, [x, y, other.unwrap_or(x)], |part| {
        let [x, y, other] = part.rows;
        let other = onto.is_some().then_some(other);
        // SAFETY: pixels of the maps; y may be either of the others.
        unsafe { sweep(team.isa(), part.count, channels, Scaled { x, y, other, scale, shift, f }) };
    }));
}

struct Scaled<'a, F> {
    x: Rows,
    y: Rows,
    other: Option<Rows>,
    scale: &'a [f32],
    shift: Option<&'a [f32]>,
    f: F,
}

impl<F: Curve> Body for Scaled<'_, F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and a number for each channel.
        unsafe {
            let scale = get::<S, FULL>(self.scale.as_ptr().add(c), width);
            let shift = match self.shift {
                Some(shift) => get::<S, FULL>(shift.as_ptr().add(c), width),
                None => S::splat(0.0),
            };
            let mut y = S::fma(get::<S, FULL>(self.x.at(row).add(c), width), scale, shift);
            if let Some(other) = &self.other {
                y = S::add(y, get::<S, FULL>(other.at(row).add(c), width));
            }
            put::<S, FULL>(self.y.at(row).add(c), self.f.value::<S>(y), width);
        }
    }
}

/// Numbers of scratch that [`backward`] wants.
pub(super) fn scratch(samples: usize, channels: usize, plane: usize) -> usize {
    2 * Chunks::most(samples, plane) * channels
}

/// The gradients of x, factor and summand, as far as they are wanted; with the flag, dx is added to.
#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(super) fn backward(
    team: &Team,
    x: Grid,
    scale: &[f32],
    dy: Grid,
    dx: Option<(Grid, bool)>,
    gradients: ParameterGradients,
    scratch: &mut [f32],
) {
    let (channels, chunks) = (x.channels, Chunks::of(x));
    sums(team, chunks, channels, scratch, |chunk, product, sum| {
        let ((x, count), (dy, _)) = (chunks.rows(x, chunk), chunks.rows(dy, chunk));
        let dx = dx.map(|(dx, onto)| (chunks.rows(dx, chunk).0, onto));
        let (product, sum) = (product.as_mut_ptr(), sum.as_mut_ptr());
        // SAFETY: pixels of the maps, which tasks write each its own, and a number for each channel.
        unsafe { sweep(team.isa(), count, channels, Back { x, dy, dx, scale, product, sum }) };
    });
    totals(team, scratch, chunks.count(), channels, |first, products, sums| {
        // SAFETY: blocks have channels of their own.
        unsafe {
            gradients.weight.inspect(|weight| weight.put(first, products));
            gradients.bias.inspect(|bias| bias.put(first, sums));
        }
    });
}

struct Back<'a> {
    x: Rows,
    dy: Rows,
    dx: Option<(Rows, bool)>,
    scale: &'a [f32],
    product: *mut f32,
    sum: *mut f32,
}

impl Body for Back<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and a number for each channel.
        unsafe {
            let [x, dy] = [self.x, self.dy].map(|rows| get::<S, FULL>(rows.at(row).add(c), width));
            let (product, sum) = (self.product.add(c), self.sum.add(c));
            put::<S, FULL>(product, S::fma(x, dy, get::<S, FULL>(product, width)), width);
            put::<S, FULL>(sum, S::add(dy, get::<S, FULL>(sum, width)), width);
            if let Some((dx, onto)) = &self.dx {
                let to = dx.at(row).add(c);
                let held = if *onto { get::<S, FULL>(to, width) } else { S::zero() };
                put::<S, FULL>(to, S::fma(dy, get::<S, FULL>(self.scale.as_ptr().add(c), width), held), width);
            }
        }
    }
}
