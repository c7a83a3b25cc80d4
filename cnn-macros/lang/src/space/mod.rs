//! Spaces of architectures: their genes, and the genomes that name their members.

mod genome;

pub use genome::{Genome, GenomeError};
