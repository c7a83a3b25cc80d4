//! What follows a convolution, as operations of its graph.

use cudarc::cudnn::sys::{cudnnDataType_t, cudnnNanPropagation_t, cudnnPointwiseMode_t as Mode};

use super::descriptor::{Attribute, Descriptor, Kind, Refusal, Type};
use super::graph::{BIAS, ONTO, VIRTUAL, strides, tensor, virtual_tensor};
use super::{Curve, Epilogue, Number, Problem};

/// Where RELU6 ends.
const CLIP: f32 = 6.0;

/// What is done with each number by itself.
fn pointwise(mode: Mode) -> Result<Descriptor, Refusal> {
    Descriptor::new(Kind::CUDNN_BACKEND_POINTWISE_DESCRIPTOR)?
        .code(Attribute::CUDNN_ATTR_POINTWISE_MODE, Type::CUDNN_TYPE_POINTWISE_MODE, mode as u32)?
        .code(
            Attribute::CUDNN_ATTR_POINTWISE_MATH_PREC,
            Type::CUDNN_TYPE_DATA_TYPE,
            cudnnDataType_t::CUDNN_DATA_FLOAT as u32,
        )
}

fn adding() -> Result<Descriptor, Refusal> {
    pointwise(Mode::CUDNN_POINTWISE_ADD)?.finish("a sum")
}

impl Curve {
    fn pointwise(self) -> Result<Descriptor, Refusal> {
        let curve = pointwise(match self {
            Curve::Relu | Curve::Relu6 => Mode::CUDNN_POINTWISE_RELU_FWD,
            Curve::Sigmoid => Mode::CUDNN_POINTWISE_SIGMOID_FWD,
            Curve::Tanh => Mode::CUDNN_POINTWISE_TANH_FWD,
            Curve::Silu => Mode::CUDNN_POINTWISE_SWISH_FWD,
            Curve::Gelu => Mode::CUDNN_POINTWISE_GELU_FWD,
        })?;
        // As everywhere else, what is no number stays none.
        let curve = match self {
            Curve::Relu | Curve::Relu6 => curve.code(
                Attribute::CUDNN_ATTR_POINTWISE_NAN_PROPAGATION,
                Type::CUDNN_TYPE_NAN_PROPOGATION,
                cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN as u32,
            )?,
            Curve::Sigmoid | Curve::Tanh | Curve::Silu | Curve::Gelu => curve,
        };
        let curve = match self {
            Curve::Relu6 => curve.float(Attribute::CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, CLIP)?,
            _ => curve,
        };
        curve.finish("an activation")
    }
}

/// Operations of a graph, and what else they are made of.
pub(super) struct Links {
    pub operations: Vec<Descriptor>,
    pub parts: Vec<Descriptor>,
}

impl Epilogue {
    /// Whether nothing follows at all.
    pub fn is_empty(&self) -> bool {
        !self.bias && self.onto.is_none() && self.activation.is_none()
    }

    /// What turns sums into y.
    pub(super) fn links(&self, problem: &Problem, sums: &Descriptor, y: &Descriptor) -> Result<Links, Refusal> {
        let Problem { number, samples, shape, .. } = *problem;
        let [channels, height, width] = [shape.outputs, shape.rows.output, shape.cols.output];
        let sizes = [samples, channels, height, width];
        // What is done, one behind the other, each with a second operand or none.
        let mut steps = Vec::new();
        // In this order cuDNN has ways that need not be compiled first.
        if let Some(pitch) = self.onto {
            steps.push((adding()?, Some(tensor(ONTO, number, sizes, strides(height, width, pitch))?)));
        }
        if self.bias {
            steps.push((adding()?, Some(tensor(BIAS, Number::F32, [1, channels, 1, 1], strides(1, 1, channels))?)));
        }
        if let Some(curve) = self.activation {
            steps.push((curve.pointwise()?, None));
        }
        let between = (1..steps.len())
            .map(|index| virtual_tensor(VIRTUAL + index as i64, sizes, strides(height, width, channels)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut operations = Vec::new();
        for (index, (pointwise, beside)) in steps.iter().enumerate() {
            let from = if index == 0 { sums } else { &between[index - 1] };
            let operation = Descriptor::new(Kind::CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)?
                .descriptors(Attribute::CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, &[pointwise])?
                .descriptors(Attribute::CUDNN_ATTR_OPERATION_POINTWISE_XDESC, &[from])?
                .descriptors(Attribute::CUDNN_ATTR_OPERATION_POINTWISE_YDESC, &[between.get(index).unwrap_or(y)])?;
            let operation = match beside {
                Some(beside) => operation.descriptors(Attribute::CUDNN_ATTR_OPERATION_POINTWISE_BDESC, &[beside])?,
                None => operation,
            };
            operations.push(operation.finish("an operation on each number")?);
        }
        let beside = steps.into_iter().flat_map(|(pointwise, beside)| [Some(pointwise), beside]).flatten();
        let parts = beside.chain(between).collect();
        Ok(Links { operations, parts })
    }
}
