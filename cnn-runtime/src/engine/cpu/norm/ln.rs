//! Layer normalisation of every pixel by itself: its channels are read once, and found in the nearest cache from then on.

use super::ParameterGradients;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::lanes::{Work, across, get, put, with_vectors};
use crate::engine::cpu::rows::{Chunks, Rows, pixels, sums, totals};
use crate::engine::cpu::simd::Simd;
use crate::engine::cpu::team::Team;

/// Pixels that are worked on at a time, so that nobody waits for a sum.
const PIXELS: usize = 4;

/// `y = (x - mean) / sqrt(var + eps) * weight + bias`, mean and variance of each pixel's channels.
pub(in crate::engine::cpu) fn forward(team: &Team, eps: f64, x: Grid, weight: &[f32], bias: &[f32], y: Grid) {
    let channels = x.channels;
    pixels(team, [x, y], |part| {
        let [x, y] = part.rows;
        let set = Set { x, channels, eps: eps as f32 };
        // SAFETY: pixels of the maps, which tasks write each its own, and a number for each channel.
        unsafe { with_vectors(team.isa(), Forward { set, count: part.count, weight, bias, y }) };
    });
}

/// Pixels each of which is normalised.
struct Set {
    x: Rows,
    channels: usize,
    eps: f32,
}

/// A number in every lane; with `FULL` false in the first `width`, zeros behind them.
///
/// # Safety
/// The processor has the vectors.
#[inline(always)]
unsafe fn first<S: Simd, const FULL: bool>(number: f32, width: usize) -> S::V {
    // SAFETY: there are as many as the widest vector has.
    unsafe { if FULL { S::splat(number) } else { S::load_first([number; 16].as_ptr(), width) } }
}

impl Set {
    /// Means and inverse deviations of P pixels from `row` on. The second pass finds what rounding took from the mean.
    ///
    /// # Safety
    /// The processor has the vectors, and there are such pixels.
    #[inline(always)]
    unsafe fn moments<S: Simd, const P: usize>(&self, row: usize) -> [(f32, f32); P] {
        let share = 1.0 / self.channels as f32;
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [S::zero(); P];
            across!(S, self.channels, |c, width, FULL| for (p, sum) in sums.iter_mut().enumerate() {
                *sum = S::add(*sum, get::<S, FULL>(self.x.at(row + p).add(c), width));
            });
            let means = sums.map(|sum| S::sum(sum) * share);
            let (mut offs, mut squares) = ([S::zero(); P], [S::zero(); P]);
            across!(S, self.channels, |c, width, FULL| for p in 0..P {
                let x = get::<S, FULL>(self.x.at(row + p).add(c), width);
                let d = S::sub(x, first::<S, FULL>(means[p], width));
                offs[p] = S::add(offs[p], d);
                squares[p] = S::fma(d, d, squares[p]);
            });
            std::array::from_fn(|p| {
                let off = S::sum(offs[p]) * share;
                let var = (S::sum(squares[p]) * share - off * off).max(0.0);
                (means[p] + off, 1.0 / (var + self.eps).sqrt())
            })
        }
    }
}

struct Forward<'a> {
    set: Set,
    count: usize,
    weight: &'a [f32],
    bias: &'a [f32],
    y: Rows,
}

impl Forward<'_> {
    /// # Safety
    /// As of [`Set::moments`], and nobody else writes these pixels.
    #[inline(always)]
    unsafe fn pixels<S: Simd, const P: usize>(&self, row: usize) {
        // SAFETY: the caller's, and a number of each parameter for each channel.
        unsafe {
            let moments = self.set.moments::<S, P>(row);
            across!(S, self.set.channels, |c, width, FULL| {
                let weight = get::<S, FULL>(self.weight.as_ptr().add(c), width);
                let bias = get::<S, FULL>(self.bias.as_ptr().add(c), width);
                for (p, &(mean, inverse)) in moments.iter().enumerate() {
                    let x = get::<S, FULL>(self.set.x.at(row + p).add(c), width);
                    let n = S::mul(S::sub(x, S::splat(mean)), S::splat(inverse));
                    put::<S, FULL>(self.y.at(row + p).add(c), S::fma(n, weight, bias), width);
                }
            });
        }
    }
}

impl Work for Forward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(&self) {
        let together = self.count / PIXELS * PIXELS;
        // SAFETY: the caller's.
        (0..together).step_by(PIXELS).for_each(|row| unsafe { self.pixels::<S, PIXELS>(row) });
        // SAFETY: as above.
        (together..self.count).for_each(|row| unsafe { self.pixels::<S, 1>(row) });
    }
}

/// Numbers of scratch that [`backward`] wants.
pub(in crate::engine::cpu) fn scratch(samples: usize, channels: usize, plane: usize) -> usize {
    2 * Chunks::most(samples, plane) * channels
}

/// The gradients of x, weight and bias, as far as they are wanted; with the flag, dx is added to. With N channels, n the normalised
/// x and g = dy weight, `dx = (g - sum(g) / N - n sum(g n) / N) / sqrt(var + eps)`.
#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(in crate::engine::cpu) fn backward(
    team: &Team,
    eps: f64,
    x: Grid,
    weight: &[f32],
    dy: Grid,
    dx: Option<(Grid, bool)>,
    gradients: ParameterGradients,
    scratch: &mut [f32],
) {
    let (channels, chunks) = (x.channels, Chunks::of(x));
    sums(team, chunks, channels, scratch, |chunk, dweight, dbias| {
        let ((x, count), (dy, _)) = (chunks.rows(x, chunk), chunks.rows(dy, chunk));
        let set = Set { x, channels, eps: eps as f32 };
        let dx = dx.map(|(dx, onto)| (chunks.rows(dx, chunk).0, onto));
        let (dweight, dbias) = (dweight.as_mut_ptr(), dbias.as_mut_ptr());
        // SAFETY: pixels of the maps, which tasks write each its own, and a number of each sum for each channel.
        unsafe { with_vectors(team.isa(), Backward { set, count, weight, dy, dx, dweight, dbias }) };
    });
    totals(team, scratch, chunks.count(), channels, |first, of_weight, of_bias| {
        // SAFETY: blocks have channels of their own.
        unsafe {
            gradients.weight.inspect(|weight| weight.put(first, of_weight));
            gradients.bias.inspect(|bias| bias.put(first, of_bias));
        }
    });
}

struct Backward<'a> {
    set: Set,
    count: usize,
    weight: &'a [f32],
    dy: Rows,
    dx: Option<(Rows, bool)>,
    dweight: *mut f32,
    dbias: *mut f32,
}

impl Backward<'_> {
    /// # Safety
    /// As of [`Forward::pixels`], and nobody else touches the sums.
    #[inline(always)]
    unsafe fn pixels<S: Simd, const P: usize>(&self, row: usize) {
        let share = 1.0 / self.set.channels as f32;
        // SAFETY: the caller's, and a number of each parameter and sum for each channel.
        unsafe {
            let moments = self.set.moments::<S, P>(row);
            let (mut sums, mut products) = ([S::zero(); P], [S::zero(); P]);
            across!(S, self.set.channels, |c, width, FULL| {
                let weight = get::<S, FULL>(self.weight.as_ptr().add(c), width);
                let [dweight, dbias] = [self.dweight, self.dbias].map(|sum| sum.add(c));
                let (mut of_weight, mut of_bias) = (get::<S, FULL>(dweight, width), get::<S, FULL>(dbias, width));
                for (p, &(mean, inverse)) in moments.iter().enumerate() {
                    let [x, dy] = [self.set.x, self.dy].map(|rows| get::<S, FULL>(rows.at(row + p).add(c), width));
                    let n = S::mul(S::sub(x, S::splat(mean)), S::splat(inverse));
                    of_weight = S::fma(dy, n, of_weight);
                    of_bias = S::add(of_bias, dy);
                    // Where there is no channel, dy is 0 and so is g.
                    let g = S::mul(dy, weight);
                    sums[p] = S::add(sums[p], g);
                    products[p] = S::fma(g, n, products[p]);
                }
                put::<S, FULL>(dweight, of_weight, width);
                put::<S, FULL>(dbias, of_bias, width);
            });
            let Some((dx, onto)) = self.dx else { return };
            let means: [(f32, f32); P] =
                std::array::from_fn(|p| (S::sum(sums[p]) * share, S::sum(products[p]) * share));
            across!(S, self.set.channels, |c, width, FULL| {
                let weight = get::<S, FULL>(self.weight.as_ptr().add(c), width);
                for (p, (&(mean, inverse), &(sum, product))) in moments.iter().zip(&means).enumerate() {
                    let [x, dy] = [self.set.x, self.dy].map(|rows| get::<S, FULL>(rows.at(row + p).add(c), width));
                    let n = S::mul(S::sub(x, S::splat(mean)), S::splat(inverse));
                    let rest = S::sub(S::sub(S::mul(dy, weight), S::splat(sum)), S::mul(n, S::splat(product)));
                    let to = dx.at(row + p).add(c);
                    let held = if onto { get::<S, FULL>(to, width) } else { S::zero() };
                    put::<S, FULL>(to, S::fma(rest, S::splat(inverse), held), width);
                }
            });
        }
    }
}

impl Work for Backward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(&self) {
        let together = self.count / PIXELS * PIXELS;
        // SAFETY: the caller's.
        (0..together).step_by(PIXELS).for_each(|row| unsafe { self.pixels::<S, PIXELS>(row) });
        // SAFETY: as above.
        (together..self.count).for_each(|row| unsafe { self.pixels::<S, 1>(row) });
    }
}
