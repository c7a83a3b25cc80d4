//! A teacher that learns from what its labels do to its student. Pham, Dai, Xie and Le, "Meta Pseudo Labels", 2021,
//! <https://arxiv.org/abs/2003.10580>.

mod pair;

use super::endless::{Endless, epoch_seed};
use super::noisy_student::single;
use super::{Learned, Learner, Moment, Phase, SchemeError, Watch};
use crate::data::augment::{Augment, Step};
use crate::data::{Loader, Part};
use pair::{Pair, Step as MetaStep};

/// Meta Pseudo Labels: teacher and student learn side by side. In each step
///
/// 1. the teacher draws classes for augmented unlabelled images;
/// 2. the student learns from these, and nothing else;
/// 3. the teacher learns from labelled images, from [`Uda`], and from the student's feedback: what of its labels made the
///    student's loss on labelled images fall becomes likelier, what made it rise less likely.
///
/// The paper's gradient of the student's loss with respect to the teacher, one step of SGD far, is to first order the change
/// of that loss in the student's step times the gradient of the teacher's cross-entropy with the classes it drew.
#[derive(Clone, Debug, PartialEq)]
pub struct MetaPseudoLabels {
    /// The feedback is so many times the change of the loss; 0 for a teacher that does not listen.
    pub feedback: f64,
    /// Decay of the feedback's moving mean, which is subtracted from it so that single steps stand out; nothing subtracts
    /// nothing. The authors' code has 0.99.
    pub baseline: Option<f64>,
    /// Whether classes are drawn from the teacher's probabilities, as in the paper's derivation, or the most likely ones are taken.
    pub draw: bool,
    /// What else the teacher learns from unlabelled images.
    pub uda: Option<Uda>,
    /// What the student learns at the end from labelled images: the paper's last step.
    pub fine_tune: Option<FineTune>,
}

/// The teacher's opinion of an augmented image should be what it is of the image itself. Xie et al. 2020, "Unsupervised data
/// augmentation for consistency training", <https://arxiv.org/abs/1904.12848>.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uda {
    /// What it counts beside the labelled images' loss.
    pub weight: f64,
    /// Steps in which that grows from 0 in a straight line.
    pub warm_up: u64,
    /// Logits of the image itself are divided by it: below 1 sharpens.
    pub temperature: f64,
    /// Images whose most likely class is less likely are left out.
    pub confidence: f64,
}

/// Weight 8 after a warm-up of 1,000 steps, temperature 0.7, confidence 0.6: the authors' CIFAR-10.
impl Default for Uda {
    fn default() -> Self {
        Uda { weight: 8.0, warm_up: 1_000, temperature: 0.7, confidence: 0.6 }
    }
}

/// How a student learns from labelled images at last, as it learned before but for these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FineTune {
    /// Passes over the labelled images.
    pub epochs: usize,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Images of a step; no more than the student's batch.
    pub batch: usize,
}

/// Feedback as it comes, less its moving mean; drawn classes; UDA; no fine-tuning, which depends on the data.
impl Default for MetaPseudoLabels {
    fn default() -> Self {
        let uda = Some(Uda::default());
        MetaPseudoLabels { feedback: 1.0, baseline: Some(0.99), draw: true, uda, fine_tune: None }
    }
}

/// What came of teacher and student.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The teacher.
    pub teacher: Learned,
    /// The student before it was fine-tuned.
    pub pupil: Learned,
    /// The student.
    pub student: Learned,
}

impl MetaPseudoLabels {
    /// Trains both. The student's batch is the number of unlabelled images of a step, what the teacher's has more that of
    /// labelled ones. Label smoothing of the teacher smooths labelled images alone.
    ///
    /// # Errors
    /// If a setting is out of its range, a network does not fit the images, an image cannot be read, memory is not to be had,
    /// or a loss is no longer finite.
    pub fn run(
        &self,
        teacher: &Learner,
        student: &Learner,
        labelled: &Part,
        unlabelled: &Part,
        watch: &mut dyn Watch,
    ) -> Result<Meta, SchemeError> {
        self.check(teacher, student)?;
        for learner in [teacher, student] {
            learner.check(labelled, "labelled")?;
            learner.check(unlabelled, "unlabelled")?;
        }
        single(unlabelled)?;
        let many = student.options.batch;
        let few = teacher.options.batch - many;
        let per_epoch = unlabelled.len().div_ceil(many) as u64;
        let steps = per_epoch * student.epochs as u64;
        let seed = student.options.seed;
        let plain = unlabelled.augmented_by(plainly(&unlabelled.preparation().augment));
        let mut pair = Pair::new(self, teacher, student, few)?;
        let mut labelled_batches = Endless::new(labelled, few, seed, 3, None);
        for epoch in 0..student.epochs as u64 {
            // The same images in the same order, once as they are.
            let loader = |part: &Part| Loader::training(part, many, epoch_seed(seed, 4, epoch), 0, part.threads());
            for (strong, plain) in loader(unlabelled).zip(loader(&plain)) {
                let (strong, plain, labelled) = (strong?, plain?, labelled_batches.next()?);
                let (strong, plain) = (strong.images.numbers(), plain.images.numbers());
                let step = MetaStep { labelled: &labelled, strong: &strong, plain: &plain, per_epoch };
                let (loss, feedback) = pair.step(step)?;
                let step = pair.steps();
                watch.step(&Moment { phase: Phase::Meta, step, steps, loss, feedback: Some(feedback) });
            }
        }
        let [teacher, pupil] = pair.learned();
        let student = match &self.fine_tune {
            None => pupil.clone(),
            Some(tune) => tune.apply(student, &pupil, labelled, watch)?,
        };
        Ok(Meta { teacher, pupil, student })
    }

    fn check(&self, teacher: &Learner, student: &Learner) -> Result<(), SchemeError> {
        let fault = |name, expected, got: String| Err(SchemeError::Setting { name, expected, got });
        let at_least_0 = |x: f64| x >= 0.0 && x.is_finite();
        if !at_least_0(self.feedback) {
            return fault("factor of the feedback", "at least 0 and finite", self.feedback.to_string());
        }
        if let Some(decay) = self.baseline.filter(|decay| !(0.0..1.0).contains(decay)) {
            return fault("decay of the feedback's mean", "at least 0 and below 1", decay.to_string());
        }
        if let Some(Uda { weight, temperature, confidence, .. }) = self.uda {
            if !at_least_0(weight) {
                return fault("weight of the consistency", "at least 0 and finite", weight.to_string());
            }
            if !(temperature > 0.0 && temperature.is_finite()) {
                return fault("temperature", "positive and finite", temperature.to_string());
            }
            if !(0.0..=1.0).contains(&confidence) {
                return fault("confidence", "from 0 to 1", confidence.to_string());
            }
        }
        if teacher.options.batch <= student.options.batch {
            let expected = "above the student's: what it has more are labelled images";
            return fault("batch of the teacher", expected, teacher.options.batch.to_string());
        }
        if teacher.classes() != student.classes() {
            let (network, outputs) = (student.graph.name.clone(), student.classes());
            return Err(SchemeError::Classes { network, outputs, classes: teacher.classes() });
        }
        match teacher.epochs == student.epochs {
            true => Ok(()),
            false => fault("number of the teacher's epochs", "the student's", teacher.epochs.to_string()),
        }
    }
}

impl FineTune {
    fn apply(
        self,
        student: &Learner,
        pupil: &Learned,
        labelled: &Part,
        watch: &mut dyn Watch,
    ) -> Result<Learned, SchemeError> {
        let mut learner = student.clone();
        learner.weights = pupil.weights.clone();
        learner.options.batch = self.batch.min(student.options.batch);
        (learner.epochs, learner.learning_rate) = (self.epochs, self.learning_rate);
        learner.labelled(labelled, Phase::FineTuning, watch)
    }
}

/// Only what evaluation does too.
fn plainly(augment: &Augment) -> Augment {
    let steps = augment.steps().iter().filter(|step| matches!(step, Step::Center { .. }));
    Augment::new(steps.copied().collect::<Vec<_>>())
}
