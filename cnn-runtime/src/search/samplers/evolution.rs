//! Regularised evolution. Real et al. 2019, algorithm 1, <https://arxiv.org/abs/1802.01548>.

use rand::{Rng, RngCore};

use super::{Context, Sampler};
use crate::search::domain::DomainError;
use crate::search::trial::{Proposal, Trial};

/// The last `population` told trials are alive; the best of `sample` drawn from them (with replacement) has a mutant. Nothing
/// lives longer for being good. The paper's figures are 100 and 25 for 20,000 trials; a smaller population suits fewer.
#[derive(Clone, Copy, Debug)]
pub struct Evolution {
    /// How many are alive.
    pub population: usize,
    /// How many compete to be parent.
    pub sample: usize,
}

impl Sampler for Evolution {
    fn propose(&mut self, context: &Context<'_>, rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError> {
        let told = context.history.told_len();
        if told < self.population {
            return Ok(Some(Proposal::new(context.domain.sample(rng)?, "random")));
        }
        let alive: Vec<&Trial> = context.history.told_from(told - self.population).collect();
        let drawn = (0..self.sample).map(|_| alive[rng.gen_range(0..alive.len())]);
        let scored = drawn.filter_map(|trial| context.score(trial).map(|score| (score, trial)));
        // Of equals the first.
        let best = scored.reduce(|best, next| if next.0.compare(&best.0).is_gt() { next } else { best });
        let Some((_, parent)) = best else { return Ok(None) };
        let genome = context.domain.mutate(&parent.genome, rng)?;
        Ok(Some(Proposal::child(genome, "mutation", &[parent.number])))
    }
}
