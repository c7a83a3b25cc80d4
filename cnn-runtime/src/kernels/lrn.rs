//! Local response normalisation across channels. Krizhevsky et al. 2012, section 3.3,
//! <https://doi.org/10.1145/3065386>; alpha divided by size, as in Caffe and PyTorch:
//!
//! ```text
//! y[c] = x[c] / d[c]^beta,  d[c] = k + alpha / size * sum of x[i]^2 over i from c - size/2 to c + (size - 1)/2
//! ```
//!
//! Channels that do not exist count as zeros; the divisor stays size.

use std::ops::Range;

use super::wide::wide;
use super::window::{RUN, runs};
use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output: `[batch, channels, plane]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lrn {
    /// Channels.
    pub channels: usize,
    /// Height times width.
    pub plane: usize,
    /// Channels of a window.
    pub size: usize,
    /// Scale of the sum.
    pub alpha: f64,
    /// Exponent.
    pub beta: f64,
    /// Added to the sum.
    pub k: f64,
}

impl Lrn {
    fn check(&self, x: usize, y: usize) {
        let sample = self.sample().max(1);
        assert!(
            x.is_multiple_of(sample),
            "lrn: {x} values are no samples of {sample}; this is a bug in the calling code"
        );
        expect_len("lrn: y", y, x);
    }

    /// Values of one sample.
    fn sample(&self) -> usize {
        self.channels * self.plane
    }

    /// The channels that channel c is divided by.
    fn window(&self, c: usize) -> Range<usize> {
        c.saturating_sub(self.size / 2)..(c + (self.size - 1) / 2 + 1).min(self.channels)
    }

    /// The channels that channel i takes part in dividing.
    fn divides(&self, i: usize) -> Range<usize> {
        i.saturating_sub((self.size - 1) / 2)..(i + self.size / 2 + 1).min(self.channels)
    }

    /// `d` of a run of pixels of channel c of a sample.
    #[inline(always)]
    fn divisors<E: Float>(&self, x: &[E], c: usize, run: &Range<usize>) -> [f64; RUN] {
        let mut sums = [0.0; RUN];
        for row in self.window(c) {
            let x = &x[row * self.plane..][run.clone()];
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x.double() * x.double());
        }
        sums.map(|sum| self.k + self.alpha / self.size as f64 * sum)
    }

    /// `d^-beta`; of the usual exponents as roots, which are faster.
    #[inline(always)]
    fn power(&self, d: f64) -> f64 {
        if self.beta == 0.75 {
            let root = d.sqrt();
            1.0 / (root * root.sqrt())
        } else if self.beta == 0.5 {
            1.0 / d.sqrt()
        } else {
            d.powf(-self.beta)
        }
    }

    #[inline(always)]
    fn forward_channel<E: Float>(&self, x: &[E], c: usize, y: &mut [E]) {
        for run in runs(self.plane) {
            let d = self.divisors(x, c, &run);
            let x = &x[c * self.plane..][run.clone()];
            y[run].iter_mut().zip(x).zip(&d).for_each(|((y, x), &d)| *y = E::of(x.double() * self.power(d)));
        }
    }

    #[inline(always)]
    fn backward_channel<E: Float>(&self, x: &[E], dy: &[E], i: usize, dx: &mut [E]) {
        let factor = 2.0 * self.alpha * self.beta / self.size as f64;
        for run in runs(self.plane) {
            let values = |t: &'_ [E], c: usize| -> [f64; RUN] {
                let mut values = [0.0; RUN];
                values.iter_mut().zip(&t[c * self.plane..][run.clone()]).for_each(|(to, x)| *to = x.double());
                values
            };
            let (mut sums, mut direct) = ([0.0; RUN], [0.0; RUN]);
            for c in self.divides(i) {
                let (d, x, dy) = (self.divisors(x, c, &run), values(x, c), values(dy, c));
                for p in 0..RUN {
                    let power = self.power(d[p]);
                    sums[p] += dy[p] * x[p] * power / d[p];
                    direct[p] = if c == i { dy[p] * power } else { direct[p] };
                }
            }
            let x = values(x, i);
            for (p, dx) in dx[run.clone()].iter_mut().enumerate() {
                *dx += E::of(direct[p] - factor * x[p] * sums[p]);
            }
        }
    }
}

impl Kernel for Lrn {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        parallel::rows(y, self.plane, |row, y| {
            let (b, c) = (row / self.channels, row % self.channels);
            let x = &inputs[0][b * self.sample()..][..self.sample()];
            wide(|| self.forward_channel(x, c, y));
        });
    }

    /// `dx[i] = dy[i] d[i]^-beta - 2 alpha beta / size x[i] sum of dy[c] x[c] d[c]^(-beta - 1)` over the channels c whose
    /// window holds i.
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs[0].len(), dy.len());
        parallel::rows(grads[0], self.plane, |row, dx| {
            let (from, c) = (row / self.channels * self.sample(), row % self.channels);
            let (x, dy) = (&inputs[0][from..][..self.sample()], &dy[from..][..self.sample()]);
            wide(|| self.backward_channel(x, dy, c, dx));
        });
    }
}

object!(Lrn);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        // windows of two: the channel in front and the channel itself
        let lrn = Lrn { channels: 3, plane: 1, size: 2, alpha: 2.0, beta: 1.0, k: 1.0 };
        assert_eq!(run(&lrn, &[vec![1.0, 2.0, 3.0]], 3), [1.0 / 2.0, 2.0 / 6.0, 3.0 / 14.0]);
    }

    #[test]
    fn gradients() {
        for (channels, size) in [(7, 5), (4, 2), (3, 9), (5, 1)] {
            let lrn = Lrn { channels, plane: 4, size, alpha: 2.0, beta: 0.75, k: 1.0 };
            check_gradients(&lrn, &randoms(&[2 * channels * 4]), 2 * channels * 4);
        }
    }
}
