//! Genes, and on which others they depend.

use super::diagram::{Diagram, END};
use crate::elaborate::members::Found;

/// One evaluation of a `choose`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gene {
    /// The labels, passes and names that lead to it: `block2.kernel`.
    pub name: String,
    /// Its options as they are written.
    pub options: Vec<String>,
    /// Under which options of an earlier gene it exists, by the indices of gene and option: under any of them. Empty if it
    /// always exists. Where several genes decide together it is the last of them.
    pub parents: Vec<(usize, u16)>,
}

/// The genes of a diagram.
pub(super) fn genes(found: Vec<Found>, diagram: &Diagram) -> Vec<Gene> {
    let parents = parents(found.len(), diagram);
    let gene = |(Found { name, options }, parents)| Gene { name, options, parents };
    found.into_iter().zip(parents).map(gene).collect()
}

/// A set of genes.
type Set = Vec<u64>;

fn join(into: &mut Set, other: &Set) {
    into.iter_mut().zip(other).for_each(|(into, other)| *into |= other);
}

fn parents(count: usize, diagram: &Diagram) -> Vec<Vec<(usize, u16)>> {
    let words = count.div_ceil(64);
    // Genes that may follow below a vertex, itself included.
    let mut below: Vec<Set> = vec![vec![0; words]; diagram.vertices.len()];
    // Genes that may follow an option of a gene.
    let mut after: Vec<Vec<Set>> = vec![Vec::new(); count];
    for vertex in (0..diagram.vertices.len()).rev() {
        let gene = diagram.vertices[vertex].gene as usize;
        let edges = diagram.edges(vertex as u32);
        let mut here = vec![0; words];
        here[gene / 64] |= 1 << (gene % 64);
        after[gene].resize(edges.len(), vec![0; words]);
        for (option, edge) in edges.iter().enumerate() {
            if edge.target != END {
                join(&mut here, &below[edge.target as usize]);
                join(&mut after[gene][option], &below[edge.target as usize]);
            }
        }
        below[vertex] = here;
    }
    let holds = |set: &Set, gene: usize| set[gene / 64] >> (gene % 64) & 1 == 1;
    let parents = |gene: usize| {
        let some = |earlier: &usize| {
            let options = &after[*earlier];
            let with = options.iter().filter(|set| holds(set, gene)).count();
            with > 0 && with < options.len()
        };
        let Some(parent) = (0..gene).rev().find(some) else { return Vec::new() };
        let options = after[parent].iter().enumerate().filter(|(_, set)| holds(set, gene));
        options.map(|(option, _)| (parent, option as u16)).collect()
    };
    (0..count).map(parents).collect()
}
