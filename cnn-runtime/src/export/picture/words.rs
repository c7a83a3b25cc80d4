//! What stands in a box.

use cnn_lang::graph::{Conv, Graph, NodeId, Op, Pool};

/// What an operation is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Convolutions.
    Conv,
    /// Linear layers.
    Linear,
    /// What looks at windows and learns nothing.
    Pool,
    /// Moves, resizes or reorders.
    Shape,
    /// Normalisation, activation and whatever else stands by a layer in a paper's table.
    Minor,
    /// Where branches meet.
    Join,
    /// A block of which only the name is shown, or a module of the user's.
    Block,
    /// Nothing to look at.
    Invisible,
}

/// A box: a line of its own, a line of what stands by it.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    pub kind: Kind,
    pub title: String,
    /// `bn · relu`.
    pub notes: String,
    /// Whether the notes come first.
    pub notes_first: bool,
}

fn pair([h, w]: [usize; 2]) -> String {
    format!("{h}×{w}")
}

fn window(kernel: [usize; 2], stride: [usize; 2]) -> String {
    match stride {
        [1, 1] => pair(kernel),
        [h, w] if h == w => format!("{} /{h}", pair(kernel)),
        stride => format!("{} /{}", pair(kernel), pair(stride)),
    }
}

/// The operation as a reader looks for it: `conv 3×3 /2, 64`.
pub fn kind_and_title(graph: &Graph, node: usize) -> (Kind, String) {
    let node = &graph.nodes[node];
    let word = node.op.keyword();
    let arriving = node.inputs.first().map_or(0, |input| graph.node(*input).shape.channels());
    let pooled = |pool: &Pool| format!("{word} {}", window(pool.kernel, pool.stride));
    let alone = |kind| (kind, word.to_owned());
    match &node.op {
        Op::Conv(conv) if conv.groups == arriving && conv.out == arriving && arriving > 1 => {
            (Kind::Conv, format!("dwconv {}", window(conv.kernel, conv.stride)))
        }
        Op::Conv(conv) => (Kind::Conv, format!("conv {}, {}", window(conv.kernel, conv.stride), conv.out)),
        Op::Linear { out, .. } => (Kind::Linear, format!("linear {out}")),
        Op::MaxPool(pool) | Op::AvgPool { pool, .. } => (Kind::Pool, pooled(pool)),
        Op::AdaptiveAvgPool { out } => (Kind::Pool, format!("{word} {}", pair(*out))),
        Op::Gap => alone(Kind::Pool),
        Op::Upsample { scale, .. } => (Kind::Shape, format!("{word} {}", pair(*scale))),
        Op::Shift { kernel, .. } => (Kind::Shape, format!("{word} {}", pair(*kernel))),
        Op::Zero { stride } | Op::Subsample { stride } if *stride != [1, 1] => {
            (Kind::Shape, format!("{word} /{}", stride[0]))
        }
        Op::Shuffle { groups } => (Kind::Shape, format!("{word}, {groups} groups")),
        Op::PadChannels { out, .. } => (Kind::Shape, format!("{word} {out}")),
        Op::Select { from, to } => (Kind::Shape, format!("{word} {from}..{to}")),
        Op::Zero { .. } | Op::Subsample { .. } | Op::Pad { .. } => alone(Kind::Shape),
        Op::Custom { path, .. } => (Kind::Block, path.rsplit("::").next().unwrap_or(path).trim().to_owned()),
        Op::Bn { .. }
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
        | Op::Dropout { .. }
        | Op::DropPath { .. }
        | Op::Flatten
        | Op::Scale { .. }
        | Op::Affine { .. } => alone(Kind::Minor),
        Op::Add => (Kind::Join, "+".to_owned()),
        Op::Mul => (Kind::Join, "×".to_owned()),
        Op::Concat => alone(Kind::Join),
        Op::Input | Op::Identity => alone(Kind::Invisible),
    }
}

/// What a convolution has besides window and channels.
fn conv_notes(conv: &Conv, depthwise: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if conv.groups > 1 && !depthwise {
        notes.push(format!("{} groups", conv.groups));
    }
    if conv.dilation != [1, 1] {
        notes.push(format!("dilation {}", pair(conv.dilation)));
    }
    if conv.connect.is_some() {
        notes.push("connection table".to_owned());
    }
    notes
}

/// The words of a box over these operations, of which one at most is more than minor.
pub fn words(graph: &Graph, nodes: &[usize]) -> Words {
    let kinds: Vec<(Kind, String)> = nodes.iter().map(|&node| kind_and_title(graph, node)).collect();
    let main = kinds.iter().position(|(kind, _)| *kind != Kind::Minor);
    let mut notes = Vec::new();
    for (index, (_, title)) in kinds.iter().enumerate() {
        match &graph.nodes[nodes[index]].op {
            Op::Conv(conv) if Some(index) == main => notes.extend(conv_notes(conv, title.starts_with("dwconv"))),
            _ if Some(index) == main => {}
            _ => notes.push(title.clone()),
        }
    }
    let notes = notes.join(" · ");
    match main {
        Some(index) => {
            let (kind, title) = kinds[index].clone();
            Words { kind, title, notes, notes_first: index > 0 }
        }
        None => Words { kind: Kind::Minor, title: notes, notes: String::new(), notes_first: false },
    }
}

/// The words of a block that is one box: its name, its widest window, by how much it shrinks the map.
pub fn block_words(graph: &Graph, name: &str, nodes: std::ops::Range<usize>) -> Words {
    let mut title = name.to_owned();
    let mut layers = 0;
    let mut widest = [1, 1];
    for node in nodes.clone() {
        let kernel = match &graph.nodes[node].op {
            Op::Conv(conv) => conv.kernel,
            Op::MaxPool(pool) | Op::AvgPool { pool, .. } => pool.kernel,
            _ => [1, 1],
        };
        if kernel[0] * kernel[1] > widest[0] * widest[1] {
            widest = kernel;
        }
        layers += usize::from(!matches!(kind_and_title(graph, node).0, Kind::Minor | Kind::Invisible | Kind::Join));
    }
    if widest != [1, 1] {
        title.push_str(&format!(" {}", pair(widest)));
    }
    let arriving = graph.nodes[nodes.start].inputs.first().unwrap_or(&NodeId(0));
    let (before, after) = (graph.node(*arriving).shape.spatial(), graph.nodes[nodes.end - 1].shape.spatial());
    if let (Some([h, _]), Some([to, _])) = (before, after)
        && to < h
    {
        title.push_str(&format!(" /{}", h.div_ceil(to)));
    }
    let notes = if layers == 1 { String::new() } else { format!("{layers} layers") };
    Words { kind: Kind::Block, title, notes, notes_first: false }
}
