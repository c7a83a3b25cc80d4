//! Which kernel computes an operation.

use cnn_lang::graph::{Conv, Op, Pool, Shape};
use cnn_runtime::kernels::conv::weight::{Connect, Standardize};
use cnn_runtime::kernels::window::Axis;
use cnn_runtime::kernels::{self, DynKernel};

use super::error::OracleError;
use super::forward::Mode;

/// As in BiT's published networks, and in the typed layer.
const STANDARDIZATION_EPS: f64 = 1e-8;

/// What a node does with its inputs.
pub(super) enum Action {
    /// The result is the input itself, at most with other sizes.
    Same,
    /// Batch normalisation, whose kernel holds statistics that are known only when it runs.
    Bn { eps: f64, momentum: f64, affine: bool },
    /// One kernel, on the inputs and then the parameters of the node.
    Apply(Box<dyn DynKernel>),
    /// The second kernel, with what the first makes of the weight in place of the weight.
    ApplyWeighted { weight: Box<dyn DynKernel>, kernel: Box<dyn DynKernel> },
}

/// Height and width; of a vector 1.
fn spatial(shape: Shape) -> [usize; 2] {
    shape.spatial().unwrap_or([1, 1])
}

/// Height times width, 1 for vectors.
pub(super) fn plane(shape: Shape) -> usize {
    spatial(shape).iter().product()
}

fn apply(kernel: impl DynKernel + 'static) -> Action {
    Action::Apply(Box::new(kernel))
}

/// The action of an operation other than the input.
pub(super) fn action(
    op: &Op,
    inputs: &[Shape],
    output: Shape,
    batch: usize,
    mode: Mode,
) -> Result<Action, OracleError> {
    let Some(&x) = inputs.first() else { return Ok(Action::Same) };
    let (channels, plane, planes) = (x.channels(), plane(x), batch * x.channels());
    let pool = |pool: &Pool| Axis::pair(spatial(x), spatial(output), pool.kernel, pool.stride, pool.pad, pool.dilation);
    Ok(match op {
        Op::Input | Op::Identity | Op::Flatten => Action::Same,
        Op::Dropout { p } | Op::DropPath { p } => match mode {
            Mode::Training if *p > 0.0 => return Err(OracleError::Stochastic { op: op.keyword(), got: *p }),
            Mode::Training | Mode::Inference => Action::Same,
        },
        Op::Subsample { stride: [1, 1] } => Action::Same,
        Op::Subsample { stride } => apply(kernels::subsample::Subsample { planes, input: spatial(x), stride: *stride }),
        Op::Conv(conv) => convolution(conv, x, output, batch),
        Op::Linear { out, bias, pixelwise: false } => {
            apply(kernels::linear::Linear { batch, inputs: channels, outputs: *out, bias: *bias })
        }
        Op::Linear { out, bias, pixelwise: true } => {
            // A linear layer at every pixel is a convolution with a window of one.
            let [rows, cols] = Axis::pair(spatial(x), spatial(x), [1, 1], [1, 1], [0; 4], [1, 1]);
            apply(kernels::conv::Conv { batch, inputs: channels, outputs: *out, groups: 1, rows, cols, bias: *bias })
        }
        Op::Bn { eps, momentum, affine } => Action::Bn { eps: *eps, momentum: *momentum, affine: *affine },
        Op::Gn { groups, eps } => apply(kernels::gn::Gn { channels, plane, groups: *groups, eps: *eps }),
        Op::Ln { eps } => apply(kernels::ln::Ln { channels, plane, eps: *eps }),
        Op::Lrn { size, alpha, beta, k } => {
            apply(kernels::lrn::Lrn { channels, plane, size: *size, alpha: *alpha, beta: *beta, k: *k })
        }
        Op::Relu => apply(kernels::relu::Relu),
        Op::Relu6 => apply(kernels::relu6::Relu6),
        Op::Leaky { slope } => apply(kernels::leaky::Leaky { slope: *slope }),
        Op::Prelu { per_channel } => {
            apply(kernels::prelu::Prelu { channels, plane, weights: if *per_channel { channels } else { 1 } })
        }
        Op::Sigmoid => apply(kernels::sigmoid::Sigmoid),
        Op::Tanh => apply(kernels::tanh::Tanh),
        Op::Silu => apply(kernels::silu::Silu),
        Op::Hswish => apply(kernels::hswish::Hswish),
        Op::Hsigmoid => apply(kernels::hsigmoid::Hsigmoid),
        Op::Gelu => apply(kernels::gelu::Gelu),
        Op::Softmax => apply(kernels::softmax::Softmax { channels, plane }),
        Op::MaxPool(window) => {
            let [rows, cols] = pool(window);
            apply(kernels::maxpool::MaxPool { planes, rows, cols })
        }
        Op::AvgPool { pool: window, count_pad } => {
            let [rows, cols] = pool(window);
            apply(kernels::avgpool::AvgPool { planes, rows, cols, count_pad: *count_pad })
        }
        Op::AdaptiveAvgPool { out } => {
            apply(kernels::adaptive_avgpool::AdaptiveAvgPool { planes, input: spatial(x), output: *out })
        }
        Op::Gap => apply(kernels::gap::Gap { planes, plane }),
        Op::Pad { pad } => {
            // The size rules admit only sums that fit the size of a tensor.
            let pad = pad.map(|n| n as isize);
            apply(kernels::pad::Pad { planes, input: spatial(x), output: spatial(output), pad })
        }
        Op::Zero { .. } => apply(kernels::zero::Zero),
        Op::Shift { kernel, dilation } => {
            apply(kernels::shift::Shift { batch, channels, size: spatial(x), kernel: *kernel, dilation: *dilation })
        }
        Op::Shuffle { groups } => apply(kernels::shuffle::Shuffle { batch, channels, groups: *groups, plane }),
        Op::Upsample { scale, bilinear, align_corners } => {
            let mode = match bilinear {
                true => kernels::upsample::Mode::Bilinear { align_corners: *align_corners },
                false => kernels::upsample::Mode::Nearest,
            };
            apply(kernels::upsample::Upsample { planes, input: spatial(x), scale: *scale, mode })
        }
        Op::Scale { factor } => apply(kernels::scale::Scale { factor: *factor }),
        Op::Affine { bias, .. } => apply(kernels::affine::Affine { channels, plane, bias: *bias }),
        Op::PadChannels { before, out } => {
            apply(kernels::pad_channels::PadChannels { batch, inputs: channels, outputs: *out, before: *before, plane })
        }
        Op::Select { from, to } => {
            apply(kernels::select::Select { batch, inputs: channels, from: *from, to: *to, plane })
        }
        Op::Add => apply(kernels::add::Add),
        Op::Concat => {
            apply(kernels::concat::Concat { batch, lens: inputs.iter().map(|shape| shape.elements()).collect() })
        }
        Op::Mul => {
            let size = |shape: &Shape| {
                let [height, width] = spatial(*shape);
                [shape.channels(), height, width]
            };
            apply(kernels::mul::Mul { batch, sizes: inputs.iter().map(size).collect() })
        }
        Op::Custom { path, .. } => return Err(OracleError::Custom { path: path.clone() }),
    })
}

fn convolution(conv: &Conv, x: Shape, output: Shape, batch: usize) -> Action {
    let Conv { out, kernel, stride, pad, dilation, groups, bias, std, connect } = conv;
    let [rows, cols] = Axis::pair(spatial(x), spatial(output), *kernel, *stride, *pad, *dilation);
    let (inputs, bias) = (x.channels(), *bias);
    let kernel = kernels::conv::Conv { batch, inputs, outputs: *out, groups: *groups, rows, cols, bias };
    let weight: Box<dyn DynKernel> = match connect {
        Some(table) => Box::new(Connect { table: table.clone().into(), inputs, window: rows.kernel * cols.kernel }),
        None if *std => Box::new(Standardize { filters: *out, eps: STANDARDIZATION_EPS }),
        None => return apply(kernel),
    };
    Action::ApplyWeighted { weight, kernel: Box::new(kernel) }
}
