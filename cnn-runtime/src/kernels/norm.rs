//! What `gn` and `ln` share: values are normalised in sets that lie within one sample,
//! `y = (x - mean) / sqrt(var + eps) * weight + bias`, weight and bias for each channel.

use super::wide::wide;
use super::window::{RUN, runs};
use super::{Float, expect_inputs, expect_len, parallel};

/// Which values of `[batch, channels, plane]` are normalised together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sets {
    pub op: &'static str,
    pub channels: usize,
    pub plane: usize,
    /// Sets of one sample.
    pub count: usize,
    /// The value p of channel c belongs to set `c / channels_each + p * along`.
    pub channels_each: usize,
    /// 0: a channel is in one set; 1: every pixel has its own.
    pub along: usize,
    pub eps: f64,
}

/// Of one set.
#[derive(Clone, Copy, Default)]
struct Moments {
    mean: f64,
    /// `1 / sqrt(var + eps)`
    inverse: f64,
}

/// Sums over a set of the gradient of the normalised values n, and of it times n.
#[derive(Clone, Copy, Default)]
struct Sums {
    gradient: f64,
    product: f64,
}

impl Sets {
    pub fn check<E>(&self, inputs: &[&[E]], y: usize) {
        expect_inputs(self.op, inputs.len(), 3);
        expect_len(self.op, inputs[1].len(), self.channels);
        expect_len(self.op, inputs[2].len(), self.channels);
        assert!(
            inputs[0].len().is_multiple_of((self.channels * self.plane).max(1)),
            "{}: {} values are no samples of {} channels; this is a bug in the calling code",
            self.op,
            inputs[0].len(),
            self.channels
        );
        expect_len(self.op, y, inputs[0].len());
    }

    /// Values of one sample.
    fn sample(&self) -> usize {
        self.channels * self.plane
    }

    /// `f(c, set, value)` for every value of a sample, in order.
    fn each<E: Copy>(&self, x: &[E], mut f: impl FnMut(usize, usize, E)) {
        for (c, row) in x.chunks(self.plane.max(1)).enumerate() {
            let set = c / self.channels_each;
            row.iter().enumerate().for_each(|(p, &x)| f(c, set + p * self.along, x));
        }
    }

    /// Mean and deviation of every set, in two passes.
    fn moments<E: Float>(&self, x: &[E]) -> Vec<Moments> {
        let mut moments = vec![Moments::default(); x.len() / self.sample().max(1) * self.count];
        let share = self.count as f64 / self.sample() as f64;
        parallel::channels(&mut moments, self.count, |b, moments| {
            let x = &x[b * self.sample()..][..self.sample()];
            self.each(x, |_, set, x| moments[set].mean += x.double() * share);
            self.each(x, |_, set, x| moments[set].inverse += (x.double() - moments[set].mean).powi(2) * share);
            moments.iter_mut().for_each(|moments| moments.inverse = 1.0 / (moments.inverse + self.eps).sqrt());
        });
        moments
    }

    pub fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs, y.len());
        let [x, weight, bias] = [0, 1, 2].map(|i| inputs[i]);
        if self.along == 0 {
            // a set is a run of channels
            let len = self.channels_each * self.plane;
            parallel::rows(y, len, |set, y| {
                let first = set % self.count * self.channels_each;
                self.run_of_channels(&x[set * len..][..len], &weight[first..], &bias[first..], y);
            });
        } else {
            parallel::rows(y, self.sample(), |b, y| {
                wide(|| self.pixels(&x[b * self.sample()..][..self.sample()], weight, bias, y));
            });
        }
    }

    /// One set that is a run of channels.
    fn run_of_channels<E: Float>(&self, x: &[E], weight: &[E], bias: &[E], y: &mut [E]) {
        let mean = parallel::sum(x) / x.len() as f64;
        let var = parallel::sum_of(x, x, |x, _| (x.double() - mean) * (x.double() - mean)) / x.len() as f64;
        let inverse = 1.0 / (var + self.eps).sqrt();
        let channels = y.chunks_mut(self.plane.max(1)).zip(x.chunks(self.plane.max(1)));
        for ((y, x), (weight, bias)) in channels.zip(weight.iter().zip(bias)) {
            let (weight, bias) = (weight.double() * inverse, bias.double());
            wide(|| {
                y.iter_mut().zip(x).for_each(|(y, x)| *y = E::of((x.double() - mean) * weight + bias));
            });
        }
    }

    /// A sample each of whose pixels is a set.
    #[inline(always)]
    fn pixels<E: Float>(&self, x: &[E], weight: &[E], bias: &[E], y: &mut [E]) {
        let (plane, share) = (self.plane, 1.0 / self.channels as f64);
        if plane == 1 {
            return self.run_of_channels(x, weight, bias, y);
        }
        for run in runs(plane) {
            let (mut means, mut vars) = ([0.0; RUN], [0.0; RUN]);
            for x in x.chunks_exact(plane) {
                means.iter_mut().zip(&x[run.clone()]).for_each(|(mean, x)| *mean += x.double() * share);
            }
            for x in x.chunks_exact(plane) {
                let values = x[run.clone()].iter().zip(&means);
                vars.iter_mut().zip(values).for_each(|(var, (x, mean))| {
                    *var += (x.double() - mean) * (x.double() - mean) * share;
                });
            }
            let inverses = vars.map(|var| 1.0 / (var + self.eps).sqrt());
            let channels = y.chunks_exact_mut(plane).zip(x.chunks_exact(plane));
            for ((y, x), (weight, bias)) in channels.zip(weight.iter().zip(bias)) {
                let (weight, bias) = (weight.double(), bias.double());
                let values = x[run.clone()].iter().zip(means.iter().zip(&inverses));
                for (y, (x, (mean, inverse))) in y[run.clone()].iter_mut().zip(values) {
                    *y = E::of((x.double() - mean) * inverse * weight + bias);
                }
            }
        }
    }

    /// With N values to a set, n the normalised x and g = dy weight,
    /// `dx = (g - sum(g) / N - n sum(g n) / N) / sqrt(var + eps)`.
    pub fn backward<E: Float>(&self, inputs: &[&[E]], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs, dy.len());
        let (x, weight) = (inputs[0], inputs[1]);
        let moments = self.moments(x);
        let normal = |set: usize, x: E| (x.double() - moments[set].mean) * moments[set].inverse;
        let [dx, dweight, dbias] = grads else { unreachable!("as many gradients as inputs") };

        let share = self.count as f64 / self.sample() as f64;
        parallel::rows(dx, self.sample(), |b, dx| {
            let from = b * self.sample();
            let (x, dy, first) = (&x[from..][..dx.len()], &dy[from..], b * self.count);
            let mut sums = vec![Sums::default(); self.count];
            let mut along = dy.iter();
            self.each(x, |c, set, x| {
                let g = along.next().map_or(0.0, |dy| dy.double()) * weight[c].double();
                sums[set].gradient += g * share;
                sums[set].product += g * normal(first + set, x) * share;
            });
            let mut along = dx.iter_mut().zip(dy);
            self.each(x, |c, set, x| {
                if let Some((dx, dy)) = along.next() {
                    let Sums { gradient, product } = sums[set];
                    let rest = dy.double() * weight[c].double() - gradient - normal(first + set, x) * product;
                    *dx += E::of(rest * moments[first + set].inverse);
                }
            });
        });

        let mut totals = vec![(0.0, 0.0); self.channels];
        parallel::channels(&mut totals, 1, |c, total| {
            for b in 0..x.len() / self.sample().max(1) {
                let set = b * self.count + c / self.channels_each;
                let from = b * self.sample() + c * self.plane;
                let row = x[from..][..self.plane].iter().zip(&dy[from..]);
                for (p, (&x, dy)) in row.enumerate() {
                    total[0].0 += dy.double() * normal(set + p * self.along, x);
                    total[0].1 += dy.double();
                }
            }
        });
        for ((dweight, dbias), (weight, bias)) in dweight.iter_mut().zip(dbias.iter_mut()).zip(totals) {
            *dweight += E::of(weight);
            *dbias += E::of(bias);
        }
    }
}
