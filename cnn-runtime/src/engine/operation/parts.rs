//! What operations are told: sizes, layers, what goes along.

use cnn_lang::graph::{Conv, Op, Shape};

use super::Activation;
use crate::kernels::window::Axis;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Groups; both numbers of channels are multiples of it.
    pub groups: usize,
    /// The window down a column.
    pub rows: Axis,
    /// The window along a row.
    pub cols: Axis,
}

impl ConvShape {
    /// Numbers in the weight, `[outputs, inputs / groups, height, width]`.
    pub fn weights(&self) -> usize {
        self.outputs * (self.inputs / self.groups) * self.rows.kernel * self.cols.kernel
    }

    /// Multiply-adds for one sample.
    pub fn macs(&self) -> u64 {
        self.weights() as u64 * (self.rows.output * self.cols.output) as u64
    }
}

/// The sizes of a fully connected layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearShape {
    /// Values in.
    pub inputs: usize,
    /// Values out.
    pub outputs: usize,
}

/// A layer of the language that is computed as it stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The layer and its numbers.
    pub op: Op,
    /// Sizes of what it reads.
    pub inputs: Vec<Shape>,
    /// Size of its result.
    pub output: Shape,
}

/// What a weight goes through before a convolution uses it.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightForm {
    /// Each filter with mean 0 and variance 1. Qiao et al. 2019.
    Standardized {
        /// Output channels.
        filters: usize,
    },
    /// Zero where the table does not connect. LeCun et al. 1998, table I.
    Connected {
        /// For each output channel the input channels that it sees.
        table: Vec<Vec<usize>>,
        /// Input channels.
        inputs: usize,
        /// Height times width of the window.
        window: usize,
    },
}

impl WeightForm {
    /// What the weight of a convolution of so many channels goes through, if anything.
    pub fn of(conv: &Conv, inputs: usize) -> Option<WeightForm> {
        let window = conv.kernel[0] * conv.kernel[1];
        match (&conv.connect, conv.std) {
            (Some(table), _) => Some(WeightForm::Connected { table: table.clone(), inputs, window }),
            (None, true) => Some(WeightForm::Standardized { filters: conv.out }),
            (None, false) => None,
        }
    }
}

/// Batch normalisation in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// How far the running statistics move towards the batch's.
    pub momentum: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
    /// Follows the sum with what it is computed onto.
    pub activation: Option<Activation>,
}

/// What a norm's gradient takes back along with the norm itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The norm's activation.
    Activation,
    /// The activation, in front of which the norm was added to something.
    Sum,
    /// The activation, then a gate that hangs on the map's mean: squeeze-and-excite. Hu et al. 2018.
    Gate,
}

/// The gradient of a [`Layer`].
#[derive(Clone, Debug, PartialEq)]
pub struct LayerGradient {
    /// The layer.
    pub layer: Layer,
    /// Sizes of its parameters, which stand behind the inputs.
    pub parameters: Vec<usize>,
    /// Whether all inputs and parameters are among the inputs.
    pub reads_inputs: bool,
    /// Whether the layer's output is.
    pub reads_output: bool,
    /// For each input and parameter whether its gradient is an output.
    pub wanted: Vec<bool>,
}
