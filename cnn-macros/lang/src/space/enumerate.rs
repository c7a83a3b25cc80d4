//! Members one after the other.

use super::diagram::{END, sum};
use super::load::of;
use super::{Genome, Space, SpaceError};
use crate::diag::{Diagnostic, Diagnostics};
use crate::elaborate::Definitions;
use crate::elaborate::space::{Of, member};
use crate::graph::Graph;
use crate::syntax::parse_str;

impl Space {
    /// All members within the limits, in the order of their options as they are met; `None` if the space has more than
    /// `most`, limits aside.
    pub fn members(&self, most: usize) -> Option<Vec<Genome>> {
        let all = usize::try_from(self.size()?).ok().filter(|&all| all <= most)?;
        let mut members = Vec::with_capacity(all);
        let mut open = vec![(vec![None; self.genes.len()], self.diagram.start.costs, self.diagram.start.target)];
        while let Some((genome, costs, vertex)) = open.pop() {
            if vertex == END {
                if self.permits(&costs) {
                    members.push(Genome(genome));
                }
                continue;
            }
            let gene = self.diagram.vertices[vertex as usize].gene as usize;
            for (option, edge) in self.diagram.edges(vertex).iter().enumerate().rev() {
                let mut genome = genome.clone();
                genome[gene] = Some(option as u16);
                open.push((genome, sum(costs, edge.costs), edge.target));
            }
        }
        Some(members)
    }

    /// The genes of a genome in the order in which they are met, with their options.
    ///
    /// # Errors
    /// If the genome is no member.
    pub fn decisions(&self, genome: &Genome) -> Result<Vec<(usize, u16)>, SpaceError> {
        let mut met = Vec::new();
        self.walk(genome, |gene, option| met.push((gene, option)))?;
        Ok(met)
    }
}

/// A member that was elaborated by itself.
#[derive(Debug)]
pub struct Enumerated {
    /// The options of its genes in the order in which they are met.
    pub options: Vec<u16>,
    /// The network.
    pub graph: Option<Graph>,
    /// What is wrong with it.
    pub errors: Vec<Diagnostic>,
}

/// All members of the last space of a source, each elaborated by itself as a network: the slow way, against which proof and
/// costs of a [`Space`] are tested. `None` if there are more than `most`.
///
/// # Errors
/// The mistakes of the text.
pub fn enumerate(source: &str, most: usize) -> Result<Option<Vec<Enumerated>>, Vec<Diagnostic>> {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    let definitions = Definitions::collect(&file, &mut errors);
    if !errors.is_empty() {
        return Err(errors.into_vec());
    }
    let Some(of): Option<Of<'_>> = file.items.iter().filter_map(of).next_back() else { return Ok(Some(Vec::new())) };
    let mut members = Vec::new();
    let mut next = Some(Vec::new());
    while let Some(prefix) = next.take() {
        if members.len() >= most {
            return Ok(None);
        }
        let mut errors = Diagnostics::default();
        let Some(member) = member(of, prefix.clone(), None, &definitions, &mut errors) else {
            return Err(errors.into_vec());
        };
        let mut options = prefix;
        options.resize(member.counts.len(), 0);
        // The next in order: the last gene that has another option, and the first options behind it.
        let last = (0..options.len()).rfind(|&gene| usize::from(options[gene]) + 1 < member.counts[gene]);
        next = last.map(|last| {
            let mut prefix = options[..=last].to_vec();
            prefix[last] += 1;
            prefix
        });
        members.push(Enumerated { options, graph: member.elaborated.graph, errors: errors.into_vec() });
    }
    Ok(Some(members))
}
