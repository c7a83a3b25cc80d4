//! Which kernel computes an operation, and what it wants.

use cnn_lang::graph::{Op, Pool};

use super::conv::bf16::Form;
use super::conv::depthwise::{Depthwise, is_depthwise};
use super::conv::depthwise_weight_gradient::DepthwiseWeightGradient;
use super::conv::dot::Dot;
use super::conv::outer::FewInputs;
use super::conv::way::Conv;
use super::conv::weight_way::ConvWeight;
use super::lrn::Lrn;
use super::moves::Moves;
use super::norm::gn::Groups;
use super::norm::{bn, gn, ln};
use super::pool::Window;
use super::simd::Isa;
use super::{affine, bias, fallback};
use crate::engine::backend::Use;
use crate::engine::layers;
use crate::engine::operation::{Layer, LayerGradient, LinearShape, Operation};
use crate::engine::precision::Precision;
use crate::engine::program::Extent;
use crate::engine::session::{plane, shape};
use crate::kernels::DynKernel;

/// Numbers of filters that are packed at a time, where they change from run to run: packing must not cost another copy of a
/// large matrix.
pub(super) const PACKED: usize = 4 << 20;
/// Numbers in a cache line: parts of scratch begin on their own.
const LINE: usize = 16;

/// The kernel of a step, chosen when a plan is made.
pub(super) enum Kernel {
    Conv(Conv),
    /// And how it is computed where samples are few and weights not constant.
    Linear(Conv, Option<Dot>),
    LinearInput(FewInputs),
    Depthwise(Depthwise),
    ConvInput(Vec<Conv>),
    DepthwiseInput(Vec<Depthwise>),
    ConvWeight(ConvWeight),
    DepthwiseWeight(DepthwiseWeightGradient),
    MaxPool(Window),
    AvgPool(Window, bool),
    Gap,
    /// What is added to the variance.
    Ln(f64),
    Gn(Groups),
    Affine,
    Lrn(Lrn),
    Moves(Moves),
    Reference(Box<dyn DynKernel>),
    /// The operation says all.
    Plain,
}

impl Kernel {
    pub fn of(isa: Isa, precision: Precision, operation: &Operation, batch: usize) -> Kernel {
        let form = Form::of(precision, isa);
        match operation {
            Operation::Conv { shape, .. } if is_depthwise(shape) => Kernel::Depthwise(Depthwise::forward(isa, shape)),
            Operation::Conv { shape, .. } => Kernel::Conv(Conv::forward(isa, form, shape)),
            Operation::ConvInputGradient(shape) if is_depthwise(shape) => {
                Kernel::DepthwiseInput(Depthwise::backward(isa, shape))
            }
            Operation::ConvInputGradient(shape) => Kernel::ConvInput(Conv::backward(isa, form, shape)),
            Operation::ConvWeightGradient(shape) if is_depthwise(shape) => {
                Kernel::DepthwiseWeight(DepthwiseWeightGradient::new(isa, shape, batch))
            }
            Operation::ConvWeightGradient(shape) => Kernel::ConvWeight(ConvWeight::new(isa, form, shape, batch)),
            // Kernels for few samples have factors of f32.
            Operation::Linear { shape: LinearShape { inputs, outputs, .. }, .. } => Kernel::Linear(
                Conv::linear(isa, form, [*inputs, *outputs], batch, false),
                Dot::new(isa, *inputs, *outputs, batch).filter(|_| form == Form::Number),
            ),
            Operation::LinearInputGradient(LinearShape { inputs, outputs, .. }) => {
                match FewInputs::new(isa, *inputs, *outputs, batch).filter(|_| form == Form::Number) {
                    Some(few) => Kernel::LinearInput(few),
                    None => Kernel::ConvInput(vec![Conv::linear(isa, form, [*outputs, *inputs], batch, true)]),
                }
            }
            Operation::LinearWeightGradient(shape) => {
                Kernel::ConvWeight(ConvWeight::linear(isa, shape.inputs, shape.outputs, batch))
            }
            Operation::Layer(layer)
            | Operation::LayerGradient(LayerGradient { layer, .. })
            | Operation::MaxPool(layer)
            | Operation::MaxPoolGradient(layer) => Kernel::layer(layer),
            Operation::BiasGradient
            | Operation::Affine { .. }
            | Operation::BatchNorm(_)
            | Operation::BatchNormGradient { .. }
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
            | Operation::Accumulate
            | Operation::GradientNorm
            | Operation::Update { .. }
            | Operation::Average => Kernel::Plain,
        }
    }

    fn layer(layer: &Layer) -> Kernel {
        let window = |pool: &Pool| {
            let [rows, cols] = layers::window(layer, pool);
            Window { rows, cols }
        };
        match &layer.op {
            Op::MaxPool(pool) => Kernel::MaxPool(window(pool)),
            Op::AvgPool { pool, count_pad } => Kernel::AvgPool(window(pool), *count_pad),
            Op::Gap | Op::AdaptiveAvgPool { out: [1, 1] } => Kernel::Gap,
            Op::Ln { eps } => Kernel::Ln(*eps),
            Op::Gn { groups, eps } => Kernel::Gn(Groups { count: *groups, eps: *eps }),
            Op::Lrn { size, alpha, beta, k } => Kernel::Lrn(Lrn { size: *size, alpha: *alpha, beta: *beta, k: *k }),
            Op::Shift { kernel, dilation } => {
                Kernel::Moves(Moves::shift(layer.inputs[0].channels(), *kernel, *dilation))
            }
            Op::Pad { pad: [top, _, left, _] } => Kernel::Moves(Moves::pad(layer.inputs[0].channels(), *top, *left)),
            Op::Affine { .. } => Kernel::Affine,
            _ => Kernel::Reference(layers::kernel(layer, 1)),
        }
    }

    /// Numbers that a constant weight takes in the kernel's own form.
    pub fn filters(&self) -> Option<usize> {
        match self {
            Kernel::Conv(conv) | Kernel::Linear(conv, _) => Some(conv.filters()),
            Kernel::Depthwise(depthwise) => Some(depthwise.filters()),
            _ => None,
        }
    }

    /// Numbers of scratch, where filters are packed in each run unless they are constant.
    pub fn scratch(&self, of: &Use<'_>, lanes: usize) -> usize {
        let filters = |conv: &Conv| conv.filters_at_once(PACKED).1;
        let first = of.inputs.first().copied().unwrap_or(Extent::Fixed(0));
        let channels = shape(first).channels();
        match self {
            Kernel::Linear(_, Some(_)) if !of.constant => 0,
            Kernel::Conv(conv) | Kernel::Linear(conv, _) => {
                lanes * conv.scratch() + if of.constant { 0 } else { filters(conv) }
            }
            Kernel::LinearInput(_) => 0,
            Kernel::Depthwise(depthwise) => {
                if of.constant {
                    0
                } else {
                    depthwise.filters()
                }
            }
            Kernel::ConvInput(phases) => {
                phases.iter().map(|conv| lanes * conv.scratch() + filters(conv)).max().unwrap_or(0)
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
                Operation::BatchNorm(_) | Operation::BatchNormGradient { .. } => {
                    bn::scratch(of.batch, channels, plane(first))
                }
                Operation::BiasGradient => bias::scratch(of.batch, channels, plane(first)),
                _ => 0,
            },
            Kernel::Gn(_) => gn::scratch(of.batch, channels, plane(first)),
            Kernel::Ln(_) => match of.operation {
                Operation::LayerGradient(_) => ln::scratch(of.batch, channels, plane(first)),
                _ => 0,
            },
            Kernel::Lrn(lrn) => lanes * lrn.scratch(channels),
            Kernel::Affine => match of.operation {
                Operation::LayerGradient(_) => affine::scratch(of.batch, channels, plane(first)),
                _ => 0,
            },
            Kernel::MaxPool(_) | Kernel::AvgPool(..) | Kernel::Gap | Kernel::Moves(_) => 0,
        }
        .next_multiple_of(LINE)
    }
}
