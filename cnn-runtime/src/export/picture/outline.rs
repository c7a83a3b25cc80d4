//! What is framed, what is one box, what is folded: the network as nested things in the order of the text.

mod boxes;

use std::ops::Range;

use cnn_lang::graph::{Graph, Op, ScopeId};

use super::fold::run;
use super::parts::{Calls, Group, Part};
use super::words::{Kind, Words, kind_and_title};

/// Frames inside of frames, at most.
const DEEPEST: usize = 2;
/// A group that holds this share of its section (in percent) is no stage but the section itself under a name.
const WHOLE: usize = 90;

/// Something to draw.
#[derive(Debug)]
pub struct Thing {
    pub look: Look,
    /// The operations it was made of; of a folded run, those of the first.
    pub nodes: Range<usize>,
    /// Everything that it stands for.
    pub all: Range<usize>,
    /// How many it stands for.
    pub count: usize,
}

#[derive(Debug)]
pub enum Look {
    Box(Words),
    /// `+`, `concat`, perhaps with what follows: `+ relu`.
    Join(String),
    Frame {
        title: String,
        /// The block, where the title is a label.
        block: String,
        /// The scope that it frames.
        path: String,
        things: Vec<Thing>,
    },
}

/// The whole network.
pub struct Outline {
    pub things: Vec<Thing>,
    /// For each operation the one that is drawn for it.
    pub drawn_as: Vec<usize>,
}

/// Stem, body or head.
pub fn section(graph: &Graph, node: usize) -> usize {
    usize::from(node >= graph.body) + usize::from(node >= graph.head)
}

/// What a group becomes.
enum Piece {
    /// A single operation.
    Node(usize),
    /// One box, perhaps with more notes from its neighbours; `block` is the name where it hides a whole block.
    Atom {
        nodes: Range<usize>,
        all: Range<usize>,
        count: usize,
        block: Option<String>,
    },
    Done(Thing),
}

/// Where a scope is.
#[derive(Clone, Copy)]
struct Level {
    /// Frames around it.
    depth: usize,
    /// Branches meet in the innermost of them.
    branching: bool,
}

struct Builder<'g> {
    graph: &'g Graph,
    calls: Calls<'g>,
    drawn_as: Vec<usize>,
    /// How many operations read each, outputs counted.
    readers: Vec<usize>,
}

/// Finds frames, boxes and runs.
pub fn outline(graph: &Graph) -> Outline {
    // What nobody looks at hands on what arrives.
    let mut drawn_as: Vec<usize> = (0..graph.nodes.len()).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        if let (Op::Identity, Some(input)) = (&node.op, node.inputs.first()) {
            drawn_as[index] = drawn_as[input.0];
        }
    }
    let mut readers = vec![0; graph.nodes.len()];
    let visible = graph.nodes.iter().filter(|node| !matches!(node.op, Op::Identity));
    let outputs = std::iter::once(graph.output).chain(graph.auxiliary.iter().map(|output| output.output));
    for read in visible.flat_map(|node| node.inputs.iter().copied()).chain(outputs) {
        readers[drawn_as[read.0]] += 1;
    }
    let mut builder = Builder { graph, calls: Calls::new(graph), drawn_as, readers };
    let things = [1..graph.body, graph.body..graph.head, graph.head..graph.nodes.len()]
        .into_iter()
        .flat_map(|section| builder.things(section, ScopeId::ROOT, 0))
        .collect();
    Outline { things, drawn_as: builder.drawn_as }
}

impl Builder<'_> {
    fn things(&mut self, nodes: Range<usize>, scope: ScopeId, depth: usize) -> Vec<Thing> {
        let pieces = self.pieces(nodes, scope, Level { depth, branching: false });
        let things = self.boxes(pieces);
        self.fold(things)
    }

    fn pieces(&mut self, nodes: Range<usize>, scope: ScopeId, level: Level) -> Vec<Piece> {
        let parts = self.calls.parts(nodes, scope);
        let join = |part: &Part| matches!(part, Part::Node(node) if kind_and_title(self.graph, *node).0 == Kind::Join);
        let level = Level { branching: level.branching || parts.iter().any(join), ..level };
        let ranges: Vec<Range<usize>> = parts
            .iter()
            .map(|part| match part {
                Part::Node(node) => *node..node + 1,
                Part::Group(group) => group.nodes.clone(),
            })
            .collect();
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < parts.len() {
            match &parts[at] {
                Part::Node(node) => {
                    if !matches!(self.graph.nodes[*node].op, Op::Identity | Op::Input) {
                        pieces.push(Piece::Node(*node));
                    }
                    at += 1;
                }
                Part::Group(group) => {
                    let groups = parts[at..].iter().take_while(|part| matches!(part, Part::Group(_))).count();
                    let count = run(self.graph, &ranges[at..at + groups], true);
                    let all = group.nodes.start..ranges[at + count - 1].end;
                    self.stand_for(&group.nodes, &all);
                    self.group(group, all, count, level, &mut pieces);
                    at += count;
                }
            }
        }
        pieces
    }

    /// The operations of a run are drawn as those of its first.
    fn stand_for(&mut self, first: &Range<usize>, all: &Range<usize>) {
        for node in first.end..all.end {
            let twin = first.start + (node - first.start) % first.len();
            if !matches!(self.graph.nodes[node].op, Op::Identity) {
                self.drawn_as[node] = twin;
            }
        }
    }

    fn group(&mut self, group: &Group, all: Range<usize>, count: usize, level: Level, pieces: &mut Vec<Piece>) {
        let Level { depth, branching } = level;
        let nodes = group.nodes.clone();
        let name = &self.graph.scopes[group.scope.0].name;
        let label = group.block.is_none();
        let section = depth == 0 && self.is_a_section(group);
        if count == 1 && section && (label || !self.is_one_box(&nodes)) {
            let inside = self.pieces(nodes, group.scope, level);
            pieces.extend(inside);
            return;
        }
        if self.is_one_box(&nodes) {
            pieces.push(Piece::Atom { nodes, all, count, block: None });
            return;
        }
        if count == 1 && label && depth > 0 {
            let inside = self.pieces(nodes, group.scope, level);
            pieces.extend(inside);
            return;
        }
        let numbered = name.bytes().all(|byte| byte.is_ascii_digit());
        let block = group.block.clone().unwrap_or_default();
        let (title, block) = match (numbered, label) {
            (true, true) => (self.graph.path(group.scope), String::new()),
            (true, false) => (block, String::new()),
            (false, _) => (name.clone(), block),
        };
        if depth >= DEEPEST || depth > 0 && branching && self.is_a_chain(&nodes) {
            let name = if block.is_empty() { title } else { block };
            pieces.push(Piece::Atom { nodes, all, count, block: Some(name) });
            return;
        }
        let path = self.graph.path(group.scope);
        let mut things = self.things(nodes.clone(), group.scope, depth + 1);
        // A frame around one frame says nothing.
        if let [Thing { look: Look::Frame { .. }, count: inner, .. }] = things.as_slice()
            && (*inner == 1 || count == 1)
            && let Some(Thing {
                look: Look::Frame { title: under, block: called, things: inside, .. },
                count: inner,
                ..
            }) = things.pop()
        {
            let block = if called.is_empty() { under } else { called };
            // `stage3.0` in `stage3` is a number only.
            let block = if block.starts_with(&title) { String::new() } else { block };
            pieces.push(Piece::Done(Thing {
                look: Look::Frame { title, block, path, things: inside },
                nodes,
                all,
                count: count * inner,
            }));
            return;
        }
        if !things.is_empty() {
            pieces.push(Piece::Done(Thing { look: Look::Frame { title, block, path, things }, nodes, all, count }));
        }
    }

    /// Whether a label merely names the section, or runs through several.
    fn is_a_section(&self, group: &Group) -> bool {
        let graph = self.graph;
        let scope = &graph.scopes[group.scope.0];
        let own = section(graph, group.nodes.start);
        let bounds = [1..graph.body, graph.body..graph.head, graph.head..graph.nodes.len()];
        let share = 100 * group.nodes.len() / bounds[own].len().max(1);
        if group.block.is_some() {
            // A body that is one long call.
            return own == 1 && share >= WHOLE && group.nodes.len() > 12;
        }
        let below = |node: usize| {
            let mut at = graph.nodes[node].scope;
            while at != ScopeId::ROOT && at != group.scope {
                at = graph.scopes[at.0].parent;
            }
            at == group.scope
        };
        let elsewhere = || (1..graph.nodes.len()).any(|node| section(graph, node) != own && below(node));
        matches!(scope.name.as_str(), "stem" | "body" | "head") && scope.parent == ScopeId::ROOT
            || share >= WHOLE
            || elsewhere()
    }

    /// Whether a group is a chain with one operation that is more than minor.
    fn is_one_box(&self, nodes: &Range<usize>) -> bool {
        let mut large = 0;
        for node in nodes.clone() {
            match kind_and_title(self.graph, node).0 {
                Kind::Join => return false,
                Kind::Minor | Kind::Invisible => {}
                Kind::Conv | Kind::Linear | Kind::Pool | Kind::Shape | Kind::Block => large += 1,
            }
            let chained = self.graph.nodes[node].inputs.iter().all(|input| input.0 + 1 == node);
            if large > 1 || node > nodes.start && !chained {
                return false;
            }
        }
        large == 1
    }

    fn is_a_chain(&self, nodes: &Range<usize>) -> bool {
        let follows = |node: usize| self.graph.nodes[node].inputs.iter().all(|input| input.0 + 1 == node);
        (nodes.start + 1..nodes.end).all(follows)
    }

    /// Folds equal boxes that follow one another.
    fn fold(&mut self, things: Vec<Thing>) -> Vec<Thing> {
        let ranges: Vec<Range<usize>> = things.iter().map(|thing| thing.all.clone()).collect();
        let foldable: Vec<bool> =
            things.iter().map(|thing| thing.count == 1 && matches!(thing.look, Look::Box(_))).collect();
        let mut folded: Vec<Thing> = Vec::new();
        let mut skip = 0;
        for (at, mut thing) in things.into_iter().enumerate() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let most = foldable[at..].iter().take_while(|foldable| **foldable).count();
            let count = run(self.graph, &ranges[at..at + most], false);
            if count > 1 {
                thing.all.end = ranges[at + count - 1].end;
                thing.count = count;
                self.stand_for(&thing.nodes, &thing.all.clone());
                skip = count - 1;
            }
            folded.push(thing);
        }
        folded
    }
}
