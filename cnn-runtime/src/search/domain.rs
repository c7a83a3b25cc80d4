//! What samplers search: genes, and the operations on genomes that keep them valid.

mod canonical;

use cnn_lang::graph::{Costs, Graph};
use cnn_lang::space::Genome;
use rand::{Rng, RngCore};

pub use canonical::canonical;

/// One choice of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gene {
    /// Its name, the path of labels that leads to it.
    pub name: String,
    /// What can be chosen, at least one; at most 65,536.
    pub options: Vec<String>,
    /// Under which options of earlier genes it is active: any of them. Empty for a gene that always is.
    pub parents: Vec<(usize, u16)>,
}

impl Gene {
    /// A gene that is always active.
    pub fn new(name: impl Into<String>, options: impl IntoIterator<Item = impl Into<String>>) -> Gene {
        Gene { name: name.into(), options: options.into_iter().map(Into::into).collect(), parents: Vec::new() }
    }

    /// The same, active under this option of an earlier gene too.
    pub fn under(mut self, gene: usize, option: u16) -> Gene {
        self.parents.push((gene, option));
        self
    }

    /// Whether it is active in a genome whose earlier genes are known.
    pub fn is_active(&self, earlier: &[Option<u16>]) -> bool {
        let taken = |&(gene, option): &(usize, u16)| earlier.get(gene).copied().flatten() == Some(option);
        self.parents.is_empty() || self.parents.iter().any(taken)
    }
}

/// Why a domain has no genome to give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DomainError {
    /// What was tried, what came, how to mend it.
    pub message: String,
}

impl DomainError {
    /// An error that says this.
    pub fn new(message: impl Into<String>) -> DomainError {
        DomainError { message: message.into() }
    }
}

/// Draws that [`Domain`]'s own methods make until one is within the limits.
pub const TRIES: usize = 1000;

/// A space as samplers see it. Every genome that it gives is canonical (a gene has an option if and only if it is active) and
/// within the limits; what it gives depends on its arguments and the generator alone.
///
/// Implement [`genes`](Self::genes), and [`permits`](Self::permits) where there are limits; the rest draws genes one by one and
/// tries again where limits are broken. A space that knows better (how many members a limit leaves, for one) overrides it.
pub trait Domain: Send + Sync {
    /// The genes, parents before their children.
    fn genes(&self) -> &[Gene];

    /// Whether a canonical genome is within the limits.
    fn permits(&self, _genome: &Genome) -> bool {
        true
    }

    /// Whether a genome is a member: canonical and within the limits.
    fn contains(&self, genome: &Genome) -> bool {
        canonical::is_canonical(self.genes(), genome) && self.permits(genome)
    }

    /// Every member in the order of their genomes, if they and those beyond the limits are at most `most`.
    fn members(&self, most: usize) -> Option<Vec<Genome>> {
        let all = canonical::enumerate(self.genes(), most)?;
        Some(all.into_iter().filter(|genome| self.permits(genome)).collect())
    }

    /// A member at random.
    ///
    /// # Errors
    /// If none within the limits is found.
    fn sample(&self, rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        self.complete(&vec![None; self.genes().len()], rng)
    }

    /// A member that has another option at one active gene, and new ones where that brings genes to life; the same one where
    /// nothing else is within reach.
    ///
    /// # Errors
    /// If none within the limits is found.
    fn mutate(&self, genome: &Genome, rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        let genes = self.genes();
        let free: Vec<usize> =
            (0..genes.len()).filter(|&gene| genome.get(gene).is_some() && genes[gene].options.len() > 1).collect();
        if free.is_empty() {
            return Ok(genome.clone());
        }
        for _ in 0..TRIES {
            let gene = free[rng.gen_range(0..free.len())];
            let others = genes[gene].options.len() - 1;
            let other = rng.gen_range(0..others) as u16;
            let mut wishes = genome.0.clone();
            wishes[gene] = Some(if Some(other) >= genome.get(gene) { other + 1 } else { other });
            let child = canonical(genes, &wishes, rng);
            if self.permits(&child) {
                return Ok(child);
            }
        }
        Ok(genome.clone())
    }

    /// A member that has each gene from one of two; inherited from who has it, where one has not. The first where nothing else
    /// is within the limits.
    ///
    /// # Errors
    /// If none within the limits is found.
    fn cross(&self, a: &Genome, b: &Genome, rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        for _ in 0..TRIES {
            let inherit = |gene| {
                let [first, second] = if rng.gen_bool(0.5) { [a, b] } else { [b, a] };
                first.get(gene).or(second.get(gene))
            };
            let wishes: Vec<Option<u16>> = (0..self.genes().len()).map(inherit).collect();
            let child = canonical(self.genes(), &wishes, rng);
            if self.permits(&child) {
                return Ok(child);
            }
        }
        Ok(a.clone())
    }

    /// A member near to what is wished, one wish for each gene: active genes without a wish, or with one for an option that
    /// is not there, are drawn. Where the wished options break the limits, more and more of them are drawn too.
    ///
    /// # Errors
    /// If none within the limits is found.
    fn complete(&self, wishes: &[Option<u16>], rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        for attempt in 0..TRIES {
            let mut kept = wishes.to_vec();
            // Wishes yield one by one at first; at the end of the tries none is left.
            let dropped = attempt * (wishes.len() + 1) / (TRIES / 2);
            for _ in 0..dropped.min(wishes.len()) {
                kept[rng.gen_range(0..wishes.len())] = None;
            }
            if 2 * attempt > TRIES {
                kept.fill(None);
            }
            let genome = canonical(self.genes(), &kept, rng);
            if self.permits(&genome) {
                return Ok(genome);
            }
        }
        Err(DomainError::new(format!("no member within the limits in {TRIES} draws; loosen the limits")))
    }
}

/// A domain whose members are networks.
pub trait Members: Domain {
    /// What a member costs, known before anything is built.
    ///
    /// # Errors
    /// If the genome is no member.
    fn costs(&self, genome: &Genome) -> Result<Costs, DomainError>;

    /// Its definition in the language, which stands alone.
    ///
    /// # Errors
    /// If the genome is no member.
    fn source(&self, genome: &Genome) -> Result<String, DomainError>;

    /// Its graph.
    ///
    /// # Errors
    /// If the genome is no member.
    fn graph(&self, genome: &Genome) -> Result<Graph, DomainError>;
}

#[cfg(test)]
mod tests;
