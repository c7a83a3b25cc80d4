//! Spaces of architectures: their genes, and the genomes that name their members.
//!
//! | | genome | space |
//! |---|---|---|
//! | `choose` evaluated | a slot: the option's number, or nothing where the branch around it was not taken | a [`Gene`] |
//! | the whole | [`Genome`], one member | [`Space`], all members as a decision diagram with costs |

mod costs;
pub(crate) mod diagram;
mod draw;
mod enumerate;
mod genes;
mod genome;
mod limits;
mod load;
mod random;
mod source;

pub use draw::Sampling;
pub use enumerate::{Enumerated, enumerate};
pub use genes::Gene;
pub use genome::{Genome, GenomeError};
pub use limits::HardLimit;
pub use load::{Definition, Spaces, compile, load, load_at};
pub(crate) use load::{define, holds_choice};
pub use random::SplitMix;

use std::fmt;

use crate::graph::{Costs, Shape};
use diagram::Diagram;

/// A space whose members have all been proven to be valid networks.
///
/// It holds text and numbers only, so it can be shared between threads.
#[derive(Debug, Clone)]
pub struct Space {
    name: String,
    docs: Vec<String>,
    /// Everything it is made of, itself last.
    source: String,
    input: Shape,
    output: Shape,
    genes: Vec<Gene>,
    diagram: Diagram,
    /// Members below each vertex, and of all.
    counts: costs::Counts,
    /// What is still to come below each vertex at least and at most.
    ranges: Vec<[Costs; 2]>,
    limits: Vec<HardLimit>,
    draws: draw::Draws,
}

/// Why a space does not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpaceError {
    /// A genome is no member: why.
    NoMember(String),
    /// A member breaks a limit.
    BeyondLimit(String),
    /// No member within the limits was found in so many tries.
    NotFound {
        /// How often.
        tries: usize,
        /// The limits.
        limits: String,
    },
    /// A member could not be elaborated, which its proof excludes.
    Broken(String),
}

impl fmt::Display for SpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpaceError::NoMember(why) | SpaceError::BeyondLimit(why) | SpaceError::Broken(why) => f.write_str(why),
            SpaceError::NotFound { tries, limits } => {
                write!(f, "no member with {limits} was found in {tries} tries; loosen the limits")
            }
        }
    }
}

impl std::error::Error for SpaceError {}

impl Space {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its documentation, line by line.
    pub fn docs(&self) -> &[String] {
        &self.docs
    }

    /// Its source, which stands alone: [`load`] reads it again.
    pub fn definition(&self) -> &str {
        &self.source
    }

    /// What arrives, without the batch dimension.
    pub fn input_shape(&self) -> Shape {
        self.input
    }

    /// What every member delivers.
    pub fn output_shape(&self) -> Shape {
        self.output
    }

    /// Its genes, in the order of the slots of its genomes: parents before their children.
    pub fn genes(&self) -> &[Gene] {
        &self.genes
    }

    /// The number of members, limits aside; `None` above 2^128.
    pub fn size(&self) -> Option<u128> {
        self.counts.all()
    }

    /// Its binary logarithm.
    pub fn log2_size(&self) -> f64 {
        self.counts.log2()
    }

    /// States that were told apart in the proof.
    pub fn states(&self) -> usize {
        self.diagram.vertices.len()
    }

    /// The least and the most of each cost over all members, limits aside.
    pub fn range(&self) -> [Costs; 2] {
        let below = match self.diagram.start.target {
            diagram::END => [diagram::NOTHING; 2],
            first => self.ranges[first as usize],
        };
        below.map(|costs| diagram::sum(self.diagram.start.costs, costs))
    }

    /// The limits that no member that is given breaks.
    pub fn limits(&self) -> &[HardLimit] {
        &self.limits
    }
}
