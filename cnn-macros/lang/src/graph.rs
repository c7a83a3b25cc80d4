//! What a network is once blocks, loops and arithmetic are gone: operations, shapes, names. Nothing here knows syntax.
//!
//! `op` is the vocabulary, `layers` its table of keywords and arguments, `rules` the size rules, `tensors` what each
//! operation learns, `cost` what it takes, `table` how a network reads.

mod cost;
mod fault;
mod layers;
mod op;
mod rules;
mod shape;
mod table;
mod tensors;

use std::ops::Range;

pub use cost::{Costs, ReceptiveField};
pub use fault::{At, Fault};
pub use layers::{ArgValue, Argument, Arguments, DefaultValue, Kind, LAYERS, Layer, Padding, layer};
pub use op::{Conv, Op, Pool};
pub use shape::{LARGEST_TENSOR, Shape, ShapeError};
pub use table::{Row, grouped, readable};
pub use tensors::{Role, TensorSpec, tensor_name};

/// Index of a [`Node`] in [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// Index of a [`Scope`] in [`Graph::scopes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub usize);

impl ScopeId {
    /// The network itself.
    pub const ROOT: ScopeId = ScopeId(0);
}

/// One operation on one tensor per sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// The tensors it reads, all earlier in the graph.
    pub inputs: Vec<NodeId>,
    /// Size of the result, without the batch dimension.
    pub shape: Shape,
    /// The scope of a layer is its own: its path names the layer, its tensors are below it. A join stands in the scope around it.
    pub scope: ScopeId,
    /// Belongs to an auxiliary output: computed in training only.
    pub auxiliary: bool,
}

/// A level of the names of parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// The scope around this one; the root is its own parent.
    pub parent: ScopeId,
    /// A label or a number.
    pub name: String,
}

/// One call of a block: the nodes it made stand together.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The block's name.
    pub block: String,
    /// As written: `basic(128, stride = 2)`.
    pub written: String,
    /// The scope that the call opened.
    pub scope: ScopeId,
    /// Indices into [`Graph::nodes`].
    pub nodes: Range<usize>,
    /// The arriving tensor, then the tensor arguments.
    pub inputs: Vec<NodeId>,
    /// The tensor that leaves.
    pub output: NodeId,
}

/// An extra output of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Auxiliary {
    /// Its label, or `aux` with a number from 1.
    pub name: String,
    /// The tensor it delivers.
    pub output: NodeId,
}

/// A whole network with every size known.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The network's name.
    pub name: String,
    /// In the order of the text, which is an order of execution. The first is the input.
    pub nodes: Vec<Node>,
    /// The first is the root.
    pub scopes: Vec<Scope>,
    /// In the order in which they begin; a nested call follows the one around it.
    pub calls: Vec<Call>,
    /// Index of the first node behind the input and the stem.
    pub body: usize,
    /// Index of the first node of the head; the number of nodes where there is none.
    pub head: usize,
    /// The tensor that arrives at the head.
    pub features: NodeId,
    /// The logits.
    pub output: NodeId,
    /// In the order of the text.
    pub auxiliary: Vec<Auxiliary>,
}

impl Graph {
    /// The node with this index.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Size of the input, without the batch dimension.
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// Size of the output, without the batch dimension.
    pub fn output_shape(&self) -> Shape {
        self.node(self.output).shape
    }

    /// The name of a scope from the root: `layer1.0.conv1`; empty for the root.
    pub fn path(&self, scope: ScopeId) -> String {
        let mut names = Vec::new();
        let mut at = scope;
        while at != ScopeId::ROOT {
            names.push(self.scopes[at.0].name.as_str());
            at = self.scopes[at.0].parent;
        }
        names.reverse();
        names.join(".")
    }

    /// Sizes of what a node reads.
    pub fn input_shapes(&self, node: &Node) -> Vec<Shape> {
        node.inputs.iter().map(|&id| self.node(id).shape).collect()
    }

    /// Indices of all nodes in the order of their tensors, which is PyTorch's: bare parameters of a scope, then the scopes in it
    /// in the order of their first steps, each together with all that is below it, wherever in the text that stands.
    pub fn nodes_by_scope(&self) -> Vec<usize> {
        let mut first = vec![usize::MAX; self.scopes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let mut at = node.scope;
            while first[at.0] == usize::MAX {
                first[at.0] = index;
                at = self.scopes[at.0].parent;
            }
        }
        // How many scopes begin with this one. A scope stands behind the one around it.
        let mut sizes = vec![1; self.scopes.len()];
        for (index, scope) in self.scopes.iter().enumerate().skip(1).rev() {
            sizes[scope.parent.0] += sizes[index];
        }
        let mut bare = vec![false; self.scopes.len()];
        self.nodes.iter().filter(|node| node.op.is_bare()).for_each(|node| bare[node.scope.0] = true);
        let mut depths = vec![0; self.scopes.len()];
        for (index, scope) in self.scopes.iter().enumerate().skip(1) {
            depths[index] = depths[scope.parent.0] + 1;
        }
        let mut by_first: Vec<usize> = (1..self.scopes.len()).collect();
        by_first.sort_by_key(|&index| (depths[index], !bare[index], first[index], index));
        // A scope's own tensors, then those below it.
        let mut places = vec![0; self.scopes.len()];
        let mut free = vec![1; self.scopes.len()];
        for index in by_first {
            let parent = self.scopes[index].parent.0;
            places[index] = free[parent];
            free[parent] += sizes[index];
            free[index] = places[index] + 1;
        }
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|&index| places[self.nodes[index].scope.0]);
        order
    }

    /// Every parameter and buffer under its full name, in PyTorch's order: [by scope](Self::nodes_by_scope), each layer's in
    /// the order of the layer table.
    pub fn tensors(&self) -> Vec<(String, TensorSpec)> {
        let mut all = Vec::new();
        for index in self.nodes_by_scope() {
            let node = &self.nodes[index];
            for tensor in node.op.tensors(&self.input_shapes(node)) {
                all.push((tensor_name(&self.path(node.scope), tensor.name), tensor));
            }
        }
        all
    }
}
