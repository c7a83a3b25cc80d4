//! Batch normalisation in training: two passes over the pixels forward, two back.

use super::{Arrives, Constants, Normalise, ParameterGradients, Products, behind, moments, together};
use crate::engine::cpu::conv::way::Onto;
use crate::engine::cpu::curve::Curve;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::lanes::{Body, get, put, sweep};
use crate::engine::cpu::rows::{Chunks, Rows, Scratch, TOGETHER, pixels, sums, totals};
use crate::engine::cpu::simd::Simd;
use crate::engine::cpu::team::Team;
use crate::engine::operation::BatchNorm;
use crate::kernels::activation::with_function;

/// Numbers of scratch for maps of so many samples, channels and pixels.
pub(in crate::engine::cpu) fn scratch(samples: usize, channels: usize, plane: usize) -> usize {
    (2 * Chunks::most(samples, plane) + 4) * channels
}

/// What a normalisation has of its own.
pub(in crate::engine::cpu) struct Parameters<'a> {
    pub weight: Option<&'a [f32]>,
    pub bias: Option<&'a [f32]>,
}

/// What is kept for the way back, and moved from step to step.
pub(in crate::engine::cpu) struct Statistics<'a> {
    pub mean: &'a mut [f32],
    pub inverse: &'a mut [f32],
    pub running_mean: &'a mut [f32],
    pub running_var: &'a mut [f32],
}

/// `y = f((x - mean) inverse weight + bias + onto)`
#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(in crate::engine::cpu) fn forward(
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
    let (partial, rest) = scratch.split_at_mut(2 * chunks.count() * channels);
    moments(team, chunks, x, partial);
    let all = x.samples * x.plane();
    let [scale, shift] = [0, 1].map(|i| Scratch::of(&mut rest[i * channels..][..channels]));
    let Statistics { mean, inverse, running_mean, running_var } = statistics;
    let kept = [mean, inverse, running_mean, running_var].map(Scratch::of);
    let partial = &*partial;
    team.each(channels.div_ceil(TOGETHER), |block, _| {
        let first = block * TOGETHER;
        let width = (channels - first).min(TOGETHER);
        let [means, squares] = together(partial, chunks, 0..chunks.count(), channels, first, width);
        // SAFETY: blocks have channels of their own.
        let [mean, inverse, running_mean, running_var] = kept.map(|kept| unsafe { kept.part(first, width) });
        // SAFETY: as above.
        let [scale, shift] = [scale, shift].map(|to| unsafe { to.part(first, width) });
        for c in 0..width {
            let var = squares[c] / all as f64;
            let unbiased = if all > 1 { squares[c] / (all - 1) as f64 } else { var };
            let deviation = 1.0 / (var + norm.eps).sqrt();
            (mean[c], inverse[c]) = (means[c] as f32, deviation as f32);
            let follow = |running: &mut f32, now: f64| {
                *running = ((1.0 - norm.momentum) * f64::from(*running) + norm.momentum * now) as f32;
            };
            follow(&mut running_mean[c], means[c]);
            follow(&mut running_var[c], unbiased);
            scale[c] = (deviation * parameters.weight.map_or(1.0, |weight| f64::from(weight[first + c]))) as f32;
            shift[c] = parameters.bias.map_or(0.0, |bias| bias[first + c]);
        }
    });
    let [mean, scale, shift] = [kept[0], scale, shift].map(|of| of.start().cast_const());
    let other = match onto {
        Onto::Nothing => None,
        Onto::Itself => Some(y),
        Onto::Other(other) => Some(other),
    };
    let constants = Constants { mean, scale, shift };
    with_function!(norm.activation, |f| pixels(team, [x, y, other.unwrap_or(x)], |part| {
        let [x, y, other] = part.rows;
        let other = onto.is_some().then_some(other);
        // SAFETY: pixels of the maps, which tasks write each its own; what is added may be y itself.
        unsafe { sweep(team.isa(), part.count, channels, Normalise { x, y, other, constants, f }) };
    }));
}

/// What the gradient that arrives has to go through before the norm's own activation.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu) enum Arriving {
    Plain,
    /// The activation, which stands behind a sum: what it gave, and where the gradient of the sum goes, which may be `dy`.
    Sum {
        y: Grid,
        to: Grid,
    },
    /// A gate that hangs on the mean, whose gradient `dmean` is. Maps have more than a pixel.
    Gated {
        gate: Grid,
        dmean: Grid,
    },
}

/// `dy gate + dmean share`: a map's gradient before a gate that hangs on its mean, of a sample.
#[derive(Clone, Copy)]
struct ThroughGate {
    dy: Rows,
    gate: *const f32,
    dmean: *const f32,
    /// 1 over the number of pixels.
    share: f32,
}

impl ThroughGate {
    fn new(dy: Rows, gate: Grid, dmean: Grid, sample: usize, pixels: usize) -> ThroughGate {
        // SAFETY: a pixel of each sample.
        let [gate, dmean] = [gate, dmean].map(|map| unsafe { map.at(sample, 0) }.cast_const());
        ThroughGate { dy, gate, dmean, share: 1.0 / pixels as f32 }
    }
}

impl Arrives for ThroughGate {
    #[inline(always)]
    unsafe fn arrived<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) -> S::V {
        // SAFETY: the caller's.
        unsafe {
            let [gate, dmean] = [self.gate, self.dmean].map(|from| get::<S, FULL>(from.add(c), width));
            S::fma(self.dy.arrived::<S, FULL>(row, c, width), gate, S::mul(dmean, S::splat(self.share)))
        }
    }
}

/// The gradients of x, weight and bias, and of the sum if there is one. `dx` may be `dy`, or behind a sum `y`, for only the first pass reads
/// that.
#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(in crate::engine::cpu) fn backward(
    team: &Team,
    norm: &BatchNorm,
    x: Grid,
    mean: &[f32],
    inverse: &[f32],
    parameters: Parameters<'_>,
    dy: Grid,
    arriving: Arriving,
    onto: bool,
    dx: Grid,
    gradients: ParameterGradients,
    scratch: &mut [f32],
) {
    let (channels, pixels_of_sample) = (x.channels, x.plane());
    let chunks = Chunks::of(x);
    let (partial, rest) = scratch.split_at_mut(2 * chunks.count() * channels);
    let [scale, bias, means, products] = [0, 1, 2, 3].map(|i| Scratch::of(&mut rest[i * channels..][..channels]));
    // SAFETY: numbers of the scratch, which nobody else touches yet.
    for (c, (scale, bias)) in unsafe { scale.part(0, channels).iter_mut().zip(bias.part(0, channels)) }.enumerate() {
        *scale = inverse[c] * parameters.weight.map_or(1.0, |weight| weight[c]);
        *bias = parameters.bias.map_or(0.0, |bias| bias[c]);
    }
    // Of each chunk the sums of g, the gradient behind the normalisation, and of g times what was normalised.
    let constants = Constants { mean: mean.as_ptr(), scale: scale.start(), shift: bias.start() };
    with_function!(norm.activation, |f| sums(team, chunks, channels, partial, |chunk, sum, product| {
        let ((x, count), (dy, _)) = (chunks.rows(x, chunk), chunks.rows(dy, chunk));
        let (sum, product) = (sum.as_mut_ptr(), product.as_mut_ptr());
        // SAFETY: pixels of the maps, which chunks have of their own, and as many sums.
        unsafe {
            match arriving {
                Arriving::Plain => sweep(team.isa(), count, channels, Products { x, dy, sum, product, constants, f }),
                Arriving::Gated { gate, dmean } => {
                    let dy = ThroughGate::new(dy, gate, dmean, chunks.range(chunk).0, pixels_of_sample);
                    sweep(team.isa(), count, channels, Products { x, dy, sum, product, constants, f });
                }
                Arriving::Sum { y, to } => {
                    let ([y, to], mean) = ([y, to].map(|map| chunks.rows(map, chunk).0), constants.mean);
                    sweep(team.isa(), count, channels, SumProducts { x, y, dy, to, sum, product, mean, f });
                }
            }
        }
    }));
    // Behind the sum there is no activation any more.
    let (dy, activation) = match arriving {
        Arriving::Sum { to, .. } => (to, None),
        Arriving::Plain | Arriving::Gated { .. } => (dy, norm.activation),
    };
    let count = (x.samples * x.plane()) as f64;
    totals(team, partial, chunks.count(), channels, |first, sums, distances| {
        let width = sums.len();
        let inverse = &inverse[first..][..width];
        let mut of_weight = [0.0; TOGETHER];
        for (to, (&distance, &inverse)) in of_weight.iter_mut().zip(distances.iter().zip(inverse)) {
            *to = distance * f64::from(inverse);
        }
        // SAFETY: blocks have channels of their own.
        unsafe {
            for (c, mean) in means.part(first, width).iter_mut().enumerate() {
                *mean = (sums[c] / count) as f32;
            }
            for (c, product) in products.part(first, width).iter_mut().enumerate() {
                *product = (of_weight[c] / count) as f32 * inverse[c];
            }
            gradients.weight.inspect(|weight| weight.put(first, &of_weight[..width]));
            gradients.bias.inspect(|bias| bias.put(first, sums));
        }
    });
    let means = Means { sums: means.start(), products: products.start() };
    with_function!(activation, |f| pixels(team, [x, dy, dx], |part| {
        let [x, dy, dx] = part.rows;
        // SAFETY: pixels of the maps, which tasks write each its own; dx may be dy, which is read first.
        unsafe {
            if let Arriving::Gated { gate, dmean } = arriving {
                let dy = ThroughGate::new(dy, gate, dmean, part.sample, pixels_of_sample);
                sweep(team.isa(), part.count, channels, Back { x, dy, dx, onto, means, constants, f });
            } else {
                sweep(team.isa(), part.count, channels, Back { x, dy, dx, onto, means, constants, f });
            }
        }
    }));
}

/// As [`Products`], of a sum that went through the activation; the gradient of the sum is written.
struct SumProducts<F> {
    x: Rows,
    y: Rows,
    dy: Rows,
    to: Rows,
    sum: *mut f32,
    product: *mut f32,
    mean: *const f32,
    f: F,
}

impl<F: Curve> Body for SumProducts<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and as many sums; what is written may be dy.
        unsafe {
            let [x, y, dy] = [self.x, self.y, self.dy].map(|rows| get::<S, FULL>(rows.at(row).add(c), width));
            let g = S::mul(dy, self.f.slope_at_value::<S>(y));
            put::<S, FULL>(self.to.at(row).add(c), g, width);
            let d = S::sub(x, get::<S, FULL>(self.mean.add(c), width));
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

struct Back<F, A> {
    x: Rows,
    dy: A,
    dx: Rows,
    onto: bool,
    means: Means,
    constants: Constants,
    f: F,
}

impl<F: Curve, A: Arrives> Body for Back<F, A> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let (x, dy) = (get::<S, FULL>(self.x.at(row).add(c), width), self.dy.arrived::<S, FULL>(row, c, width));
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
