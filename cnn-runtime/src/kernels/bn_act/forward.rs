use super::{Affine, BnAct, Channel, LANES, Samples, add_up, put};
use crate::kernels::activation::{Function, with_function};
use crate::kernels::parallel::Shared;
use crate::kernels::wide::wide;
use crate::kernels::{Float, expect_len};

/// Statistics that inference uses, moved towards those of the batch: `running = (1 - momentum) running + momentum batch`,
/// of the variance the unbiased one. A channel of a single value has none; its biased one, 0, is taken.
#[derive(Debug)]
pub struct Running<'a, E> {
    /// `[channels]`
    pub mean: &'a mut [E],
    /// `[channels]`
    pub var: &'a mut [E],
    /// How far they move, from 0 to 1.
    pub momentum: f64,
}

/// What is added before the activation.
#[derive(Clone, Copy, Debug)]
pub enum Residual<'a, E> {
    /// Nothing.
    None,
    /// A tensor as large as y.
    At(Samples<&'a [E]>),
    /// What y holds.
    InOutput,
}

/// What the backward pass reads again.
#[derive(Debug)]
pub struct Saved<'a, E> {
    /// Mean of the batch, `[channels]`.
    pub mean: &'a mut [E],
    /// `1 / sqrt(biased variance + eps)`, `[channels]`.
    pub inverse: &'a mut [E],
}

impl BnAct {
    /// Writes y and `saved`, and moves `running`.
    pub fn forward<E: Float>(
        &self,
        x: Samples<&[E]>,
        residual: Residual<E>,
        affine: Option<Affine<E>>,
        running: Option<Running<E>>,
        saved: Saved<E>,
        y: Samples<&mut [E]>,
    ) {
        self.check("x", x.data.len(), x.stride);
        self.check("y", y.data.len(), y.stride);
        if let Residual::At(residual) = residual {
            self.check("residual", residual.data.len(), residual.stride);
        }
        self.check_affine(affine);
        expect_len("bn: saved mean", saved.mean.len(), self.channels);
        expect_len("bn: saved inverse deviation", saved.inverse.len(), self.channels);
        let running = running.map(|Running { mean, var, momentum }| {
            expect_len("bn: running mean", mean.len(), self.channels);
            expect_len("bn: running variance", var.len(), self.channels);
            (Shared::new(mean), Shared::new(var), momentum)
        });
        let (means, inverses) = (Shared::new(saved.mean), Shared::new(saved.inverse));
        let (values, stride) = (Shared::new(y.data), y.stride);

        self.for_channels(|c| {
            let (mean, var) = self.statistics(x, c);
            let inverse = E::of(1.0 / (var.double() + self.eps).sqrt());
            // SAFETY: this task alone has channel c, in all of these.
            unsafe {
                put(&means, c, |_| mean);
                put(&inverses, c, |_| inverse);
                if let Some((running_mean, running_var, momentum)) = &running {
                    let unbiased = self.count() / (self.count() - 1.0).max(1.0);
                    let mix = |old: E, new: f64| E::of((1.0 - momentum) * old.double() + momentum * new);
                    put(running_mean, c, |old| mix(old, mean.double()));
                    put(running_var, c, |old| mix(old, unbiased * var.double()));
                }
            }
            let channel = Channel::new(affine, c, mean, inverse);
            for (sample, (from, to)) in self.planes(c, x.stride).zip(self.planes(c, stride)).enumerate() {
                // SAFETY: this task alone has channel c, and samples do not overlap.
                let y = unsafe { values.part(to, self.plane) };
                let x = &x.data[from..from + self.plane];
                let residual = match residual {
                    Residual::None => Addend::None,
                    Residual::InOutput => Addend::InOutput,
                    Residual::At(Samples { data, stride }) => {
                        let at = sample * stride + c * self.plane;
                        Addend::At(&data[at..at + self.plane])
                    }
                };
                with_function!(self.activation, |f| wide(|| plane(&f, channel, x, residual, y)));
            }
        });
    }

    /// Mean and biased variance of a channel, in two passes in f64.
    fn statistics<E: Float>(&self, x: Samples<&[E]>, channel: usize) -> (E, E) {
        let planes = || self.planes(channel, x.stride).map(|at| &x.data[at..at + self.plane]);
        let mut sums = [0.0; LANES];
        planes().for_each(|x| wide(|| add_up(&mut sums, x, E::double)));
        let mean = sums.iter().sum::<f64>() / self.count();
        let mut squares = [0.0; LANES];
        planes().for_each(|x| {
            wide(|| {
                add_up(&mut squares, x, |x| {
                    let off = x.double() - mean;
                    off * off
                });
            });
        });
        (E::of(mean), E::of(squares.iter().sum::<f64>() / self.count()))
    }
}

/// What is added to one channel of one sample.
enum Addend<'a, E> {
    None,
    At(&'a [E]),
    InOutput,
}

/// One channel of one sample.
#[inline(always)]
fn plane<E: Float>(f: &impl Function, channel: Channel<E>, x: &[E], residual: Addend<E>, y: &mut [E]) {
    let pairs = y.iter_mut().zip(x);
    match residual {
        Addend::None => pairs.for_each(|(y, &x)| *y = f.value(channel.apply(x))),
        Addend::InOutput => pairs.for_each(|(y, &x)| *y = f.value(channel.apply(x) + *y)),
        Addend::At(residual) => {
            pairs.zip(residual).for_each(|((y, &x), &residual)| *y = f.value(channel.apply(x) + residual));
        }
    }
}
