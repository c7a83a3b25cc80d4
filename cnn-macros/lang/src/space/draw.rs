//! Members at random: uniformly, near to others, between two. All of them are within the limits.

use rand_core::RngCore;

use super::diagram::{END, sum};
use super::limits::{Reachable, between};
use super::{Genome, Space, SpaceError};
use crate::graph::Costs;

/// How members are drawn uniformly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// There are no limits.
    Free,
    /// There are limits, and so many members within them, which were counted.
    Exact {
        /// Members within the limits.
        within: u128,
    },
    /// There are limits: members are drawn until one is within.
    Rejection {
        /// Draws at most.
        tries: usize,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Draws {
    Free,
    Exact(Reachable),
    Rejection,
}

/// Draws at most where members cannot be counted.
const TRIES: usize = 100_000;
/// Attempts to find a near member before fewer wishes are kept.
const NEAR_TRIES: usize = 16;

impl Space {
    /// How [`sample`](Self::sample) draws.
    pub fn sampling(&self) -> Sampling {
        match &self.draws {
            Draws::Free => Sampling::Free,
            Draws::Exact(reachable) => Sampling::Exact { within: reachable.all },
            Draws::Rejection => Sampling::Rejection { tries: TRIES },
        }
    }

    /// A member, each within the limits being as likely as any other.
    ///
    /// # Errors
    /// If members cannot be counted and none of many drawn is within the limits.
    pub fn sample(&self, rng: &mut dyn RngCore) -> Result<Genome, SpaceError> {
        match &self.draws {
            Draws::Free => Ok(self.draw(rng).0),
            Draws::Exact(reachable) => Ok(self.draw_within(reachable, rng)),
            Draws::Rejection => {
                for _ in 0..TRIES {
                    let (genome, costs) = self.draw(rng);
                    if self.permits(&costs) {
                        return Ok(genome);
                    }
                }
                Err(self.not_found(TRIES))
            }
        }
    }

    fn not_found(&self, tries: usize) -> SpaceError {
        let limits: Vec<String> = self.limits.iter().map(ToString::to_string).collect();
        SpaceError::NotFound { tries, limits: limits.join(" and ") }
    }

    /// Uniformly, limits aside.
    fn draw(&self, rng: &mut dyn RngCore) -> (Genome, Costs) {
        let mut genome = vec![None; self.genes.len()];
        let (mut vertex, mut costs) = (self.diagram.start.target, self.diagram.start.costs);
        while vertex != END {
            let edges = self.diagram.edges(vertex);
            let option = match self.counts.exact(vertex) {
                Some(all) => {
                    let mut drawn = below(rng, all);
                    let counts = edges.iter().map(|edge| self.counts.exact(edge.target).unwrap_or(0));
                    pick(counts, &mut drawn)
                }
                None => {
                    let logs: Vec<f64> = edges.iter().map(|edge| self.counts.logarithm(edge.target)).collect();
                    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp2()).collect();
                    let mut drawn = unit(rng) * weights.iter().sum::<f64>();
                    weights
                        .iter()
                        .position(|weight| {
                            (drawn - weight < 0.0) || {
                                drawn -= weight;
                                false
                            }
                        })
                        .unwrap_or(0)
                }
            };
            self.take(&mut genome, &mut vertex, &mut costs, option);
        }
        (Genome(genome), costs)
    }

    /// Uniformly among the members within the limits, which have been counted.
    fn draw_within(&self, reachable: &Reachable, rng: &mut dyn RngCore) -> Genome {
        let mut genome = vec![None; self.genes.len()];
        let (mut vertex, mut costs) = (self.diagram.start.target, self.diagram.start.costs);
        while vertex != END {
            let edges = self.diagram.edges(vertex);
            let mut drawn = below(rng, self.within(reachable, costs, vertex).max(1));
            let counts = edges.iter().map(|edge| self.within(reachable, sum(costs, edge.costs), edge.target));
            let option = pick(counts, &mut drawn);
            self.take(&mut genome, &mut vertex, &mut costs, option);
        }
        Genome(genome)
    }

    fn take(&self, genome: &mut [Option<u16>], vertex: &mut u32, costs: &mut Costs, option: usize) {
        genome[self.diagram.vertices[*vertex as usize].gene as usize] = Some(option as u16);
        let edge = self.diagram.edges(*vertex)[option];
        *costs = sum(*costs, edge.costs);
        *vertex = edge.target;
    }

    /// Whether a member within the limits may be found behind an edge.
    fn hopeful(&self, costs: Costs, target: u32) -> bool {
        match &self.draws {
            Draws::Free => true,
            Draws::Exact(reachable) => self.within(reachable, costs, target) > 0,
            Draws::Rejection => between(&self.limits, &self.reach(costs, target)).0,
        }
    }

    /// Each gene as wished where a member within the limits may follow, else one of those options under which one may;
    /// `None` where none follows after all.
    pub(super) fn fulfil(&self, wishes: &[Option<u16>], rng: &mut dyn RngCore) -> Option<Genome> {
        let mut genome = vec![None; self.genes.len()];
        let (mut vertex, mut costs) = (self.diagram.start.target, self.diagram.start.costs);
        while vertex != END {
            let edges = self.diagram.edges(vertex);
            let gene = self.diagram.vertices[vertex as usize].gene as usize;
            let hopeful =
                |option: usize| edges.get(option).is_some_and(|edge| self.hopeful(sum(costs, edge.costs), edge.target));
            let wish = wishes.get(gene).copied().flatten().map(usize::from).filter(|&option| hopeful(option));
            let option = match wish {
                Some(option) => option,
                None => {
                    let open: Vec<usize> = (0..edges.len()).filter(|&option| hopeful(option)).collect();
                    *open.get(below(rng, open.len().max(1) as u128) as usize)?
                }
            };
            self.take(&mut genome, &mut vertex, &mut costs, option);
        }
        self.permits(&costs).then_some(Genome(genome))
    }

    /// A member near to what is wished, one wish for each gene: genes without a wish, or with one for an option that there
    /// is not, are drawn. Where what is wished is beyond the limits, one wish after the other is given up.
    ///
    /// # Errors
    /// If none within the limits is found.
    pub fn complete(&self, wishes: &[Option<u16>], rng: &mut dyn RngCore) -> Result<Genome, SpaceError> {
        let wished: Vec<usize> =
            (0..wishes.len().min(self.genes.len())).filter(|&gene| wishes[gene].is_some()).collect();
        let mut nearest: Option<(usize, Genome)> = None;
        for given_up in 0..=wished.len() {
            if nearest.as_ref().is_some_and(|(away, _)| *away <= given_up) {
                break;
            }
            for _ in 0..if given_up == 0 { 1 } else { NEAR_TRIES } {
                let mut kept = wishes.to_vec();
                for _ in 0..given_up {
                    kept[wished[below(rng, wished.len() as u128) as usize]] = None;
                }
                let Some(genome) = self.fulfil(&kept, rng) else { continue };
                let differs = |gene: &&usize| genome.0[**gene].is_some_and(|option| wishes[**gene] != Some(option));
                let away = wished.iter().filter(differs).count();
                if nearest.as_ref().is_none_or(|(known, _)| away < *known) {
                    nearest = Some((away, genome));
                }
            }
        }
        match nearest {
            Some((_, genome)) => Ok(genome),
            None => self.sample(rng),
        }
    }

    /// A member with another option at one of its genes, and new ones where that brings genes to life; the same where
    /// nothing else is within the limits.
    ///
    /// # Errors
    /// If the genome has another number of genes than the space.
    pub fn mutate(&self, genome: &Genome, rng: &mut dyn RngCore) -> Result<Genome, SpaceError> {
        self.check_length(genome)?;
        let several = |gene: &usize| genome.get(*gene).is_some() && self.genes[*gene].options.len() > 1;
        let mut open: Vec<(usize, u16)> = Vec::new();
        for gene in (0..self.genes.len()).filter(several) {
            let options = 0..self.genes[gene].options.len() as u16;
            open.extend(options.filter(|&option| genome.get(gene) != Some(option)).map(|option| (gene, option)));
        }
        while !open.is_empty() {
            // A gene first, then one of its options: genes are equally likely, however many options they have.
            let mut genes: Vec<usize> = open.iter().map(|(gene, _)| *gene).collect();
            genes.dedup();
            let gene = genes[below(rng, genes.len() as u128) as usize];
            let places: Vec<usize> = (0..open.len()).filter(|&place| open[place].0 == gene).collect();
            let (gene, option) = open.remove(places[below(rng, places.len() as u128) as usize]);
            let mut wishes = genome.0.clone();
            wishes[gene] = Some(option);
            for _ in 0..NEAR_TRIES {
                let child = self.fulfil(&wishes, rng);
                if let Some(child) = child.filter(|child| child.get(gene) == Some(option)) {
                    return Ok(child);
                }
            }
        }
        Ok(genome.clone())
    }

    /// A member that has each gene from one of two; from who has it, where one has not. As near to that as the limits permit.
    ///
    /// # Errors
    /// If a genome has another number of genes than the space; if none within the limits is found.
    pub fn cross(&self, a: &Genome, b: &Genome, rng: &mut dyn RngCore) -> Result<Genome, SpaceError> {
        self.check_length(a)?;
        self.check_length(b)?;
        let mut wishes = Vec::with_capacity(self.genes.len());
        for gene in 0..self.genes.len() {
            let [first, second] = if rng.next_u32() & 1 == 0 { [a, b] } else { [b, a] };
            wishes.push(first.get(gene).or(second.get(gene)));
        }
        self.complete(&wishes, rng)
    }

    fn check_length(&self, genome: &Genome) -> Result<(), SpaceError> {
        if genome.len() == self.genes.len() {
            return Ok(());
        }
        let (has, expected) = (genome.len(), self.genes.len());
        Err(SpaceError::NoMember(format!("the genome {genome} has {has} genes, `{}` has {expected}", self.name)))
    }
}

/// Which of several has the `drawn`-th of all.
fn pick(counts: impl Iterator<Item = u128>, drawn: &mut u128) -> usize {
    let mut last = 0;
    for (option, count) in counts.enumerate() {
        if *drawn < count {
            return option;
        }
        *drawn -= count;
        if count > 0 {
            last = option;
        }
    }
    last
}

/// A number below `bound`, each as likely as any other.
fn below(rng: &mut dyn RngCore, bound: u128) -> u128 {
    let mask = u128::MAX >> bound.saturating_sub(1).leading_zeros().min(127);
    if bound <= 1 {
        return 0;
    }
    loop {
        let high = if mask > u128::from(u64::MAX) { u128::from(rng.next_u64()) << 64 } else { 0 };
        let drawn = (high | u128::from(rng.next_u64())) & mask;
        if drawn < bound {
            return drawn;
        }
    }
}

/// A number from 0 up to, not including, 1.
fn unit(rng: &mut dyn RngCore) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}
