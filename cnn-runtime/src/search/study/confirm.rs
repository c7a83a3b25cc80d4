//! The best members trained again from other seeds: what a study may say of its winner.
//!
//! The best of many noisy values is better than what it is the value of: among sixty trainings judged by 500 images, the first is
//! first by luck too. So the most promising members are trained again, and compared by the means of trainings that
//! had no part in choosing them.

use cnn_lang::space::Genome;

use super::Study;
use crate::search::error::SearchError;
use crate::search::objective::{Score, score};
use crate::search::trial::Trial;

/// One more training of a trial's genome, from a seed of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confirmation {
    /// The trial.
    pub trial: u64,
    /// From what everything drawn in the training follows.
    pub seed: u64,
    /// Share of held-out images that are classified rightly.
    pub accuracy: f64,
    /// Mean cross-entropy of held-out images.
    pub loss: f64,
    /// Share of test images that are classified rightly. Nothing is chosen by it.
    pub test: f64,
}

/// What further trainings say of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confirmed {
    /// The trial.
    pub trial: u64,
    /// How often it was trained again.
    pub trainings: usize,
    /// Mean share of held-out images that are classified rightly.
    pub accuracy: f64,
    /// Mean over the trainings of the cross-entropy of held-out images.
    pub loss: f64,
    /// Mean share of test images that are classified rightly.
    pub test: f64,
    /// The trainings' standard deviation from it; 0 of one training.
    pub spread: f64,
}

impl Confirmed {
    fn of(trial: u64, all: &[Confirmation]) -> Option<Confirmed> {
        let own: Vec<&Confirmation> = all.iter().filter(|confirmation| confirmation.trial == trial).collect();
        let mean = |value: fn(&Confirmation) -> f64| own.iter().map(|one| value(one)).sum::<f64>() / own.len() as f64;
        let test = mean(|one| one.test);
        let squares: f64 = own.iter().map(|one| (one.test - test).powi(2)).sum();
        let spread = (squares / (own.len().saturating_sub(1).max(1)) as f64).sqrt();
        let (accuracy, loss) = (mean(|one| one.accuracy), mean(|one| one.loss));
        (!own.is_empty()).then_some(Confirmed { trial, trainings: own.len(), accuracy, loss, test, spread })
    }
}

impl Study {
    /// Complete trials that are worth being trained again, the best first, each genome once, at most so many: by their score, or where
    /// several objectives have no reward, those of the front.
    pub fn promising(&self, most: usize) -> Vec<&Trial> {
        let mut trials = match self.spec().objectives.len() > 1 && self.spec().reward.is_none() {
            true => self.front(),
            false => self.history.complete().collect(),
        };
        // Stable: of equals the first told.
        trials.sort_by(|a, b| {
            self.rank(a, None).zip(self.rank(b, None)).map_or(std::cmp::Ordering::Equal, |(a, b)| b.compare(&a))
        });
        let mut seen: Vec<&Genome> = Vec::new();
        trials.retain(|trial| {
            let new = !seen.contains(&&trial.genome);
            seen.push(&trial.genome);
            new
        });
        trials.truncate(most);
        trials
    }

    /// The score of a trial; with what further trainings say in place of what its own training said.
    fn rank(&self, trial: &Trial, confirmed: Option<&Confirmed>) -> Option<Score> {
        let spec = self.spec();
        let mut trial = trial.clone();
        if let Some(confirmed) = confirmed {
            for (objective, value) in spec.objectives.iter().zip(&mut trial.values) {
                match objective.name.as_str() {
                    "accuracy" => *value = confirmed.accuracy,
                    "loss" => *value = confirmed.loss,
                    _ => {}
                }
            }
        }
        score(&trial, &spec.objectives, spec.reward.as_ref())
    }

    /// Keeps a further training; one of the same trial and seed is there once.
    ///
    /// # Errors
    /// If the storage fails.
    pub fn confirm(&mut self, confirmation: Confirmation) -> Result<(), SearchError> {
        self.storage.confirm(&confirmation)?;
        self.confirmations = self.storage.confirmations()?;
        Ok(())
    }

    /// All further trainings.
    pub fn confirmations(&self) -> &[Confirmation] {
        &self.confirmations
    }

    /// Trials that were trained again, the best first by the means of these trainings on held-out images.
    pub fn confirmed(&self) -> Vec<Confirmed> {
        let mut trials: Vec<u64> = self.confirmations.iter().map(|one| one.trial).collect();
        trials.sort_unstable();
        trials.dedup();
        let known = |number: u64| {
            let trial = self.history.get(number)?;
            let confirmed = Confirmed::of(number, &self.confirmations)?;
            Some((self.rank(trial, Some(&confirmed))?, confirmed))
        };
        let mut known: Vec<(Score, Confirmed)> = trials.into_iter().filter_map(known).collect();
        known.sort_by(|a, b| b.0.compare(&a.0));
        known.into_iter().map(|(_, confirmed)| confirmed).collect()
    }

    /// The trial that the study recommends: the best of those that were [confirmed](Self::confirmed), or else the [best](Self::best).
    pub fn winner(&self) -> Option<&Trial> {
        let confirmed = self.confirmed();
        confirmed.first().and_then(|first| self.history.get(first.trial)).or_else(|| self.best())
    }
}
