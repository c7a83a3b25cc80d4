//! Which kernel computes an operation, and what it wants.

use cnn_lang::graph::{Op, Pool, Shape};

use super::conv::depthwise::{Depthwise, is_depthwise};
use super::conv::depthwise_weight_gradient::DepthwiseWeightGradient;
use super::conv::direct::Direct;
use super::conv::weight_gradient::WeightGradient;
use super::pool::Window;
use super::simd::Isa;
use super::{fallback, norm, pointwise};
use crate::engine::backend::Use;
use crate::engine::layers;
use crate::engine::operation::{Layer, LayerGradient, Operation};
use crate::engine::program::Extent;
use crate::engine::session::{plane, shape};
use crate::kernels::DynKernel;
use crate::kernels::window::Axis;

/// Numbers of filters that are packed at a time, where they change from run to run: packing must not cost another copy of a
/// large matrix.
pub(super) const PACKED: usize = 4 << 20;
/// Numbers in a cache line: parts of scratch begin on their own.
const LINE: usize = 16;

/// The kernel of a step, chosen when a plan is made.
pub(super) enum Kernel {
    Conv(Direct),
    Depthwise(Depthwise),
    ConvInput(Vec<Direct>),
    DepthwiseInput(Vec<Depthwise>),
    ConvWeight(WeightGradient),
    DepthwiseWeight(DepthwiseWeightGradient),
    MaxPool(Window),
    AvgPool(Window, bool),
    Gap,
    Reference(Box<dyn DynKernel>),
    /// The operation says all.
    Plain,
}

impl Kernel {
    pub fn of(isa: Isa, operation: &Operation, batch: usize) -> Kernel {
        match operation {
            Operation::Conv { shape, .. } if is_depthwise(shape) => Kernel::Depthwise(Depthwise::forward(isa, shape)),
            Operation::Conv { shape, .. } => Kernel::Conv(Direct::forward(isa, shape)),
            Operation::ConvInputGradient(shape) if is_depthwise(shape) => {
                Kernel::DepthwiseInput(Depthwise::backward(isa, shape))
            }
            Operation::ConvInputGradient(shape) => Kernel::ConvInput(Direct::backward(isa, shape)),
            Operation::ConvWeightGradient(shape) if is_depthwise(shape) => {
                Kernel::DepthwiseWeight(DepthwiseWeightGradient::new(isa, shape, batch))
            }
            Operation::ConvWeightGradient(shape) => Kernel::ConvWeight(WeightGradient::new(isa, shape, batch)),
            Operation::Linear { shape, .. } => {
                Kernel::Conv(Direct::linear(isa, [shape.inputs, shape.outputs], batch, false))
            }
            Operation::LinearInputGradient(shape) => {
                Kernel::ConvInput(vec![Direct::linear(isa, [shape.outputs, shape.inputs], batch, true)])
            }
            Operation::LinearWeightGradient(shape) => {
                Kernel::ConvWeight(WeightGradient::linear(isa, shape.inputs, shape.outputs, batch))
            }
            Operation::Layer(layer) | Operation::LayerGradient(LayerGradient { layer, .. }) => Kernel::layer(layer),
            Operation::BiasGradient
            | Operation::Affine { .. }
            | Operation::BatchNorm(_)
            | Operation::BatchNormGradient(_)
            | Operation::Activate(_)
            | Operation::ActivateGradient(_)
            | Operation::Add { .. }
            | Operation::Gate
            | Operation::GateGradient
            | Operation::Copy
            | Operation::Arrange
            | Operation::Concat
            | Operation::Slice { .. }
            | Operation::Embed { .. }
            | Operation::Reshape
            | Operation::Dropout { .. }
            | Operation::Weight(_)
            | Operation::WeightGradient(_)
            | Operation::CrossEntropy { .. }
            | Operation::GradientNorm
            | Operation::Update { .. }
            | Operation::Average => Kernel::Plain,
        }
    }

    fn layer(layer: &Layer) -> Kernel {
        let size = |shape: Shape| shape.spatial().unwrap_or([1, 1]);
        let window = |pool: &Pool| {
            let [rows, cols] = Axis::pair(
                size(layer.inputs[0]),
                size(layer.output),
                pool.kernel,
                pool.stride,
                pool.pad,
                pool.dilation,
            );
            Window { rows, cols }
        };
        match &layer.op {
            Op::MaxPool(pool) => Kernel::MaxPool(window(pool)),
            Op::AvgPool { pool, count_pad } => Kernel::AvgPool(window(pool), *count_pad),
            Op::Gap | Op::AdaptiveAvgPool { out: [1, 1] } => Kernel::Gap,
            _ => Kernel::Reference(layers::kernel(layer, 1)),
        }
    }

    /// Numbers that a constant weight takes in the kernel's own form.
    pub fn filters(&self) -> Option<usize> {
        match self {
            Kernel::Conv(direct) => Some(direct.filters()),
            Kernel::Depthwise(depthwise) => Some(depthwise.filters()),
            _ => None,
        }
    }

    /// Numbers of scratch, where filters are packed in each run unless they are constant.
    pub fn scratch(&self, of: &Use<'_>, lanes: usize) -> usize {
        let filters = |direct: &Direct| direct.filters_at_once(PACKED).1;
        let first = of.inputs.first().copied().unwrap_or(Extent::Fixed(0));
        let channels = shape(first).channels();
        match self {
            Kernel::Conv(direct) => lanes * direct.scratch() + if of.constant { 0 } else { filters(direct) },
            Kernel::Depthwise(depthwise) => {
                if of.constant {
                    0
                } else {
                    depthwise.filters()
                }
            }
            Kernel::ConvInput(phases) => {
                phases.iter().map(|direct| lanes * direct.scratch() + filters(direct)).max().unwrap_or(0)
            }
            Kernel::DepthwiseInput(phases) => phases.first().map_or(0, Depthwise::filters),
            Kernel::ConvWeight(gradient) => gradient.scratch(lanes),
            Kernel::DepthwiseWeight(gradient) => gradient.scratch(),
            Kernel::Reference(_) => match of.operation {
                Operation::Layer(layer) => lanes * fallback::forward_scratch(layer),
                Operation::LayerGradient(gradient) => lanes * fallback::backward_scratch(gradient),
                _ => 0,
            },
            Kernel::Plain => match of.operation {
                Operation::BatchNorm(_) | Operation::BatchNormGradient(_) => {
                    norm::scratch(of.batch, channels, plane(first))
                }
                Operation::BiasGradient => pointwise::bias_scratch(of.batch, channels, plane(first)),
                _ => 0,
            },
            Kernel::MaxPool(_) | Kernel::AvgPool(..) | Kernel::Gap => 0,
        }
        .next_multiple_of(LINE)
    }
}
