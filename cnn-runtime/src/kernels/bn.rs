//! Batch normalisation: `y = (x - mean) / sqrt(var + eps) * weight + bias`, each channel with its own mean and
//! variance. Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>.

use super::{Float, Kernel, Needs, expect_inputs, expect_len, object, parallel};

/// Inputs: x `[batch, channels, plane]` and, with `affine`, weight `[channels]` and bias `[channels]`. Output: as x.
///
/// In training the statistics are x's own ([`Statistics`]), so they take part in the gradient; in inference they are
/// running ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Bn {
    /// Samples in the batch.
    pub batch: usize,
    /// Values of one channel in one sample: height times width, 1 for vectors.
    pub plane: usize,
    /// Mean of every channel.
    pub mean: Vec<f64>,
    /// Biased variance of every channel.
    pub var: Vec<f64>,
    /// Added to the variance.
    pub eps: f64,
    /// Whether weight and bias are inputs.
    pub affine: bool,
    /// Whether mean and variance are those of x.
    pub training: bool,
}

/// Mean and biased variance of every channel of x `[batch, channels, plane]`, in two passes.
fn statistics<E: Float>(x: &[E], channels: usize, plane: usize) -> (Vec<f64>, Vec<f64>) {
    let mut stats = vec![(0.0, 0.0); channels];
    parallel::channels(&mut stats, 1, |c, stats| {
        let planes = || x.chunks(plane).skip(c).step_by(channels);
        let count = (planes().count() * plane) as f64;
        let mean = planes().map(parallel::sum).sum::<f64>() / count;
        let square = |x: &E| (x.double() - mean).powi(2);
        let squares: f64 = planes().map(|plane| plane.iter().map(square).sum::<f64>()).sum();
        stats[0] = (mean, squares / count);
    });
    stats.into_iter().unzip()
}

impl Bn {
    fn channels(&self) -> usize {
        self.mean.len()
    }

    fn check<E>(&self, inputs: &[&[E]], y: usize) {
        expect_inputs("bn", inputs.len(), if self.affine { 3 } else { 1 });
        expect_len("bn: var", self.var.len(), self.channels());
        for parameter in &inputs[1..] {
            expect_len("bn: weight or bias", parameter.len(), self.channels());
        }
        expect_len("bn: x", inputs[0].len(), self.batch * self.channels() * self.plane);
        expect_len("bn: y", y, inputs[0].len());
    }

    /// `1 / sqrt(var + eps)`
    fn inverse_deviation(&self, c: usize) -> f64 {
        1.0 / (self.var[c] + self.eps).sqrt()
    }

    /// Weight and bias of a channel.
    fn affine<E: Float>(&self, inputs: &[&[E]], c: usize) -> (f64, E) {
        match inputs {
            [_, weight, bias] => (weight[c].double(), bias[c]),
            _ => (1.0, E::ZERO),
        }
    }

    /// The sums over a channel of dy and of dy times the normalised x: the gradients of bias and weight.
    fn sums<E: Float>(&self, x: &[E], dy: &[E], c: usize) -> (f64, f64) {
        let (mean, inverse) = (E::of(self.mean[c]), self.inverse_deviation(c));
        let channel = |x| <[E]>::chunks(x, self.plane).skip(c).step_by(self.channels());
        let (mut sum, mut dot) = (0.0, 0.0);
        for (x, dy) in channel(x).zip(channel(dy)) {
            sum += parallel::sum(dy);
            dot += x.iter().zip(dy).map(|(&x, dy)| (x - mean).double() * dy.double()).sum::<f64>();
        }
        (sum, dot * inverse)
    }
}

impl Kernel for Bn {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs, y.len());
        parallel::rows(y, self.plane, |row, y| {
            let c = row % self.channels();
            let (weight, bias) = self.affine(inputs, c);
            let (mean, scale) = (E::of(self.mean[c]), E::of(weight * self.inverse_deviation(c)));
            let x = &inputs[0][row * self.plane..];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * scale + bias);
        });
    }

    /// With N values to a channel and n the normalised x,
    /// `dx = weight / sqrt(var + eps) (dy - sum(dy) / N - n sum(dy n) / N)`; the last two terms only in training.
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs, dy.len());
        let mut sums = vec![(0.0, 0.0); self.channels()];
        parallel::channels(&mut sums, 1, |c, sums| sums[0] = self.sums(inputs[0], dy, c));

        let count = (self.batch * self.plane) as f64;
        let [dx, affine @ ..] = grads else { unreachable!("as many gradients as inputs") };
        parallel::rows(dx, self.plane, |row, dx| {
            let c = row % self.channels();
            let (weight, _) = self.affine(inputs, c);
            let inverse = self.inverse_deviation(c);
            let (sum, dot) = if self.training { sums[c] } else { (0.0, 0.0) };
            let (scale, shift) = (E::of(weight * inverse), E::of(sum / count));
            let (mean, slope) = (E::of(self.mean[c]), E::of(dot / count * inverse));
            let (x, dy) = (&inputs[0][row * self.plane..], &dy[row * self.plane..]);
            for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                *dx += scale * (dy - shift - (x - mean) * slope);
            }
        });
        if let [dweight, dbias] = affine {
            for ((dweight, dbias), (sum, dot)) in dweight.iter_mut().zip(dbias.iter_mut()).zip(sums) {
                *dweight += E::of(dot);
                *dbias += E::of(sum);
            }
        }
    }
}

object!(Bn);

/// Mean and biased variance of every channel. Input: x `[batch, channels, plane]`. Output: `[2, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Samples in the batch.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Values of one channel in one sample: height times width, 1 for vectors.
    pub plane: usize,
}

impl Statistics {
    fn check(&self, x: usize, y: usize) {
        expect_len("bn statistics: x", x, self.batch * self.channels * self.plane);
        expect_len("bn statistics: y", y, 2 * self.channels);
    }
}

impl Kernel for Statistics {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let (mean, var) = statistics(inputs[0], self.channels, self.plane);
        y.iter_mut().zip(mean.iter().chain(&var)).for_each(|(y, &stat)| *y = E::of(stat));
    }

    /// `dx = (dmean + 2 (x - mean) dvar) / N`
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs[0].len(), dy.len());
        let (mean, _) = statistics(inputs[0], self.channels, self.plane);
        let share = 1.0 / (self.batch * self.plane) as f64;
        parallel::rows(grads[0], self.plane, |row, dx| {
            let c = row % self.channels;
            let (shift, slope) = (dy[c] * E::of(share), dy[self.channels + c] * E::of(2.0 * share));
            let (x, mean) = (&inputs[0][row * self.plane..], E::of(mean[c]));
            dx.iter_mut().zip(x).for_each(|(dx, &x)| *dx += shift + (x - mean) * slope);
        });
    }
}

object!(Statistics);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    /// Batch normalisation with the statistics of whatever x it gets, so that differences see them move.
    struct Training(Bn);

    impl Training {
        fn at<E: Float>(&self, x: &[E]) -> Bn {
            let (mean, var) = statistics(x, self.0.channels(), self.0.plane);
            Bn { mean, var, ..self.0.clone() }
        }
    }

    impl Kernel for Training {
        const NEEDS: Needs = Needs::Inputs;
        fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
            self.at(inputs[0]).forward(inputs, y);
        }
        fn backward<E: Float>(&self, inputs: &[&[E]], y: &[E], dy: &[E], grads: &mut [&mut [E]]) {
            self.at(inputs[0]).backward(inputs, y, dy, grads);
        }
    }

    fn bn(batch: usize, channels: usize, plane: usize, affine: bool, training: bool) -> (Bn, Vec<Vec<f64>>) {
        let var = random(7, channels).iter().map(|v| v + 1.5).collect();
        let bn = Bn { batch, plane, mean: random(8, channels), var, eps: 1e-5, affine, training };
        let inputs = randoms(&[batch * channels * plane, channels, channels]);
        (bn, inputs[..if affine { 3 } else { 1 }].to_vec())
    }

    #[test]
    fn gradients_of_inference() {
        for (batch, channels, plane, affine) in [(1, 1, 4, true), (3, 4, 6, true), (2, 3, 1, false)] {
            let (bn, inputs) = bn(batch, channels, plane, affine, false);
            check_gradients(&bn, &inputs, inputs[0].len());
        }
    }

    #[test]
    fn gradients_of_training() {
        for (batch, channels, plane, affine) in [(1, 2, 5, true), (3, 4, 6, true), (5, 3, 1, true), (3, 2, 4, false)] {
            let (bn, inputs) = bn(batch, channels, plane, affine, true);
            check_gradients(&Training(bn), &inputs, inputs[0].len());
        }
    }

    #[test]
    fn statistics_by_hand() {
        // two samples, two channels, planes of two
        let x = vec![1.0, 3.0, 10.0, 10.0, 5.0, 7.0, 10.0, 10.0];
        let y = run(&Statistics { batch: 2, channels: 2, plane: 2 }, &[x], 4);
        assert_eq!(y, [4.0, 10.0, 5.0, 0.0]);
    }

    #[test]
    fn gradients_of_statistics() {
        for (batch, channels, plane) in [(1, 2, 5), (3, 4, 6), (5, 3, 1)] {
            let kernel = Statistics { batch, channels, plane };
            check_gradients(&kernel, &randoms(&[batch * channels * plane]), 2 * channels);
        }
    }

    #[test]
    fn training_normalises() {
        let (bn, inputs) = bn(4, 3, 5, false, true);
        let y = run(&Training(bn), &inputs, inputs[0].len());
        let (mean, var) = statistics(&y, 3, 5);
        assert!(mean.iter().all(|m| m.abs() < 1e-12), "{mean:?}");
        assert!(var.iter().all(|v| (v - 1.0).abs() < 1e-3), "{var:?}");
    }
}
