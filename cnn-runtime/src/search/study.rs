//! The study: ask, report, tell. [`run`](super::run()) is a loop around it.

mod confirm;

use std::sync::Arc;
use std::time::Duration;

use super::domain::Domain;
use super::error::SearchError;
use super::front::{hypervolume, pareto};
use super::history::History;
use super::objective::score;
use super::pruners::Pruner;
use super::samplers::{Context, Sampler};
use super::spec::{Spec, digest};
use super::storage::{Claim, Storage};
use super::trial::{Outcome, State, Trial};

pub use confirm::{Confirmation, Confirmed};

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Evaluate this, report, tell.
    Trial(Box<Trial>),
    /// Nothing now; others evaluate, and may die over it. Ask again.
    Busy,
    /// Nothing any more.
    Done,
}

/// What a report leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Not worth the effort: tell [`Outcome::Pruned`].
    Prune,
}

/// One worker's view of a study. Any number of workers, each with its own, share a storage.
///
/// ```
/// use std::sync::Arc;
/// use cnn_runtime::search::{Asked, Gene, Memory, Objective, Outcome, Spec, Study, Table};
///
/// let table = Arc::new(Table::new(vec![Gene::new("width", ["8", "16", "32"]), Gene::new("depth", ["1", "2", "3"])]));
/// let spec = Spec::new("example", &*table, Objective::maximise("score"));
/// let mut study = Study::new(table, Box::new(Memory::new(spec)?))?;
/// while let Asked::Trial(trial) = study.ask(50)? {
///     let score: u16 = trial.genome.0.iter().flatten().sum();
///     study.tell(&trial, Outcome::Values(vec![f64::from(score)]))?;
/// }
/// assert_eq!(study.best().map(|trial| trial.genome.to_string()), Some("2.2".to_owned()));
/// # Ok::<(), cnn_runtime::search::SearchError>(())
/// ```
pub struct Study {
    domain: Arc<dyn Domain>,
    storage: Box<dyn Storage>,
    sampler: Box<dyn Sampler>,
    pruner: Box<dyn Pruner>,
    history: History,
    confirmations: Vec<Confirmation>,
    silence: Duration,
    attempts: u32,
}

impl Study {
    /// The study of a storage, in its space.
    ///
    /// # Errors
    /// If it is a study of another space, or the storage fails.
    pub fn new(domain: Arc<dyn Domain>, storage: Box<dyn Storage>) -> Result<Study, SearchError> {
        let spec = storage.spec();
        let given = digest(&*domain);
        if spec.genes != given {
            let (place, stored) = (format!("the study of {}", spec.space), spec.genes.clone());
            return Err(SearchError::OtherStudy { place, name: "genes".to_owned(), stored, given });
        }
        let (sampler, pruner) = (spec.sampler.sampler(), spec.pruner.pruner());
        let (silence, attempts) = (Duration::from_secs(60), 5);
        let (history, confirmations) = (History::default(), Vec::new());
        let mut study = Study { domain, storage, sampler, pruner, history, confirmations, silence, attempts };
        study.refresh()?;
        Ok(study)
    }

    /// After how long without a sign of life a worker counts as dead, 60 seconds otherwise, and how often a trial is begun
    /// before it fails, 5 times otherwise.
    pub fn patience(mut self, silence: Duration, attempts: u32) -> Study {
        (self.silence, self.attempts) = (silence, attempts);
        self
    }

    /// After how long without a sign of life a worker counts as dead.
    pub fn silence(&self) -> Duration {
        self.silence
    }

    /// What the study is.
    pub fn spec(&self) -> &Spec {
        self.storage.spec()
    }

    /// The space.
    pub fn domain(&self) -> &Arc<dyn Domain> {
        &self.domain
    }

    /// The storage for another thread.
    ///
    /// # Errors
    /// If it cannot be opened again.
    pub fn storage(&self) -> Result<Box<dyn Storage>, SearchError> {
        self.storage.again()
    }

    /// What was known at the last [refresh](Self::refresh), [ask](Self::ask), report or tell.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Learns what other workers did.
    ///
    /// # Errors
    /// If the storage fails, or holds genomes of another space.
    pub fn refresh(&mut self) -> Result<(), SearchError> {
        let (revision, changed) = self.storage.changes(self.history.revision())?;
        let objectives = self.storage.spec().objectives.len();
        for trial in &changed {
            let place = || self.storage.spec().space.clone();
            if self.history.get(trial.number).is_none() && !self.domain.contains(&trial.genome) {
                let reason = format!("{} of trial {} is no member of the space", trial.genome, trial.number);
                return Err(SearchError::Damaged { place: format!("the study of {}", place()), reason });
            }
            if trial.state == State::Complete && trial.values.len() != objectives {
                let reason =
                    format!("trial {} has {} values for {objectives} objectives", trial.number, trial.values.len());
                return Err(SearchError::Damaged { place: format!("the study of {}", place()), reason });
            }
        }
        self.history.take(revision, changed);
        self.confirmations = self.storage.confirmations()?;
        Ok(())
    }

    /// What to do next in a study of at most `most` trials: a trial whose worker died, or else a new one.
    ///
    /// # Errors
    /// If the storage fails or the space has nothing to give.
    pub fn ask(&mut self, most: u64) -> Result<Asked, SearchError> {
        loop {
            let taken = self.storage.take(self.silence, self.attempts)?;
            self.refresh()?;
            if let Some(claim) = taken {
                return self.claimed(claim);
            }
            let number = self.history.len() as u64;
            let proposal = if number < most { self.propose(number)? } else { None };
            let Some(proposal) = proposal else {
                let under_way = self.history.len() > self.history.told_len();
                return Ok(if under_way { Asked::Busy } else { Asked::Done });
            };
            // Somebody else may have been quicker; then there is more to know.
            if let Some(claim) = self.storage.add(number, &proposal)? {
                self.refresh()?;
                return self.claimed(claim);
            }
        }
    }

    fn propose(&mut self, number: u64) -> Result<Option<super::trial::Proposal>, SearchError> {
        let Spec { objectives, reward, seed, .. } = self.storage.spec();
        let (domain, history) = (&*self.domain, &self.history);
        let context = Context { domain, objectives, reward: reward.as_ref(), history, seed: *seed, number };
        let mut rng = context.rng();
        Ok(self.sampler.propose(&context, &mut rng)?)
    }

    fn claimed(&self, claim: Claim) -> Result<Asked, SearchError> {
        match self.history.get(claim.trial) {
            Some(trial) => {
                Ok(Asked::Trial(Box::new(Trial { state: State::Running, attempt: claim.attempt, ..trial.clone() })))
            }
            None => {
                let place = format!("the study of {}", self.spec().space);
                Err(SearchError::Damaged { place, reason: format!("trial {} is not there", claim.trial) })
            }
        }
    }

    /// Notes the first objective of a trial at a step, which must rise from report to report.
    ///
    /// # Errors
    /// If the value is no finite number, the step does not rise, the trial is no longer this worker's, or the storage fails.
    pub fn report(&mut self, trial: &Trial, step: u64, value: f64) -> Result<Verdict, SearchError> {
        let known = self.history.get(trial.number).filter(|known| known.attempt == trial.attempt);
        let last = known.and_then(|known| known.reports.last()).map_or(0, |&(last, _)| last);
        if !value.is_finite() || step <= last || i64::try_from(step).is_err() {
            return Err(SearchError::Report { trial: trial.number, step, value, last });
        }
        self.storage.report(claim(trial), step, value)?;
        self.refresh()?;
        let Some(trial) = self.history.get(trial.number) else { return Ok(Verdict::Continue) };
        let Some(objective) = self.storage.spec().objectives.first() else { return Ok(Verdict::Continue) };
        let prunes = self.pruner.prunes(&self.history, trial, objective);
        Ok(if prunes { Verdict::Prune } else { Verdict::Continue })
    }

    /// Ends a trial. Values that are no finite numbers make it a failed one.
    ///
    /// # Errors
    /// If there is not a value for each objective, the trial is no longer this worker's, or the storage fails.
    pub fn tell(&mut self, trial: &Trial, outcome: Outcome) -> Result<(), SearchError> {
        let objectives = &self.spec().objectives;
        let outcome = match outcome {
            Outcome::Values(values) if values.len() != objectives.len() => {
                let names = objectives.iter().map(|objective| objective.name.as_str()).collect::<Vec<_>>().join(", ");
                let (expected, got) = (objectives.len(), values.len());
                return Err(SearchError::Values { trial: trial.number, expected, names, got });
            }
            Outcome::Values(values) => match values.iter().position(|value| !value.is_finite()) {
                Some(at) => Outcome::Failed(format!("{} is {}", objectives[at].name, values[at])),
                None => Outcome::Values(values),
            },
            other => other,
        };
        self.storage.tell(claim(trial), &outcome)?;
        self.refresh()
    }

    /// Gives a trial back; whoever asks next gets it.
    ///
    /// # Errors
    /// If the trial is no longer this worker's, or the storage fails.
    pub fn release(&mut self, trial: &Trial) -> Result<(), SearchError> {
        self.storage.release(claim(trial))?;
        self.refresh()
    }

    /// The complete trial with the best reward, or the best first objective where there is no reward. Of equals the first told.
    pub fn best(&self) -> Option<&Trial> {
        let Spec { objectives, reward, .. } = self.spec();
        let scored =
            self.history.complete().filter_map(|trial| Some((score(trial, objectives, reward.as_ref())?, trial)));
        let best = scored.reduce(|best, next| if next.0.compare(&best.0).is_gt() { next } else { best });
        best.map(|(_, trial)| trial)
    }

    /// Complete trials that no other is better than in every way, in the order of their numbers; of equals the first told.
    pub fn front(&self) -> Vec<&Trial> {
        let complete: Vec<&Trial> = self.history.complete().collect();
        let losses: Vec<Vec<f64>> = complete.iter().map(|trial| self.losses(trial)).collect();
        let points: Vec<&[f64]> = losses.iter().map(Vec::as_slice).collect();
        let mut front: Vec<usize> = pareto(&points);
        let mut seen: Vec<&[f64]> = Vec::new();
        front.retain(|&index| {
            let new = !seen.contains(&points[index]);
            seen.push(points[index]);
            new
        });
        let mut front: Vec<&Trial> = front.into_iter().map(|index| complete[index]).collect();
        front.sort_by_key(|trial| trial.number);
        front
    }

    /// Volume of values between the front and a reference point, which has a value for each objective.
    pub fn hypervolume(&self, reference: &[f64]) -> f64 {
        let losses: Vec<Vec<f64>> = self.history.complete().map(|trial| self.losses(trial)).collect();
        let points: Vec<&[f64]> = losses.iter().map(Vec::as_slice).collect();
        let reference: Vec<f64> =
            self.spec().objectives.iter().zip(reference).map(|(objective, &value)| objective.loss(value)).collect();
        hypervolume(&points, &reference)
    }

    fn losses(&self, trial: &Trial) -> Vec<f64> {
        self.spec().objectives.iter().zip(&trial.values).map(|(objective, &value)| objective.loss(value)).collect()
    }
}

/// The right of whoever has this trial from [`Study::ask`].
pub(super) fn claim(trial: &Trial) -> Claim {
    Claim { trial: trial.number, attempt: trial.attempt }
}

#[cfg(test)]
mod tests;
