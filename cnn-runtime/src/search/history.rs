//! What a study knows: its trials, and the order in which they were told.

use std::collections::HashMap;

use cnn_lang::space::Genome;

use super::trial::{State, Trial};

/// The trials of a study by number, and the order in which they came to their end. That order only ever grows at its end, so
/// samplers may remember what they made of its beginning.
#[derive(Clone, Debug, Default)]
pub struct History {
    trials: Vec<Trial>,
    told: Vec<usize>,
    genomes: HashMap<Genome, u64>,
    revision: u64,
}

impl History {
    /// The history of these trials, whose numbers are 0, 1, 2 ….
    pub fn of(trials: impl IntoIterator<Item = Trial>) -> History {
        let mut history = History::default();
        history.take(0, trials.into_iter().collect());
        history
    }

    /// Takes trials in the state of a later revision of the storage.
    pub(super) fn take(&mut self, revision: u64, mut changed: Vec<Trial>) {
        changed.sort_unstable_by_key(|trial| trial.number);
        let mut newly: Vec<(u64, usize)> = Vec::new();
        for trial in changed {
            let index = trial.number as usize;
            let before = self.trials.get(index).and_then(|trial| trial.told);
            if let (None, Some(told)) = (before, trial.told) {
                newly.push((told, index));
            }
            match self.trials.get_mut(index) {
                Some(known) => *known = trial,
                None => {
                    self.genomes.entry(trial.genome.clone()).or_insert(trial.number);
                    self.trials.push(trial);
                }
            }
        }
        newly.sort_unstable();
        self.told.extend(newly.into_iter().map(|(_, index)| index));
        self.revision = self.revision.max(revision);
    }

    /// How far in the storage's changes this is.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// All trials by number.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The trial of a number.
    pub fn get(&self, number: u64) -> Option<&Trial> {
        self.trials.get(usize::try_from(number).ok()?)
    }

    /// How many trials there are.
    pub fn len(&self) -> usize {
        self.trials.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.trials.is_empty()
    }

    /// How many have been told.
    pub fn told_len(&self) -> usize {
        self.told.len()
    }

    /// Told trials in the order in which they were, without the first so many.
    pub fn told_from(&self, first: usize) -> impl DoubleEndedIterator<Item = &Trial> + ExactSizeIterator {
        self.told[first.min(self.told.len())..].iter().map(|&index| &self.trials[index])
    }

    /// Told trials in the order in which they were.
    pub fn told(&self) -> impl DoubleEndedIterator<Item = &Trial> + ExactSizeIterator {
        self.told_from(0)
    }

    /// Complete trials in the order in which they were told.
    pub fn complete(&self) -> impl Iterator<Item = &Trial> {
        self.told().filter(|trial| trial.state == State::Complete)
    }

    /// The first trial of a genome, whatever its state.
    pub fn first_of(&self, genome: &Genome) -> Option<u64> {
        self.genomes.get(genome).copied()
    }

    /// How many trials are in a state.
    pub fn count(&self, state: State) -> usize {
        self.trials.iter().filter(|trial| trial.state == state).count()
    }
}
