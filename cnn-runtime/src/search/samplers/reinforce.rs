//! A controller trained by REINFORCE. Williams 1992, <https://doi.org/10.1007/BF00992696>, as Zoph & Le 2017,
//! <https://arxiv.org/abs/1611.01578>, search networks, on the reward of Tan et al. 2019, <https://arxiv.org/abs/1807.11626>.

use rand::RngCore;

use super::tpe::pick;
use super::{Context, Sampler};
use crate::search::domain::DomainError;
use crate::search::trial::{Proposal, Trial};

/// A policy with a softmax of its own for each gene, all options equal at first. After every told trial the logits of active
/// genes move by `rate` times the reward's advantage over a moving average of rewards, in units of the rewards' spread so far,
/// times the gradient of the log-probability. A pruned or failed trial counts as the worst reward so far.
#[derive(Clone, Debug)]
pub struct Reinforce {
    /// How far a step goes.
    pub rate: f64,
    /// How slowly the average of rewards moves, below 1.
    pub baseline: f64,
    seen: usize,
    logits: Vec<Vec<f64>>,
    rewards: Rewards,
}

/// Moving average, number, mean, squared deviations, least of the rewards.
#[derive(Clone, Debug, Default)]
struct Rewards {
    average: f64,
    count: f64,
    mean: f64,
    squares: f64,
    least: f64,
}

impl Rewards {
    /// The advantage of a reward, which is counted then.
    fn advantage(&mut self, reward: f64, decay: f64) -> f64 {
        if self.count == 0.0 {
            (self.average, self.least) = (reward, reward);
        }
        let advantage = reward - self.average;
        self.average = decay * self.average + (1.0 - decay) * reward;
        self.least = self.least.min(reward);
        // Welford 1962.
        self.count += 1.0;
        let off = reward - self.mean;
        self.mean += off / self.count;
        self.squares += off * (reward - self.mean);
        let spread = (self.squares / self.count).sqrt();
        if spread > 0.0 { (advantage / spread).clamp(-3.0, 3.0) } else { 0.0 }
    }
}

impl Reinforce {
    /// An untrained controller.
    pub fn new(rate: f64, baseline: f64) -> Reinforce {
        Reinforce { rate, baseline, seen: 0, logits: Vec::new(), rewards: Rewards::default() }
    }

    fn learn(&mut self, trial: &Trial, context: &Context<'_>) {
        let Some(score) = context.score(trial) else { return };
        let reward = match (score.is_complete(), self.rewards.count > 0.0) {
            (true, _) => score.value,
            (false, true) => self.rewards.least,
            (false, false) => return,
        };
        let advantage = self.rewards.advantage(reward, self.baseline);
        for (logits, option) in self.logits.iter_mut().zip(&trial.genome.0) {
            let Some(taken) = option.map(usize::from) else { continue };
            let probabilities = softmax(logits);
            for (option, (logit, probability)) in logits.iter_mut().zip(probabilities).enumerate() {
                let gradient = f64::from(u8::from(option == taken)) - probability;
                *logit += self.rate * advantage * gradient;
            }
        }
    }
}

impl Sampler for Reinforce {
    fn propose(&mut self, context: &Context<'_>, rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError> {
        if self.logits.is_empty() {
            self.logits = context.domain.genes().iter().map(|gene| vec![0.0; gene.options.len()]).collect();
        }
        for trial in context.history.told_from(self.seen) {
            self.learn(trial, context);
            self.seen += 1;
        }
        let wishes: Vec<Option<u16>> = self.logits.iter().map(|logits| Some(pick(&softmax(logits), rng))).collect();
        Ok(Some(Proposal::new(context.domain.complete(&wishes, rng)?, "policy")))
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exp: Vec<f64> = logits.iter().map(|&logit| libm::exp(logit - largest)).collect();
    let sum: f64 = exp.iter().sum();
    exp.into_iter().map(|e| e / sum).collect()
}
