//! What a network takes: parameters, multiply-adds, memory of activations, receptive field.

use super::{Graph, Node, Op, Role, Shape};

/// Totals of a network for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Costs {
    /// Learned numbers, auxiliary outputs included.
    pub params: u64,
    /// Numbers kept but not learned: running statistics and counters.
    pub buffers: u64,
    /// Multiply-adds of convolutions and linear layers up to the logits.
    pub macs: u64,
    /// Multiply-adds of auxiliary outputs, which only training computes.
    pub aux_macs: u64,
    /// Bytes of all layer outputs in 32-bit floats, auxiliary outputs apart.
    pub activations: u64,
}

/// The square of input pixels that one output pixel can see, and how far two neighbours are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptiveField {
    /// Height and width in input pixels, padding included.
    pub size: [u64; 2],
    /// Input pixels between neighbouring output pixels.
    pub jump: [u64; 2],
}

impl Op {
    /// Multiply-adds for one sample. Only convolutions and linear layers count, as is usual in tables of papers.
    pub fn macs(&self, inputs: &[Shape], output: Shape) -> u64 {
        let channels = inputs.first().map_or(0, |shape| shape.channels() as u64);
        match self {
            Op::Conv(conv) => {
                let window = (conv.kernel[0] as u64).saturating_mul(conv.kernel[1] as u64);
                match &conv.connect {
                    // Those of the connections, as LeCun et al. 1998 count: the other weights are zero.
                    Some(table) => {
                        let pixels = output.elements() / conv.out;
                        let connections: usize = table.iter().map(Vec::len).sum();
                        (pixels as u64).saturating_mul(window).saturating_mul(connections as u64)
                    }
                    None => {
                        (output.elements() as u64).saturating_mul(window).saturating_mul(channels / conv.groups as u64)
                    }
                }
            }
            Op::Linear { .. } => (output.elements() as u64).saturating_mul(channels),
            Op::Input
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
            | Op::Pad { .. }
            | Op::Dropout { .. }
            | Op::DropPath { .. }
            | Op::Flatten
            | Op::Identity
            | Op::Zero { .. }
            | Op::Shift { .. }
            | Op::Shuffle { .. }
            | Op::Upsample { .. }
            | Op::Scale { .. }
            | Op::Affine { .. }
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Select { .. }
            | Op::Add
            | Op::Concat
            | Op::Mul
            // Only rustc knows what a user's module computes.
            | Op::Custom { .. } => 0,
        }
    }

    /// Kernel (dilation included) and stride along height and width; `None` where every output sees the whole input.
    fn reach(&self) -> Option<([u64; 2], [u64; 2])> {
        let spread = |kernel: [usize; 2], dilation: [usize; 2]| {
            [0, 1].map(|axis| (dilation[axis] as u64).saturating_mul(kernel[axis] as u64 - 1) + 1)
        };
        let wide = |n: [usize; 2]| n.map(|n| n as u64);
        match self {
            Op::Conv(conv) => Some((spread(conv.kernel, conv.dilation), wide(conv.stride))),
            Op::MaxPool(pool) | Op::AvgPool { pool, .. } => {
                Some((spread(pool.kernel, pool.dilation), wide(pool.stride)))
            }
            Op::Shift { kernel, dilation } => Some((spread(*kernel, *dilation), [1, 1])),
            Op::Zero { stride } | Op::Subsample { stride } => Some(([1, 1], wide(*stride))),
            Op::Linear { pixelwise: false, .. }
            | Op::Gap
            | Op::AdaptiveAvgPool { .. }
            | Op::Flatten
            | Op::Custom { .. } => None,
            Op::Input
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
            | Op::Pad { .. }
            | Op::Dropout { .. }
            | Op::DropPath { .. }
            | Op::Identity
            | Op::Shuffle { .. }
            | Op::Upsample { .. }
            | Op::Scale { .. }
            | Op::Affine { .. }
            | Op::PadChannels { .. }
            | Op::Select { .. }
            | Op::Add
            | Op::Concat
            | Op::Mul => Some(([1, 1], [1, 1])),
        }
    }
}

impl Graph {
    /// Learned numbers of one node.
    pub fn node_params(&self, node: &Node) -> u64 {
        let tensors = node.op.tensors(&self.input_shapes(node));
        tensors.iter().filter(|t| t.role == Role::Parameter).map(|t| t.elements()).sum()
    }

    /// Multiply-adds of one node.
    pub fn node_macs(&self, node: &Node) -> u64 {
        node.op.macs(&self.input_shapes(node), node.shape)
    }

    /// Bytes of one node's output in 32-bit floats.
    pub fn node_activation(&self, node: &Node) -> u64 {
        if matches!(node.op, Op::Input) { 0 } else { node.shape.elements() as u64 * 4 }
    }

    /// Totals for one sample.
    pub fn costs(&self) -> Costs {
        let mut costs = Costs::default();
        for node in &self.nodes {
            for tensor in node.op.tensors(&self.input_shapes(node)) {
                match tensor.role {
                    Role::Parameter => costs.params += tensor.elements(),
                    Role::Buffer | Role::Counter => costs.buffers += tensor.elements(),
                }
            }
            let macs = self.node_macs(node);
            if node.auxiliary {
                costs.aux_macs = costs.aux_macs.saturating_add(macs);
            } else {
                costs.macs = costs.macs.saturating_add(macs);
                costs.activations = costs.activations.saturating_add(self.node_activation(node));
            }
        }
        costs
    }

    /// The receptive field of every node; `None` from where a layer sees the whole input.
    pub fn receptive_fields(&self) -> Vec<Option<ReceptiveField>> {
        let mut fields: Vec<Option<ReceptiveField>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            if matches!(node.op, Op::Input) {
                fields.push(Some(ReceptiveField { size: [1, 1], jump: [1, 1] }));
                continue;
            }
            let mut widest: Option<ReceptiveField> = None;
            let mut whole = false;
            for input in &node.inputs {
                match fields[input.0] {
                    Some(field) => {
                        let so_far = widest.unwrap_or(field);
                        widest = Some(ReceptiveField {
                            size: [0, 1].map(|axis| so_far.size[axis].max(field.size[axis])),
                            jump: [0, 1].map(|axis| so_far.jump[axis].max(field.jump[axis])),
                        });
                    }
                    None => whole = true,
                }
            }
            fields.push(match (widest, node.op.reach()) {
                (Some(field), Some((kernel, stride))) if !whole => Some(ReceptiveField {
                    size: [0, 1].map(|axis| {
                        field.size[axis].saturating_add((kernel[axis] - 1).saturating_mul(field.jump[axis]))
                    }),
                    jump: [0, 1].map(|axis| field.jump[axis].saturating_mul(stride[axis])),
                }),
                _ => None,
            });
        }
        fields
    }
}
