//! A study in a file that the processes of one machine share: SQLite in WAL mode.

mod open;
mod rows;
mod schema;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Claim, Storage, given_up, now};
use crate::search::error::SearchError;
use crate::search::spec::Spec;
use crate::search::study::Confirmation;
use crate::search::trial::{Outcome, Proposal, State, Trial};

/// A study in a file.
///
/// Beside the file lies `FILE.lock`, which every process that has the study open holds shared. Who gets it alone knows that
/// nobody else is there: running trials that are found then belong to the dead, and wait for a worker at once. Otherwise
/// the dead are found by their silence.
pub struct Sqlite {
    path: Arc<Path>,
    spec: Arc<Spec>,
    connection: Connection,
    /// Held as long as the study is open.
    lock: Arc<File>,
}

impl Sqlite {
    /// Begins a study in a file that is not there or empty, or goes on with the same study.
    ///
    /// # Errors
    /// If the specification makes no sense, another study or something else is there, or the system refuses.
    pub fn begin(path: &Path, spec: Spec) -> Result<Sqlite, SearchError> {
        spec.check()?;
        let study = open::open(path, Some(&spec))?;
        study.spec.same_as(&spec, &path.display().to_string())?;
        Ok(study)
    }

    /// A study that is there.
    ///
    /// # Errors
    /// If there is none, it is damaged or of a newer version, or the system refuses.
    pub fn open(path: &Path) -> Result<Sqlite, SearchError> {
        open::open(path, None)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, action: &'static str) -> impl Fn(rusqlite::Error) -> SearchError + use<> {
        failed(&self.path, action)
    }

    /// Runs one transaction that writes; it takes its turn with those of other processes.
    fn write<T>(
        &mut self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SearchError> {
        let error = self.error(action);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&error)?;
        let done = work(&transaction).map_err(&error)?;
        transaction.commit().map_err(error)?;
        Ok(done)
    }

    /// Changes the running trial of a claim, or says that it is lost.
    fn change(
        &mut self,
        action: &'static str,
        claim: Claim,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<()>,
    ) -> Result<(), SearchError> {
        let stands = self.write(action, |transaction| {
            let stands = stands(transaction, claim)?;
            if stands {
                let revision = next_revision(transaction)?;
                let alive = "UPDATE trial SET revision = ?1, beat = ?2 WHERE number = ?3";
                transaction.prepare_cached(alive)?.execute(params![revision, now() as i64, claim.trial as i64])?;
                work(transaction, claim.trial as i64)?;
            }
            Ok(stands)
        })?;
        if stands { Ok(()) } else { Err(SearchError::Lost { trial: claim.trial, attempt: claim.attempt }) }
    }
}

fn failed(path: &Path, action: &'static str) -> impl Fn(rusqlite::Error) -> SearchError + use<> {
    let path: PathBuf = path.to_owned();
    move |error| SearchError::Storage { action, path: path.clone(), reason: error.to_string() }
}

fn stands(transaction: &Transaction<'_>, claim: Claim) -> rusqlite::Result<bool> {
    let running = "SELECT 1 FROM trial WHERE number = ?1 AND attempt = ?2 AND state = 'running'";
    let found = transaction.prepare_cached(running)?.exists(params![claim.trial as i64, claim.attempt])?;
    Ok(found)
}

fn next_revision(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    let next = "UPDATE study SET revision = revision + 1 RETURNING revision";
    transaction.prepare_cached(next)?.query_row([], |row| row.get(0))
}

fn next_told(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    let next = "UPDATE study SET told = told + 1 RETURNING told - 1";
    transaction.prepare_cached(next)?.query_row([], |row| row.get(0))
}

fn end(transaction: &Transaction<'_>, number: i64, outcome: &Outcome) -> rusqlite::Result<()> {
    let (values, note) = match outcome {
        Outcome::Values(values) => (rows::numbers(values), None),
        Outcome::Pruned => (String::new(), None),
        Outcome::Failed(why) => (String::new(), Some(why)),
    };
    let told = next_told(transaction)?;
    let end = "UPDATE trial SET state = ?1, vals = ?2, note = ?3, told = ?4, ended = ?5 WHERE number = ?6";
    let (word, now) = (outcome.state().word(), now() as i64);
    transaction.prepare_cached(end)?.execute(params![word, values, note, told, now, number])?;
    Ok(())
}

impl Storage for Sqlite {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn again(&self) -> Result<Box<dyn Storage>, SearchError> {
        let connection = open::connect(&self.path)?;
        let (path, spec, lock) = (self.path.clone(), self.spec.clone(), self.lock.clone());
        Ok(Box::new(Sqlite { path, spec, connection, lock }))
    }

    fn changes(&mut self, since: u64) -> Result<(u64, Vec<Trial>), SearchError> {
        rows::changes(&mut self.connection, &self.path, since)
    }

    fn add(&mut self, number: u64, proposal: &Proposal) -> Result<Option<Claim>, SearchError> {
        self.write("add a trial to", |transaction| {
            let count: i64 =
                transaction.prepare_cached("SELECT count(*) FROM trial")?.query_row([], |row| row.get(0))?;
            if count != number as i64 {
                return Ok(None);
            }
            let revision = next_revision(transaction)?;
            let insert =
                "INSERT INTO trial (number, genome, parents, origin, state, attempt, vals, began, beat, revision)
                          VALUES (?1, ?2, ?3, ?4, 'running', 1, '', ?5, ?5, ?6)";
            let parents = rows::parents(&proposal.parents);
            let genome = proposal.genome.to_string();
            let values = params![number as i64, genome, parents, proposal.origin, now() as i64, revision];
            transaction.prepare_cached(insert)?.execute(values)?;
            Ok(Some(Claim { trial: number, attempt: 1 }))
        })
    }

    fn take(&mut self, silence: Duration, attempts: u32) -> Result<Option<Claim>, SearchError> {
        let before = now().saturating_sub(silence.as_millis().min(u128::from(u64::MAX)) as u64) as i64;
        let find = "SELECT number, attempt FROM trial
                    WHERE state = 'waiting' OR (state = 'running' AND beat < ?1) ORDER BY number LIMIT 1";
        let free = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?));
        // Most times there is none: then nobody needs to wait for a turn to write.
        let none = self.connection.prepare_cached(find).and_then(|mut find| Ok(!find.exists([before])?));
        if none.map_err(self.error("read"))? {
            return Ok(None);
        }
        self.write("take a trial of", |transaction| {
            loop {
                let Some((number, attempt)) = transaction.prepare_cached(find)?.query_row([before], free).optional()? else {
                    return Ok(None);
                };
                let revision = next_revision(transaction)?;
                transaction.prepare_cached("DELETE FROM report WHERE trial = ?1")?.execute([number])?;
                let begin = "UPDATE trial SET state = 'running', attempt = ?1, began = ?2, beat = ?2, revision = ?3 WHERE number = ?4";
                let give_up = attempt >= attempts;
                let attempt = if give_up { attempt } else { attempt.saturating_add(1) };
                transaction.prepare_cached(begin)?.execute(params![attempt, now() as i64, revision, number])?;
                if !give_up {
                    return Ok(Some(Claim { trial: number as u64, attempt }));
                }
                end(transaction, number, &Outcome::Failed(given_up(attempt)))?;
            }
        })
    }

    fn beat(&mut self, claim: Claim) -> Result<bool, SearchError> {
        let alive = "UPDATE trial SET beat = ?1 WHERE number = ?2 AND attempt = ?3 AND state = 'running'";
        self.write("note a sign of life in", |transaction| {
            let values = params![now() as i64, claim.trial as i64, claim.attempt];
            Ok(transaction.prepare_cached(alive)?.execute(values)? == 1)
        })
    }

    fn report(&mut self, claim: Claim, step: u64, value: f64) -> Result<(), SearchError> {
        self.change("report to", claim, |transaction, number| {
            let insert = "INSERT INTO report (trial, step, value) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(insert)?.execute(params![number, step as i64, value])?;
            Ok(())
        })
    }

    fn tell(&mut self, claim: Claim, outcome: &Outcome) -> Result<(), SearchError> {
        self.change("tell a trial of", claim, |transaction, number| end(transaction, number, outcome))
    }

    fn release(&mut self, claim: Claim) -> Result<(), SearchError> {
        self.change("give a trial back to", claim, |transaction, number| {
            transaction.prepare_cached("DELETE FROM report WHERE trial = ?1")?.execute([number])?;
            let wait = "UPDATE trial SET state = ?1, attempt = attempt - 1 WHERE number = ?2";
            transaction.prepare_cached(wait)?.execute(params![State::Waiting.word(), number])?;
            Ok(())
        })
    }

    fn confirm(&mut self, confirmation: &Confirmation) -> Result<(), SearchError> {
        let Confirmation { trial, seed, accuracy, loss, test } = *confirmation;
        let insert =
            "INSERT OR IGNORE INTO confirmation (trial, seed, accuracy, loss, test) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.write("keep a training in", |transaction| {
            // SQLite's integers have a sign.
            let values = params![trial as i64, seed as i64, accuracy, loss, test];
            transaction.prepare_cached(insert)?.execute(values)?;
            Ok(())
        })
    }

    fn confirmations(&mut self) -> Result<Vec<Confirmation>, SearchError> {
        rows::confirmations(&self.connection, &self.path)
    }
}

#[cfg(test)]
mod tests;
