//! A study in this process's memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Claim, Storage, given_up, now};
use crate::search::error::SearchError;
use crate::search::spec::Spec;
use crate::search::study::Confirmation;
use crate::search::trial::{Outcome, Proposal, State, Trial};

/// A study that ends with the process. Clones are the same study.
#[derive(Clone, Debug)]
pub struct Memory {
    spec: Arc<Spec>,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    revision: u64,
    told: u64,
    entries: Vec<Entry>,
    confirmations: Vec<Confirmation>,
}

#[derive(Debug)]
struct Entry {
    trial: Trial,
    revision: u64,
    beat: u64,
}

impl Memory {
    /// A new study.
    ///
    /// # Errors
    /// If the specification makes no sense.
    pub fn new(spec: Spec) -> Result<Memory, SearchError> {
        spec.check()?;
        Ok(Memory { spec: Arc::new(spec), book: Arc::default() })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every change is complete before anything could panic.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// The running trial of a claim, alive now.
    fn claimed(&mut self, claim: Claim) -> Result<&mut Entry, SearchError> {
        let lost = SearchError::Lost { trial: claim.trial, attempt: claim.attempt };
        let index = usize::try_from(claim.trial).unwrap_or(usize::MAX);
        let Some(entry) = self.entries.get_mut(index) else { return Err(lost) };
        let stands = entry.trial.state == State::Running && entry.trial.attempt == claim.attempt;
        if !stands {
            return Err(lost);
        }
        entry.beat = now();
        Ok(entry)
    }

    /// The same, about to change.
    fn changing(&mut self, claim: Claim) -> Result<&mut Trial, SearchError> {
        let next = self.revision + 1;
        self.claimed(claim)?.revision = next;
        self.revision = next;
        Ok(&mut self.claimed(claim)?.trial)
    }
}

impl Storage for Memory {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn again(&self) -> Result<Box<dyn Storage>, SearchError> {
        Ok(Box::new(self.clone()))
    }

    fn changes(&mut self, since: u64) -> Result<(u64, Vec<Trial>), SearchError> {
        let book = self.book();
        let changed = book.entries.iter().filter(|entry| entry.revision > since);
        Ok((book.revision, changed.map(|entry| entry.trial.clone()).collect()))
    }

    fn add(&mut self, number: u64, proposal: &Proposal) -> Result<Option<Claim>, SearchError> {
        let mut book = self.book();
        if number != book.entries.len() as u64 {
            return Ok(None);
        }
        let Proposal { genome, parents, origin } = proposal.clone();
        let beat = now();
        let trial = Trial { number, genome, parents, origin, attempt: 1, began: beat, ..Trial::default() };
        book.revision += 1;
        let revision = book.revision;
        book.entries.push(Entry { trial, revision, beat });
        Ok(Some(Claim { trial: number, attempt: 1 }))
    }

    fn take(&mut self, silence: Duration, attempts: u32) -> Result<Option<Claim>, SearchError> {
        let mut book = self.book();
        let now = now();
        let before = now.saturating_sub(silence.as_millis().min(u128::from(u64::MAX)) as u64);
        let Book { revision, told, entries, .. } = &mut *book;
        for entry in entries {
            let free = match entry.trial.state {
                State::Waiting => true,
                State::Running => entry.beat < before,
                State::Complete | State::Pruned | State::Failed => false,
            };
            if !free {
                continue;
            }
            *revision += 1;
            (entry.revision, entry.beat) = (*revision, now);
            let trial = &mut entry.trial;
            trial.reports.clear();
            if trial.attempt >= attempts {
                (trial.state, trial.note) = (State::Failed, Some(given_up(trial.attempt)));
                (trial.told, trial.ended) = (Some(*told), Some(now));
                *told += 1;
                continue;
            }
            (trial.state, trial.began) = (State::Running, now);
            trial.attempt += 1;
            return Ok(Some(Claim { trial: trial.number, attempt: trial.attempt }));
        }
        Ok(None)
    }

    fn beat(&mut self, claim: Claim) -> Result<bool, SearchError> {
        Ok(self.book().claimed(claim).is_ok())
    }

    fn report(&mut self, claim: Claim, step: u64, value: f64) -> Result<(), SearchError> {
        self.book().changing(claim)?.reports.push((step, value));
        Ok(())
    }

    fn tell(&mut self, claim: Claim, outcome: &Outcome) -> Result<(), SearchError> {
        let mut book = self.book();
        let told = book.told;
        let trial = book.changing(claim)?;
        (trial.state, trial.told, trial.ended) = (outcome.state(), Some(told), Some(now()));
        match outcome {
            Outcome::Values(values) => trial.values.clone_from(values),
            Outcome::Pruned => {}
            Outcome::Failed(why) => trial.note = Some(why.clone()),
        }
        book.told += 1;
        Ok(())
    }

    fn release(&mut self, claim: Claim) -> Result<(), SearchError> {
        let mut book = self.book();
        let trial = book.changing(claim)?;
        (trial.state, trial.attempt) = (State::Waiting, claim.attempt - 1);
        trial.reports.clear();
        Ok(())
    }
    fn confirm(&mut self, confirmation: &Confirmation) -> Result<(), SearchError> {
        let key = |one: &Confirmation| (one.trial, one.seed);
        let known = &mut self.book().confirmations;
        if let Err(at) = known.binary_search_by_key(&key(confirmation), key) {
            known.insert(at, *confirmation);
        }
        Ok(())
    }

    fn confirmations(&mut self) -> Result<Vec<Confirmation>, SearchError> {
        Ok(self.book().confirmations.clone())
    }
}
