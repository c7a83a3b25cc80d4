//! Things and the edges between them, container by container: what is laid out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;

use cnn_lang::graph::{Graph, Shape, grouped, readable};

use super::outline::{Look, Outline, Thing, section};
use super::words::Words;

/// A tensor, by the operation that is drawn for it.
pub type TensorId = usize;

/// The inside of a frame, or the whole picture.
#[derive(Debug, Default)]
pub struct Diagram {
    pub items: Vec<Item>,
    /// Tensors that come in through the border.
    pub inputs: Vec<TensorId>,
    /// Tensors that leave through the border.
    pub outputs: Vec<TensorId>,
    pub edges: Vec<Edge>,
}

#[derive(Debug)]
pub struct Item {
    pub content: Content,
    /// 0 stem, 1 body, 2 head.
    pub section: usize,
    /// Belongs to an auxiliary output.
    pub auxiliary: bool,
    pub count: usize,
    /// Learned numbers, of all that it stands for.
    pub params: String,
    /// What a pointer over it brings up.
    pub hover: String,
    /// Sizes on what leaves it.
    pub sizes: BTreeMap<TensorId, String>,
}

#[derive(Debug)]
pub enum Content {
    Box(Words),
    Join(String),
    /// Where the network begins or ends.
    End(String),
    Frame {
        title: String,
        block: String,
        inside: Diagram,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Item(usize),
    Border,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub from: End,
    pub to: End,
    pub tensor: TensorId,
}

/// The outline with its edges.
pub fn diagram(graph: &Graph, outline: Outline) -> Diagram {
    let mut wiring = Wiring { graph, drawn_as: outline.drawn_as, paths: vec![Vec::new(); graph.nodes.len()] };
    let end = |text: String, section: usize, auxiliary: bool| Item {
        content: Content::End(text),
        section,
        auxiliary,
        count: 1,
        params: String::new(),
        hover: String::new(),
        sizes: BTreeMap::new(),
    };
    let mut whole = Diagram::default();
    whole.items.push(end("input".to_owned(), section(graph, 1), false));
    wiring.paths[0] = vec![0];
    for thing in outline.things {
        let at = whole.items.len();
        let item = wiring.item(thing, &[at]);
        whole.items.push(item);
    }
    let drawn: Vec<usize> = (0..graph.nodes.len()).filter(|&node| !wiring.paths[node].is_empty()).collect();
    for &node in &drawn {
        for input in &graph.nodes[node].inputs {
            let path = wiring.paths[node].clone();
            wiring.connect(&mut whole, input.0, &path);
        }
    }
    let outputs = graph.auxiliary.iter().map(|output| (output.output.0, Some(&output.name)));
    for (node, name) in outputs.chain([(graph.output.0, None)]) {
        let at = whole.items.len();
        let size = size(graph.nodes[node].shape);
        let text = name.map_or_else(|| format!("output {size}"), |name| format!("{name} {size}"));
        whole.items.push(end(text, 2, name.is_some()));
        wiring.connect(&mut whole, node, &[at]);
    }
    tidy(graph, &mut whole, true);
    whole
}

/// `64×56×56`.
pub fn size(shape: Shape) -> String {
    shape.to_string().replace('x', "×")
}

struct Wiring<'g> {
    graph: &'g Graph,
    drawn_as: Vec<usize>,
    /// For each operation that is drawn the items that hold it, from the outermost.
    paths: Vec<Vec<usize>>,
}

impl Wiring<'_> {
    fn item(&mut self, thing: Thing, path: &[usize]) -> Item {
        let graph = self.graph;
        let params: u64 = graph.nodes[thing.all.clone()].iter().map(|node| graph.node_params(node)).sum();
        let hover = hover(graph, &thing);
        let content = match thing.look {
            Look::Box(words) => {
                self.hold(thing.nodes.clone(), path);
                Content::Box(words)
            }
            Look::Join(text) => {
                self.hold(thing.nodes.clone(), path);
                Content::Join(text)
            }
            Look::Frame { title, block, things, .. } => {
                let mut inside = Diagram::default();
                for thing in things {
                    let mut path = path.to_vec();
                    path.push(inside.items.len());
                    let item = self.item(thing, &path);
                    inside.items.push(item);
                }
                Content::Frame { title, block, inside }
            }
        };
        Item {
            content,
            section: section(graph, thing.nodes.start),
            auxiliary: graph.nodes[thing.nodes.clone()].iter().all(|node| node.auxiliary),
            count: thing.count,
            params: if params == 0 { String::new() } else { readable(params) },
            hover,
            sizes: BTreeMap::new(),
        }
    }

    fn hold(&mut self, nodes: Range<usize>, path: &[usize]) {
        for node in nodes {
            self.paths[node] = path.to_vec();
        }
    }

    /// The operation that is drawn for a tensor.
    fn drawn(&self, mut node: usize) -> usize {
        while self.drawn_as[node] != node {
            node = self.drawn_as[node];
        }
        node
    }

    /// Draws the way of a tensor to the item at `to`.
    fn connect(&self, whole: &mut Diagram, node: usize, to: &[usize]) {
        let tensor = self.drawn(node);
        let from = &self.paths[tensor];
        if from.is_empty() || from.as_slice() == to {
            return;
        }
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let text = size(self.graph.nodes[node].shape);
        let mut container = whole;
        for &inner in &to[..common] {
            let Content::Frame { inside, .. } = &mut container.items[inner].content else { return };
            container = inside;
        }
        container.edges.push(Edge { from: End::Item(from[common]), to: End::Item(to[common]), tensor });
        leave(container, from, common, tensor, &text);
        enter(container, to, common, tensor);
    }
}

/// A tensor on its way out of the frames that hold its origin.
fn leave(container: &mut Diagram, path: &[usize], at: usize, tensor: TensorId, text: &str) {
    let item = &mut container.items[path[at]];
    // Of a folded run the last is read last.
    item.sizes.insert(tensor, text.to_owned());
    if let (Content::Frame { inside, .. }, Some(&next)) = (&mut item.content, path.get(at + 1)) {
        inside.outputs.push(tensor);
        inside.edges.push(Edge { from: End::Item(next), to: End::Border, tensor });
        leave(inside, path, at + 1, tensor, text);
    }
}

fn enter(container: &mut Diagram, path: &[usize], at: usize, tensor: TensorId) {
    if let (Content::Frame { inside, .. }, Some(&next)) = (&mut container.items[path[at]].content, path.get(at + 1)) {
        inside.inputs.push(tensor);
        inside.edges.push(Edge { from: End::Border, to: End::Item(next), tensor });
        enter(inside, path, at + 1, tensor);
    }
}

/// Each edge and port once, and sizes only where they tell something.
fn tidy(graph: &Graph, diagram: &mut Diagram, top: bool) {
    let mut seen = BTreeSet::new();
    diagram.edges.retain(|edge| seen.insert(*edge));
    for ports in [&mut diagram.inputs, &mut diagram.outputs] {
        let mut seen = BTreeSet::new();
        ports.retain(|tensor| seen.insert(*tensor));
    }
    let edges = &diagram.edges;
    let joins: Vec<bool> = diagram.items.iter().map(|item| matches!(item.content, Content::Join(_))).collect();
    let sizes: Vec<BTreeMap<TensorId, String>> = diagram.items.iter().map(|item| item.sizes.clone()).collect();
    for (index, item) in diagram.items.iter_mut().enumerate() {
        let arriving = edges.iter().find(|edge| edge.to == End::Item(index)).map(|edge| match edge.from {
            End::Item(from) => sizes[from].get(&edge.tensor).cloned().unwrap_or_default(),
            End::Border => size(graph.nodes[edge.tensor].shape),
        });
        item.sizes.retain(|tensor, text| {
            // Who joins says what comes out, and outside of the border it is said again.
            let inside = edges.iter().any(|edge| {
                let read = match edge.to {
                    End::Item(to) => !joins[to],
                    End::Border => false,
                };
                edge.from == End::Item(index) && edge.tensor == *tensor && read
            });
            top || inside && arriving.as_ref() != Some(text)
        });
        if let Content::Frame { inside, .. } = &mut item.content {
            tidy(graph, inside, false);
        }
    }
}

/// Lines of a hover text, at most.
const HOVER: usize = 16;

fn hover(graph: &Graph, thing: &Thing) -> String {
    let mut text = String::new();
    let nodes = &graph.nodes[thing.all.clone()];
    for node in nodes.iter().take(HOVER) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}, {}", graph.path(node.scope), node.op.describe(), node.shape);
    }
    if nodes.len() > HOVER {
        let _ = writeln!(text, "… {} operations", nodes.len());
    }
    let macs = nodes.iter().map(|node| graph.node_macs(node)).fold(0, u64::saturating_add);
    let params: u64 = nodes.iter().map(|node| graph.node_params(node)).sum();
    let _ = write!(text, "{} parameters, {} multiply-adds", grouped(params), grouped(macs));
    text
}
