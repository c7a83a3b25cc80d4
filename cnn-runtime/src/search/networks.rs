//! A space of the language as samplers see it.

use cnn_lang::graph::{Costs, Graph};
use cnn_lang::space::{Genome, Space, SpaceError};
use rand::RngCore;

use super::domain::{Domain, DomainError, Gene, Members};

/// The networks of a [`Space`], all of them proven.
///
/// ```
/// use cnn_runtime::search::{Domain, Members, Networks};
/// use rand::SeedableRng;
///
/// let source = "Small(classes = 10): 1x28x28 -> classes;
///     stem conv(choose(8, 16), choose(3, 5), stride = 2) -> relu;
///     head gap -> linear(classes);
///     where params <= 500;";
/// let networks = Networks::load(source)?;
/// let genome = networks.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(0))?;
/// assert!(networks.costs(&genome)?.params <= 500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Networks {
    space: Space,
    genes: Vec<Gene>,
}

impl Networks {
    /// The networks of a space.
    pub fn new(space: Space) -> Networks {
        let gene = |gene: &cnn_lang::space::Gene| Gene {
            name: gene.name.clone(),
            options: gene.options.clone(),
            parents: gene.parents.clone(),
        };
        Networks { genes: space.genes().iter().map(gene).collect(), space }
    }

    /// The networks of a source that stands alone, of its last definition.
    ///
    /// # Errors
    /// The first mistake of the source.
    pub fn load(source: &str) -> Result<Networks, DomainError> {
        let space = cnn_lang::space::load(source, None).map_err(|errors| {
            let first = errors.first().map(|error| match &error.help {
                Some(help) => format!("{}; {help}", error.message),
                None => error.message.clone(),
            });
            DomainError::new(first.unwrap_or_else(|| "the source defines no space".to_owned()))
        })?;
        Ok(Networks::new(space))
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }
}

fn told(error: SpaceError) -> DomainError {
    DomainError::new(error.to_string())
}

impl Domain for Networks {
    fn genes(&self) -> &[Gene] {
        &self.genes
    }

    fn permits(&self, genome: &Genome) -> bool {
        self.space.contains(genome)
    }

    fn contains(&self, genome: &Genome) -> bool {
        self.space.contains(genome)
    }

    fn members(&self, most: usize) -> Option<Vec<Genome>> {
        self.space.members(most)
    }

    fn sample(&self, rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        self.space.sample(rng).map_err(told)
    }

    fn mutate(&self, genome: &Genome, rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        self.space.mutate(genome, rng).map_err(told)
    }

    fn cross(&self, a: &Genome, b: &Genome, rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        self.space.cross(a, b, rng).map_err(told)
    }

    fn complete(&self, wishes: &[Option<u16>], rng: &mut dyn RngCore) -> Result<Genome, DomainError> {
        self.space.complete(wishes, rng).map_err(told)
    }
}

impl Members for Networks {
    fn costs(&self, genome: &Genome) -> Result<Costs, DomainError> {
        self.space.costs(genome).map_err(told)
    }

    fn source(&self, genome: &Genome) -> Result<String, DomainError> {
        self.space.source(genome).map_err(told)
    }

    fn graph(&self, genome: &Genome) -> Result<Graph, DomainError> {
        self.space.graph(genome).map_err(told)
    }
}
