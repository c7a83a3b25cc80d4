//! The end of a search: the most promising members trained again, so that the winner is as good as is said.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;

use super::workers::{self, Stopped};
use crate::program::Output;
use crate::program::failure::Failure;
use crate::program::study::Opened;
use crate::search::evaluate::Evaluator;
use crate::search::{Confirmed, Study, Trial};

/// How many members are trained again, how often, and by how many workers.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub members: usize,
    pub trainings: u64,
    pub workers: u16,
    pub quiet: bool,
}

/// Trains what was not trained yet. Whether all of it is done; it can be interrupted, and goes on with what is missing.
pub(super) fn confirm(
    opened: &Opened,
    evaluator: &Evaluator,
    plan: Plan,
    stop: &AtomicBool,
    output: &mut Output<'_>,
) -> Result<bool, Failure> {
    let mut study = Study::new(opened.networks.clone(), opened.study.storage()?)?;
    let first = evaluator.evaluation().training.seed;
    let known: Vec<(u64, u64)> = study.confirmations().iter().map(|one| (one.trial, one.seed)).collect();
    let promising = study.promising(plan.members);
    let all = (1..=plan.trainings).flat_map(|by| promising.iter().map(move |trial| (*trial, first.wrapping_add(by))));
    let mut left: Vec<(Trial, u64)> = all
        .filter(|(trial, seed)| !known.contains(&(trial.number, *seed)))
        .map(|(trial, seed)| (trial.clone(), seed))
        .collect();
    if left.is_empty() {
        return Ok(true);
    }
    if !plan.quiet {
        let (members, trainings) = (promising.len(), left.len());
        writeln!(output.out, "the best {members} are trained again from other seeds: {trainings} trainings")?;
        output.out.flush()?;
    }
    left.reverse();
    let (count, left) = (left.len(), Mutex::new(left));
    let work = |study: &mut Study, pool: &ThreadPool, stopped: Stopped<'_>| {
        let mut done = 0;
        while !stopped() {
            let Some((trial, seed)) = left.lock().unwrap_or_else(PoisonError::into_inner).pop() else { break };
            let Some(found) = pool.install(|| evaluator.confirm(&trial, seed, stopped))? else { break };
            study.confirm(found)?;
            done += 1;
        }
        Ok(done)
    };
    let done = workers::run(opened, plan.workers, stop, work, || Ok(()))?;
    study.refresh()?;
    Ok(done.into_iter().sum::<usize>() == count)
}

/// What the trainings say, in a line.
pub(in crate::program) fn line(confirmed: &Confirmed) -> String {
    let Confirmed { trial, trainings, accuracy, test, spread, .. } = confirmed;
    format!(
        "trial {trial}: {:.2} % of test images (± {:.2} over {trainings} trainings), {:.2} % of held-out ones",
        100.0 * test,
        100.0 * spread,
        100.0 * accuracy
    )
}
