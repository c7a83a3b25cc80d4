//! Trials as rows, and back: a row may hold anything.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, Row, TransactionBehavior};

use super::open::damaged_or_failed;
use crate::search::error::SearchError;
use crate::search::study::Confirmation;
use crate::search::trial::{State, Trial};

/// Numbers as text that reads back to the same bits.
pub(super) fn numbers(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" ")
}

/// Numbers of trials as text.
pub(super) fn parents(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The newest revision, and the trials that changed since another, in one look at the file.
pub(super) fn changes(connection: &mut Connection, path: &Path, since: u64) -> Result<(u64, Vec<Trial>), SearchError> {
    let error = damaged_or_failed(path);
    let damaged = |reason: String| SearchError::Damaged { place: path.display().to_string(), reason };
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(&error)?;
    let revision: i64 = transaction
        .prepare_cached("SELECT revision FROM study")
        .and_then(|mut one| one.query_row([], |row| row.get(0)))
        .map_err(&error)?;
    let mut trials: BTreeMap<u64, Trial> = BTreeMap::new();
    if revision > since {
        let changed = "SELECT number, genome, parents, origin, state, attempt, vals, note, told, began, ended
                       FROM trial WHERE revision > ?1 ORDER BY number";
        let mut changed = transaction.prepare_cached(changed).map_err(&error)?;
        let mut rows = changed.query([since]).map_err(&error)?;
        while let Some(row) = rows.next().map_err(&error)? {
            let trial = trial(row).map_err(&error)?.map_err(damaged)?;
            trials.insert(trial.number, trial);
        }
        let reports =
            "SELECT report.trial, report.step, report.value FROM report JOIN trial ON trial.number = report.trial
                       WHERE trial.revision > ?1 ORDER BY report.trial, report.step";
        let mut reports = transaction.prepare_cached(reports).map_err(&error)?;
        let mut rows = reports.query([since]).map_err(&error)?;
        while let Some(row) = rows.next().map_err(&error)? {
            let report = || Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, f64>(2)?));
            let (number, step, value) = report().map_err(&error)?;
            let (Ok(number), Ok(step), true) = (u64::try_from(number), u64::try_from(step), value.is_finite()) else {
                return Err(damaged(format!("trial {number} has a report of {value} at step {step}")));
            };
            if let Some(trial) = trials.get_mut(&number) {
                trial.reports.push((step, value));
            }
        }
    }
    let (count, last): (i64, Option<i64>) = transaction
        .prepare_cached("SELECT count(*), max(number) FROM trial")
        .and_then(|mut one| one.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(&error)?;
    // Numbers are a key, so that many below the last are all of them.
    if last.is_some_and(|last| last + 1 != count) || trials.keys().next().is_some_and(|_| count == 0) {
        return Err(damaged(format!("{count} trials, the last of which is number {}", last.unwrap_or_default())));
    }
    Ok((revision.max(0) as u64, trials.into_values().collect()))
}

/// All further trainings.
pub(super) fn confirmations(connection: &Connection, path: &Path) -> Result<Vec<Confirmation>, SearchError> {
    let error = damaged_or_failed(path);
    let all = "SELECT trial, seed, accuracy, loss, test FROM confirmation ORDER BY trial, seed";
    let mut all = connection.prepare_cached(all).map_err(&error)?;
    let mut rows = all.query([]).map_err(&error)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(&error)? {
        let read = || {
            let [trial, seed]: [i64; 2] = [row.get(0)?, row.get(1)?];
            let [accuracy, loss, test]: [f64; 3] = [row.get(2)?, row.get(3)?, row.get(4)?];
            Ok(Confirmation { trial: trial as u64, seed: seed as u64, accuracy, loss, test })
        };
        let one: Confirmation = read().map_err(&error)?;
        let shares = [one.accuracy, one.test].iter().all(|share| (0.0..=1.0).contains(share));
        if !shares || !one.loss.is_finite() {
            let reason = format!("trial {} is said to be trained again to {:?}", one.trial, one.accuracy);
            return Err(SearchError::Damaged { place: path.display().to_string(), reason });
        }
        found.push(one);
    }
    Ok(found)
}

/// The trial of a row, or what is wrong with it.
fn trial(row: &Row<'_>) -> rusqlite::Result<Result<Trial, String>> {
    let number: i64 = row.get(0)?;
    let text = |index| row.get::<_, String>(index);
    let (genome, parents, origin, state, values) = (text(1)?, text(2)?, text(3)?, text(4)?, text(6)?);
    let note: Option<String> = row.get(7)?;
    let [told, ended]: [Option<i64>; 2] = [row.get(8)?, row.get(10)?];
    let (attempt, began): (i64, i64) = (row.get(5)?, row.get(9)?);
    let parsed = || {
        let wrong = |what: &str, got: String| {
            format!("trial {number} has {what} `{}`", got.chars().take(80).collect::<String>())
        };
        let natural = |what, got: i64| u64::try_from(got).map_err(|_| wrong(what, got.to_string()));
        let state = State::ALL
            .into_iter()
            .find(|known| known.word() == state)
            .ok_or_else(|| wrong("the state", state.clone()))?;
        let finite = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let values: Option<Vec<f64>> = values.split_whitespace().map(finite).collect();
        let ancestors: Result<Vec<u64>, _> = parents.split_whitespace().map(str::parse).collect();
        let trial = Trial {
            number: natural("the number", number)?,
            genome: genome.parse().map_err(|error| format!("trial {number}: {error}"))?,
            parents: ancestors.map_err(|_| wrong("the parents", parents.clone()))?,
            origin,
            state,
            attempt: u32::try_from(attempt).map_err(|_| wrong("the attempt", attempt.to_string()))?,
            reports: Vec::new(),
            values: values.ok_or_else(|| wrong("the values", text(6).unwrap_or_default()))?,
            note,
            told: told.map(|told| natural("the place", told)).transpose()?,
            began: natural("the beginning", began)?,
            ended: ended.map(|ended| natural("the end", ended)).transpose()?,
        };
        if trial.state.is_told() != trial.told.is_some() || (trial.state == State::Complete) == trial.values.is_empty()
        {
            return Err(format!("trial {number} is {state} with {} values and place {told:?}", trial.values.len()));
        }
        if trial.parents.iter().any(|&parent| parent >= trial.number) {
            return Err(wrong("parents that come after it:", parents.clone()));
        }
        Ok(trial)
    };
    Ok(parsed())
}
