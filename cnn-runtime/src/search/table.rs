//! A domain that is nothing but its genes: tabular benchmarks, and what is no network.

use cnn_lang::space::Genome;

use super::domain::{Domain, Gene};

type Limit = Box<dyn Fn(&Genome) -> bool + Send + Sync>;

/// Genes without networks behind them.
///
/// ```
/// use cnn_runtime::search::{Domain, Gene, Table};
/// use rand::SeedableRng;
///
/// let table = Table::new(vec![Gene::new("op", ["conv", "skip"]), Gene::new("kernel", ["3", "5"]).under(0, 0)]);
/// let genome = table.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(0))?;
/// assert!(table.contains(&genome));
/// assert!(!table.contains(&"1.0".parse()?), "no kernel without a convolution");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Table {
    genes: Vec<Gene>,
    limit: Option<Limit>,
}

impl Table {
    /// The domain of these genes. Panics if one has no option or more than 65,536, or a parent that does not stand before it.
    pub fn new(genes: Vec<Gene>) -> Table {
        for (index, gene) in genes.iter().enumerate() {
            assert!(
                (1..=1 << 16).contains(&gene.options.len()),
                "gene {} has {} options",
                gene.name,
                gene.options.len()
            );
            assert!(
                gene.parents.iter().all(|&(parent, _)| parent < index),
                "gene {} stands before a parent",
                gene.name
            );
        }
        Table { genes, limit: None }
    }

    /// The same with only those members that `permits` lets pass.
    pub fn limit(mut self, permits: impl Fn(&Genome) -> bool + Send + Sync + 'static) -> Table {
        self.limit = Some(Box::new(permits));
        self
    }
}

impl Domain for Table {
    fn genes(&self) -> &[Gene] {
        &self.genes
    }

    fn permits(&self, genome: &Genome) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit(genome))
    }
}
