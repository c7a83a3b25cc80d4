//! Samplers: what to evaluate next. Each is its paper's algorithm.
//!
//! A proposal is a function of the study's seed, the trial's number and the trials told so far, in their order: a study that
//! was killed proposes what it would have proposed. Samplers may remember what they made of told trials, nothing else.

mod evolution;
mod grid;
mod local;
mod nsga2;
mod random;
mod reinforce;
mod settings;
mod tpe;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::domain::{Domain, DomainError};
use super::history::History;
use super::objective::{Objective, Reward, Score, score};
use super::trial::{Proposal, Trial};

pub use evolution::Evolution;
pub use grid::Grid;
pub use local::LocalSearch;
pub use nsga2::Nsga2;
pub use random::Random;
pub use reinforce::Reinforce;
pub use settings::SamplerSettings;
pub use tpe::Tpe;

/// What a proposal may depend on.
pub struct Context<'a> {
    /// The space.
    pub domain: &'a dyn Domain,
    /// What the study wants.
    pub objectives: &'a [Objective],
    /// What makes one number of several objectives.
    pub reward: Option<&'a Reward>,
    /// What is known.
    pub history: &'a History,
    /// The study's seed.
    pub seed: u64,
    /// The number of the trial that is to be.
    pub number: u64,
}

impl Context<'_> {
    /// How good a trial is, if it is told.
    pub fn score(&self, trial: &Trial) -> Option<Score> {
        score(trial, self.objectives, self.reward)
    }

    /// The generator of this trial's draws.
    pub fn rng(&self) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.number + 1);
        rng
    }

    /// What `draw` gives that no trial has tried yet, or after a few draws what it gives.
    fn fresh(
        &self,
        rng: &mut dyn RngCore,
        mut draw: impl FnMut(&mut dyn RngCore) -> Result<Proposal, DomainError>,
    ) -> Result<Proposal, DomainError> {
        const DRAWS: usize = 16;
        for _ in 1..DRAWS {
            let proposal = draw(rng)?;
            if self.history.first_of(&proposal.genome).is_none() {
                return Ok(proposal);
            }
        }
        draw(rng)
    }
}

/// A sampler of one study.
pub trait Sampler: Send {
    /// What to evaluate next; nothing where all has been tried.
    ///
    /// # Errors
    /// If the domain has nothing to give.
    fn propose(&mut self, context: &Context<'_>, rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError>;
}

#[cfg(test)]
mod statistics;
#[cfg(test)]
mod tests;
