//! Local response normalisation across channels. Krizhevsky et al. 2012, section 3.3,
//! <https://doi.org/10.1145/3065386>; alpha divided by size, as in Caffe and PyTorch:
//!
//! ```text
//! y[c] = x[c] / d[c]^beta,  d[c] = k + alpha / size * sum of x[i]^2 over i from c - size/2 to c + (size - 1)/2
//! ```
//!
//! Channels that do not exist count as zeros; the divisor stays size.

use std::ops::Range;

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

    /// The sum of these rows of `[channels, plane]`, each value by `f`.
    fn sum(&self, rows: Range<usize>, mut f: impl FnMut(usize) -> f64) -> Vec<f64> {
        let mut sum = vec![0.0; self.plane];
        for row in rows {
            sum.iter_mut().enumerate().for_each(|(p, sum)| *sum += f(row * self.plane + p));
        }
        sum
    }

    /// d of every value of a sample.
    fn divisors<E: Float>(&self, x: &[E]) -> Vec<f64> {
        let rows = (0..self.channels).flat_map(|c| self.sum(self.window(c), |i| x[i].double().powi(2)));
        rows.map(|sum| self.k + self.alpha / self.size as f64 * sum).collect()
    }
}

impl Kernel for Lrn {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        parallel::rows(y, self.sample(), |b, y| {
            let x = &inputs[0][b * self.sample()..][..y.len()];
            for ((y, x), d) in y.iter_mut().zip(x).zip(self.divisors(x)) {
                *y = E::of(x.double() * d.powf(-self.beta));
            }
        });
    }

    /// `dx[i] = dy[i] d[i]^-beta - 2 alpha beta / size x[i] sum of dy[c] x[c] d[c]^(-beta - 1)` over the channels c whose
    /// window holds i.
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs[0].len(), dy.len());
        let factor = 2.0 * self.alpha * self.beta / self.size as f64;
        parallel::rows(grads[0], self.sample(), |b, dx| {
            let from = b * self.sample();
            let (x, dy) = (&inputs[0][from..][..dx.len()], &dy[from..][..dx.len()]);
            let d = self.divisors(x);
            let powers: Vec<f64> = d.iter().map(|d| d.powf(-self.beta)).collect();
            let terms: Vec<f64> = (0..dx.len()).map(|i| dy[i].double() * x[i].double() * powers[i] / d[i]).collect();
            for (c, dx) in dx.chunks_mut(self.plane.max(1)).enumerate() {
                let sums = self.sum(self.divides(c), |i| terms[i]);
                for (p, (dx, sum)) in dx.iter_mut().zip(sums).enumerate() {
                    let i = c * self.plane + p;
                    *dx += E::of(dy[i].double() * powers[i] - factor * x[i].double() * sum);
                }
            }
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
