//! What each operation learns or keeps: PyTorch's names and shapes.

use super::{Op, Shape};

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned by gradient.
    Parameter,
    /// Kept up during training: running statistics.
    Buffer,
    /// A count of batches, an integer in files.
    Counter,
}

/// A parameter or buffer of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// `weight`, `bias`, `running_mean`, …; empty if it is called as its layer.
    pub name: &'static str,
    /// Empty for a scalar.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl TensorSpec {
    fn parameter(name: &'static str, shape: Vec<usize>) -> TensorSpec {
        TensorSpec { name, shape, role: Role::Parameter }
    }

    fn buffer(name: &'static str, shape: Vec<usize>) -> TensorSpec {
        TensorSpec { name, shape, role: Role::Buffer }
    }

    /// How many numbers it holds.
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |product, &n| product.saturating_mul(n as u64))
    }
}

/// The full name of a layer's tensor.
pub fn tensor_name(layer: &str, tensor: &str) -> String {
    if tensor.is_empty() { layer.to_owned() } else { format!("{layer}.{tensor}") }
}

impl Op {
    /// Whether its tensor is called as the layer, and belongs to the scope around.
    pub fn is_bare(&self) -> bool {
        matches!(self, Op::Affine { bare: true, .. })
    }

    /// In the order of PyTorch's `state_dict`.
    pub fn tensors(&self, inputs: &[Shape]) -> Vec<TensorSpec> {
        let channels = inputs.first().map_or(0, |shape| shape.channels());
        let scale_and_bias =
            || vec![TensorSpec::parameter("weight", vec![channels]), TensorSpec::parameter("bias", vec![channels])];
        match self {
            Op::Conv(conv) => {
                let weight = vec![conv.out, channels / conv.groups, conv.kernel[0], conv.kernel[1]];
                weight_and_bias(weight, conv.bias.then_some(conv.out))
            }
            Op::Linear { out, bias, .. } => weight_and_bias(vec![*out, channels], bias.then_some(*out)),
            Op::Bn { affine, .. } => {
                let mut tensors = if *affine { scale_and_bias() } else { Vec::new() };
                tensors.push(TensorSpec::buffer("running_mean", vec![channels]));
                tensors.push(TensorSpec::buffer("running_var", vec![channels]));
                tensors.push(TensorSpec { name: "num_batches_tracked", shape: vec![], role: Role::Counter });
                tensors
            }
            Op::Gn { .. } | Op::Ln { .. } => scale_and_bias(),
            Op::Prelu { per_channel } => {
                vec![TensorSpec::parameter("weight", vec![if *per_channel { channels } else { 1 }])]
            }
            Op::Affine { bare: true, .. } => vec![TensorSpec::parameter("", vec![channels, 1, 1])],
            Op::Affine { bias, .. } => weight_and_bias(vec![channels], bias.then_some(channels)),
            Op::Input
            | Op::Lrn { .. }
            | Op::Relu
            | Op::Relu6
            | Op::Leaky { .. }
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
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Select { .. }
            | Op::Add
            | Op::Concat
            | Op::Mul
            // Only rustc knows the tensors of a user's module.
            | Op::Custom { .. } => Vec::new(),
        }
    }
}

fn weight_and_bias(weight: Vec<usize>, bias: Option<usize>) -> Vec<TensorSpec> {
    let mut tensors = vec![TensorSpec::parameter("weight", weight)];
    tensors.extend(bias.map(|n| TensorSpec::parameter("bias", vec![n])));
    tensors
}
