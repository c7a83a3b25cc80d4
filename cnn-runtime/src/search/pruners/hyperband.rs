//! Hyperband. Li et al. 2018, <https://jmlr.org/papers/v18/16-558.html>; its brackets run asynchronously, as Li et al. 2020.

use super::Pruner;
use super::halving::Halving;
use crate::search::history::History;
use crate::search::objective::Objective;
use crate::search::trial::Trial;

/// Brackets of successive halving, from one that stops early (s = s_max) to one that stops nothing (s = 0): who knows how much
/// an early report says? A bracket has `ceil((s_max + 1) / (s + 1) * eta^s)` of the trials that a round of all brackets has
/// (algorithm 1); whose a trial is follows from its number.
#[derive(Clone, Copy, Debug)]
pub struct Hyperband {
    /// The first rung's step of the bracket that stops first.
    pub least: u64,
    /// Steps of a complete trial.
    pub most: u64,
    /// One of how many goes on, at least 2.
    pub eta: u64,
}

impl Hyperband {
    /// Trials of each bracket in a round, and the rungs that it leaves out.
    pub fn brackets(&self) -> Vec<(u64, u32)> {
        let (least, eta) = (self.least.max(1), self.eta.max(2));
        let mut deepest = 0;
        let mut rung = least;
        while let Some(next) = rung.checked_mul(eta).filter(|&next| next <= self.most) {
            rung = next;
            deepest += 1;
        }
        let count = |s: u32| (u64::from(deepest) + 1).saturating_mul(eta.saturating_pow(s)).div_ceil(u64::from(s) + 1);
        (0..=deepest).rev().map(|s| (count(s), deepest - s)).collect()
    }

    /// Which bracket a trial belongs to: spread over a round, so that each bracket begins at once.
    pub fn bracket(&self, number: u64) -> u32 {
        let brackets = self.brackets();
        let round: u64 = brackets.iter().map(|&(count, _)| count).fold(0, u64::saturating_add).max(1);
        // A step that shares no factor with the round visits every place once.
        let stride = (0..).map(|more| round * 5 / 13 + 1 + more).find(|&step| gcd(step, round) == 1).unwrap_or(1);
        let mut place = (u128::from(number % round) * u128::from(stride) % u128::from(round)) as u64;
        for &(count, skip) in &brackets {
            if place < count {
                return skip;
            }
            place -= count;
        }
        0
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Pruner for Hyperband {
    fn prunes(&self, history: &History, trial: &Trial, objective: &Objective) -> bool {
        let own = self.bracket(trial.number);
        let step = trial.reports.last().map_or(0, |&(step, _)| step);
        if step >= self.most {
            return false;
        }
        let halving = Halving { least: self.least, eta: self.eta, skip: own };
        halving.stops(history, trial, objective, |number| self.bracket(number) == own)
    }
}
