//! Spaces of architectures as [`search_space!`](crate::search_space) emits them.

pub use cnn_lang::space::{Gene, Genome, GenomeError, HardLimit, Sampling, Space, SpaceError, load};
use rand::RngCore;

use crate::Graph;

/// A space emitted by [`search_space!`](crate::search_space).
pub trait SearchSpace {
    /// The space's name.
    const NAME: &'static str;
    /// The number of its members, limits aside; the largest number where they are more.
    const SIZE: u128;
    /// The binary logarithm of the number of its members.
    const LOG2_SIZE: f64;
    /// The space's source, standing alone.
    const SOURCE: &'static str;

    /// What it can do; read from its source when it is first asked for.
    fn space() -> &'static Space;

    /// Its genes, in the order of the slots of its genomes.
    fn genes() -> &'static [Gene] {
        Self::space().genes()
    }

    /// A member at random, each within the limits being as likely as any other.
    ///
    /// # Errors
    /// If members within the limits cannot be counted and none of many drawn is one.
    fn sample(rng: &mut dyn RngCore) -> Result<Genome, SpaceError> {
        Self::space().sample(rng)
    }

    /// A member with another option at one of its genes.
    ///
    /// # Errors
    /// If the genome is of another space.
    fn mutate(genome: &Genome, rng: &mut dyn RngCore) -> Result<Genome, SpaceError> {
        Self::space().mutate(genome, rng)
    }

    /// A member that has each gene from one of two.
    ///
    /// # Errors
    /// If a genome is of another space.
    fn cross(a: &Genome, b: &Genome, rng: &mut dyn RngCore) -> Result<Genome, SpaceError> {
        Self::space().cross(a, b, rng)
    }

    /// The network that a genome names.
    ///
    /// # Errors
    /// If the genome is no member.
    fn graph(genome: &Genome) -> Result<Graph, SpaceError> {
        Self::space().graph(genome)
    }

    /// The network that a genome names as `network!` reads it, without a choice.
    ///
    /// # Errors
    /// If the genome is no member.
    fn source(genome: &Genome) -> Result<String, SpaceError> {
        Self::space().source(genome)
    }
}

/// Reads again what was proven when the program was compiled.
#[doc(hidden)]
pub fn proven(source: &str, name: &str) -> Space {
    load(source, Some(name)).unwrap_or_else(|errors| unreachable!("`{name}` was proven: {errors:?}"))
}
