//! NSGA-II. Deb et al. 2002, <https://doi.org/10.1109/4235.996017>.

use rand::{Rng, RngCore};

use super::{Context, Sampler};
use crate::search::domain::DomainError;
use crate::search::front::{crowding, fronts};
use crate::search::objective::Objective;
use crate::search::trial::{Proposal, State, Trial};

/// Generations of `population` trials. The next parents are the best of parents and children together: by front, within the
/// last front by crowding distance. Children have two parents, each the better of two drawn ones, inherit each gene from either
/// (with probability `crossover`, else all from the first), and mutate one gene on average. What was tried is drawn again.
#[derive(Clone, Debug)]
pub struct Nsga2 {
    /// How many parents there are.
    pub population: usize,
    /// How probably a child has two parents.
    pub crossover: f64,
    parents: Vec<Parent>,
    /// Told trials that have become parents or have not.
    seen: usize,
}

#[derive(Clone, Debug)]
struct Parent {
    number: u64,
    losses: Vec<f64>,
    front: usize,
    crowding: f64,
}

impl Nsga2 {
    /// A population of this size.
    pub fn new(population: usize, crossover: f64) -> Nsga2 {
        Nsga2 { population, crossover, parents: Vec::new(), seen: 0 }
    }

    fn catch_up(&mut self, context: &Context<'_>) {
        while context.history.told_len() >= self.seen + self.population {
            let born = context.history.told_from(self.seen).take(self.population);
            let new: Vec<Parent> = born
                .map(|trial| Parent {
                    number: trial.number,
                    losses: losses(trial, context.objectives),
                    front: 0,
                    crowding: 0.0,
                })
                .collect();
            self.parents.extend(new);
            self.seen += self.population;
            self.select();
        }
    }

    /// Keeps the best; ranks them.
    fn select(&mut self) {
        let points: Vec<&[f64]> = self.parents.iter().map(|parent| parent.losses.as_slice()).collect();
        let mut ranks = vec![(0, 0.0); points.len()];
        for (rank, front) in fronts(&points).into_iter().enumerate() {
            let members: Vec<&[f64]> = front.iter().map(|&index| points[index]).collect();
            for (&index, distance) in front.iter().zip(crowding(&members)) {
                ranks[index] = (rank, distance);
            }
        }
        for (parent, (front, crowding)) in self.parents.iter_mut().zip(ranks) {
            (parent.front, parent.crowding) = (front, crowding);
        }
        // Stable: of equals the older.
        self.parents.sort_by(|a, b| a.front.cmp(&b.front).then(b.crowding.total_cmp(&a.crowding)));
        self.parents.truncate(self.population);
    }

    /// Binary tournament by the crowded comparison.
    fn parent(&self, rng: &mut dyn RngCore) -> &Parent {
        // Sorted: what stands before is not worse.
        let [a, b] = [(); 2].map(|()| rng.gen_range(0..self.parents.len()));
        &self.parents[a.min(b)]
    }
}

/// Failed and pruned trials are dominated by all complete ones.
fn losses(trial: &Trial, objectives: &[Objective]) -> Vec<f64> {
    match trial.state {
        State::Complete => {
            objectives.iter().zip(&trial.values).map(|(objective, &value)| objective.loss(value)).collect()
        }
        _ => vec![f64::INFINITY; objectives.len()],
    }
}

impl Sampler for Nsga2 {
    fn propose(&mut self, context: &Context<'_>, rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError> {
        self.catch_up(context);
        let domain = context.domain;
        if self.parents.is_empty() {
            return context.fresh(rng, |rng| Ok(Proposal::new(domain.sample(rng)?, "random"))).map(Some);
        }
        let genome = |number| context.history.get(number).map(|trial: &Trial| &trial.genome);
        let child = |rng: &mut dyn RngCore| {
            let (a, b) = (self.parent(rng).number, self.parent(rng).number);
            let (Some(first), Some(second)) = (genome(a), genome(b)) else {
                return Ok(Proposal::new(domain.sample(rng)?, "random"));
            };
            let crossed = a != b && rng.gen_bool(self.crossover);
            let mut child = if crossed { domain.cross(first, second, rng)? } else { first.clone() };
            let genes = child.0.iter().flatten().count();
            for _ in 0..genes {
                if rng.gen_bool(1.0 / genes as f64) {
                    child = domain.mutate(&child, rng)?;
                }
            }
            Ok(match crossed {
                true => Proposal::child(child, "crossover", &[a, b]),
                false => Proposal::child(child, "mutation", &[a]),
            })
        };
        context.fresh(rng, child).map(Some)
    }
}
