//! Asynchronous successive halving. Li et al. 2020, <https://arxiv.org/abs/1810.05934>.

use super::Pruner;
use crate::search::history::History;
use crate::search::objective::Objective;
use crate::search::trial::Trial;

/// ASHA: at the rungs, steps `least * eta^k`, a trial goes on if it is among the best `1 / eta` of all that have come to this
/// rung so far, itself included.
///
/// The paper pauses the others, and promotes them should they come to belong to the best later; here, where trials are not
/// kept half trained, they stop: the form that the paper's appendix and Ray Tune call stopping. As there, the first trials to
/// come to a rung, fewer than `eta`, go on if they are the best of it.
#[derive(Clone, Copy, Debug)]
pub struct Halving {
    /// The first rung's step.
    pub least: u64,
    /// One of how many goes on, at least 2.
    pub eta: u64,
    /// Rungs that are left out at the beginning: the bracket.
    pub skip: u32,
}

impl Halving {
    /// The rung of a step.
    fn is_rung(&self, step: u64) -> bool {
        let mut rung = self.least.max(1);
        for _ in 0..self.skip {
            rung = rung.saturating_mul(self.eta.max(2));
        }
        while rung < step {
            rung = rung.saturating_mul(self.eta.max(2));
        }
        rung == step
    }

    /// Whether a trial stops, among those that count.
    pub(super) fn stops(
        &self,
        history: &History,
        trial: &Trial,
        objective: &Objective,
        counts: impl Fn(u64) -> bool,
    ) -> bool {
        let Some(&(step, value)) = trial.reports.last() else { return false };
        if !self.is_rung(step) {
            return false;
        }
        let here = |other: &Trial| {
            let at = other.reports.binary_search_by_key(&step, |&(at, _)| at).ok()?;
            Some(objective.loss(other.reports[at].1))
        };
        let others = history.trials().iter().filter(|other| other.number != trial.number && counts(other.number));
        let losses: Vec<f64> = others.filter_map(here).collect();
        let own = objective.loss(value);
        let better = losses.iter().filter(|&&loss| loss < own).count();
        let go_on = ((losses.len() + 1) / self.eta.max(2) as usize).max(1);
        better >= go_on
    }
}

impl Pruner for Halving {
    fn prunes(&self, history: &History, trial: &Trial, objective: &Objective) -> bool {
        self.stops(history, trial, objective, |_| true)
    }
}
