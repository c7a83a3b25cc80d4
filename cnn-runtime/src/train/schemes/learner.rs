//! A network that is to learn, and what came of it.

use cnn_lang::graph::{Graph, Shape};

use super::endless::{epoch_seed, rows};
use super::{Moment, Phase, SchemeError, Watch};
use crate::data::{Labels, Loader, Part};
use crate::engine::{Session, SessionOptions, Targets, Trainer, TrainerOptions};
use crate::train::Schedule;
use crate::weights::StateDict;

/// A network that is to learn, and how.
#[derive(Clone, Debug)]
pub struct Learner {
    /// The network.
    pub graph: Graph,
    /// What it begins with.
    pub weights: StateDict<f32>,
    /// Batch, optimizer, weight decay and so on; the seed decides about the order of the images too.
    pub options: TrainerOptions,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// How it changes from step to step.
    pub schedule: Schedule,
    /// How often the images are gone through: the labelled ones in supervised training, otherwise the unlabelled ones.
    pub epochs: usize,
}

/// A network that has learned.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The network.
    pub graph: Graph,
    /// Its weights; their moving averages, where [`TrainerOptions::average`] asked for them.
    pub weights: StateDict<f32>,
}

impl Learned {
    /// Ready for batches of so many images.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn session(&self, batch: usize) -> Result<Session, SchemeError> {
        Ok(Session::new(&self.graph, &self.weights, SessionOptions { batch, ..SessionOptions::default() })?)
    }

    pub(super) fn of(trainer: &Trainer) -> Learned {
        let weights = trainer.averages().unwrap_or_else(|| trainer.weights());
        Learned { graph: trainer.graph().clone(), weights }
    }
}

impl Learner {
    /// Learns from labelled images alone.
    ///
    /// # Errors
    /// If the network does not fit the images, a setting is out of its range, an image cannot be read, memory is not to be
    /// had, or the loss is no longer finite.
    pub fn supervised(&self, labelled: &Part, watch: &mut dyn Watch) -> Result<Learned, SchemeError> {
        self.labelled(labelled, Phase::Supervised, watch)
    }

    pub(super) fn labelled(
        &self,
        labelled: &Part,
        phase: Phase,
        watch: &mut dyn Watch,
    ) -> Result<Learned, SchemeError> {
        self.check(labelled, "labelled")?;
        let mut trainer = Trainer::new(&self.graph, &self.weights, self.options.clone())?;
        let per_epoch = labelled.len().div_ceil(self.options.batch) as u64;
        for epoch in 0..self.epochs as u64 {
            let seed = epoch_seed(self.options.seed, 0, epoch);
            for batch in Loader::training(labelled, self.options.batch, seed, 0, labelled.threads()) {
                let batch = batch?;
                let targets = match &batch.labels {
                    Labels::Classes(labels) => Targets::Labels(labels),
                    Labels::Soft(rows) => Targets::Soft(rows),
                };
                let loss = self.step(&mut trainer, &batch.images.numbers(), targets, per_epoch, phase)?;
                let (step, steps) = (trainer.steps(), per_epoch * self.epochs as u64);
                watch.step(&Moment { phase, step, steps, loss, feedback: None });
            }
        }
        Ok(Learned::of(&trainer))
    }

    /// A step at the schedule's rate; its loss.
    pub(super) fn step(
        &self,
        trainer: &mut Trainer,
        images: &[f32],
        targets: Targets<'_, f32>,
        per_epoch: u64,
        phase: Phase,
    ) -> Result<f64, SchemeError> {
        let rate = self.schedule.rate(self.learning_rate, trainer.steps(), per_epoch, self.epochs);
        let report = trainer.step(images, targets, rate)?;
        match report.not_finite() {
            None => Ok(report.loss),
            Some((loss, got)) => Err(SchemeError::Diverged { phase, loss, got, step: trainer.steps(), rate }),
        }
    }

    /// Refuses what cannot learn from these images.
    pub(super) fn check(&self, part: &Part, what: &'static str) -> Result<(), SchemeError> {
        let fault = |name, expected, got: String| Err(SchemeError::Setting { name, expected, got });
        if part.is_empty() {
            return Err(SchemeError::NoImages { what });
        }
        fits(&self.graph, part, what)?;
        if self.epochs == 0 {
            return fault("number of epochs", "at least 1", self.epochs.to_string());
        }
        if self.options.batch == 0 {
            return fault("batch", "at least 1", self.options.batch.to_string());
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return fault("learning rate", "positive and finite", self.learning_rate.to_string());
        }
        self.schedule.fault().map_or(Ok(()), |(name, expected, got)| fault(name, expected, got))
    }

    /// Classes of the network.
    pub(super) fn classes(&self) -> usize {
        self.graph.output_shape().elements()
    }
}

/// Refuses images that a network does not take, or other classes than it tells.
pub(super) fn fits(graph: &Graph, part: &Part, what: &'static str) -> Result<(), SchemeError> {
    let [channels, height, width] = part.preparation().shape;
    let network = || graph.name.clone();
    if graph.input_shape() != (Shape::Map { channels, height, width }) {
        let expected = graph.input_shape().to_string();
        return Err(SchemeError::Shape { network: network(), expected, what, got: part.preparation().shape });
    }
    let (outputs, classes) = (graph.output_shape().elements(), part.classes());
    match outputs == classes || what != "labelled" {
        true => Ok(()),
        false => Err(SchemeError::Classes { network: network(), outputs, classes }),
    }
}

/// Labelled images in front of others, in one batch.
pub(super) fn joined(
    labelled: &crate::data::Prepared,
    images: &[f32],
    targets: &[f32],
    classes: usize,
) -> (Vec<f32>, Vec<f32>) {
    ([&labelled.images.numbers()[..], images].concat(), [&rows(&labelled.labels, classes)[..], targets].concat())
}
