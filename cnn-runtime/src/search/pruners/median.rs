//! The median stopping rule. Golovin et al. 2017, section 3.2.2, <https://doi.org/10.1145/3097983.3098043>.

use super::Pruner;
use crate::search::history::History;
use crate::search::objective::Objective;
use crate::search::trial::{State, Trial};

/// Stops a trial at a step if its best report so far is worse than the median of the averages, up to that step, of what
/// complete trials reported.
#[derive(Clone, Copy, Debug)]
pub struct Median {
    /// Complete trials before any is stopped.
    pub startup: usize,
    /// Steps before any trial is stopped.
    pub warm_up: u64,
}

impl Pruner for Median {
    fn prunes(&self, history: &History, trial: &Trial, objective: &Objective) -> bool {
        let Some(&(step, _)) = trial.reports.last() else { return false };
        if step <= self.warm_up {
            return false;
        }
        let average = |other: &Trial| {
            let until = other.reports.iter().filter(|&&(at, _)| at <= step).map(|&(_, value)| objective.loss(value));
            let (sum, count) = until.fold((0.0, 0u32), |(sum, count), loss| (sum + loss, count + 1));
            (count > 0).then(|| sum / f64::from(count))
        };
        let complete =
            history.trials().iter().filter(|other| other.state == State::Complete && other.number != trial.number);
        let mut averages: Vec<f64> = complete.filter_map(average).collect();
        if averages.is_empty() || averages.len() < self.startup {
            return false;
        }
        averages.sort_by(f64::total_cmp);
        let middle = averages.len() / 2;
        let median = match averages.len() % 2 {
            0 => f64::midpoint(averages[middle - 1], averages[middle]),
            _ => averages[middle],
        };
        let best = trial.reports.iter().map(|&(_, value)| objective.loss(value)).fold(f64::INFINITY, f64::min);
        best > median
    }
}
