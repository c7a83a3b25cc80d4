//! Batch normalisation in training, the sum with a residual and the activation in one: `y = f((x - mean) inverse weight +
//! bias + residual)`, where mean and variance are those of the batch and `inverse = 1 / sqrt(variance + eps)`. Ioffe &
//! Szegedy 2015, <https://arxiv.org/abs/1502.03167>; what [`bn`](super::bn) does in several passes over memory.
//!
//! Samples may lie apart, as channels of a concatenation do: see [`Samples`]. Nothing is allocated. Every channel is one
//! task, so results do not depend on the threads.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use super::activation::Activation;
use super::parallel::Shared;
use super::{Float, expect_len};

pub use backward::{Gradients, Kept};
pub use forward::{Residual, Running, Saved};

/// Sizes and arguments. The output is as large as x, `[batch, channels, plane]`; weight, bias and statistics are
/// `[channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BnAct {
    /// Samples in the batch.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Values of one channel in one sample: height times width, 1 for vectors.
    pub plane: usize,
    /// Added to the variance.
    pub eps: f64,
    /// The function behind the sum.
    pub activation: Option<Activation>,
}

/// Samples `[channels, plane]`, each dense, one every `stride` elements: value p of channel c of sample s is
/// `data[s * stride + c * plane + p]`.
#[derive(Clone, Copy, Debug)]
pub struct Samples<S> {
    /// From the first value of the first sample to the last one of the last, or more.
    pub data: S,
    /// Elements from one sample to the next.
    pub stride: usize,
}

/// Scale and shift of every channel; without them 1 and 0.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a, E> {
    /// `[channels]`
    pub weight: &'a [E],
    /// `[channels]`
    pub bias: &'a [E],
}

/// Values that are worked on at a time.
const RUN: usize = 256;

/// Below this many values threads are not worth waking.
const GRAIN: usize = 1 << 14;

impl BnAct {
    /// Values of one channel.
    fn count(&self) -> f64 {
        (self.batch * self.plane) as f64
    }

    #[track_caller]
    fn check(&self, what: &str, len: usize, stride: usize) {
        let sample = self.channels * self.plane;
        let least = if self.batch == 0 { 0 } else { (self.batch - 1) * stride + sample };
        assert!(
            (self.batch <= 1 || stride >= sample) && len >= least,
            "bn: {what} has {len} elements, one sample of {sample} every {stride}, but {least} are the least for {} of \
             them, without overlap; this is a bug in the calling code",
            self.batch
        );
    }

    #[track_caller]
    fn check_affine<E>(&self, affine: Option<Affine<E>>) {
        if let Some(Affine { weight, bias }) = affine {
            expect_len("bn: weight", weight.len(), self.channels);
            expect_len("bn: bias", bias.len(), self.channels);
        }
    }

    /// Where the plane of a channel starts in every sample.
    fn planes(&self, channel: usize, stride: usize) -> impl Iterator<Item = usize> {
        let first = channel * self.plane;
        (0..self.batch).map(move |sample| sample * stride + first)
    }

    /// `f(channel)` for every channel, on all threads if that is worth it.
    fn for_channels(&self, f: impl Fn(usize) + Sync + Send) {
        if self.batch * self.channels * self.plane <= GRAIN {
            (0..self.channels).for_each(f);
        } else {
            (0..self.channels).into_par_iter().for_each(f);
        }
    }
}

/// What turns a channel's x into the sum before the activation: `(x - mean) * scale + bias`.
#[derive(Clone, Copy)]
struct Channel<E> {
    mean: E,
    scale: E,
    bias: E,
}

impl<E: Float> Channel<E> {
    /// From what forward saved.
    fn new(affine: Option<Affine<E>>, channel: usize, mean: E, inverse: E) -> Self {
        let (weight, bias) = affine.map_or((E::ONE, E::ZERO), |affine| (affine.weight[channel], affine.bias[channel]));
        Self { mean, scale: E::of(weight.double() * inverse.double()), bias }
    }

    fn apply(&self, x: E) -> E {
        (x - self.mean) * self.scale + self.bias
    }
}

/// Sums that need not wait for one another.
const LANES: usize = 8;

/// `sums[i % LANES] += f(x[i])`
#[inline(always)]
fn add_up<E: Float>(sums: &mut [f64; LANES], x: &[E], f: impl Fn(E) -> f64) {
    let (runs, rest) = x.as_chunks::<LANES>();
    for run in runs {
        sums.iter_mut().zip(run).for_each(|(sum, &x)| *sum += f(x));
    }
    sums.iter_mut().zip(rest).for_each(|(sum, &x)| *sum += f(x));
}

/// `sums[i % LANES] += f(a[i], b[i])`
#[inline(always)]
fn add_up2<E: Float>(sums: &mut [f64; LANES], a: &[E], b: &[E], f: impl Fn(E, E) -> f64) {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
    }
    sums.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
}

/// Changes an element of a slice of `[channels]`, of which every channel's task has its own.
///
/// # Safety
/// Only the task of `channel` calls this for `channel`.
unsafe fn put<E: Float>(shared: &Shared<E>, channel: usize, f: impl FnOnce(E) -> E) {
    // SAFETY: the caller's promise
    let slot = unsafe { shared.part(channel, 1) };
    slot[0] = f(slot[0]);
}
