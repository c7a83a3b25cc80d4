//! The kernel of a layer that is computed as it stands.

use cnn_lang::graph::{Op, Pool, Shape};

use super::operation::Layer;
use crate::kernels::maxpool::MaxPool;
use crate::kernels::window::Axis;
use crate::kernels::{self, DynKernel};

/// The reference kernel of a layer for dense samples. Its inputs are the layer's, then its parameters.
pub fn kernel(layer: &Layer, batch: usize) -> Box<dyn DynKernel> {
    find(layer, batch).unwrap_or_else(|| unreachable!("`{}` has an operation of its own", layer.op.keyword()))
}

/// The window of a pooling layer: down a column, along a row.
pub fn window(layer: &Layer, pool: &Pool) -> [Axis; 2] {
    let size = |shape: Shape| shape.spatial().unwrap_or([1, 1]);
    let [input, output] = [layer.inputs[0], layer.output].map(size);
    Axis::pair(input, output, pool.kernel, pool.stride, pool.pad, pool.dilation)
}

/// The reference kernel of a maximum over windows, for so many samples.
pub fn max_pool(layer: &Layer, batch: usize) -> Option<MaxPool> {
    let Op::MaxPool(pool) = &layer.op else { return None };
    let [rows, cols] = window(layer, pool);
    Some(MaxPool { planes: batch * layer.inputs[0].channels(), rows, cols })
}

/// The same, of any layer that has one input or more; nothing if it has an operation of its own.
pub fn find(layer: &Layer, batch: usize) -> Option<Box<dyn DynKernel>> {
    let Layer { op, inputs, output } = layer;
    let input = inputs[0];
    let channels = input.channels();
    let size = |shape: Shape| shape.spatial().unwrap_or([1, 1]);
    let [height, width] = size(input);
    let plane = height * width;
    let planes = batch * channels;
    Some(match op {
        Op::Gn { groups, eps } => Box::new(kernels::gn::Gn { channels, plane, groups: *groups, eps: *eps }),
        Op::Ln { eps } => Box::new(kernels::ln::Ln { channels, plane, eps: *eps }),
        Op::Lrn { size, alpha, beta, k } => {
            Box::new(kernels::lrn::Lrn { channels, plane, size: *size, alpha: *alpha, beta: *beta, k: *k })
        }
        Op::Prelu { per_channel } => {
            Box::new(kernels::prelu::Prelu { channels, plane, weights: if *per_channel { channels } else { 1 } })
        }
        Op::Softmax => Box::new(kernels::softmax::Softmax { channels, plane }),
        Op::MaxPool(_) => Box::new(max_pool(layer, batch)?),
        Op::AvgPool { pool, count_pad } => {
            let [rows, cols] = window(layer, pool);
            Box::new(kernels::avgpool::AvgPool { planes, rows, cols, count_pad: *count_pad })
        }
        Op::AdaptiveAvgPool { out } => {
            Box::new(kernels::adaptive_avgpool::AdaptiveAvgPool { planes, input: [height, width], output: *out })
        }
        Op::Gap => Box::new(kernels::gap::Gap { planes, plane }),
        Op::Pad { pad } => {
            let pad = pad.map(|n| n as isize);
            Box::new(kernels::pad::Pad { planes, input: [height, width], output: size(*output), pad })
        }
        Op::Zero { .. } => Box::new(kernels::zero::Zero),
        Op::Shift { kernel, dilation } => Box::new(kernels::shift::Shift {
            batch,
            channels,
            size: [height, width],
            kernel: *kernel,
            dilation: *dilation,
        }),
        Op::Shuffle { groups } => Box::new(kernels::shuffle::Shuffle { batch, channels, groups: *groups, plane }),
        Op::Upsample { scale, bilinear, align_corners } => {
            let mode = match bilinear {
                true => kernels::upsample::Mode::Bilinear { align_corners: *align_corners },
                false => kernels::upsample::Mode::Nearest,
            };
            Box::new(kernels::upsample::Upsample { planes, input: [height, width], scale: *scale, mode })
        }
        Op::Subsample { stride } => {
            Box::new(kernels::subsample::Subsample { planes, input: [height, width], stride: *stride })
        }
        Op::PadChannels { before, out } => Box::new(kernels::pad_channels::PadChannels {
            batch,
            inputs: channels,
            outputs: *out,
            before: *before,
            plane,
        }),
        Op::Affine { bias, .. } => Box::new(kernels::affine::Affine { channels, plane, bias: *bias }),
        Op::Scale { factor } => Box::new(kernels::scale::Scale { factor: *factor }),
        Op::Mul => {
            let sizes = inputs.iter().map(|&shape| [shape.channels(), size(shape)[0], size(shape)[1]]).collect();
            Box::new(kernels::mul::Mul { batch, sizes })
        }
        Op::Input
        | Op::Conv(_)
        | Op::Linear { .. }
        | Op::Bn { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Leaky { .. }
        | Op::Sigmoid
        | Op::Tanh
        | Op::Silu
        | Op::Hswish
        | Op::Hsigmoid
        | Op::Gelu
        | Op::Dropout { .. }
        | Op::DropPath { .. }
        | Op::Flatten
        | Op::Identity
        | Op::Select { .. }
        | Op::Add
        | Op::Concat
        | Op::Custom { .. } => return None,
    })
}
