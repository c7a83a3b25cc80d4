//! Hill climbing with restarts. White et al. 2021, <https://arxiv.org/abs/2005.02960>: local search is a strong baseline.

use cnn_lang::space::Genome;
use rand::RngCore;
use rand::seq::SliceRandom;

use super::{Context, Sampler};
use crate::search::domain::DomainError;
use crate::search::objective::Score;
use crate::search::trial::Proposal;

/// From where it stands it tries neighbours, which differ at one gene, in random order; to a better one it goes at once. Where
/// all neighbours have been tried it begins anew at a random member.
#[derive(Clone, Debug, Default)]
pub struct LocalSearch {
    /// Told trials that are accounted for.
    seen: usize,
    /// Where it stands.
    at: Option<(u64, Genome, Score)>,
}

const RESTART: &str = "restart";

impl LocalSearch {
    fn catch_up(&mut self, context: &Context<'_>) {
        for trial in context.history.told_from(self.seen) {
            self.seen += 1;
            let Some(score) = context.score(trial) else { continue };
            let goes = match &self.at {
                // A new climb begins where it begins, even if that is worse.
                _ if trial.origin == RESTART => true,
                None => true,
                Some((number, _, at)) => trial.parents.first() == Some(number) && score.compare(at).is_gt(),
            };
            if goes {
                self.at = Some((trial.number, trial.genome.clone(), score));
            }
        }
    }
}

impl Sampler for LocalSearch {
    fn propose(&mut self, context: &Context<'_>, rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError> {
        self.catch_up(context);
        let domain = context.domain;
        if let Some((number, genome, _)) = &self.at {
            let genes = domain.genes().iter().enumerate();
            let steps = genes.flat_map(|(gene, known)| {
                let here = genome.get(gene);
                let options = if here.is_some() { known.options.len() } else { 0 };
                (0..options)
                    .map(|option| option as u16)
                    .filter(move |&option| Some(option) != here)
                    .map(move |to| (gene, to))
            });
            let mut steps: Vec<(usize, u16)> = steps.collect();
            steps.shuffle(rng);
            for (gene, option) in steps {
                let mut wishes = genome.0.clone();
                wishes[gene] = Some(option);
                let neighbour = domain.complete(&wishes, rng)?;
                if context.history.first_of(&neighbour).is_none() {
                    return Ok(Some(Proposal::child(neighbour, "step", &[*number])));
                }
            }
        }
        let restart = context.fresh(rng, |rng| Ok(Proposal::new(domain.sample(rng)?, RESTART)))?;
        Ok(Some(restart))
    }
}
