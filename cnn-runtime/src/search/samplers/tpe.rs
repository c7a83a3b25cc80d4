//! Tree-structured Parzen estimator over choices. Bergstra et al. 2011,
//! <https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization>.

use rand::{Rng, RngCore};

use super::{Context, Sampler};
use crate::search::domain::{DomainError, Gene};
use crate::search::objective::Score;
use crate::search::trial::{Proposal, Trial};

/// The share `gamma` of told trials with the best results makes the density l, the others g: of each gene, how often an option
/// was taken where the gene was active, plus one for each option, the prior. Of `candidates` genomes drawn from l the one with
/// the largest l / g is tried, among those that nobody tried if there are any.
#[derive(Clone, Copy, Debug)]
pub struct Tpe {
    /// Trials drawn at random first.
    pub startup: usize,
    /// The share of good trials (0.15 in the paper); never more than 25 trials.
    pub gamma: f64,
    /// How many candidates are drawn.
    pub candidates: usize,
}

const MOST_GOOD: usize = 25;

impl Sampler for Tpe {
    fn propose(&mut self, context: &Context<'_>, rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError> {
        let domain = context.domain;
        let mut scored: Vec<(Score, &Trial)> =
            context.history.told().filter_map(|trial| Some((context.score(trial)?, trial))).collect();
        if scored.len() < self.startup.max(2) {
            return context.fresh(rng, |rng| Ok(Proposal::new(domain.sample(rng)?, "random"))).map(Some);
        }
        // Stable: of equals the older is the better.
        scored.sort_by(|a, b| b.0.compare(&a.0));
        let good = ((self.gamma * scored.len() as f64).ceil() as usize).clamp(1, MOST_GOOD);
        let density = |trials: &[(Score, &Trial)]| Density::of(domain.genes(), trials.iter().map(|&(_, trial)| trial));
        let (l, g) = (density(&scored[..good]), density(&scored[good..]));
        let mut best: Option<(bool, f64, Proposal)> = None;
        for _ in 0..self.candidates.max(1) {
            let wishes = l.draw(rng);
            let genome = domain.complete(&wishes, rng)?;
            let new = context.history.first_of(&genome).is_none();
            let gain = l.log_likelihood(&genome.0) - g.log_likelihood(&genome.0);
            let better = best.as_ref().is_none_or(|(known, most, _)| (new, gain) > (*known, *most));
            if better {
                best = Some((new, gain, Proposal::new(genome, "tpe")));
            }
        }
        Ok(best.map(|(_, _, proposal)| proposal))
    }
}

/// Probabilities of each gene's options where it is active.
struct Density(Vec<Vec<f64>>);

impl Density {
    fn of<'t>(genes: &[Gene], trials: impl Iterator<Item = &'t Trial>) -> Density {
        let mut counts: Vec<Vec<f64>> = genes.iter().map(|gene| vec![1.0; gene.options.len()]).collect();
        for trial in trials {
            for (counts, option) in counts.iter_mut().zip(&trial.genome.0) {
                if let Some(count) = option.and_then(|option| counts.get_mut(usize::from(option))) {
                    *count += 1.0;
                }
            }
        }
        for counts in &mut counts {
            let total: f64 = counts.iter().sum();
            counts.iter_mut().for_each(|count| *count /= total);
        }
        Density(counts)
    }

    /// A wish for every gene, whether it will be active or not.
    fn draw(&self, rng: &mut dyn RngCore) -> Vec<Option<u16>> {
        self.0.iter().map(|probabilities| Some(pick(probabilities, rng))).collect()
    }

    fn log_likelihood(&self, options: &[Option<u16>]) -> f64 {
        let of = |(probabilities, option): (&Vec<f64>, &Option<u16>)| {
            option.and_then(|option| probabilities.get(usize::from(option))).map_or(0.0, |&p| libm::log(p))
        };
        self.0.iter().zip(options).map(of).sum()
    }
}

/// An option by its probability.
pub(super) fn pick(probabilities: &[f64], rng: &mut dyn RngCore) -> u16 {
    let mut left: f64 = rng.gen_range(0.0..1.0);
    for (option, probability) in probabilities.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return option as u16;
        }
    }
    probabilities.len().saturating_sub(1) as u16
}
