//! A student that learns from its teacher's opinions under noise, and surpasses it. Xie, Luong, Hovy and Le, "Self-training
//! with Noisy Student improves ImageNet classification", 2020, <https://arxiv.org/abs/1911.04252>.

use super::endless::{Endless, epoch_seed};
use super::learner::joined;
use super::{Learned, Learner, Moment, Phase, PseudoLabels, SchemeError, Sort, Watch};
use crate::data::augment::Step;
use crate::data::{Loader, Part};
use crate::engine::{Targets, Trainer};

/// Noisy Student training: a teacher labels images that have no labels, a student of its size or larger learns from these and
/// the labelled ones under noise, and then is the next teacher.
///
/// The noise is what the images' preparation and the student's network say: RandAugment, dropout, stochastic depth. The
/// teacher labels without any.
#[derive(Clone, Debug, PartialEq)]
pub struct NoisyStudent {
    /// Probabilities or classes. The paper's are soft.
    pub sort: Sort,
    /// What the teacher is less sure of is left out.
    pub confidence: f64,
    /// So many pseudo-labelled images of each class; where nothing, as many as there are.
    pub per_class: Option<usize>,
    /// Pseudo-labelled images for each labelled one in a step. Every step has at least one of each.
    pub ratio: f64,
}

/// As in the paper: soft labels of 0.3 or more. Its ratio is 14 at the end, 1 for small students.
impl Default for NoisyStudent {
    fn default() -> Self {
        NoisyStudent { sort: Sort::Soft, confidence: 0.3, per_class: None, ratio: 3.0 }
    }
}

/// A student, and what it has learned from.
#[derive(Clone, Debug)]
pub struct Generation {
    /// The student.
    pub student: Learned,
    /// What its teacher told it.
    pub pseudo_labels: PseudoLabels,
}

impl NoisyStudent {
    /// Student after student, each of them the next one's teacher.
    ///
    /// # Errors
    /// As [`NoisyStudent::pseudo_labels`] and [`NoisyStudent::student`].
    pub fn run(
        &self,
        teacher: &Learned,
        students: &[Learner],
        labelled: &Part,
        unlabelled: &Part,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Generation>, SchemeError> {
        let mut generations: Vec<Generation> = Vec::new();
        for learner in students {
            let teacher = generations.last().map_or(teacher, |generation| &generation.student);
            let pseudo_labels = self.pseudo_labels(teacher, unlabelled)?;
            let student = self.student(learner, labelled, unlabelled, &pseudo_labels, watch)?;
            generations.push(Generation { student, pseudo_labels });
        }
        Ok(generations)
    }

    /// What a teacher takes the images for, filtered and balanced.
    ///
    /// # Errors
    /// If a setting is out of its range, the teacher does not take the images or is sure of none, one cannot be read, or
    /// memory is not to be had.
    pub fn pseudo_labels(&self, teacher: &Learned, unlabelled: &Part) -> Result<PseudoLabels, SchemeError> {
        self.check()?;
        let labels = PseudoLabels::predict(teacher, unlabelled, 64)?.confident(self.confidence)?;
        Ok(self.per_class.map_or(labels.clone(), |count| labels.balanced(count)))
    }

    /// A student learns from both. An epoch is a pass over the pseudo-labelled images, in which labelled ones come again as
    /// often as they must; the loss is the mean over all images of a step.
    ///
    /// # Errors
    /// If a setting is out of its range, the student does not fit the images, the pseudo-labels are not of these, an image
    /// cannot be read, memory is not to be had, or the loss is no longer finite.
    pub fn student(
        &self,
        learner: &Learner,
        labelled: &Part,
        unlabelled: &Part,
        pseudo_labels: &PseudoLabels,
        watch: &mut dyn Watch,
    ) -> Result<Learned, SchemeError> {
        self.check()?;
        learner.check(labelled, "labelled")?;
        learner.check(unlabelled, "unlabelled")?;
        single(unlabelled)?;
        let classes = learner.classes();
        if pseudo_labels.classes() != classes {
            let network = learner.graph.name.clone();
            return Err(SchemeError::Classes { network, outputs: classes, classes: pseudo_labels.classes() });
        }
        if let Some(&item) = pseudo_labels.items().iter().max().filter(|&&item| item >= unlabelled.len()) {
            return Err(SchemeError::OtherImages { item, images: unlabelled.len() });
        }
        let [few, many] = self.batches(learner.options.batch)?;
        let seed = learner.options.seed;
        // Rows of the part are those of the pseudo-labels.
        let part = unlabelled.selected(pseudo_labels.items());
        if part.is_empty() {
            return Err(SchemeError::NoImages { what: "pseudo-labelled" });
        }
        let per_epoch = part.len().div_ceil(many) as u64;
        let mut trainer = Trainer::new(&learner.graph, &learner.weights, learner.options.clone())?;
        let mut labelled = Endless::new(labelled, few, seed, 1, None);
        for epoch in 0..learner.epochs as u64 {
            for batch in Loader::training(&part, many, epoch_seed(seed, 2, epoch), 0, part.threads()) {
                let batch = batch?;
                let targets: Vec<f32> =
                    batch.items.iter().flat_map(|&index| pseudo_labels.target(index, self.sort)).collect();
                let (images, rows) = joined(&labelled.next()?, &batch.images.numbers(), &targets, classes);
                let loss = learner.step(&mut trainer, &images, Targets::Soft(&rows), per_epoch, Phase::Student)?;
                let (step, steps) = (trainer.steps(), per_epoch * learner.epochs as u64);
                watch.step(&Moment { phase: Phase::Student, step, steps, loss, feedback: None });
            }
        }
        Ok(Learned::of(&trainer))
    }

    fn check(&self) -> Result<(), SchemeError> {
        let fault = |name, expected, got: String| Err(SchemeError::Setting { name, expected, got });
        if !(0.0..=1.0).contains(&self.confidence) {
            return fault("confidence", "from 0 to 1", self.confidence.to_string());
        }
        if self.per_class == Some(0) {
            return fault("number of images of each class", "at least 1", "0".into());
        }
        match self.ratio > 0.0 && self.ratio.is_finite() {
            true => Ok(()),
            false => fault("ratio of pseudo-labelled images", "positive and finite", self.ratio.to_string()),
        }
    }

    /// Labelled and pseudo-labelled images of a step.
    fn batches(&self, batch: usize) -> Result<[usize; 2], SchemeError> {
        if batch < 2 {
            let (name, expected) = ("batch of a student", "at least 2: a labelled image and another one");
            return Err(SchemeError::Setting { name, expected, got: batch.to_string() });
        }
        let few = ((batch as f64 / (1.0 + self.ratio)).round() as usize).clamp(1, batch - 1);
        Ok([few, batch - few])
    }
}

/// Refuses images that are mixed with others.
pub(super) fn single(unlabelled: &Part) -> Result<(), SchemeError> {
    let mixes = |step: &&Step| matches!(step, Step::Mixup { .. } | Step::Cutmix { .. });
    match unlabelled.preparation().augment.steps().iter().find(mixes) {
        Some(step) => Err(SchemeError::Mixed { step: step.to_string() }),
        None => Ok(()),
    }
}
