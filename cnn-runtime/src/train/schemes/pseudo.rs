//! What a teacher takes unlabelled images for.

use super::learner::fits;
use super::{Learned, SchemeError};
use crate::data::{Loader, Part};

/// How a student is told what its teacher thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The teacher's probabilities.
    #[default]
    Soft,
    /// The class that it thinks most likely, and no other.
    Hard,
}

/// What a teacher takes unlabelled images for. An image can stand in it more than once.
#[derive(Clone, Debug, PartialEq)]
pub struct PseudoLabels {
    items: Vec<usize>,
    probabilities: Vec<f32>,
    classes: usize,
}

impl PseudoLabels {
    /// The teacher's opinion of every image, seen plainly: without augmentation, dropout and other noise.
    ///
    /// # Errors
    /// If the teacher does not take such images, one cannot be read, or memory is not to be had.
    pub fn predict(teacher: &Learned, images: &Part, batch: usize) -> Result<PseudoLabels, SchemeError> {
        if images.is_empty() {
            return Err(SchemeError::NoImages { what: "unlabelled" });
        }
        fits(&teacher.graph, images, "unlabelled")?;
        let classes = teacher.graph.output_shape().elements();
        let mut session = teacher.session(batch)?;
        let (mut items, mut probabilities) = (Vec::new(), Vec::new());
        for batch in Loader::evaluation(images, batch, images.threads()) {
            let batch = batch?;
            for row in session.run(&batch.images)?.chunks_exact(classes) {
                probabilities.extend(softmax(row, 1.0));
            }
            items.extend(batch.items);
        }
        Ok(PseudoLabels { items, probabilities, classes })
    }

    /// Opinions of ones own: the numbers of images, and for each the probabilities of all classes.
    ///
    /// # Errors
    /// If there are not as many probabilities.
    pub fn new(items: Vec<usize>, probabilities: Vec<f32>, classes: usize) -> Result<PseudoLabels, SchemeError> {
        match classes > 0 && items.len().checked_mul(classes) == Some(probabilities.len()) {
            true => Ok(PseudoLabels { items, probabilities, classes }),
            false => Err(SchemeError::Setting {
                name: "number of probabilities",
                expected: "images times classes",
                got: format!("{} for {} images and {classes} classes", probabilities.len(), items.len()),
            }),
        }
    }

    /// Images, each as often as it counts.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether no image is left.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Numbers of the images.
    pub fn items(&self) -> &[usize] {
        &self.items
    }

    /// The probabilities of an image's classes.
    pub fn probabilities(&self, index: usize) -> &[f32] {
        &self.probabilities[index * self.classes..][..self.classes]
    }

    /// The most likely class of an image; the first of equals.
    pub fn class(&self, index: usize) -> usize {
        largest(self.probabilities(index))
    }

    /// How likely that class is.
    pub fn confidence(&self, index: usize) -> f32 {
        self.probabilities(index)[self.class(index)]
    }

    /// How many images each class has.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        (0..self.len()).for_each(|index| counts[self.class(index)] += 1);
        counts
    }

    /// Only those images whose most likely class is at least so likely: what a teacher is unsure of is mostly from outside of
    /// its classes. Xie et al. 2020, section 3.1, with 0.3.
    ///
    /// # Errors
    /// If there is none.
    pub fn confident(&self, threshold: f64) -> Result<PseudoLabels, SchemeError> {
        let confidence = |index| f64::from(self.confidence(index));
        let chosen: Vec<usize> = (0..self.len()).filter(|&index| confidence(index) >= threshold).collect();
        match chosen.is_empty() {
            true => {
                let best = (0..self.len()).map(confidence).fold(0.0, f64::max);
                Err(SchemeError::NothingConfident { threshold, best })
            }
            false => Ok(self.chosen(&chosen)),
        }
    }

    /// So many images of each class: the surest where there are more, each again and again, the surest first, where there are
    /// fewer. Xie et al. 2020, section 3.1, with 130,000. A class without images stays without.
    #[must_use]
    pub fn balanced(&self, per_class: usize) -> PseudoLabels {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.classes];
        (0..self.len()).for_each(|index| members[self.class(index)].push(index));
        let mut chosen = Vec::new();
        for mut members in members {
            members.sort_by(|&a, &b| self.confidence(b).total_cmp(&self.confidence(a)).then(a.cmp(&b)));
            if !members.is_empty() {
                chosen.extend(members.iter().copied().cycle().take(per_class));
            }
        }
        self.chosen(&chosen)
    }

    fn chosen(&self, indices: &[usize]) -> PseudoLabels {
        PseudoLabels {
            items: indices.iter().map(|&index| self.items[index]).collect(),
            probabilities: indices.iter().flat_map(|&index| self.probabilities(index)).copied().collect(),
            classes: self.classes,
        }
    }

    /// Classes that are told apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What a student is to say to one of the images.
    pub(super) fn target(&self, index: usize, sort: Sort) -> Vec<f32> {
        match sort {
            Sort::Soft => self.probabilities(index).to_vec(),
            Sort::Hard => {
                let class = self.class(index);
                (0..self.classes).map(|c| f32::from(u8::from(c == class))).collect()
            }
        }
    }
}

/// The first of the largest; what is no number is never.
pub(super) fn largest(row: &[f32]) -> usize {
    let better = |best: usize, i: usize| if row[i] > row[best] || row[best].is_nan() { i } else { best };
    (1..row.len()).fold(0, better)
}

/// Probabilities of logits that are divided by a temperature.
pub(super) fn softmax(logits: &[f32], temperature: f64) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let terms: Vec<f64> =
        logits.iter().map(|&x| libm::exp((f64::from(x) - f64::from(largest)) / temperature)).collect();
    let sum: f64 = terms.iter().sum();
    terms.iter().map(|term| (term / sum) as f32).collect()
}
