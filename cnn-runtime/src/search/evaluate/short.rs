//! A training in memory, as [`fit`](crate::train::fit) does it in a folder.

use std::sync::Arc;

use cnn_lang::graph::Graph;

use super::Evaluation;
use crate::data::{Loader, Part};
use crate::engine::{Backend, Session, Trainer};
use crate::search::error::SearchError;
use crate::search::study::Verdict;
use crate::train::{Facts, Images, Settings, TrainError, evaluate, targets};
use crate::weights::StateDict;

/// Images of a study, prepared: to train on, held out to judge by, and the test images.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// To train on.
    pub train: Part,
    /// To judge members by.
    pub held_out: Part,
    /// For the winner, at the end.
    pub test: Part,
    /// What normalised them.
    pub facts: Facts,
}

impl Split {
    /// Opens images at the input size of a member; the settings say which share of the training images is held out.
    ///
    /// # Errors
    /// If they cannot be had, do not fit the network, or none is held out.
    pub fn load(evaluation: &Evaluation, graph: &Graph) -> Result<Split, SearchError> {
        evaluation.training.check().map_err(SearchError::Train)?;
        let images = Images::load(&evaluation.training, graph).map_err(SearchError::Train)?;
        let Images { train, validation, test, facts } = images;
        let held_out = validation.ok_or_else(|| SearchError::Setting {
            what: "evaluation",
            name: "share of validation images",
            expected: "above 0 and at most 0.9, so that some are there to judge members by",
            got: evaluation.training.images.validation.to_string(),
        })?;
        Ok(Split { train, held_out, test, facts })
    }

    /// The batches of an epoch, in an order of its own.
    pub fn batches(&self, settings: &Settings, epoch: usize) -> Loader {
        let threads = settings.images.workers.unwrap_or(self.train.threads());
        Loader::training(&self.train, settings.batch, settings.epoch_seed(epoch), 0, threads)
    }
}

/// Where a training stands after an epoch.
#[derive(Clone, Debug)]
pub struct Short {
    /// Share of held-out images whose class has the largest logit.
    pub accuracy: f64,
    /// Mean cross-entropy of held-out images.
    pub loss: f64,
    /// The weights; averages, where an average is kept.
    pub weights: StateDict<f32>,
}

/// How a training ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// All epochs are complete.
    Done(Short),
    /// It was not worth the effort.
    Pruned,
    /// It was interrupted.
    Stopped,
}

/// Trains a network on a back end, whatever device the settings name, from its first weights, which follow from the settings' seed; the
/// same bits as often as it is called, on any number of threads.
///
/// # Errors
/// If the engine cannot train the network, the loss or a gradient is no longer finite, or a report cannot be made.
pub fn train_short(
    backend: &Arc<dyn Backend<f32>>,
    graph: &Graph,
    settings: &Settings,
    split: &Split,
    stop: &(dyn Fn() -> bool + Sync),
    epoch: &mut (dyn FnMut(u64, &Short) -> Result<Verdict, SearchError> + Send),
) -> Result<Ended, SearchError> {
    let weights = StateDict::init(graph, settings.seed).map_err(TrainError::from)?;
    let per_epoch = split.train.len().div_ceil(settings.batch) as u64;
    let options = settings.trainer_options(per_epoch as usize);
    let mut trainer = Trainer::on(backend.clone(), graph, &weights, options).map_err(TrainError::from)?;
    let options = settings.session_options(settings.batch);
    let mut session = Session::on(&**backend, graph, &weights, options).map_err(TrainError::from)?;
    let mut last = None;
    for number in 0..settings.epochs {
        for batch in split.batches(settings, number) {
            let batch = batch.map_err(TrainError::from)?;
            if stop() {
                return Ok(Ended::Stopped);
            }
            let step = trainer.steps();
            let rate = settings.schedule.rate(settings.learning_rate, step, per_epoch, settings.epochs);
            if let Some(ramp) = &settings.dropout {
                trainer.set_dropout(ramp.share(step, per_epoch)).map_err(TrainError::from)?;
            }
            let report = trainer.step(&batch.images, targets(&batch.labels), rate).map_err(TrainError::from)?;
            if let Some((loss, got)) = report.not_finite() {
                return Err(TrainError::Diverged { loss, got, step: step + 1, rate }.into());
            }
        }
        let weights = trainer.averages().unwrap_or_else(|| trainer.weights());
        session.set_weights(&weights).map_err(TrainError::from)?;
        let evaluation = evaluate(&mut session, &split.held_out)?;
        if !evaluation.loss.is_finite() {
            let (step, rate) = (trainer.steps(), settings.learning_rate);
            return Err(
                TrainError::Diverged { loss: "loss of held-out images", got: evaluation.loss, step, rate }.into()
            );
        }
        let short = Short { accuracy: evaluation.accuracy, loss: evaluation.loss, weights };
        let verdict = epoch(number as u64 + 1, &short)?;
        // After the last epoch there is nothing to save.
        if verdict == Verdict::Prune && number + 1 < settings.epochs {
            return Ok(Ended::Pruned);
        }
        last = Some(short);
    }
    match last {
        Some(short) => Ok(Ended::Done(short)),
        None => Err(TrainError::Setting { name: "epochs", expected: "at least 1", got: "0".to_owned() }.into()),
    }
}
