//! Batch normalisation in training: two passes over the pixels forward, two back.

use super::conv::direct::Onto;
use super::grid::Grid;
use super::rows::{Chunks, pixels, sums, total};
use super::team::Team;
use crate::engine::operation::BatchNorm;
use crate::kernels::activation::{Function, with_function};
use crate::kernels::wide;

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
        // SAFETY: pixels of the map.
        let shift = unsafe { rows.get(0, channels) };
        wide(|| {
            for row in 0..count {
                // SAFETY: pixels of the map.
                let x = unsafe { rows.get(row, channels) };
                for (((sum, square), &x), &shift) in mean.iter_mut().zip(squares.iter_mut()).zip(x).zip(shift) {
                    let d = x - shift;
                    *sum += d;
                    *square += d * d;
                }
            }
            let share = 1.0 / count as f32;
            for ((mean, square), &shift) in mean.iter_mut().zip(squares.iter_mut()).zip(shift) {
                *square -= *mean * *mean * share;
                *mean = shift + *mean * share;
            }
        });
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
    with_function!(norm.activation, |f| match other {
        None => pixels(team, [x, y], |part| wide(|| {
            for row in 0..part.count {
                // SAFETY: pixels of the maps; tasks write different ones.
                let (x, y) = unsafe { (part.rows[0].get(row, channels), part.rows[1].get_mut(row, channels)) };
                normalise(x, mean, scale, shift, y, |y| f.value(y));
            }
        })),
        Some(other) => pixels(team, [x, y, other], |part| wide(|| {
            for row in 0..part.count {
                // SAFETY: pixels of the maps, which tasks write each its own; what is added may be y itself, so it is read and
                // written through one address.
                let (x, y, other) =
                    unsafe { (part.rows[0].get(row, channels), part.rows[1].at(row), part.rows[2].at(row)) };
                for c in 0..channels {
                    let sum = (x[c] - mean[c]) * scale[c] + shift[c];
                    // SAFETY: within the rows.
                    unsafe { *y.add(c) = f.value(sum + *other.add(c)) };
                }
            }
        })),
    });
}

#[inline(always)]
fn normalise(x: &[f32], mean: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    let numbers = x.iter().zip(mean).zip(scale).zip(shift);
    for (y, (((&x, &mean), &scale), &shift)) in y.iter_mut().zip(numbers) {
        *y = f((x - mean) * scale + shift);
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
    with_function!(norm.activation, |f| sums(team, chunks, channels, partial, |chunk, sum, product| {
        let ((xs, count), (dys, _)) = (chunks.rows(x, chunk), chunks.rows(dy, chunk));
        wide(|| {
            for row in 0..count {
                // SAFETY: pixels of the maps.
                let (x, dy) = unsafe { (xs.get(row, channels), dys.get(row, channels)) };
                let (sum, product) = (&mut sum[..channels], &mut product[..channels]);
                let (mean, inverse) = (&mean[..channels], &inverse[..channels]);
                let (scale, bias) = (&scale[..channels], &bias[..channels]);
                for c in 0..channels {
                    let d = x[c] - mean[c];
                    let g = dy[c] * f.slope(d * scale[c] + bias[c]);
                    sum[c] += g;
                    product[c] += g * (d * inverse[c]);
                }
            }
        });
    }));
    let count = (x.samples * x.plane()) as f64;
    for first in (0..channels).step_by(16) {
        let [sum, product] = total(partial, chunks.count(), channels, first);
        for c in first..(first + 16).min(channels) {
            let (sum, product) = (sum[c - first], product[c - first]);
            if let Some(ParameterGradients { weight, bias }) = &mut gradients {
                (weight[c], bias[c]) = (product as f32, sum as f32);
            }
            // The first chunk's sums of these channels have been read.
            partial[c] = (sum / count) as f32;
            products[c] = (product / count) as f32 * inverse[c];
        }
    }
    let (sums, products) = (&partial[..channels], &*products);
    with_function!(norm.activation, |f| pixels(team, [x, dy, dx], |part| wide(|| {
        for row in 0..part.count {
            // SAFETY: pixels of the maps, which tasks write each its own; dx may be dy, so these are read and written through
            // addresses.
            let (x, dy, dx) = unsafe {
                let [x, dy, dx] = part.rows;
                (x.get(row, channels), dy.at(row), dx.at(row))
            };
            let (mean, scale, bias) = (&mean[..channels], &scale[..channels], &bias[..channels]);
            let (sums, products) = (&sums[..channels], &products[..channels]);
            for c in 0..channels {
                let d = x[c] - mean[c];
                // SAFETY: within the rows.
                unsafe {
                    let g = *dy.add(c) * f.slope(d * scale[c] + bias[c]);
                    let gradient = scale[c] * (g - sums[c] - d * products[c]);
                    *dx.add(c) = if onto { *dx.add(c) + gradient } else { gradient };
                }
            }
        }
    })));
}
