//! A training in memory, as [`fit`](crate::train::fit) does it in a folder.

use cnn_lang::graph::Graph;

use super::Evaluation;
use crate::data::Dataset;
use crate::engine::{Session, SessionOptions, Targets, Trainer};
use crate::search::error::SearchError;
use crate::search::study::Verdict;
use crate::train::{Facts, Images, Settings, TrainError, evaluate};
use crate::weights::StateDict;

/// Images of a study, normalised: to train on, held out to judge by, and the test images.
#[derive(Clone, Debug)]
pub struct Split {
    /// To train on.
    pub train: Dataset,
    /// To judge members by.
    pub held_out: Dataset,
    /// For the winner, at the end.
    pub test: Dataset,
    /// What normalised them.
    pub facts: Facts,
}

impl Split {
    /// Loads images at the input size of a member; the last training images are held out.
    ///
    /// # Errors
    /// If they cannot be had, do not fit the network, or none is left to train on.
    pub fn load(evaluation: &Evaluation, graph: &Graph) -> Result<Split, SearchError> {
        evaluation.training.check().map_err(SearchError::Train)?;
        let Images { train, test, facts } = Images::load(&evaluation.training, graph).map_err(SearchError::Train)?;
        let held_out = evaluation.held_out;
        if held_out == 0 || held_out >= train.len() {
            let got = format!("{held_out} of {}", train.len());
            return Err(SearchError::Setting {
                what: "evaluation",
                name: "number of held-out images",
                expected: "at least 1 and fewer than the training images",
                got,
            });
        }
        let left = train.len() - held_out;
        let (train, held_out) = train.split(left);
        Ok(Split { train, held_out, test, facts })
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

/// Trains a network from its first weights, which follow from the settings' seed; the same bits as often as it is called, on any number of threads.
///
/// # Errors
/// If the engine cannot train the network, the loss is no longer finite, or a report cannot be made.
pub fn train_short(
    graph: &Graph,
    settings: &Settings,
    split: &Split,
    stop: &(dyn Fn() -> bool + Sync),
    epoch: &mut (dyn FnMut(u64, &Short) -> Result<Verdict, SearchError> + Send),
) -> Result<Ended, SearchError> {
    let weights = StateDict::init(graph, settings.seed).map_err(TrainError::from)?;
    let per_epoch = split.train.len().div_ceil(settings.batch) as u64;
    let mut trainer =
        Trainer::new(graph, &weights, settings.trainer_options(per_epoch as usize)).map_err(TrainError::from)?;
    let options = SessionOptions { batch: settings.batch, precision: settings.precision, ..SessionOptions::default() };
    let mut session = Session::new(graph, &weights, options).map_err(TrainError::from)?;
    let mut last = None;
    for number in 0..settings.epochs {
        for batch in split.train.batches(settings.batch, settings.epoch_seed(number)) {
            if stop() {
                return Ok(Ended::Stopped);
            }
            let step = trainer.steps();
            let rate = settings.schedule.rate(settings.learning_rate, step, per_epoch, settings.epochs);
            if let Some(ramp) = &settings.dropout {
                trainer.set_dropout(ramp.share(step, per_epoch)).map_err(TrainError::from)?;
            }
            let report = trainer.step(&batch.images, Targets::Labels(&batch.labels), rate).map_err(TrainError::from)?;
            if !report.loss.is_finite() && !report.skipped {
                return Err(TrainError::Diverged { loss: "loss", got: report.loss, step: step + 1, rate }.into());
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
