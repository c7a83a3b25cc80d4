//! The vocabulary.

use super::Shape;

/// A convolution. Pairs are height, width.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Channels that leave.
    pub out: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Step of the window.
    pub stride: [usize; 2],
    /// Zeros at top, bottom, left, right.
    pub pad: [usize; 4],
    /// Distance of neighbouring taps.
    pub dilation: [usize; 2],
    /// Channel groups that do not see one another.
    pub groups: usize,
    /// Adds a learned number per output channel.
    pub bias: bool,
    /// Weight standardisation. Qiao et al. 2019.
    pub std: bool,
    /// For each output channel the input channels it sees, where not all. LeCun et al. 1998, table I.
    pub connect: Option<Vec<Vec<usize>>>,
}

/// The window of a pooling. Pairs are height, width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// Window height and width.
    pub kernel: [usize; 2],
    /// Step of the window.
    pub stride: [usize; 2],
    /// Padding at top, bottom, left, right.
    pub pad: [usize; 4],
    /// Distance of neighbouring taps.
    pub dilation: [usize; 2],
    /// A last window that is not full counts too.
    pub ceil: bool,
}

/// An operation with all its numbers; docs/language.md says what each computes.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Op {
    Input,
    Conv(Conv),
    Linear {
        out: usize,
        bias: bool,
        pixelwise: bool,
    },
    Bn {
        eps: f64,
        momentum: f64,
        affine: bool,
    },
    Gn {
        groups: usize,
        eps: f64,
    },
    Ln {
        eps: f64,
    },
    Lrn {
        size: usize,
        alpha: f64,
        beta: f64,
        k: f64,
    },
    Relu,
    Relu6,
    Leaky {
        slope: f64,
    },
    Prelu {
        per_channel: bool,
    },
    Sigmoid,
    Tanh,
    Silu,
    Hswish,
    Hsigmoid,
    Gelu,
    Softmax,
    MaxPool(Pool),
    AvgPool {
        pool: Pool,
        count_pad: bool,
    },
    AdaptiveAvgPool {
        out: [usize; 2],
    },
    Gap,
    Pad {
        pad: [i64; 4],
    },
    Dropout {
        p: f64,
    },
    DropPath {
        p: f64,
    },
    Flatten,
    Identity,
    Zero {
        stride: [usize; 2],
    },
    Shift {
        kernel: [usize; 2],
        dilation: [usize; 2],
    },
    Shuffle {
        groups: usize,
    },
    Upsample {
        scale: [usize; 2],
        bilinear: bool,
        align_corners: bool,
    },
    Scale {
        factor: f64,
    },
    Affine {
        bias: bool,
        init: f64,
        /// The weight is called as the layer, and is `[C, 1, 1]`.
        bare: bool,
    },
    Subsample {
        stride: [usize; 2],
    },
    PadChannels {
        before: usize,
        out: usize,
    },
    Select {
        from: usize,
        to: usize,
    },
    Add,
    Concat,
    Mul,
    /// A module of the user's: its Rust path, the arguments of its type, the size it is said to deliver.
    Custom {
        path: String,
        args: Vec<String>,
        output: Shape,
    },
}

impl Op {
    /// The word of the language, which is also the name of the layer's and the kernel's file.
    pub fn keyword(&self) -> &'static str {
        match self {
            Op::Input => "input",
            Op::Conv(_) => "conv",
            Op::Linear { .. } => "linear",
            Op::Bn { .. } => "bn",
            Op::Gn { .. } => "gn",
            Op::Ln { .. } => "ln",
            Op::Lrn { .. } => "lrn",
            Op::Relu => "relu",
            Op::Relu6 => "relu6",
            Op::Leaky { .. } => "leaky",
            Op::Prelu { .. } => "prelu",
            Op::Sigmoid => "sigmoid",
            Op::Tanh => "tanh",
            Op::Silu => "silu",
            Op::Hswish => "hswish",
            Op::Hsigmoid => "hsigmoid",
            Op::Gelu => "gelu",
            Op::Softmax => "softmax",
            Op::MaxPool(_) => "maxpool",
            Op::AvgPool { .. } => "avgpool",
            Op::AdaptiveAvgPool { .. } => "adaptive_avgpool",
            Op::Gap => "gap",
            Op::Pad { .. } => "pad",
            Op::Dropout { .. } => "dropout",
            Op::DropPath { .. } => "drop_path",
            Op::Flatten => "flatten",
            Op::Identity => "identity",
            Op::Zero { .. } => "zero",
            Op::Shift { .. } => "shift",
            Op::Shuffle { .. } => "shuffle",
            Op::Upsample { .. } => "upsample",
            Op::Scale { .. } => "scale",
            Op::Affine { .. } => "affine",
            Op::Subsample { .. } => "subsample",
            Op::PadChannels { .. } => "pad_channels",
            Op::Select { .. } => "select",
            Op::Add => "add",
            Op::Concat => "concat",
            Op::Mul => "mul",
            Op::Custom { .. } => "custom",
        }
    }
}
