//! Cross-entropy of a softmax: the mean over samples of `- sum over c of t[c] log p[c]`, `p = softmax(x)`, t the target.
//! With label smoothing s the target is `(1 - s) t + s / classes`, as PyTorch's `CrossEntropyLoss`. Bridle 1990,
//! <https://doi.org/10.1007/978-3-642-76153-9_28>; label smoothing: Szegedy et al. 2015, <https://arxiv.org/abs/1512.00567>.

use rayon::prelude::*;

use super::parallel::Shared;
use super::{Float, expect_len};

/// Logits `[samples, classes]`, dense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Samples in the batch.
    pub samples: usize,
    /// Classes.
    pub classes: usize,
    /// Label smoothing, from 0 (none) to 1.
    pub smoothing: f64,
}

/// What the logits should say.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, E> {
    /// One class for each sample.
    Labels(&'a [usize]),
    /// Probabilities `[samples, classes]`, of mixed samples for example.
    Soft(&'a [E]),
}

/// Where the gradient goes.
#[derive(Debug)]
pub struct Gradient<'a, E> {
    /// `[samples, classes]`
    pub dlogits: &'a mut [E],
    /// Factor of the loss: below 1 for auxiliary losses.
    pub weight: f64,
    /// Whether the gradient is added to what is there.
    pub accumulate: bool,
}

/// What a batch gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Mean over samples, in nats, not weighted.
    pub loss: f64,
    /// Samples whose largest logit is that of the target's largest class.
    pub hits: usize,
}

/// A target that no logits can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A label beyond the classes.
    #[error("cross-entropy: sample {sample} has label {label}, but there are {classes} classes; labels count from 0")]
    Label {
        /// Which sample of the batch.
        sample: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
}

/// The batch is summed in so many parts, whatever the threads.
const PARTS: usize = 32;

impl CrossEntropy {
    /// Loss, hits and, if asked for, the gradient of `weight * loss` with respect to the logits. Refuses labels beyond the
    /// classes before it writes anything.
    pub fn run<E: Float>(
        &self,
        logits: &[E],
        targets: Targets<E>,
        gradient: Option<Gradient<E>>,
    ) -> Result<Outcome, TargetError> {
        let elements = self.samples * self.classes;
        expect_len("cross-entropy: logits", logits.len(), elements);
        match targets {
            Targets::Labels(labels) => {
                expect_len("cross-entropy: labels", labels.len(), self.samples);
                let classes = self.classes;
                if let Some((sample, &label)) = labels.iter().enumerate().find(|(_, l)| **l >= classes) {
                    return Err(TargetError::Label { sample, label, classes });
                }
            }
            Targets::Soft(rows) => expect_len("cross-entropy: soft targets", rows.len(), elements),
        }
        let gradient = gradient.map(|Gradient { dlogits, weight, accumulate }| {
            expect_len("cross-entropy: dlogits", dlogits.len(), elements);
            (Shared::new(dlogits), weight / self.samples as f64, accumulate)
        });

        let mut parts = [(0.0, 0); PARTS];
        parts.par_iter_mut().enumerate().for_each(|(part, (loss, hits))| {
            for sample in part * self.samples / PARTS..(part + 1) * self.samples / PARTS {
                let row = sample * self.classes..(sample + 1) * self.classes;
                let target = match targets {
                    Targets::Labels(labels) => Target::Class(labels[sample]),
                    Targets::Soft(rows) => Target::Row(&rows[row.clone()]),
                };
                let x = &logits[row.clone()];
                let log_sum = log_sum_exp(x);
                *loss += self.loss(x, &target, log_sum);
                *hits += usize::from(target.hit(x));
                if let Some((dlogits, weight, accumulate)) = &gradient {
                    // SAFETY: every sample is in one part, and its row is its own.
                    let dx = unsafe { dlogits.part(row.start, row.len()) };
                    self.gradient(x, &target, log_sum, *weight, *accumulate, dx);
                }
            }
        });
        let (loss, hits) = parts.iter().fold((0.0, 0), |(loss, hits), part| (loss + part.0, hits + part.1));
        Ok(Outcome { loss: loss / self.samples as f64, hits })
    }

    /// `- sum of t log p`
    fn loss<E: Float>(&self, x: &[E], target: &Target<E>, log_sum: f64) -> f64 {
        let even = if self.smoothing == 0.0 {
            0.0
        } else {
            x.iter().map(|x| log_sum - x.double()).sum::<f64>() / self.classes as f64
        };
        let exact = match target {
            Target::Class(class) => log_sum - x[*class].double(),
            // 0 log 0 is 0
            Target::Row(row) => {
                let terms = row.iter().zip(x).filter(|(t, _)| t.double() != 0.0);
                terms.map(|(t, x)| t.double() * (log_sum - x.double())).sum()
            }
        };
        (1.0 - self.smoothing) * exact + self.smoothing * even
    }

    /// `dx = weight (p sum(t) - t)`
    fn gradient<E: Float>(
        &self,
        x: &[E],
        target: &Target<E>,
        log_sum: f64,
        weight: f64,
        accumulate: bool,
        dx: &mut [E],
    ) {
        let (exact, even) = (1.0 - self.smoothing, self.smoothing / self.classes as f64);
        let total = match target {
            Target::Class(_) => 1.0,
            Target::Row(row) => row.iter().map(|t| t.double()).sum::<f64>() * exact + self.smoothing,
        };
        for (c, (dx, x)) in dx.iter_mut().zip(x).enumerate() {
            let t = match target {
                Target::Class(class) => f64::from(u8::from(c == *class)),
                Target::Row(row) => row[c].double(),
            };
            let p = (x.double() - log_sum).exp();
            let value = E::of(weight * (p * total - (exact * t + even)));
            *dx = if accumulate { *dx + value } else { value };
        }
    }
}

/// The target of one sample.
enum Target<'a, E> {
    Class(usize),
    Row(&'a [E]),
}

impl<E: Float> Target<'_, E> {
    /// Whether the largest logit is at the largest target; never with a NaN at the top.
    fn hit(&self, x: &[E]) -> bool {
        let class = match self {
            Target::Class(class) => Some(*class),
            Target::Row(row) => largest(row),
        };
        class.is_some() && largest(x) == class
    }
}

/// The first of the largest values; none if there is a NaN.
fn largest<E: Float>(x: &[E]) -> Option<usize> {
    let mut best = 0;
    for (c, &value) in x.iter().enumerate() {
        if value.double().is_nan() {
            return None;
        }
        if value > x[best] {
            best = c;
        }
    }
    (!x.is_empty()).then_some(best)
}

/// `log sum of e^x`, with the largest x taken out so that nothing overflows.
fn log_sum_exp<E: Float>(x: &[E]) -> f64 {
    let largest = x.iter().map(|x| x.double()).fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + x.iter().map(|x| (x.double() - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;

    fn loss(kernel: &CrossEntropy, logits: &[f64], targets: Targets<f64>) -> f64 {
        kernel.run(logits, targets, None).unwrap().loss
    }

    #[test]
    fn by_hand() {
        let kernel = CrossEntropy { samples: 2, classes: 2, smoothing: 0.0 };
        let logits = [0.0, 3f64.ln(), 5.0, 1000.0]; // p = 1/4, 3/4 and 0, 1
        let out = kernel.run(&logits, Targets::Labels(&[0, 1]), None).unwrap();
        assert!((out.loss - 4f64.ln() / 2.0).abs() < 1e-15, "{out:?}");
        assert_eq!(out.hits, 1);
        let mut d = [f64::NAN; 4];
        let gradient = Gradient { dlogits: &mut d, weight: 0.5, accumulate: false };
        kernel.run(&logits, Targets::Labels(&[0, 1]), Some(gradient)).unwrap();
        for (found, expected) in d.iter().zip([-0.75 / 4.0, 0.75 / 4.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-15, "{d:?}");
        }
        assert_eq!(loss(&kernel, &[0.0, f64::NAN, 0.0, 0.0], Targets::Labels(&[0, 1])).to_bits() >> 52 & 0x7FF, 0x7FF);
    }

    /// torch.nn.functional.cross_entropy in f64, with and without label_smoothing = 0.1, printed by
    /// tests/parity/cross_entropy.py
    #[test]
    fn as_pytorch_smooths() {
        let logits = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5];
        for (smoothing, expected) in [(0.0, 0.910_991_953_032_190_6), (0.1, 0.981_825_286_365_523_9)] {
            let kernel = CrossEntropy { samples: 2, classes: 3, smoothing };
            let found = loss(&kernel, &logits, Targets::Labels(&[2, 0]));
            assert!((found - expected).abs() < 1e-14, "{found} is not {expected}");
        }
        let kernel = CrossEntropy { samples: 2, classes: 3, smoothing: 0.1 };
        let found = loss(&kernel, &logits, Targets::Soft(&[0.2, 0.3, 0.5, 0.0, 1.0, 0.0]));
        assert!((found - 1.971_825_286_365_524_1).abs() < 1e-14, "{found}");
    }

    #[test]
    fn gradients() {
        let (samples, classes) = (70, 5);
        let logits: Vec<f64> = random(1, samples * classes).iter().map(|x| 4.0 * x).collect();
        let labels: Vec<usize> = (0..samples).map(|i| i * 7 % 5).collect();
        let soft: Vec<f64> = random(2, samples * classes).iter().map(|x| x.abs()).collect();
        for targets in [Targets::Labels(&labels), Targets::Soft(&soft)] {
            let kernel = CrossEntropy { samples, classes, smoothing: 0.1 };
            let mut d = vec![1.0; logits.len()];
            let gradient = Gradient { dlogits: &mut d, weight: 0.3, accumulate: true };
            kernel.run(&logits, targets, Some(gradient)).unwrap();
            let mut fresh = vec![f64::NAN; logits.len()];
            let gradient = Gradient { dlogits: &mut fresh, weight: 0.3, accumulate: false };
            kernel.run(&logits, targets, Some(gradient)).unwrap();
            for i in (0..logits.len()).step_by(11) {
                let at = |h: f64| {
                    let mut logits = logits.clone();
                    logits[i] += h;
                    0.3 * loss(&kernel, &logits, targets)
                };
                let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((fresh[i] - expected).abs() < 1e-9, "at {i}: {} is not {expected}", fresh[i]);
                assert!((d[i] - 1.0 - fresh[i]).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn labels_beyond_the_classes_are_refused() {
        let kernel = CrossEntropy { samples: 2, classes: 3, smoothing: 0.0 };
        let mut d = [7.0f32; 6];
        let gradient = Gradient { dlogits: &mut d, weight: 1.0, accumulate: false };
        let error = kernel.run(&[0.0; 6], Targets::Labels(&[0, 3]), Some(gradient)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cross-entropy: sample 1 has label 3, but there are 3 classes; labels count from 0"
        );
        assert_eq!(d, [7.0; 6]);
    }
}
