//! Teacher and student in one step.

use cnn_lang::graph::Role;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::MetaPseudoLabels;
use crate::data::Prepared;
use crate::engine::{Session, Targets, Trainer, TrainerOptions};
use crate::train::schemes::endless::rows;
use crate::train::schemes::pseudo::{largest, softmax};
use crate::train::schemes::{Learned, Learner, Phase, SchemeError};
use crate::weights::StateDict;

/// Both networks in training, and beside each its latest weights in inference.
pub(super) struct Pair<'a> {
    scheme: &'a MetaPseudoLabels,
    learners: [&'a Learner; 2],
    teacher: Trainer,
    student: Trainer,
    opinion: Session,
    exam: Session,
    /// The student's weights before its next step.
    pupil: StateDict<f32>,
    /// The feedback's moving mean; nothing before the first.
    mean: Option<f64>,
    /// Draws the classes.
    rng: ChaCha8Rng,
}

/// What a step looks at.
pub(super) struct Step<'a> {
    pub labelled: &'a Prepared,
    /// Unlabelled images, augmented.
    pub strong: &'a [f32],
    /// The same ones as they are.
    pub plain: &'a [f32],
    /// Steps of an epoch.
    pub per_epoch: u64,
}

impl<'a> Pair<'a> {
    pub fn new(
        scheme: &'a MetaPseudoLabels,
        teacher: &'a Learner,
        student: &'a Learner,
        few: usize,
    ) -> Result<Self, SchemeError> {
        // Rows of the teacher's targets do not sum to 1; labelled ones are smoothed when they are made.
        let options = TrainerOptions { label_smoothing: 0.0, ..teacher.options.clone() };
        let session = |learner: &Learner, batch| {
            Learned { graph: learner.graph.clone(), weights: learner.weights.clone() }.session(batch)
        };
        let many = student.options.batch;
        Ok(Pair {
            scheme,
            learners: [teacher, student],
            teacher: Trainer::new(&teacher.graph, &teacher.weights, options)?,
            student: Trainer::new(&student.graph, &student.weights, student.options.clone())?,
            opinion: session(teacher, many)?,
            exam: session(student, few)?,
            pupil: student.weights.clone(),
            mean: None,
            rng: ChaCha8Rng::seed_from_u64(teacher.options.seed ^ 0x3C6E_F372_FE94_F82B),
        })
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.student.steps()
    }

    /// What came of both.
    pub fn learned(&self) -> [Learned; 2] {
        [Learned::of(&self.teacher), Learned::of(&self.student)]
    }

    /// The student's loss, and how far its loss on labelled images fell.
    pub fn step(&mut self, step: Step<'_>) -> Result<(f64, f64), SchemeError> {
        let [teacher, student] = self.learners;
        let classes = student.classes();
        let truth = rows(&step.labelled.labels, classes);

        // 1. The teacher draws classes.
        let probabilities: Vec<f32> =
            self.opinion.run(step.strong)?.chunks_exact(classes).flat_map(|row| softmax(row, 1.0)).collect();
        let drawn: Vec<usize> = probabilities.chunks_exact(classes).map(|row| self.draw(row)).collect();
        let consistent = self.consistent(step.plain, classes)?;

        // 2. The student learns from them: how much better does it know what is labelled? What its batch norms saw of the
        // images would have been the same with any labels, so both answers are given with the statistics after the step.
        let targets = Targets::Labels(&drawn);
        let loss = student.step(&mut self.student, step.strong, targets, step.per_epoch, Phase::Meta)?;
        let moved = self.student.weights();
        let unmoved = with_parameters_of(&self.pupil, &moved);
        let mut exam = |weights: &StateDict<f32>| -> Result<f64, SchemeError> {
            self.exam.set_weights(weights)?;
            Ok(mean_loss(self.exam.run(&step.labelled.images)?, &truth, classes))
        };
        let feedback = exam(&unmoved)? - exam(&moved)?;
        self.pupil = moved;
        let told = self.scheme.feedback * (feedback - self.mean(feedback));

        // 3. The teacher learns from all of it. Its loss is a mean over the batch; each term is one over its own images.
        let (few, many) = (step.labelled.items.len() as f64, drawn.len() as f64);
        let (share, rest) = ((few + many) / few, (few + many) / many);
        let smoothing = teacher.options.label_smoothing;
        let even = smoothing / classes as f64;
        let mut targets: Vec<f32> =
            truth.iter().map(|&t| (share * ((1.0 - smoothing) * f64::from(t) + even)) as f32).collect();
        let first = targets.len();
        targets.extend(consistent.iter().map(|&t| (rest * f64::from(t)) as f32));
        for (row, &class) in targets[first..].chunks_exact_mut(classes).zip(&drawn) {
            row[class] += (rest * told) as f32;
        }
        let images = [&step.labelled.images.numbers()[..], step.strong].concat();
        teacher.step(&mut self.teacher, &images, Targets::Soft(&targets), step.per_epoch, Phase::Meta)?;
        self.opinion.set_weights(&self.teacher.weights())?;
        Ok((loss, feedback))
    }

    /// A class for an image.
    fn draw(&mut self, probabilities: &[f32]) -> usize {
        if !self.scheme.draw {
            return largest(probabilities);
        }
        let mut left: f64 = self.rng.r#gen();
        for (class, &probability) in probabilities.iter().enumerate() {
            left -= f64::from(probability);
            if left < 0.0 {
                return class;
            }
        }
        largest(probabilities)
    }

    /// What the teacher is to say to the augmented images by its opinion of the images themselves, times what that counts.
    fn consistent(&mut self, plain: &[f32], classes: usize) -> Result<Vec<f32>, SchemeError> {
        let samples = plain.len() / self.learners[1].graph.input_shape().elements().max(1);
        let mut rows = vec![0.0; samples * classes];
        let Some(uda) = self.scheme.uda else { return Ok(rows) };
        let grown = (self.student.steps() + 1) as f64 / uda.warm_up.max(1) as f64;
        let weight = uda.weight * grown.min(1.0);
        for (logits, row) in self.opinion.run(plain)?.chunks_exact(classes).zip(rows.chunks_exact_mut(classes)) {
            let probabilities = softmax(logits, 1.0);
            if f64::from(probabilities[largest(&probabilities)]) < uda.confidence {
                continue;
            }
            for (target, probability) in row.iter_mut().zip(softmax(logits, uda.temperature)) {
                *target = (weight * f64::from(probability)) as f32;
            }
        }
        Ok(rows)
    }

    /// The feedback's mean so far, with this one.
    fn mean(&mut self, feedback: f64) -> f64 {
        let Some(decay) = self.scheme.baseline else { return 0.0 };
        let mean = self.mean.map_or(0.0, |mean| decay * mean + (1.0 - decay) * feedback);
        self.mean = Some(mean);
        mean
    }
}

/// What is learned by gradient from the one, running statistics from the other.
fn with_parameters_of(one: &StateDict<f32>, other: &StateDict<f32>) -> StateDict<f32> {
    let mut mixed = other.clone();
    for (tensor, role) in one.tensors().iter().zip(one.roles()) {
        if let (Role::Parameter, Some(values)) = (role, mixed.get_mut(&tensor.name)) {
            values.copy_from_slice(&tensor.data);
        }
    }
    mixed
}

/// Mean cross-entropy of logits with rows of probabilities.
fn mean_loss(logits: &[f32], truth: &[f32], classes: usize) -> f64 {
    let loss = |(logits, truth): (&[f32], &[f32])| {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|&x| libm::exp(f64::from(x) - f64::from(largest))).sum();
        let log_sum = libm::log(sum) + f64::from(largest);
        truth.iter().zip(logits).map(|(&t, &x)| f64::from(t) * (log_sum - f64::from(x))).sum::<f64>()
    };
    let rows = logits.chunks_exact(classes).zip(truth.chunks_exact(classes));
    let samples = (logits.len() / classes).max(1) as f64;
    rows.map(loss).sum::<f64>() / samples
}
