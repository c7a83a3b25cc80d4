//! Genomes whose inactive genes are empty and whose active ones are not.

use cnn_lang::space::Genome;
use rand::{Rng, RngCore};

use super::Gene;

/// The genome with the wished options: inactive genes empty, active ones without a possible wish drawn.
pub fn canonical(genes: &[Gene], wishes: &[Option<u16>], rng: &mut dyn RngCore) -> Genome {
    let mut options: Vec<Option<u16>> = Vec::with_capacity(genes.len());
    for (index, gene) in genes.iter().enumerate() {
        let option = gene.is_active(&options).then(|| {
            let wish = wishes.get(index).copied().flatten();
            let possible = wish.filter(|&option| usize::from(option) < gene.options.len());
            possible.unwrap_or_else(|| rng.gen_range(0..gene.options.len().max(1)) as u16)
        });
        options.push(option);
    }
    Genome(options)
}

/// Whether a genome has one option that is there for each active gene, and none else.
pub(super) fn is_canonical(genes: &[Gene], genome: &Genome) -> bool {
    let fits = |(index, gene): (usize, &Gene)| match genome.get(index) {
        Some(option) => usize::from(option) < gene.options.len() && gene.is_active(&genome.0[..index]),
        None => !gene.is_active(&genome.0[..index]),
    };
    genome.len() == genes.len() && genes.iter().enumerate().all(fits)
}

/// All canonical genomes in order, if they are at most `most`.
pub(super) fn enumerate(genes: &[Gene], most: usize) -> Option<Vec<Genome>> {
    let mut prefixes = vec![Vec::with_capacity(genes.len())];
    for gene in genes {
        let mut longer = Vec::with_capacity(prefixes.len());
        for prefix in prefixes {
            let options = if gene.is_active(&prefix) { gene.options.len() } else { 0 };
            if longer.len().saturating_add(options.max(1)) > most {
                return None;
            }
            let with = |option| {
                let mut prefix = prefix.clone();
                prefix.reserve_exact(genes.len() - prefix.len());
                prefix.push(option);
                prefix
            };
            match options {
                0 => longer.push(with(None)),
                _ => longer.extend((0..options).map(|option| with(Some(option as u16)))),
            }
        }
        prefixes = longer;
    }
    Some(prefixes.into_iter().map(Genome).collect())
}
