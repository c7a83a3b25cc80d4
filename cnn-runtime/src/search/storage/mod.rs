//! Where a study's trials are kept.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::SearchError;
use super::spec::Spec;
use super::study::Confirmation;
use super::trial::{Outcome, Proposal, Trial};

pub use memory::Memory;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

/// A worker's right to a trial: it ends when the trial is told or given back, or somebody else has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Number of the trial.
    pub trial: u64,
    /// Which evaluation of it this is.
    pub attempt: u32,
}

/// The book that the workers of a study share. Each method is one transaction: it happens as a whole or not at all, and when
/// it has returned it is kept, whatever happens to the process.
pub trait Storage: Send {
    /// What the study is.
    fn spec(&self) -> &Spec;

    /// The same study for another thread.
    ///
    /// # Errors
    /// If the storage cannot be opened again.
    fn again(&self) -> Result<Box<dyn Storage>, SearchError>;

    /// The newest revision, and the trials that changed after `since` as they are now.
    ///
    /// # Errors
    /// If the storage fails, or holds what it cannot hold.
    fn changes(&mut self, since: u64) -> Result<(u64, Vec<Trial>), SearchError>;

    /// Adds the trial of this number, running, and claims it; nothing if the number is not the next one.
    ///
    /// # Errors
    /// If the storage fails.
    fn add(&mut self, number: u64, proposal: &Proposal) -> Result<Option<Claim>, SearchError>;

    /// Claims the first trial that waits, or whose worker gave no sign of life for `silence`; its reports are forgotten. One
    /// that was begun `attempts` times already becomes a failed one instead.
    ///
    /// # Errors
    /// If the storage fails.
    fn take(&mut self, silence: Duration, attempts: u32) -> Result<Option<Claim>, SearchError>;

    /// A sign of life. Whether the claim still stands.
    ///
    /// # Errors
    /// If the storage fails.
    fn beat(&mut self, claim: Claim) -> Result<bool, SearchError>;

    /// Notes the first objective at a step.
    ///
    /// # Errors
    /// If the claim no longer stands, or the storage fails.
    fn report(&mut self, claim: Claim, step: u64, value: f64) -> Result<(), SearchError>;

    /// Ends a trial.
    ///
    /// # Errors
    /// If the claim no longer stands, or the storage fails.
    fn tell(&mut self, claim: Claim, outcome: &Outcome) -> Result<(), SearchError>;

    /// Gives a trial back, to be begun anew; it does not count as an attempt.
    ///
    /// # Errors
    /// If the claim no longer stands, or the storage fails.
    fn release(&mut self, claim: Claim) -> Result<(), SearchError>;

    /// Keeps a further training of a trial; nothing if one from this seed is there.
    ///
    /// # Errors
    /// If the storage fails.
    fn confirm(&mut self, confirmation: &Confirmation) -> Result<(), SearchError>;

    /// All further trainings, by trial and seed.
    ///
    /// # Errors
    /// If the storage fails, or holds what it cannot hold.
    fn confirmations(&mut self) -> Result<Vec<Confirmation>, SearchError>;
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis().min(u128::from(u64::MAX >> 1)) as u64)
}

/// Why a trial fails that was begun too often.
fn given_up(attempts: u32) -> String {
    format!("its worker died {attempts} times")
}

#[cfg(test)]
mod tests;
