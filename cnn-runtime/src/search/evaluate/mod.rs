//! How good a member is: trained for a while, timed, counted.

mod evaluation;
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

use super::domain::Members;
use super::error::SearchError;
use super::proxies::{IMAGES, grad_norm, jacob_cov, synflow};
use super::run::{Evaluated, Report};
use super::spec::Spec;
use super::study::{Confirmation, Study};
use super::trial::{Outcome, Trial};
use crate::engine::{Backend, Device, Session};
use crate::train::{Settings, TrainError, evaluate};
use crate::weights::StateDict;

pub use evaluation::Evaluation;
pub use latency::{Latency, latency};
pub use lookup::{Lookup, LookupError, kendall_tau};
pub use quantity::Quantity;
pub use short::{Ended, Short, Split, train_short};

/// Evaluates members. Workers on threads share one and its device, each with a pool of threads of its own.
pub struct Evaluator {
    members: Arc<dyn Members>,
    evaluation: Evaluation,
    /// Of the device and in the precision of the settings.
    backend: Arc<dyn Backend<f32>>,
    quantities: Vec<Quantity>,
    /// None where no images are needed.
    split: Option<Split>,
    lookup: Mutex<Lookup>,
    weights: Option<PathBuf>,
}

impl Evaluator {
    /// What a study asks for. `weights` is where the weights of members on the front are kept.
    ///
    /// # Errors
    /// If an objective is unknown, or the device or the images cannot be had.
    pub fn new(members: Arc<dyn Members>, spec: &Spec, weights: Option<PathBuf>) -> Result<Evaluator, SearchError> {
        let backend = Evaluation::of(spec)?.backend()?;
        Evaluator::on(backend, members, spec, weights)
    }

    /// The same on a back end, whatever device the settings name.
    ///
    /// # Errors
    /// As [`Evaluator::new`].
    pub fn on(
        backend: Arc<dyn Backend<f32>>,
        members: Arc<dyn Members>,
        spec: &Spec,
        weights: Option<PathBuf>,
    ) -> Result<Evaluator, SearchError> {
        let evaluation = Evaluation::of(spec)?;
        let quantities = spec.objectives.iter().map(Quantity::of).collect::<Result<Vec<_>, _>>()?;
        let split = match quantities.iter().any(|quantity| quantity.sees_images()) {
            true => {
                let any = members.sample(&mut ChaCha8Rng::seed_from_u64(0))?;
                Some(Split::load(&evaluation, &members.graph(&any)?)?)
            }
            false => None,
        };
        let lookup = Mutex::new(Lookup::new(backend.clone()));
        Ok(Evaluator { members, evaluation, backend, quantities, split, lookup, weights })
    }

    /// Refuses objectives that nobody knows, a device that is not to be had, and latencies on a graphics processor while other
    /// workers keep it busy.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(spec: &Spec, workers: usize) -> Result<(), SearchError> {
        let quantities = spec.objectives.iter().map(Quantity::of).collect::<Result<Vec<_>, _>>()?;
        let evaluation = Evaluation::of(spec)?;
        let device = evaluation.training.device;
        if workers > 1 && device != Device::Cpu && quantities.iter().any(|quantity| quantity.is_timed()) {
            let message =
                format!("latencies on {device} are measured with one worker, got {workers} that would share it");
            return Err(SearchError::Objectives { message });
        }
        evaluation.backend().map(|_| ())
    }

    /// What runs the members.
    pub fn backend(&self) -> &dyn Backend<f32> {
        &*self.backend
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
        let trained = match self.split.as_ref().filter(|_| self.trains()) {
            None => None,
            Some(split) => {
                let first = self.quantities.first().filter(|quantity| quantity.is_trained());
                let mut epoch = |epoch: u64, short: &Short| match first {
                    Some(quantity) => report(epoch, quantity.of_training(short)),
                    None => Ok(super::study::Verdict::Continue),
                };
                match train_short(&self.backend, &graph, &self.evaluation.training, split, stop, &mut epoch) {
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
            short.weights.save(weights_file(dir, trial.number)).map_err(TrainError::from)?;
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
        let engine = |error| SearchError::Train(TrainError::Engine(error));
        Ok(match quantity {
            Quantity::Accuracy | Quantity::Loss => trained.map_or(f64::NAN, |short| quantity.of_training(short)),
            Quantity::Latency => latency(&*self.backend, graph).map_err(engine)?.median,
            Quantity::Predicted => {
                let mut lookup = self.lookup.lock().unwrap_or_else(PoisonError::into_inner);
                lookup.predict(graph).map_err(engine)?
            }
            Quantity::Params => self.members.costs(&trial.genome)?.params as f64,
            Quantity::Macs => self.members.costs(&trial.genome)?.macs as f64,
            Quantity::Activations => self.members.costs(&trial.genome)?.activations as f64,
            Quantity::Synflow => synflow(graph, self.evaluation.training.seed).map_err(engine)?,
            Quantity::GradNorm => {
                let (images, labels) = self.first_images()?;
                grad_norm(&*self.backend, graph, &self.untrained(graph)?, &images, &labels).map_err(engine)?
            }
            Quantity::JacobCov => {
                let (images, _) = self.first_images()?;
                jacob_cov(&*self.backend, graph, &self.untrained(graph)?, &images).map_err(engine)?
            }
        })
    }

    /// How far predicted latencies are from measured ones, for so many members drawn at random, where latencies are predicted. It runs
    /// on the threads of the pool that this runs in: those that evaluated.
    ///
    /// # Errors
    /// If the space has no members to draw, or the engine cannot run one.
    pub fn latency_error(&self, members: usize) -> Result<Option<LookupError>, SearchError> {
        if !self.quantities.contains(&Quantity::Predicted) {
            return Ok(None);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let graphs: Result<Vec<Graph>, SearchError> =
            (0..members).map(|_| Ok(self.members.graph(&self.members.sample(&mut rng)?)?)).collect();
        let mut lookup = self.lookup.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(lookup.error(&graphs?).map_err(TrainError::from)?))
    }

    /// What a training would begin with.
    fn untrained(&self, graph: &Graph) -> Result<StateDict<f32>, SearchError> {
        Ok(StateDict::init(graph, self.evaluation.training.seed).map_err(TrainError::from)?)
    }

    /// The first training images as they are, with their classes; none where no objective looks at any.
    fn first_images(&self) -> Result<(Vec<f32>, Vec<usize>), SearchError> {
        let Some(Split { train, .. }) = &self.split else { return Ok((Vec::new(), Vec::new())) };
        let count = train.len().min(IMAGES);
        let mut images = vec![0.0; count * train.image_len()];
        for (index, image) in images.chunks_exact_mut(train.image_len()).enumerate() {
            train.image(index, image).map_err(TrainError::from)?;
        }
        Ok((images, (0..count).map(|index| train.label(index)).collect()))
    }

    /// Whether members are trained, so that the best can be [confirmed](Self::confirm).
    pub fn trains(&self) -> bool {
        self.quantities.iter().any(|quantity| quantity.is_trained())
    }

    /// Trains a trial's member once more, with everything drawn from another seed and nothing pruned; nothing where it was stopped. A training
    /// that diverges has learned nothing: no image is classified rightly.
    ///
    /// # Errors
    /// If nothing is trained in this study, or the engine fails.
    pub fn confirm(
        &self,
        trial: &Trial,
        seed: u64,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Confirmation>, SearchError> {
        let Some(split) = self.split.as_ref().filter(|_| self.trains()) else {
            let message = "nothing is trained in this study: there is no accuracy to confirm".to_owned();
            return Err(SearchError::Objectives { message });
        };
        let graph = self.members.graph(&trial.genome)?;
        let settings = Settings { seed, ..self.evaluation.training.clone() };
        match train_short(&self.backend, &graph, &settings, split, stop, &mut |_, _| {
            Ok(super::study::Verdict::Continue)
        }) {
            Ok(Ended::Done(short)) => {
                let options = settings.session_options(settings.batch);
                let mut session =
                    Session::on(&*self.backend, &graph, &short.weights, options).map_err(TrainError::from)?;
                let test = evaluate(&mut session, &split.test)?.accuracy;
                let Short { accuracy, loss, .. } = short;
                Ok(Some(Confirmation { trial: trial.number, seed, accuracy, loss, test }))
            }
            Ok(Ended::Pruned | Ended::Stopped) => Ok(None),
            Err(SearchError::Train(TrainError::Diverged { .. })) => {
                Ok(Some(Confirmation { trial: trial.number, seed, accuracy: 0.0, loss: f64::MAX, test: 0.0 }))
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the kept weights of trials that are neither on the front nor among the best.
    pub fn tidy(&self, study: &Study) {
        let Some(dir) = &self.weights else { return };
        let mut kept: Vec<u64> = study.front().iter().map(|trial| trial.number).collect();
        kept.extend([study.best(), study.winner()].into_iter().flatten().map(|trial| trial.number));
        // One of these may win yet.
        kept.extend(study.promising(PROMISING).iter().map(|trial| trial.number));
        for trial in study.history().told() {
            if !kept.contains(&trial.number) {
                // Most have none.
                let _ = fs::remove_file(weights_file(dir, trial.number));
            }
        }
    }
}

/// The most trials whose weights are kept as those of promising ones.
const PROMISING: usize = 16;

/// Where the weights of a trial are kept.
pub fn weights_file(dir: &Path, trial: u64) -> PathBuf {
    dir.join(format!("{trial}.safetensors"))
}

fn storage(action: &'static str, path: &Path, error: &std::io::Error) -> SearchError {
    SearchError::Storage { action, path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
