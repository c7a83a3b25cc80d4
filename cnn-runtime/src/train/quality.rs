//! How good a network is, beyond a number: which classes it takes for which, how sure it is, where it fails worst.

use serde::{Deserialize, Serialize};

/// So many intervals of confidence, as Guo et al. 2017 have.
pub const BINS: usize = 15;

/// So many images are told of that are classified worst.
pub const WORST: usize = 16;

/// How many images of each class were taken for which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// Classes that the network knows.
    pub classes: usize,
    /// Class, class that it was taken for, how many images; in order, without those of none.
    pub cells: Vec<[usize; 3]>,
}

/// A class of the test images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassQuality {
    /// Which one.
    pub class: usize,
    /// Its images.
    pub images: usize,
    /// Share of what was taken for it that is; none where nothing was.
    pub precision: Option<f64>,
    /// Share of its images that were found; none where there are none.
    pub recall: Option<f64>,
}

impl ClassQuality {
    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        let (precision, recall) = (self.precision?, self.recall?);
        Some(if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 })
    }
}

impl Confusion {
    /// How many images of `class` were taken for `taken`.
    pub fn count(&self, class: usize, taken: usize) -> usize {
        let found = self.cells.binary_search_by_key(&[class, taken], |&[class, taken, _]| [class, taken]);
        found.map_or(0, |index| self.cells[index][2])
    }

    /// Precision and recall of each class.
    pub fn classes(&self) -> Vec<ClassQuality> {
        let (mut images, mut taken, mut right) = (vec![0; self.classes], vec![0; self.classes], vec![0; self.classes]);
        // A file may name classes that there are not.
        for &[class, as_which, count] in self.cells.iter().filter(|cell| cell[0].max(cell[1]) < self.classes) {
            images[class] += count;
            taken[as_which] += count;
            right[class] += if class == as_which { count } else { 0 };
        }
        let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
        let class = |class| ClassQuality {
            class,
            images: images[class],
            precision: share(right[class], taken[class]),
            recall: share(right[class], images[class]),
        };
        (0..self.classes).map(class).collect()
    }
}

/// Images of one interval of confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many.
    pub images: usize,
    /// Sum of the probabilities that the network gave to the classes it took them for.
    pub confidence: f64,
    /// How many were what they were taken for.
    pub correct: usize,
}

/// How far a network is as sure as it is right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Confidence from `i / 15` (not included) to `(i + 1) / 15`.
    pub bins: Vec<Bin>,
}

impl Calibration {
    /// Expected calibration error: the mean distance of confidence and accuracy, over the bins. Guo et al. 2017,
    /// <https://arxiv.org/abs/1706.04599>, equation 3.
    pub fn error(&self) -> f64 {
        let images: usize = self.bins.iter().map(|bin| bin.images).sum();
        let gaps: f64 = self.bins.iter().map(|bin| (bin.confidence - bin.correct as f64).abs()).sum();
        gaps / images.max(1) as f64
    }
}

/// An image that was classified badly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worst {
    /// Which of the test images, from 0.
    pub index: usize,
    /// Its class.
    pub label: usize,
    /// What it was taken for.
    pub taken: usize,
    /// The probability given to that.
    pub confidence: f64,
    /// Its cross-entropy.
    pub loss: f64,
}

/// Everything that is counted, image after image.
pub(super) struct Tally {
    outputs: usize,
    confusion: std::collections::BTreeMap<[usize; 2], usize>,
    bins: Vec<Bin>,
    worst: Vec<Worst>,
}

impl Tally {
    pub fn new(outputs: usize) -> Tally {
        let (bins, worst) = (vec![Bin::default(); BINS], Vec::new());
        Tally { outputs, confusion: Default::default(), bins, worst }
    }

    /// An image: its number, its logits, its class, its cross-entropy.
    pub fn add(&mut self, index: usize, row: &[f32], label: usize, loss: f64) {
        let mut taken = 0;
        for (class, &logit) in row.iter().enumerate() {
            if logit > row[taken] || row[taken].is_nan() {
                taken = class;
            }
        }
        let sum: f64 = row.iter().map(|&x| libm::exp(f64::from(x) - f64::from(row[taken]))).sum();
        let confidence = if sum.is_finite() { 1.0 / sum } else { 0.0 };
        *self.confusion.entry([label, taken]).or_default() += 1;
        let bin = &mut self.bins[((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1];
        bin.images += 1;
        bin.confidence += confidence;
        bin.correct += usize::from(taken == label);
        let one = Worst { index, label, taken, confidence, loss };
        // Of equal ones the earlier counts as worse.
        let place = self.worst.partition_point(|other| other.loss >= loss);
        if place < WORST && loss.is_finite() {
            self.worst.insert(place, one);
            self.worst.truncate(WORST);
        }
    }

    pub fn finish(self) -> (Confusion, Calibration, Vec<Worst>) {
        let cells = self.confusion.into_iter().map(|([class, taken], count)| [class, taken, count]).collect();
        (Confusion { classes: self.outputs, cells }, Calibration { bins: self.bins }, self.worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes; logits are logarithms of probabilities.
    fn tally() -> (Confusion, Calibration, Vec<Worst>) {
        let images = [([0.7, 0.2, 0.1], 0), ([0.7, 0.2, 0.1], 1), ([0.1, 0.85, 0.05], 1), ([0.42, 0.33, 0.25], 0)];
        let mut tally = Tally::new(3);
        for (index, (probabilities, label)) in images.into_iter().enumerate() {
            tally.add(index, &probabilities.map(|p: f32| p.ln()), label, -f64::from(probabilities[label]).ln());
        }
        tally.finish()
    }

    #[test]
    fn classes_are_counted_by_what_they_were_taken_for() {
        let (confusion, _, _) = tally();
        assert_eq!(confusion.cells, [[0, 0, 2], [1, 0, 1], [1, 1, 1]]);
        assert_eq!((confusion.count(0, 0), confusion.count(1, 0), confusion.count(2, 2)), (2, 1, 0));
        let classes = confusion.classes();
        assert_eq!((classes[0].precision, classes[0].recall), (Some(2.0 / 3.0), Some(1.0)));
        assert_eq!((classes[1].precision, classes[1].recall), (Some(1.0), Some(0.5)));
        assert_eq!((classes[2].precision, classes[2].recall, classes[2].f1()), (None, None, None));
        assert!((classes[0].f1().unwrap() - 0.8).abs() < 1e-12);
    }

    #[test]
    fn the_calibration_error_is_the_papers() {
        let (_, calibration, _) = tally();
        // Bins of 0.42 (one, right), 0.7 (two, one of them right), 0.85 (one, right).
        let expected = (0.58 + (1.4f64 - 1.0).abs() + 0.15) / 4.0;
        assert!((calibration.error() - expected).abs() < 1e-6, "{}", calibration.error());
        assert_eq!(
            calibration.bins.iter().map(|bin| bin.images).collect::<Vec<_>>(),
            [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0][..BINS].to_vec()
        );
    }

    #[test]
    fn the_worst_come_first() {
        let (_, _, worst) = tally();
        assert_eq!(worst.iter().map(|one| one.index).collect::<Vec<_>>(), [1, 3, 0, 2]);
        assert_eq!((worst[0].label, worst[0].taken), (1, 0));
        assert!((worst[0].confidence - 0.7).abs() < 1e-6);
        let mut many = Tally::new(2);
        (0..100).for_each(|i| many.add(i, &[0.0, 1.0], 0, (i % 10) as f64));
        let worst = many.finish().2;
        assert_eq!(
            worst.iter().map(|one| one.index).take(11).collect::<Vec<_>>(),
            [9, 19, 29, 39, 49, 59, 69, 79, 89, 99, 8]
        );
        assert_eq!(worst.len(), WORST);
    }
}
