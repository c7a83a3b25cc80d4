//! Group normalisation: moments of each channel in chunks of pixels, which are put together for groups of each sample.

use super::{Constants, Normalise, ParameterGradients, Products, moments, together};
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::lanes::{Body, get, put, sweep};
use crate::engine::cpu::rows::{Chunks, Rows, Scratch, TOGETHER, pixels, sums, totals};
use crate::engine::cpu::simd::Simd;
use crate::engine::cpu::team::Team;
use crate::kernels::activation::Identity;

/// Groups of channels, which divide them.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::cpu) struct Groups {
    pub count: usize,
    /// Added to the variance.
    pub eps: f64,
}

/// Rows of numbers for the channels of each sample, behind those of chunks.
const KEPT: usize = 4;

/// Numbers of scratch, forward and back: those rows, and sums of each sample for the parameters.
pub(in crate::engine::cpu) fn scratch(samples: usize, channels: usize, plane: usize) -> usize {
    (2 * Chunks::in_sample(plane) + KEPT + 2) * samples * channels
}

/// A map with its chunks and scratch.
#[derive(Clone, Copy)]
struct Groupwise {
    groups: Groups,
    chunks: Chunks,
    x: Grid,
    kept: Scratch,
    /// Of each sample a row for the weight and one for the bias.
    parameters: Scratch,
}

impl Groupwise {
    /// Finds the moments of x.
    fn new<'a>(team: &Team, groups: Groups, x: Grid, scratch: &'a mut [f32]) -> (Groupwise, &'a mut [f32]) {
        let chunks = Chunks::of_samples(x);
        let (partial, rest) = scratch.split_at_mut(2 * chunks.count() * x.channels);
        let (kept, parameters) = rest.split_at_mut(KEPT * x.samples * x.channels);
        moments(team, chunks, x, partial);
        (Groupwise { groups, chunks, x, kept: Scratch::of(kept), parameters: Scratch::of(parameters) }, partial)
    }

    /// Chunks of a sample.
    fn of_sample(&self, sample: usize) -> std::ops::Range<usize> {
        let each = Chunks::in_sample(self.x.plane());
        sample * each..(sample + 1) * each
    }

    /// Channels of a group.
    fn each(&self) -> usize {
        self.x.channels / self.groups.count
    }

    /// Values of a group.
    fn values(&self) -> f64 {
        (self.each() * self.x.plane()) as f64
    }

    /// Row `which` of what is kept of a sample, some channels of it.
    ///
    /// # Safety
    /// Nobody else touches these numbers while the slice lives.
    unsafe fn row<'a>(&self, sample: usize, which: usize, first: usize, len: usize) -> &'a mut [f32] {
        let channels = self.x.channels;
        // SAFETY: there are `KEPT` rows for each sample; the rest is the caller's.
        unsafe { self.kept.part((sample * KEPT + which) * channels + first, len) }
    }

    /// Rows `which` of the first sample.
    fn rows(&self, which: [usize; 3]) -> Constants {
        // SAFETY: there are `KEPT` rows for each sample.
        let [mean, scale, shift] =
            which.map(|which| unsafe { self.kept.start().add(which * self.x.channels) }.cast_const());
        Constants { mean, scale, shift }
    }

    /// `f(sample, first channel, mean, inverse deviation)` for every group.
    fn every(&self, team: &Team, partial: &[f32], f: impl Fn(usize, usize, f64, f64) + Sync) {
        let (channels, each, count) = (self.x.channels, self.each(), self.groups.count);
        team.each(self.x.samples * count, |task, _| {
            let (sample, first) = (task / count, task % count * each);
            let blocks = || {
                (0..each).step_by(TOGETHER).map(|c| {
                    let width = (each - c).min(TOGETHER);
                    (width, together(partial, self.chunks, self.of_sample(sample), channels, first + c, width))
                })
            };
            let plane = self.x.plane() as f64;
            let sum = |values: &[f64]| values.iter().sum::<f64>();
            let mean = blocks().map(|(width, [means, _])| sum(&means[..width])).sum::<f64>() / each as f64;
            let squares: f64 = blocks()
                .map(|(width, [means, squares])| {
                    let off: f64 = means[..width].iter().map(|x| (x - mean) * (x - mean)).sum();
                    sum(&squares[..width]) + plane * off
                })
                .sum();
            f(sample, first, mean, 1.0 / (squares / self.values() + self.groups.eps).sqrt());
        });
    }
}

/// `y = (x - mean) / sqrt(var + eps) * weight + bias`, mean and variance of each group of each sample.
pub(in crate::engine::cpu) fn forward(
    team: &Team,
    groups: Groups,
    x: Grid,
    weight: &[f32],
    bias: &[f32],
    y: Grid,
    scratch: &mut [f32],
) {
    let (groupwise, partial) = Groupwise::new(team, groups, x, scratch);
    let each = groupwise.each();
    groupwise.every(team, partial, |sample, first, mean, inverse| {
        // SAFETY: groups have numbers of their own.
        let [means, scale, shift] = [0, 1, 2].map(|row| unsafe { groupwise.row(sample, row, first, each) });
        means.fill(mean as f32);
        shift.copy_from_slice(&bias[first..][..each]);
        for (scale, &weight) in scale.iter_mut().zip(&weight[first..]) {
            *scale = (inverse * f64::from(weight)) as f32;
        }
    });
    let constants = groupwise.rows([0, 1, 2]);
    pixels(team, [x, y], |part| {
        let [x, y] = part.rows;
        // SAFETY: pixels of the maps, which tasks write each its own, and rows of each sample.
        unsafe {
            let constants = constants.of_sample(part.sample, KEPT * part.len);
            let body = Normalise { x, y, other: None, constants, f: Identity };
            sweep(team.isa(), part.count, part.len, body);
        }
    });
}

/// The gradients of x, weight and bias, as far as they are wanted; with the flag, dx is added to. With N values in a group, n the
/// normalised x and g = dy weight, `dx = (g - sum(g) / N - n sum(g n) / N) / sqrt(var + eps)`.
#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(in crate::engine::cpu) fn backward(
    team: &Team,
    groups: Groups,
    x: Grid,
    weight: &[f32],
    dy: Grid,
    dx: Option<(Grid, bool)>,
    gradients: ParameterGradients,
    scratch: &mut [f32],
) {
    let channels = x.channels;
    let (groupwise, partial) = Groupwise::new(team, groups, x, scratch);
    let each = groupwise.each();
    // Of each channel mean and inverse deviation of its group.
    groupwise.every(team, partial, |sample, first, mean, inverse| {
        // SAFETY: groups have numbers of their own.
        let [means, inverses] = [0, 1].map(|row| unsafe { groupwise.row(sample, row, first, each) });
        means.fill(mean as f32);
        inverses.fill(inverse as f32);
    });
    // Of each chunk the sums of dy, and of dy times the distance from the mean.
    let (chunks, constants) = (groupwise.chunks, groupwise.rows([0, 1, 1]));
    sums(team, chunks, channels, partial, |chunk, sum, product| {
        let (sample, _) = chunks.range(chunk);
        let ((x, count), (dy, _)) = (chunks.rows(x, chunk), chunks.rows(dy, chunk));
        let (sum, product) = (sum.as_mut_ptr(), product.as_mut_ptr());
        // SAFETY: pixels of the maps, rows of each sample, and as many sums.
        unsafe {
            let constants = constants.of_sample(sample, KEPT * channels);
            sweep(team.isa(), count, channels, Products { x, dy, sum, product, constants, f: Identity });
        }
    });
    // Of each sample the same for the parameters; and of each channel what dy and the distance are multiplied by, and a summand.
    let (partial, count) = (&*partial, groups.count);
    team.each(x.samples * count, |task, _| {
        let (sample, first) = (task / count, task % count * each);
        // SAFETY: groups have numbers of their own.
        let [scale, slope, summand] = [1, 2, 3].map(|which| unsafe { groupwise.row(sample, which, first, each) });
        // SAFETY: as above; there are two rows for each sample.
        let [of_weight, of_bias] =
            [0, 1].map(|which| unsafe { groupwise.parameters.part((2 * sample + which) * channels + first, each) });
        let weight = &weight[first..][..each];
        let inverse = f64::from(scale[0]);
        let [mut sum, mut product] = [0.0f64; 2];
        for (c, &weight) in weight.iter().enumerate() {
            let [s, d] = [0, 1].map(|which| {
                let of_chunk = |chunk: usize| f64::from(partial[(2 * chunk + which) * channels + first + c]);
                groupwise.of_sample(sample).map(of_chunk).sum::<f64>()
            });
            (of_weight[c], of_bias[c]) = ((d * inverse) as f32, s as f32);
            sum += s * f64::from(weight);
            product += d * inverse * f64::from(weight);
            scale[c] = (inverse * f64::from(weight)) as f32;
        }
        let share = inverse / groupwise.values();
        slope.fill((-product * inverse * share) as f32);
        summand.fill((-sum * share) as f32);
    });
    // SAFETY: two rows for each sample; they are written no more.
    let of_samples = unsafe { groupwise.parameters.part(0, 2 * x.samples * channels) };
    totals(team, of_samples, x.samples, channels, |first, of_weight, of_bias| {
        // SAFETY: blocks have channels of their own.
        unsafe {
            gradients.weight.inspect(|weight| weight.put(first, of_weight));
            gradients.bias.inspect(|bias| bias.put(first, of_bias));
        }
    });
    let Some((dx, onto)) = dx else { return };
    let (constants, summand) = (groupwise.rows([0, 1, 2]), groupwise.rows([3; 3]));
    pixels(team, [x, dy, dx], |part| {
        let [x, dy, dx] = part.rows;
        // SAFETY: pixels of the maps, which tasks write each its own, and rows of each sample.
        unsafe {
            let [constants, summand] = [constants, summand].map(|of| of.of_sample(part.sample, KEPT * channels));
            let Constants { mean, scale, shift: slope } = constants;
            let body = Back { x, dy, dx, onto, mean, scale, slope, summand: summand.shift };
            sweep(team.isa(), part.count, channels, body);
        }
    });
}

/// `dx = dy scale + (x - mean) slope + summand`
struct Back {
    x: Rows,
    dy: Rows,
    dx: Rows,
    onto: bool,
    mean: *const f32,
    scale: *const f32,
    slope: *const f32,
    summand: *const f32,
}

impl Body for Back {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and a number for each channel.
        unsafe {
            let [x, dy] = [self.x, self.dy].map(|rows| get::<S, FULL>(rows.at(row).add(c), width));
            let constants = [self.mean, self.scale, self.slope, self.summand];
            let [mean, scale, slope, summand] = constants.map(|from| get::<S, FULL>(from.add(c), width));
            let mut dx = S::fma(dy, scale, S::fma(S::sub(x, mean), slope, summand));
            let to = self.dx.at(row).add(c);
            if self.onto {
                dx = S::add(dx, get::<S, FULL>(to, width));
            }
            put::<S, FULL>(to, dx, width);
        }
    }
}
