//! Pruners: whether a trial is worth going on with. Each is its paper's rule.
//!
//! A pruner sees what running and told trials reported of the first objective, step by step, and has no memory.

mod halving;
mod hyperband;
mod median;
mod settings;

use super::history::History;
use super::objective::Objective;
use super::trial::Trial;

pub use halving::Halving;
pub use hyperband::Hyperband;
pub use median::Median;
pub use settings::PrunerSettings;

/// A rule that stops trials.
pub trait Pruner: Send {
    /// Whether to stop a trial whose last report is the newest. `history` knows the trial too, perhaps without that report.
    fn prunes(&self, history: &History, trial: &Trial, objective: &Objective) -> bool;
}

/// Nothing is stopped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl Pruner for Never {
    fn prunes(&self, _history: &History, _trial: &Trial, _objective: &Objective) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
