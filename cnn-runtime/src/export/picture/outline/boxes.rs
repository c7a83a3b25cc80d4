//! Chains of operations as boxes: a layer and what stands by it.

use cnn_lang::graph::Op;

use super::super::words::{Kind, block_words, kind_and_title, words};
use super::{Builder, Look, Piece, Thing, section};

impl Builder<'_> {
    /// The operations that a piece begins and ends with.
    fn ends(&self, piece: &Piece) -> (usize, usize) {
        match piece {
            Piece::Node(node) => (*node, *node),
            Piece::Atom { nodes, all, .. } => (nodes.start, all.end - 1),
            Piece::Done(thing) => (thing.nodes.start, thing.all.end - 1),
        }
    }

    /// Whether a piece does nothing but go on from the one before it, which nothing else reads.
    fn follows(&self, before: &Piece, piece: &Piece) -> bool {
        let ((_, last), (first, _)) = (self.ends(before), self.ends(piece));
        let node = &self.graph.nodes[first];
        let inputs: Vec<usize> = node.inputs.iter().map(|input| self.drawn_as[input.0]).collect();
        let last = self.drawn_as[last];
        inputs == [last]
            && self.readers[last] == 1
            && section(self.graph, first) == section(self.graph, last)
            && node.auxiliary == self.graph.nodes[last].auxiliary
    }

    /// Boxes: a layer and what stands by it.
    pub(super) fn boxes(&self, pieces: Vec<Piece>) -> Vec<Thing> {
        let mut things = Vec::new();
        let mut chain: Vec<Piece> = Vec::new();
        for piece in pieces {
            let mergeable = !matches!(piece, Piece::Done(_) | Piece::Atom { count: 2.., .. });
            let join = matches!(piece, Piece::Node(node) if kind_and_title(self.graph, node).0 == Kind::Join);
            let goes_on = mergeable && !join && chain.last().is_some_and(|last| self.follows(last, &piece));
            if !goes_on {
                self.close(std::mem::take(&mut chain), &mut things);
            }
            match piece {
                piece if mergeable => chain.push(piece),
                Piece::Done(thing) => things.push(thing),
                Piece::Atom { nodes, all, count, block } => {
                    let look = Look::Box(match block {
                        Some(name) => block_words(self.graph, &name, nodes.clone()),
                        None => words(self.graph, &nodes.clone().collect::<Vec<_>>()),
                    });
                    things.push(Thing { look, nodes, all, count });
                }
                Piece::Node(_) => {}
            }
        }
        self.close(chain, &mut things);
        things
    }

    /// A chain as boxes. Minor operations belong to the layer before them, unless the chain begins with one: then to the
    /// layer behind them.
    fn close(&self, chain: Vec<Piece>, things: &mut Vec<Thing>) {
        let nodes = |piece: &Piece| match piece {
            Piece::Node(node) => *node..node + 1,
            Piece::Atom { nodes, .. } => nodes.clone(),
            Piece::Done(thing) => thing.nodes.clone(),
        };
        let kind = |piece: &Piece| match piece {
            Piece::Node(node) => kind_and_title(self.graph, *node).0,
            Piece::Atom { .. } | Piece::Done(_) => Kind::Block,
        };
        // The block that a box hides lies among what stands by it.
        let hidden = |group: &[usize]| {
            chain.iter().find_map(|piece| match piece {
                Piece::Atom { nodes, block: Some(name), .. } if group.contains(&nodes.start) => {
                    Some((nodes.clone(), name))
                }
                _ => None,
            })
        };
        let mut groups: Vec<(bool, Vec<usize>)> = Vec::new();
        let leading = chain.first().is_some_and(|piece| match piece {
            Piece::Node(node) => begins_units(&self.graph.nodes[*node].op),
            Piece::Atom { .. } | Piece::Done(_) => false,
        });
        let mut waiting: Vec<usize> = Vec::new();
        for piece in &chain {
            match kind(piece) {
                Kind::Minor if leading => waiting.extend(nodes(piece)),
                Kind::Minor => match groups.last_mut() {
                    Some((_, group)) => group.extend(nodes(piece)),
                    None => waiting.extend(nodes(piece)),
                },
                kind => {
                    let mut group = std::mem::take(&mut waiting);
                    group.extend(nodes(piece));
                    groups.push((kind == Kind::Join, group));
                }
            }
        }
        match groups.last_mut() {
            _ if waiting.is_empty() => {}
            Some((_, group)) => group.extend(waiting),
            None => groups.push((false, waiting)),
        }
        for (join, group) in groups {
            let (Some(&first), Some(&last)) = (group.first(), group.last()) else { continue };
            let words = match hidden(&group) {
                Some((block, name)) => {
                    let beside: Vec<usize> = group.iter().copied().filter(|node| !block.contains(node)).collect();
                    let mut words = block_words(self.graph, name, block);
                    if !beside.is_empty() {
                        words.notes = super::super::words::words(self.graph, &beside).title;
                        words.notes_first = beside[0] < group[group.len() / 2];
                    }
                    words
                }
                None => words(self.graph, &group),
            };
            let look = if join {
                Look::Join(format!("{} {}", words.title, words.notes).trim_end().to_owned())
            } else {
                Look::Box(words)
            };
            things.push(Thing { look, nodes: first..last + 1, all: first..last + 1, count: 1 });
        }
    }
}

/// What stands in front of a layer in papers that write normalisation and activation first.
fn begins_units(op: &Op) -> bool {
    matches!(op, Op::Bn { .. } | Op::Gn { .. } | Op::Ln { .. } | Op::Relu | Op::Silu | Op::Hswish | Op::Gelu)
}
