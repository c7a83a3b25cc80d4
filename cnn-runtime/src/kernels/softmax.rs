//! Softmax over the channels, of a vector or of every pixel of a map: `y[c] = e^x[c] / sum over i of e^x[i]`. Bridle
//! 1990, <https://doi.org/10.1007/978-3-642-76153-9_28>.

use super::window::{RUN, runs};
use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output: `[batch, channels, plane]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// Channels.
    pub channels: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
}

impl Softmax {
    fn check(&self, x: usize, y: usize) {
        let sample = (self.channels * self.plane).max(1);
        assert!(
            x.is_multiple_of(sample),
            "softmax: {x} values are no samples of {sample}; this is a bug in the calling code"
        );
        expect_len("softmax: y", y, x);
    }
}

impl Kernel for Softmax {
    const NEEDS: Needs = Needs::Output;

    /// The largest x is taken from all, so that nothing overflows.
    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let (sample, plane) = (self.channels * self.plane, self.plane.max(1));
        parallel::rows(y, sample, |b, y| {
            let x = &inputs[0][b * sample..][..y.len()];
            for run in runs(plane) {
                let (mut largest, mut sums) = ([E::NEG_INFINITY; RUN], [0.0; RUN]);
                for x in x.chunks(plane) {
                    largest.iter_mut().zip(&x[run.clone()]).for_each(|(m, &x)| *m = if x > *m { x } else { *m });
                }
                for (y, x) in y.chunks_mut(plane).zip(x.chunks(plane)) {
                    for (p, (y, &x)) in y[run.clone()].iter_mut().zip(&x[run.clone()]).enumerate() {
                        *y = (x - largest[p]).exp();
                        sums[p] += y.double();
                    }
                }
                for y in y.chunks_mut(plane) {
                    y[run.clone()].iter_mut().zip(&sums).for_each(|(y, sum)| *y = *y / E::of(*sum));
                }
            }
        });
    }

    /// `dx = y (dy - sum over the channels of y dy)`
    fn backward<E: Float>(&self, _: &[&[E]], y: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(y.len(), dy.len());
        let (sample, plane) = (self.channels * self.plane, self.plane.max(1));
        parallel::rows(grads[0], sample, |b, dx| {
            let (y, dy) = (&y[b * sample..][..dx.len()], &dy[b * sample..][..dx.len()]);
            for run in runs(plane) {
                let mut sums = [0.0; RUN];
                for (y, dy) in y.chunks(plane).zip(dy.chunks(plane)) {
                    let pairs = y[run.clone()].iter().zip(&dy[run.clone()]);
                    sums.iter_mut().zip(pairs).for_each(|(sum, (y, dy))| *sum += y.double() * dy.double());
                }
                for ((dx, y), dy) in dx.chunks_mut(plane).zip(y.chunks(plane)).zip(dy.chunks(plane)) {
                    let pairs = y[run.clone()].iter().zip(&dy[run.clone()]);
                    for ((dx, (y, dy)), sum) in dx[run.clone()].iter_mut().zip(pairs).zip(&sums) {
                        *dx += E::of(y.double() * (dy.double() - sum));
                    }
                }
            }
        });
    }
}

object!(Softmax);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let y = run(&Softmax { channels: 2, plane: 2 }, &[vec![0.0, 1000.0, 3f64.ln(), 1000.0]], 4);
        for (y, expected) in y.iter().zip([0.25, 0.5, 0.75, 0.5]) {
            assert!((y - expected).abs() < 1e-15, "{y} is not {expected}");
        }
    }

    #[test]
    fn gradients() {
        for (batch, channels, plane) in [(1, 4, 6), (3, 5, 1), (2, 1, 3)] {
            let len = batch * channels * plane;
            check_gradients(&Softmax { channels, plane }, &randoms(&[len]), len);
        }
    }
}
