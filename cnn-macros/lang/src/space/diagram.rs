//! All members of a space as a decision diagram: a vertex is a gene to be decided together with all that still matters of
//! what was decided before; an edge is an option, with the costs that accrue on the way to the next gene.

use crate::graph::Costs;

/// Where every path ends.
pub(crate) const END: u32 = u32::MAX;

/// A gene to be decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vertex {
    pub gene: u32,
    /// Its first edge; one for each option follows.
    edges: u32,
}

/// An option taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// The next vertex, always a later one, or [`END`].
    pub target: u32,
    /// From here to there.
    pub costs: Costs,
}

/// An edge that leads nowhere yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    from: u32,
    option: u16,
    pub costs: Costs,
}

impl Pending {
    /// The way to the first vertex.
    pub const START: Pending = Pending { from: END, option: 0, costs: NOTHING };
}

pub(crate) const NOTHING: Costs = Costs { params: 0, buffers: 0, macs: 0, aux_macs: 0, activations: 0 };

/// The sum of two costs, at most the largest number.
pub(crate) fn sum(a: Costs, b: Costs) -> Costs {
    Costs {
        params: a.params.saturating_add(b.params),
        buffers: a.buffers.saturating_add(b.buffers),
        macs: a.macs.saturating_add(b.macs),
        aux_macs: a.aux_macs.saturating_add(b.aux_macs),
        activations: a.activations.saturating_add(b.activations),
    }
}

/// A directed graph without circles, from [`start`](Self::start) to [`END`].
#[derive(Debug, Clone)]
pub(crate) struct Diagram {
    pub vertices: Vec<Vertex>,
    edges: Vec<Edge>,
    pub start: Edge,
    /// For each vertex one way that leads to it: the vertex before it and the option there. Empty once it is complete.
    ways: Vec<(u32, u16)>,
}

impl Diagram {
    pub fn new() -> Diagram {
        let start = Edge { target: END, costs: NOTHING };
        Diagram { vertices: Vec::new(), edges: Vec::new(), start, ways: Vec::new() }
    }

    /// The edges of a vertex, one for each option.
    pub fn edges(&self, vertex: u32) -> &[Edge] {
        let first = self.vertices[vertex as usize].edges as usize;
        let next = self.vertices.get(vertex as usize + 1).map_or(self.edges.len(), |next| next.edges as usize);
        &self.edges[first..next]
    }

    /// Options of all vertices.
    pub fn edge_count(&self) -> usize {
        self.edges.len()
    }

    /// Adds a vertex to which `pending` lead; the edges that leave it, one for each option, lead nowhere yet.
    pub fn vertex(&mut self, gene: usize, options: usize, pending: &[Pending]) -> Vec<Pending> {
        let vertex = self.vertices.len() as u32;
        self.vertices.push(Vertex { gene: gene as u32, edges: self.edges.len() as u32 });
        self.ways.push((pending[0].from, pending[0].option));
        self.edges.extend(std::iter::repeat_n(Edge { target: END, costs: NOTHING }, options));
        self.arrive(vertex, pending);
        (0..options).map(|option| Pending { from: vertex, option: option as u16, costs: NOTHING }).collect()
    }

    /// Lets edges lead to a vertex.
    pub fn arrive(&mut self, target: u32, pending: &[Pending]) {
        for &Pending { from, option, costs } in pending {
            let edge = Edge { target, costs };
            match self.vertices.get(from as usize) {
                Some(vertex) => self.edges[vertex.edges as usize + usize::from(option)] = edge,
                None => self.start = edge,
            }
        }
    }

    /// The genes and options of one way that ends in this edge.
    pub fn way(&self, pending: &Pending) -> Vec<(usize, u16)> {
        let mut way = Vec::new();
        let (mut vertex, mut option) = (pending.from, pending.option);
        while let Some(found) = self.vertices.get(vertex as usize) {
            way.push((found.gene as usize, option));
            (vertex, option) = self.ways[vertex as usize];
        }
        way.reverse();
        way
    }

    /// No vertex is added any more.
    pub fn complete(&mut self) {
        self.ways = Vec::new();
        self.vertices.shrink_to_fit();
        self.edges.shrink_to_fit();
    }

    /// From the last vertex to the first: `of` makes a vertex' value from its edges' targets' values, [`END`] has `end`.
    pub fn backward<T: Clone>(&self, end: T, mut of: impl FnMut(u32, &dyn Fn(u32) -> T) -> T) -> Vec<T> {
        let count = self.vertices.len();
        let mut values: Vec<T> = vec![end.clone(); count];
        for vertex in (0..count as u32).rev() {
            let value = {
                let known = |target: u32| if target == END { end.clone() } else { values[target as usize].clone() };
                of(vertex, &known)
            };
            values[vertex as usize] = value;
        }
        values
    }
}
