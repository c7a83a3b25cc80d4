//! What of a graph is exported: what leads to an output, and which batch normalisation becomes part of another layer.

use cnn_lang::graph::{Graph, Node, NodeId, Op};

/// For every node of a graph.
pub(super) struct Reach {
    /// Whether an output needs it.
    pub needed: Vec<bool>,
    /// The batch normalisation that becomes part of it.
    pub absorbs: Vec<Option<usize>>,
    /// Whether it becomes part of another.
    pub absorbed: Vec<bool>,
}

impl Reach {
    pub fn new(graph: &Graph, outputs: &[NodeId], fold_batch_norm: bool) -> Reach {
        let count = graph.nodes.len();
        // Whose tensor each node's is.
        let mut source: Vec<usize> = Vec::with_capacity(count);
        for (index, node) in graph.nodes.iter().enumerate() {
            source.push(if passes(graph, node) { source[node.inputs[0].0] } else { index });
        }
        let (mut needed, mut readers) = (vec![false; count], vec![0; count]);
        for output in outputs {
            needed[source[output.0]] = true;
            readers[source[output.0]] += 1;
        }
        for index in (0..count).rev().filter(|&index| source[index] == index) {
            if needed[index] {
                for input in &graph.nodes[index].inputs {
                    needed[source[input.0]] = true;
                    readers[source[input.0]] += 1;
                }
            }
        }
        let (mut absorbs, mut absorbed) = (vec![None; count], vec![false; count]);
        for (index, node) in graph.nodes.iter().enumerate() {
            if fold_batch_norm && needed[index] && matches!(node.op, Op::Bn { .. }) {
                let from = source[node.inputs[0].0];
                if matches!(graph.nodes[from].op, Op::Conv(_) | Op::Linear { .. }) && readers[from] == 1 {
                    absorbs[from] = Some(index);
                    absorbed[index] = true;
                }
            }
        }
        Reach { needed, absorbs, absorbed }
    }
}

/// Whether a node hands on its first input as it is.
pub(super) fn passes(graph: &Graph, node: &Node) -> bool {
    match &node.op {
        Op::Identity | Op::Dropout { .. } | Op::DropPath { .. } => true,
        Op::Subsample { stride } => *stride == [1, 1],
        Op::Upsample { scale, .. } => *scale == [1, 1],
        Op::Pad { pad } => *pad == [0; 4],
        Op::Flatten => graph.node(node.inputs[0]).shape == node.shape,
        Op::Add | Op::Concat | Op::Mul => node.inputs.len() == 1,
        Op::Input
        | Op::Conv(_)
        | Op::Linear { .. }
        | Op::Bn { .. }
        | Op::Gn { .. }
        | Op::Ln { .. }
        | Op::Lrn { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Leaky { .. }
        | Op::Prelu { .. }
        | Op::Sigmoid
        | Op::Tanh
        | Op::Silu
        | Op::Hswish
        | Op::Hsigmoid
        | Op::Gelu
        | Op::Softmax
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::AdaptiveAvgPool { .. }
        | Op::Gap
        | Op::Zero { .. }
        | Op::Shift { .. }
        | Op::Shuffle { .. }
        | Op::Scale { .. }
        | Op::Affine { .. }
        | Op::PadChannels { .. }
        | Op::Select { .. }
        | Op::Custom { .. } => false,
    }
}
