//! What can be read off the diagram: how many members there are, what they cost.

use super::diagram::{Diagram, END, NOTHING, sum};
use super::{Genome, Space, SpaceError};
use crate::graph::Costs;

/// The number of members below each vertex: exactly while it fits, and its binary logarithm.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    /// Empty if one of them does not fit.
    exact: Vec<u128>,
    logarithms: Vec<f64>,
    start: u32,
}

impl Counts {
    pub fn of(diagram: &Diagram) -> Counts {
        let exact = diagram.backward(Some(1_u128), |vertex, known| {
            let edges = diagram.edges(vertex).iter();
            edges.map(|edge| known(edge.target)).try_fold(0_u128, |all, one| all.checked_add(one?))
        });
        let logarithms = diagram.backward(0.0_f64, |vertex, known| {
            let below: Vec<f64> = diagram.edges(vertex).iter().map(|edge| known(edge.target)).collect();
            let most = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            most + below.iter().map(|log| (log - most).exp2()).sum::<f64>().log2()
        });
        let exact = exact.into_iter().collect::<Option<Vec<u128>>>().unwrap_or_default();
        Counts { exact, logarithms, start: diagram.start.target }
    }

    pub fn all(&self) -> Option<u128> {
        match self.start {
            END => Some(1),
            first => self.exact.get(first as usize).copied(),
        }
    }

    pub fn log2(&self) -> f64 {
        match (self.all(), self.start) {
            (Some(all), _) => (all as f64).log2(),
            (None, first) => self.logarithms[first as usize],
        }
    }

    /// How many members an edge leads to, if all numbers are exact.
    pub fn exact(&self, target: u32) -> Option<u128> {
        match target {
            END => (self.start == END || !self.exact.is_empty()).then_some(1),
            target => self.exact.get(target as usize).copied(),
        }
    }

    pub fn logarithm(&self, target: u32) -> f64 {
        if target == END { 0.0 } else { self.logarithms[target as usize] }
    }
}

/// The least and the most that is still to come below each vertex, cost by cost.
pub(super) fn ranges(diagram: &Diagram) -> Vec<[Costs; 2]> {
    let each = |a: Costs, b: Costs, of: fn(u64, u64) -> u64| Costs {
        params: of(a.params, b.params),
        buffers: of(a.buffers, b.buffers),
        macs: of(a.macs, b.macs),
        aux_macs: of(a.aux_macs, b.aux_macs),
        activations: of(a.activations, b.activations),
    };
    diagram.backward([NOTHING; 2], |vertex, known| {
        let below = diagram.edges(vertex).iter().map(|edge| known(edge.target).map(|costs| sum(edge.costs, costs)));
        let narrower = |a: [Costs; 2], b: [Costs; 2]| [each(a[0], b[0], u64::min), each(a[1], b[1], u64::max)];
        below.reduce(narrower).unwrap_or([NOTHING; 2])
    })
}

impl Space {
    /// The options of a genome in the order in which its genes are met, and what it costs; limits aside.
    pub(super) fn walk(&self, genome: &Genome, mut met: impl FnMut(usize, u16)) -> Result<Costs, SpaceError> {
        if genome.len() != self.genes.len() {
            let (has, expected) = (genome.len(), self.genes.len());
            let message = format!("the genome {genome} has {has} genes, `{}` has {expected}", self.name);
            return Err(SpaceError::NoMember(message));
        }
        let mut costs = self.diagram.start.costs;
        let mut vertex = self.diagram.start.target;
        let mut active = 0;
        while vertex != END {
            let gene = self.diagram.vertices[vertex as usize].gene as usize;
            let edges = self.diagram.edges(vertex);
            let option = genome.0[gene];
            let Some(edge) = option.and_then(|option| edges.get(usize::from(option))) else {
                return Err(self.wrong_option(genome, gene));
            };
            met(gene, option.unwrap_or(0));
            active += 1;
            costs = sum(costs, edge.costs);
            vertex = edge.target;
        }
        if genome.0.iter().flatten().count() != active {
            return Err(self.surplus_option(genome));
        }
        Ok(costs)
    }

    fn wrong_option(&self, genome: &Genome, gene: usize) -> SpaceError {
        let name = &self.genes[gene].name;
        let count = self.genes[gene].options.len();
        SpaceError::NoMember(match genome.0[gene] {
            Some(option) => {
                format!("gene `{name}` has the options 0 to {}, the genome {genome} says {option}", count - 1)
            }
            None => format!("gene `{name}` exists in this member, the genome {genome} has no option for it"),
        })
    }

    fn surplus_option(&self, genome: &Genome) -> SpaceError {
        let mut met = vec![false; self.genes.len()];
        let _ = self.walk(&Genome(self.canonical(&genome.0)), |gene, _| met[gene] = true);
        let surplus = (0..met.len()).find(|&gene| !met[gene] && genome.0[gene].is_some());
        let name = surplus.map_or("", |gene| &self.genes[gene].name);
        SpaceError::NoMember(format!(
            "gene `{name}` does not exist in this member, the genome {genome} has an option for it"
        ))
    }

    /// The member with these options, and the first one where none is wished or there is no such option.
    pub(super) fn canonical(&self, wishes: &[Option<u16>]) -> Vec<Option<u16>> {
        let mut genome = vec![None; self.genes.len()];
        let mut vertex = self.diagram.start.target;
        while vertex != END {
            let gene = self.diagram.vertices[vertex as usize].gene as usize;
            let edges = self.diagram.edges(vertex);
            let wish = wishes.get(gene).copied().flatten().filter(|&option| usize::from(option) < edges.len());
            genome[gene] = Some(wish.unwrap_or(0));
            vertex = edges[usize::from(wish.unwrap_or(0))].target;
        }
        genome
    }

    /// What a member costs, without its graph.
    ///
    /// # Errors
    /// If the genome is no member.
    pub fn costs(&self, genome: &Genome) -> Result<Costs, SpaceError> {
        self.walk(genome, |_, _| {})
    }

    /// Whether a genome is a member within the limits.
    pub fn contains(&self, genome: &Genome) -> bool {
        self.costs(genome).is_ok_and(|costs| self.permits(&costs))
    }
}
