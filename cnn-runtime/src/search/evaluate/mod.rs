//! How good a member is: trained for a while, timed, counted.

mod latency;
mod lookup;
mod quantity;
mod short;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cnn_lang::graph::Graph;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::domain::Members;
use super::error::SearchError;
use super::run::{Evaluated, Report};
use super::spec::Spec;
use super::study::Study;
use super::trial::{Outcome, Trial};
use crate::train::Settings;

pub use latency::{Latency, latency};
pub use lookup::{Lookup, LookupError, kendall_tau};
pub use quantity::Quantity;
pub use short::{Ended, Short, Split, train_short};

/// How the trials of a study are evaluated: a study's [`Spec::evaluation`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The training, the same for every member; its `network` is the space. Members are judged by its validation images, so
    /// there must be some; the test images are left for the end.
    pub training: Settings,
    /// The source of the space, which stands alone.
    pub definition: String,
}

/// Evaluates members. Workers on threads share one, each with a pool of threads of its own.
pub struct Evaluator {
    members: Arc<dyn Members>,
    evaluation: Evaluation,
    quantities: Vec<Quantity>,
    /// None where nothing is trained.
    split: Option<Split>,
    lookup: Mutex<Lookup>,
    weights: Option<PathBuf>,
}

impl Evaluator {
    /// What a study asks for. `weights` is where the weights of members on the front are kept.
    ///
    /// # Errors
    /// If an objective is unknown, or the images cannot be had.
    pub fn new(members: Arc<dyn Members>, spec: &Spec, weights: Option<PathBuf>) -> Result<Evaluator, SearchError> {
        let evaluation: Evaluation = serde_json::from_value(spec.evaluation.clone()).map_err(|error| {
            SearchError::Damaged { place: format!("the evaluation of {}", spec.space), reason: error.to_string() }
        })?;
        let quantities = spec.objectives.iter().map(Quantity::of).collect::<Result<Vec<_>, _>>()?;
        let split = match quantities.iter().any(|quantity| quantity.is_trained()) {
            true => {
                let any = members.sample(&mut ChaCha8Rng::seed_from_u64(0))?;
                Some(Split::load(&evaluation, &members.graph(&any)?)?)
            }
            false => None,
        };
        Ok(Evaluator { members, evaluation, quantities, split, lookup: Mutex::default(), weights })
    }

    /// Refuses objectives that nobody knows.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(spec: &Spec) -> Result<(), SearchError> {
        spec.objectives.iter().try_for_each(|objective| Quantity::of(objective).map(|_| ()))
    }

    /// The images that it trains and judges on.
    pub fn split(&self) -> Option<&Split> {
        self.split.as_ref()
    }

    /// How the trials are evaluated.
    pub fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    /// Evaluates a trial, on the threads of the pool that this runs in. After each epoch it reports the first objective, where that is
    /// learned. A training that diverges is a failed trial.
    ///
    /// # Errors
    /// If a report cannot be made.
    pub fn evaluate(
        &self,
        trial: &Trial,
        stop: &(dyn Fn() -> bool + Sync),
        report: &mut Report<'_>,
    ) -> Result<Evaluated, SearchError> {
        let graph = self.members.graph(&trial.genome)?;
        let failed = |why: String| Ok(Evaluated::Told(Outcome::Failed(why)));
        let trained = match &self.split {
            None => None,
            Some(split) => {
                let first = self.quantities.first().filter(|quantity| quantity.is_trained());
                let mut epoch = |epoch: u64, short: &Short| match first {
                    Some(quantity) => report(epoch, quantity.of_training(short)),
                    None => Ok(super::study::Verdict::Continue),
                };
                match train_short(&graph, &self.evaluation.training, split, stop, &mut epoch) {
                    Ok(Ended::Done(short)) => Some(short),
                    Ok(Ended::Pruned) => return Ok(Evaluated::Told(Outcome::Pruned)),
                    Ok(Ended::Stopped) => return Ok(Evaluated::Stopped),
                    Err(SearchError::Train(error)) => return failed(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
        };
        let mut values = Vec::with_capacity(self.quantities.len());
        for quantity in &self.quantities {
            match self.value(*quantity, &graph, trial, trained.as_ref()) {
                Ok(value) => values.push(value),
                Err(SearchError::Train(error)) => return failed(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        if let (Some(short), Some(dir)) = (&trained, &self.weights) {
            fs::create_dir_all(dir).map_err(|error| storage("create", dir, &error))?;
            short.weights.save(weights_file(dir, trial.number)).map_err(crate::train::TrainError::from)?;
        }
        Ok(Evaluated::Told(Outcome::Values(values)))
    }

    fn value(
        &self,
        quantity: Quantity,
        graph: &Graph,
        trial: &Trial,
        trained: Option<&Short>,
    ) -> Result<f64, SearchError> {
        let engine = |error| SearchError::Train(crate::train::TrainError::Engine(error));
        Ok(match quantity {
            Quantity::Accuracy | Quantity::Loss => trained.map_or(f64::NAN, |short| quantity.of_training(short)),
            Quantity::Latency => latency(graph).map_err(engine)?.median,
            Quantity::Predicted => {
                let mut lookup = self.lookup.lock().unwrap_or_else(PoisonError::into_inner);
                lookup.predict(graph).map_err(engine)?
            }
            Quantity::Params => self.members.costs(&trial.genome)?.params as f64,
            Quantity::Macs => self.members.costs(&trial.genome)?.macs as f64,
            Quantity::Activations => self.members.costs(&trial.genome)?.activations as f64,
        })
    }

    /// Removes the kept weights of trials that are neither on the front nor the best.
    pub fn tidy(&self, study: &Study) {
        let Some(dir) = &self.weights else { return };
        let mut kept: Vec<u64> = study.front().iter().map(|trial| trial.number).collect();
        kept.extend(study.best().map(|trial| trial.number));
        for trial in study.history().told() {
            if !kept.contains(&trial.number) {
                // Most have none.
                let _ = fs::remove_file(weights_file(dir, trial.number));
            }
        }
    }
}

/// Where the weights of a trial are kept.
pub fn weights_file(dir: &Path, trial: u64) -> PathBuf {
    dir.join(format!("{trial}.safetensors"))
}

fn storage(action: &'static str, path: &Path, error: &std::io::Error) -> SearchError {
    SearchError::Storage { action, path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
