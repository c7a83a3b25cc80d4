//! Rows: every item below what it reads; edges over several rows in lanes of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::super::diagram::{Diagram, End, TensorId};

/// What stands in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vertex {
    Item(usize),
    /// A tensor that comes in from above.
    In(TensorId),
    /// A tensor that leaves below.
    Out(TensorId),
    /// A tensor on its way past this row.
    Lane(TensorId),
}

/// From one row to the next.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub from: usize,
    pub to: usize,
    pub tensor: TensorId,
    /// The tensor is also read on the way: the link goes round something.
    pub bypass: bool,
}

#[derive(Debug)]
pub struct Rows {
    pub vertices: Vec<Vertex>,
    pub row: Vec<usize>,
    pub order: Vec<Vec<usize>>,
    pub links: Vec<Link>,
    item_rows: Vec<Option<usize>>,
}

/// The row of every item.
pub fn item_rows(diagram: &Diagram) -> Vec<usize> {
    let mut rows = vec![0; diagram.items.len()];
    // Items stand in an order of execution, but for the ends of auxiliary outputs, which nothing reads.
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for edge in &diagram.edges {
        if let (End::Item(from), End::Item(to)) = (edge.from, edge.to) {
            edges.push((to, from));
        }
    }
    edges.sort_unstable();
    for (to, from) in edges {
        rows[to] = rows[to].max(rows[from] + 1);
    }
    rows
}

/// Lanes of a container, at most; beyond it edges run straight, whatever stands in between.
const MOST_LANES: usize = 20_000;

impl Rows {
    /// Items of some rows with what connects them.
    pub fn new(diagram: &Diagram, wanted: Range<usize>) -> Rows {
        let all = item_rows(diagram);
        let last = all.iter().max().map_or(0, |row| row + 1).min(wanted.end);
        let within = |index: usize| wanted.contains(&all[index]);
        // Inputs above the first row, outputs below the last one.
        let item_rows: Vec<Option<usize>> =
            (0..all.len()).map(|index| within(index).then(|| all[index] - wanted.start + 1)).collect();
        let bottom = last.saturating_sub(wanted.start) + 1;

        // Where each tensor comes from, and where it goes.
        let mut ways: BTreeMap<(Option<usize>, TensorId), BTreeSet<Option<usize>>> = BTreeMap::new();
        for edge in &diagram.edges {
            let place = |end: End, above: bool| match end {
                End::Item(index) if within(index) => Some(Some(index)),
                End::Item(index) if above && all[index] < wanted.start => Some(None),
                End::Item(index) if !above && all[index] >= wanted.end => Some(None),
                End::Item(_) => None,
                End::Border => Some(None),
            };
            if let (Some(from), Some(to)) = (place(edge.from, true), place(edge.to, false))
                && (from.is_some() || to.is_some())
            {
                ways.entry((from, edge.tensor)).or_default().insert(to);
            }
        }

        let mut rows = Rows {
            vertices: Vec::new(),
            row: Vec::new(),
            order: vec![Vec::new(); bottom + 1],
            links: Vec::new(),
            item_rows,
        };
        let mut of_item: HashMap<usize, usize> = HashMap::new();
        for index in 0..diagram.items.len() {
            if let Some(row) = rows.item_rows[index] {
                of_item.insert(index, rows.add(Vertex::Item(index), row));
            }
        }
        let lanes: usize = ways
            .iter()
            .map(|((from, _), to)| {
                let start = from.map_or(0, |index| rows.item_rows[index].unwrap_or(0));
                to.iter().map(|to| to.map_or(bottom, |index| rows.item_rows[index].unwrap_or(0))).max().unwrap_or(start)
                    - start
            })
            .sum();
        for ((from, tensor), to) in &ways {
            let (start, row) = match from {
                Some(index) => (of_item[index], rows.item_rows[*index].unwrap_or(0)),
                None => (rows.add(Vertex::In(*tensor), 0), 0),
            };
            let several = to.len() > 1;
            let mut goals: Vec<(usize, usize)> = to
                .iter()
                .map(|to| match to {
                    Some(index) => (rows.item_rows[*index].unwrap_or(0), of_item[index]),
                    None => (bottom, rows.add(Vertex::Out(*tensor), bottom)),
                })
                .collect();
            goals.sort_unstable();
            let (mut at, mut row) = (start, row);
            for (goal, vertex) in goals {
                while lanes <= MOST_LANES && row + 1 < goal {
                    row += 1;
                    let lane = rows.add(Vertex::Lane(*tensor), row);
                    rows.links.push(Link { from: at, to: lane, tensor: *tensor, bypass: several });
                    at = lane;
                }
                let lane = matches!(rows.vertices[at], Vertex::Lane(_));
                rows.links.push(Link { from: at, to: vertex, tensor: *tensor, bypass: several && lane });
            }
        }
        rows.sort(diagram);
        rows
    }

    /// The row of an item, if it is among these.
    pub fn row_of(&self, item: usize) -> Option<usize> {
        self.item_rows[item]
    }

    fn add(&mut self, vertex: Vertex, row: usize) -> usize {
        self.vertices.push(vertex);
        self.row.push(row);
        self.vertices.len() - 1
    }

    /// Orders every row: branches as in the text, then whatever saves crossings.
    fn sort(&mut self, diagram: &Diagram) {
        let mut above: Vec<Vec<usize>> = vec![Vec::new(); self.vertices.len()];
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); self.vertices.len()];
        for link in &self.links {
            above[link.to].push(link.from);
            below[link.from].push(link.to);
        }
        // From the bottom up, along what each item reads, in the order in which it is read.
        let rank: HashMap<(usize, TensorId), usize> = diagram
            .edges
            .iter()
            .enumerate()
            .filter_map(|(rank, edge)| match edge.to {
                End::Item(to) => Some(((to, edge.tensor), rank)),
                End::Border => None,
            })
            .collect();
        let tensor_of = |links: &[Link], from: usize, to: usize| {
            links.iter().find(|link| link.from == from && link.to == to).map_or(0, |link| link.tensor)
        };
        for (vertex, above) in above.iter_mut().enumerate() {
            if let (Vertex::Item(item), true) = (self.vertices[vertex], above.len() > 1 && above.len() < 200) {
                let links = &self.links;
                above.sort_by_key(|&from| rank.get(&(item, tensor_of(links, from, vertex))).copied().unwrap_or(0));
            }
        }
        let mut seen = vec![false; self.vertices.len()];
        let mut roots: Vec<usize> = (0..self.vertices.len()).filter(|&v| below[v].is_empty()).collect();
        roots.sort_by_key(|&v| (std::cmp::Reverse(self.row[v]), v));
        for root in roots {
            let mut stack = vec![root];
            while let Some(vertex) = stack.pop() {
                if std::mem::replace(&mut seen[vertex], true) {
                    continue;
                }
                self.order[self.row[vertex]].push(vertex);
                stack.extend(above[vertex].iter().rev().filter(|&&v| !seen[v]));
            }
        }
        self.uncross(&above, &below);
    }

    /// Sweeps up and down, each row in the order of its neighbours' middles; keeps the best.
    fn uncross(&mut self, above: &[Vec<usize>], below: &[Vec<usize>]) {
        if self.links.len() > 4000 {
            return;
        }
        let mut best = (self.crossings(), self.order.clone());
        for sweep in 0..12 {
            if best.0 == 0 {
                break;
            }
            let down = sweep % 2 == 0;
            let count = self.order.len();
            for step in 1..count {
                let row = if down { step } else { count - 1 - step };
                let neighbours = if down { above } else { below };
                let position = self.positions();
                let mut keyed: Vec<(f64, usize)> = self.order[row]
                    .iter()
                    .map(|&v| {
                        let near = &neighbours[v];
                        let sum: usize = near.iter().map(|&n| position[n]).sum();
                        let own = position[v] as f64;
                        (if near.is_empty() { own } else { sum as f64 / near.len() as f64 }, v)
                    })
                    .collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.order[row] = keyed.into_iter().map(|(_, v)| v).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.order.clone());
            }
        }
        self.order = best.1;
    }

    fn positions(&self) -> Vec<usize> {
        let mut position = vec![0; self.vertices.len()];
        for row in &self.order {
            for (at, &vertex) in row.iter().enumerate() {
                position[vertex] = at;
            }
        }
        position
    }

    fn crossings(&self) -> usize {
        let position = self.positions();
        let mut by_row: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for link in &self.links {
            by_row.entry(self.row[link.from]).or_default().push((position[link.from], position[link.to]));
        }
        by_row
            .values()
            .map(|links| {
                let pairs = links.iter().enumerate().flat_map(|(i, a)| links[i + 1..].iter().map(move |b| (a, b)));
                pairs.filter(|(a, b)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1)).count()
            })
            .sum()
    }
}
