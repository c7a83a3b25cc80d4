//! Which neighbours are alike, so that one of them stands for all.

use std::collections::HashMap;
use std::mem::discriminant;
use std::ops::Range;

use cnn_lang::graph::{Graph, Node, Op};

/// Whether two operations read the same. Channels do not count: a dense block's layers are alike though each sees more
/// than the one before; rates of dropping do not either, they grow from block to block.
fn same_words(a: &Node, b: &Node) -> bool {
    let ops = match (&a.op, &b.op) {
        (Op::Dropout { .. } | Op::DropPath { .. } | Op::Scale { .. }, _) => discriminant(&a.op) == discriminant(&b.op),
        (Op::Conv(one), Op::Conv(other)) => {
            // A depthwise convolution has as many groups as channels.
            let depthwise = one.groups == one.out && other.groups == other.out;
            one == other
                || depthwise && one.kernel == other.kernel && one.stride == other.stride && one.out == other.out
        }
        (one, other) => one == other,
    };
    ops && a.shape.spatial() == b.shape.spatial()
}

/// Whether two ranges hold the same operations, wired alike.
fn alike(graph: &Graph, a: &Range<usize>, b: &Range<usize>) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut outside: HashMap<usize, usize> = HashMap::new();
    a.clone().zip(b.clone()).all(|(in_a, in_b)| {
        let (one, other) = (&graph.nodes[in_a], &graph.nodes[in_b]);
        same_words(one, other)
            && one.auxiliary == other.auxiliary
            && one.inputs.len() == other.inputs.len()
            && one.inputs.iter().zip(&other.inputs).all(|(x, y)| match (a.contains(&x.0), b.contains(&y.0)) {
                (true, true) => x.0 - a.start == y.0 - b.start,
                // A repeat may go on from the one before where the first began from outside.
                (false, false) => *outside.entry(x.0).or_insert(y.0) == y.0,
                _ => false,
            })
    })
}

fn from_outside(graph: &Graph, range: &Range<usize>) -> Vec<usize> {
    let inputs = graph.nodes[range.clone()].iter().flat_map(|node| &node.inputs).map(|id| id.0);
    let mut outside: Vec<usize> = inputs.filter(|id| !range.contains(id)).collect();
    outside.sort_unstable();
    outside.dedup();
    outside
}

/// How many of the ranges, from the first on, are alike and follow one another or, if that is asked for, stand side by side
/// on one tensor.
pub fn run(graph: &Graph, ranges: &[Range<usize>], beside_too: bool) -> usize {
    let Some(first) = ranges.first() else { return 0 };
    let source = from_outside(graph, first);
    let mut beside = None;
    let mut count = 1;
    while let Some(next) = ranges.get(count) {
        let before = &ranges[count - 1];
        if next.start != before.end || !alike(graph, first, next) {
            break;
        }
        let inputs = from_outside(graph, next);
        let side_by_side = beside_too && inputs == source;
        let follows = inputs.iter().any(|input| before.contains(input));
        if !(side_by_side || follows) || *beside.get_or_insert(side_by_side) != side_by_side {
            break;
        }
        count += 1;
    }
    count
}
