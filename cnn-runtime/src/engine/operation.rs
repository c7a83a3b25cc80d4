//! What the engine computes in one go: the vocabulary of a program, which every back end knows.
//!
//! Where it says *onto*, the output starts as a copy of another value and the result is added to it. Batch sizes are
//! nowhere: a program runs with any number of samples up to the one it was planned for.

mod parts;

pub use parts::{BatchNorm, Behind, ConvShape, Layer, LayerGradient, LinearShape, WeightForm};

pub use crate::kernels::activation::Activation;

/// One computation. Brackets list inputs, then outputs, in their order; `…?` is there or not as the fields say.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// `[x, weight, bias?] -> [y]`: `y = activation(onto + x * weight + bias)`.
    Conv {
        /// Sizes.
        shape: ConvShape,
        /// Whether the bias is an input.
        bias: bool,
        /// Applied last.
        activation: Option<Activation>,
    },
    /// `[weight, dy] -> [dx]`, onto.
    ConvInputGradient(ConvShape),
    /// `[x, dy] -> [dweight]`.
    ConvWeightGradient(ConvShape),
    /// `[x, weight, bias?] -> [y]`: `y = activation(onto + weight x + bias)`.
    Linear {
        /// Sizes.
        shape: LinearShape,
        /// Whether the bias is an input.
        bias: bool,
        /// Applied last.
        activation: Option<Activation>,
    },
    /// `[weight, dy] -> [dx]`, onto.
    LinearInputGradient(LinearShape),
    /// `[x, dy] -> [dweight]`.
    LinearWeightGradient(LinearShape),
    /// `[dy] -> [dbias]`: sums over batch, height and width.
    BiasGradient,
    /// `[x, scale, shift] -> [y]`, each channel by itself: `y = activation(onto + x scale + shift)`.
    Affine {
        /// Applied last.
        activation: Option<Activation>,
    },
    /// `[x, weight?, bias?] -> [y, mean, inverse deviation]`: `y = activation(onto + norm(x))`; running mean and running
    /// variance are changed.
    BatchNorm(BatchNorm),
    /// `[x, mean, inverse deviation, weight?, bias?, …, dy] -> [dsum?, dx, dweight?, dbias?]`, dx onto. Before dy there are, behind a
    /// sum, y, which tells the slope; and behind a gate, the gate and the gradient of the mean. `dsum` is the gradient of the sum.
    BatchNormGradient {
        /// The normalisation.
        norm: BatchNorm,
        /// What else is taken back. Behind a gate dx is not onto anything.
        behind: Behind,
    },
    /// `[x] -> [y]`
    Activate(Activation),
    /// `[y or x, dy] -> [dx]`: the output where [`Activation::known_by_output`], else the input.
    ActivateGradient(Activation),
    /// `[x…] -> [y]`: `y = activation(onto + sum of x)`.
    Add {
        /// Applied last.
        activation: Option<Activation>,
    },
    /// `[x, gate] -> [y]`: each channel of x times its number in the gate.
    Gate,
    /// `[x, dy] -> [gradient of the gate]`: sums over height and width.
    GateGradient,
    /// `[x] -> [y]`: the same numbers elsewhere.
    Copy,
    /// `[images] -> [y]`: the images of a run, whose channels come first, as the back end lays maps out.
    Arrange,
    /// `[x…] -> [y]`: one behind the other along the channels. Costs nothing where the parts were computed in place.
    Concat,
    /// `[x] -> [y]`: as many channels as y has, from `first` on. Costs nothing where the layout allows.
    Slice {
        /// The first channel.
        first: usize,
    },
    /// `[dy] -> [dx]`: the gradient of [`Operation::Slice`], onto; zero where there is nothing to add to.
    Embed {
        /// The first channel.
        first: usize,
    },
    /// `[x] -> [y]`: the same numbers under another size. Costs nothing where the layout allows.
    Reshape,
    /// `[x] -> [y]`: drops values, or whole samples, and scales the rest. Its own gradient, applied to dy.
    Dropout {
        /// The probability of a zero.
        p: f64,
        /// Drops samples, not values.
        samples: bool,
        /// Number of the layer, which with seed and step names the mask.
        index: usize,
    },
    /// `[x…] -> [y]`
    Layer(Layer),
    /// `[x…?, y?, dy] -> [gradient of the inputs that are wanted…]`, onto. Which x and y there are, [`LayerGradient`] says.
    LayerGradient(LayerGradient),
    /// `[x] -> [y, winners]`: the largest number under each window, and which of the window's taps it lies under, in a form of the back
    /// end's own.
    MaxPool(Layer),
    /// `[winners, dy] -> [dx]`, onto.
    MaxPoolGradient(Layer),
    /// `[weight] -> [weight]`
    Weight(WeightForm),
    /// `[weight, gradient] -> [gradient]`: inputs are the weight before its change.
    WeightGradient(WeightForm),
    /// `[logits] -> [gradient of the logits]`: softmax and cross-entropy, mean over the batch, times `weight`.
    CrossEntropy {
        /// Number of the output, from 0: the logits, then auxiliary ones.
        output: usize,
        /// Its share of the loss.
        weight: f64,
        /// Label smoothing. Szegedy et al. 2016.
        smoothing: f64,
    },
    /// `[gradient] -> [gradient]`: the sum over the parts of a step, which a state keeps from part to part.
    Accumulate,
    /// `[gradient…] -> [norm]`: Euclidean, of all of them as one vector.
    GradientNorm,
    /// `[gradient, norm?] -> []`: a step of the optimizer changes the parameter and the states behind it.
    Update {
        /// Whether weight decay applies.
        decay: bool,
    },
    /// `[value] -> []`: moves a moving average towards a value.
    Average,
}

impl Operation {
    /// The input that an output may be written over, if nobody reads it afterwards.
    pub fn overwrites(&self, output: usize) -> Option<usize> {
        match self {
            Operation::Activate(_)
            | Operation::Affine { .. }
            | Operation::Gate
            | Operation::Dropout { .. }
            | Operation::Accumulate => (output == 0).then_some(0),
            Operation::ActivateGradient(_) => (output == 0).then_some(1),
            // The gradient of the sum goes over dy and that of x over y, which has been read by then.
            Operation::BatchNormGradient { norm, behind } => {
                let first = if norm.affine { 5 } else { 3 };
                match (behind, output) {
                    (Behind::Activation, 0) | (Behind::Sum, 1) => Some(first),
                    (Behind::Sum, 0) => Some(first + 1),
                    (Behind::Gate, 0) => Some(first + 2),
                    _ => None,
                }
            }
            Operation::Conv { .. }
            | Operation::ConvInputGradient(_)
            | Operation::ConvWeightGradient(_)
            | Operation::Linear { .. }
            | Operation::LinearInputGradient(_)
            | Operation::LinearWeightGradient(_)
            | Operation::BiasGradient
            | Operation::BatchNorm(_)
            | Operation::Add { .. }
            | Operation::GateGradient
            | Operation::Copy
            | Operation::Arrange
            | Operation::Concat
            | Operation::Slice { .. }
            | Operation::Embed { .. }
            | Operation::Reshape
            | Operation::Layer(_)
            | Operation::LayerGradient(_)
            | Operation::MaxPool(_)
            | Operation::MaxPoolGradient(_)
            | Operation::Weight(_)
            | Operation::WeightGradient(_)
            | Operation::CrossEntropy { .. }
            | Operation::GradientNorm
            | Operation::Update { .. }
            | Operation::Average => None,
        }
    }

    /// Whether an output may be computed onto something.
    pub fn adds(&self, output: usize) -> bool {
        match self {
            Operation::Conv { .. }
            | Operation::ConvInputGradient(_)
            | Operation::ConvWeightGradient(_)
            | Operation::Linear { .. }
            | Operation::LinearInputGradient(_)
            | Operation::LinearWeightGradient(_)
            | Operation::BiasGradient
            | Operation::Affine { .. }
            | Operation::Add { .. }
            | Operation::GateGradient
            | Operation::Embed { .. }
            | Operation::LayerGradient(_)
            | Operation::MaxPoolGradient(_)
            | Operation::WeightGradient(_) => true,
            Operation::BatchNorm(_) | Operation::BatchNormGradient { behind: Behind::Activation, .. } => output == 0,
            Operation::BatchNormGradient { behind: Behind::Sum, .. } => output == 1,
            Operation::BatchNormGradient { behind: Behind::Gate, .. }
            | Operation::Activate(_)
            | Operation::ActivateGradient(_)
            | Operation::Gate
            | Operation::Copy
            | Operation::Arrange
            | Operation::Concat
            | Operation::Slice { .. }
            | Operation::Reshape
            | Operation::Dropout { .. }
            | Operation::Layer(_)
            | Operation::MaxPool(_)
            | Operation::Weight(_)
            | Operation::CrossEntropy { .. }
            | Operation::Accumulate
            | Operation::GradientNorm
            | Operation::Update { .. }
            | Operation::Average => false,
        }
    }

    /// Whether it takes a gradient, its last input, back through an activation, so that it can add another one to it at once.
    pub fn takes_sum_back(&self) -> bool {
        matches!(self, Operation::ActivateGradient(_) | Operation::BatchNormGradient { behind: Behind::Sum, .. })
    }

    /// Multiply-adds of convolutions and fully connected layers for one sample; 0 of everything else.
    pub fn macs(&self) -> u64 {
        match self {
            Operation::Conv { shape, .. }
            | Operation::ConvInputGradient(shape)
            | Operation::ConvWeightGradient(shape) => shape.macs(),
            Operation::Linear { shape, .. }
            | Operation::LinearInputGradient(shape)
            | Operation::LinearWeightGradient(shape) => shape.inputs as u64 * shape.outputs as u64,
            _ => 0,
        }
    }

    /// What it is called in listings.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Conv { .. } => "conv",
            Operation::ConvInputGradient(_) => "conv input gradient",
            Operation::ConvWeightGradient(_) => "conv weight gradient",
            Operation::Linear { .. } => "linear",
            Operation::LinearInputGradient(_) => "linear input gradient",
            Operation::LinearWeightGradient(_) => "linear weight gradient",
            Operation::BiasGradient => "bias gradient",
            Operation::Affine { .. } => "affine",
            Operation::BatchNorm(_) => "bn",
            Operation::BatchNormGradient { .. } => "bn gradient",
            Operation::Activate(_) => "activation",
            Operation::ActivateGradient(_) => "activation gradient",
            Operation::Add { .. } => "add",
            Operation::Gate => "gate",
            Operation::GateGradient => "gate gradient",
            Operation::Copy => "copy",
            Operation::Arrange => "arrange",
            Operation::Concat => "concat",
            Operation::Slice { .. } => "slice",
            Operation::Embed { .. } => "embed",
            Operation::Reshape => "reshape",
            Operation::Dropout { samples: false, .. } => "dropout",
            Operation::Dropout { samples: true, .. } => "drop_path",
            Operation::Layer(layer) => layer.op.keyword(),
            Operation::LayerGradient(_) => "layer gradient",
            Operation::MaxPool(_) => "maxpool",
            Operation::MaxPoolGradient(_) => "maxpool gradient",
            Operation::Weight(_) => "weight form",
            Operation::WeightGradient(_) => "weight form gradient",
            Operation::CrossEntropy { .. } => "cross-entropy",
            Operation::Accumulate => "accumulate",
            Operation::GradientNorm => "gradient norm",
            Operation::Update { .. } => "update",
            Operation::Average => "average",
        }
    }

    /// What is applied last to the first output, where that is free to choose.
    pub fn activation_mut(&mut self) -> Option<&mut Option<Activation>> {
        match self {
            Operation::Conv { activation, .. }
            | Operation::Linear { activation, .. }
            | Operation::Affine { activation }
            | Operation::Add { activation } => Some(activation),
            Operation::BatchNorm(norm) => Some(&mut norm.activation),
            _ => None,
        }
    }

    /// What is applied last to the first output.
    pub fn activation(&self) -> Option<Activation> {
        self.clone().activation_mut().and_then(|activation| *activation)
    }
}
