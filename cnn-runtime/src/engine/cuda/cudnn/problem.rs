//! What cuDNN is asked for.

use std::fmt;

use super::Number;
use crate::engine::operation::{Activation, ConvShape};

/// Which of a convolution's three computations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine::cuda) enum Pass {
    /// y from x and the filter.
    Forward,
    /// The gradient of x from the filter and that of y.
    InputGradient,
    /// The gradient of the filter from x and that of y.
    WeightGradient,
}

/// A convolution as cuDNN is asked for it. Maps are pixel by pixel; a filter is
/// `[outputs, height, width, inputs / groups]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine::cuda) struct Problem {
    pub pass: Pass,
    /// Type of the numbers in maps and filters. Sums are f32 always.
    pub number: Number,
    /// Whether f32 may be multiplied as TF32.
    pub tf32: bool,
    pub samples: usize,
    pub shape: ConvShape,
    /// Numbers from a pixel of x to the next; from a sample to the next it is that times height and width.
    pub x_pitch: usize,
    /// The same of y.
    pub y_pitch: usize,
    /// What becomes of the sums before they are written; only forward.
    pub epilogue: Option<Epilogue>,
}

/// What becomes of a sum before it is written: `y = activation(onto + sum + bias)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine::cuda) struct Epilogue {
    /// Whether there is an f32 for each channel of y.
    pub bias: bool,
    /// The pitch of a map like y, if there is one.
    pub onto: Option<usize>,
    pub activation: Option<Curve>,
}

/// The activations that cuDNN has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine::cuda) enum Curve {
    Relu,
    Relu6,
    Sigmoid,
    Tanh,
    Silu,
    Gelu,
}

impl Curve {
    /// None if cuDNN does not have it.
    pub fn of(activation: Activation) -> Option<Curve> {
        match activation {
            Activation::Relu => Some(Curve::Relu),
            Activation::Relu6 => Some(Curve::Relu6),
            Activation::Sigmoid => Some(Curve::Sigmoid),
            Activation::Tanh => Some(Curve::Tanh),
            Activation::Silu => Some(Curve::Silu),
            Activation::Gelu => Some(Curve::Gelu),
            Activation::Leaky(_) | Activation::Hswish | Activation::Hsigmoid => None,
        }
    }
}

impl fmt::Display for Epilogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Epilogue { bias, onto, activation } = self;
        f.write_str(if *bias { " bias" } else { "" })?;
        onto.map_or(Ok(()), |pitch| write!(f, " onto pitch {pitch}"))?;
        activation.map_or(Ok(()), |curve| write!(f, " {curve:?}"))
    }
}

/// Where the tensors of a problem begin on the device.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::cuda) struct Addresses {
    pub x: u64,
    pub filter: u64,
    pub y: u64,
    /// Those of an epilogue.
    pub bias: Option<u64>,
    pub onto: Option<u64>,
}

impl Addresses {
    /// Those of x, the filter and y, where nothing follows.
    pub fn of([x, filter, y]: [u64; 3]) -> Addresses {
        Addresses { x, filter, y, bias: None, onto: None }
    }
}

impl Problem {
    /// Multiply-adds.
    pub fn macs(&self) -> u64 {
        self.shape.macs() * self.samples as u64
    }

    /// Bytes of x, the filter and y.
    pub fn bytes(&self) -> [usize; 3] {
        let ConvShape { rows, cols, .. } = self.shape;
        let x = self.samples * rows.input * cols.input * self.x_pitch;
        let y = self.samples * rows.output * cols.output * self.y_pitch;
        [x, self.shape.weights(), y].map(|numbers| numbers * self.number.bytes())
    }

    /// Bytes of the bias and of what y is added to.
    pub fn bytes_beside(&self) -> [Option<usize>; 2] {
        let ConvShape { outputs, rows, cols, .. } = self.shape;
        let pixels = self.samples * rows.output * cols.output;
        let Some(Epilogue { bias, onto, .. }) = self.epilogue else { return [None, None] };
        [bias.then_some(outputs * size_of::<f32>()), onto.map(|pitch| pixels * pitch * self.number.bytes())]
    }
}

/// One line that names everything the choice of a way depends on.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { pass, number, tf32, samples, shape, x_pitch, y_pitch, epilogue } = self;
        let ConvShape { inputs, outputs, groups, rows, cols } = shape;
        write!(f, "{pass:?} {number:?}")?;
        f.write_str(if *tf32 { " tf32" } else { "" })?;
        write!(f, " {samples} samples {inputs}->{outputs} groups {groups} pitches {x_pitch} {y_pitch}")?;
        for (name, axis) in [("rows", rows), ("columns", cols)] {
            write!(f, " {name} {}->{} window {}", axis.input, axis.output, axis.kernel)?;
            write!(f, " stride {} padding {} dilation {}", axis.stride, axis.before, axis.dilation)?;
        }
        epilogue.map_or(Ok(()), |epilogue| write!(f, " then{epilogue}"))
    }
}
