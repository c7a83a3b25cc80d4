//! A convolution as a graph of cuDNN's.

#[cfg(test)]
use std::sync::Arc;

use cudarc::cudnn::sys::{cudnnConvolutionMode_t, cudnnDataType_t, cudnnHandle_t};

use super::descriptor::{Attribute, Descriptor, Kind, Refusal, Type};
use super::epilogue::Links;
use super::{ALIGNMENT, Addresses, Epilogue, Number, Pass, Problem};
use crate::kernels::window::Axis;

/// The names of x, filter and y, of a bias and of what y is added to.
const X: i64 = 1;
const FILTER: i64 = 2;
const Y: i64 = 3;
pub(super) const BIAS: i64 = 4;
pub(super) const ONTO: i64 = 5;
/// The name of the first tensor that never is in memory.
pub(super) const VIRTUAL: i64 = 6;

/// What a graph is made for.
#[derive(Clone)]
pub(super) enum Target {
    /// The processor of a handle.
    Handle(cudnnHandle_t),
    /// One that need not be there.
    #[cfg(test)]
    Described(Arc<Descriptor>),
}

/// A convolution that cuDNN has taken note of.
pub(super) struct Graph {
    pub graph: Descriptor,
    epilogue: Option<Epilogue>,
    /// What the graph is made of. Kept because cuDNN does not promise that a graph stands alone.
    _parts: Vec<Descriptor>,
}

/// The padding behind an axis under which there are as many outputs as wanted. cuDNN has most ways for equal paddings,
/// so those come first.
pub(super) fn padding_behind(axis: &Axis) -> Option<usize> {
    let Axis { input, output, kernel, stride, before, dilation, .. } = *axis;
    let reach = dilation * kernel.checked_sub(1)? + 1;
    let exact = (output.checked_sub(1)? * stride + reach).saturating_sub(input + before);
    let outputs = |after: usize| Some((input + before + after).checked_sub(reach)? / stride + 1);
    [before, exact].into_iter().find(|&after| outputs(after) == Some(output))
}

impl Number {
    fn data_type(self) -> cudnnDataType_t {
        match self {
            Number::F32 => cudnnDataType_t::CUDNN_DATA_FLOAT,
            Number::Bf16 => cudnnDataType_t::CUDNN_DATA_BFLOAT16,
            Number::F16 => cudnnDataType_t::CUDNN_DATA_HALF,
        }
    }
}

/// A tensor in memory; sizes are those of samples, channels, height and width.
pub(super) fn tensor(id: i64, number: Number, sizes: [usize; 4], strides: [usize; 4]) -> Result<Descriptor, Refusal> {
    described(id, number, sizes, strides)?.finish("a tensor")
}

/// One that never is in memory, of f32.
pub(super) fn virtual_tensor(id: i64, sizes: [usize; 4], strides: [usize; 4]) -> Result<Descriptor, Refusal> {
    described(id, Number::F32, sizes, strides)?
        .flag(Attribute::CUDNN_ATTR_TENSOR_IS_VIRTUAL, true)?
        .finish("a virtual tensor")
}

fn described(id: i64, number: Number, sizes: [usize; 4], strides: [usize; 4]) -> Result<Descriptor, Refusal> {
    Descriptor::new(Kind::CUDNN_BACKEND_TENSOR_DESCRIPTOR)?
        .code(Attribute::CUDNN_ATTR_TENSOR_DATA_TYPE, Type::CUDNN_TYPE_DATA_TYPE, number.data_type() as u32)?
        .integers(Attribute::CUDNN_ATTR_TENSOR_DIMENSIONS, &sizes.map(|size| size as i64))?
        .integers(Attribute::CUDNN_ATTR_TENSOR_STRIDES, &strides.map(|stride| stride as i64))?
        .integers(Attribute::CUDNN_ATTR_TENSOR_UNIQUE_ID, &[id])?
        .integers(Attribute::CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, &[ALIGNMENT as i64])
}

/// Numbers from one to the next along samples, channels, height and width, where channels are next to each other.
pub(super) fn strides(height: usize, width: usize, pitch: usize) -> [usize; 4] {
    [height * width * pitch, 1, width * pitch, pitch]
}

/// The operation: its kind, then its attributes for alpha, beta, convolution, filter, x and y.
fn operation(pass: Pass) -> (Kind, [Attribute; 6]) {
    match pass {
        Pass::Forward => (
            Kind::CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            [
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
            ],
        ),
        Pass::InputGradient => (
            Kind::CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
            [
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
            ],
        ),
        Pass::WeightGradient => (
            Kind::CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            [
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                Attribute::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
            ],
        ),
    }
}

/// `None` in place of a refusal for want of a way.
pub(super) fn supported<T>(result: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(refusal) if refusal.is_unsupported() => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

impl Graph {
    /// None if cuDNN cannot express it.
    pub fn new(problem: &Problem, target: &Target) -> Result<Option<Graph>, Refusal> {
        if problem.epilogue.is_some() && problem.pass != Pass::Forward {
            return Ok(None);
        }
        let [rows, cols] = [problem.shape.rows, problem.shape.cols];
        let (Some(bottom), Some(right)) = (padding_behind(&rows), padding_behind(&cols)) else { return Ok(None) };
        supported(Graph::build(problem, [bottom, right], target))
    }

    fn build(problem: &Problem, after: [usize; 2], target: &Target) -> Result<Graph, Refusal> {
        let Problem { pass, number, samples, shape, x_pitch, y_pitch, .. } = *problem;
        let [rows, cols] = [shape.rows, shape.cols];
        let channels = shape.inputs / shape.groups;
        let x = [samples, shape.inputs, rows.input, cols.input];
        let x = tensor(X, number, x, strides(rows.input, cols.input, x_pitch))?;
        let filter = [shape.outputs, channels, rows.kernel, cols.kernel];
        let filter = tensor(FILTER, number, filter, strides(rows.kernel, cols.kernel, channels))?;
        let sizes = [samples, shape.outputs, rows.output, cols.output];
        let y = tensor(Y, number, sizes, strides(rows.output, cols.output, y_pitch))?;
        let epilogue = problem.epilogue.filter(|epilogue| !epilogue.is_empty());
        let sums = match epilogue {
            Some(_) => Some(virtual_tensor(VIRTUAL, sizes, strides(rows.output, cols.output, shape.outputs))?),
            None => None,
        };
        let pair = |of: fn(&Axis) -> usize| [of(&rows) as i64, of(&cols) as i64];
        let convolution = Descriptor::new(Kind::CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)?
            .code(
                Attribute::CUDNN_ATTR_CONVOLUTION_COMP_TYPE,
                Type::CUDNN_TYPE_DATA_TYPE,
                cudnnDataType_t::CUDNN_DATA_FLOAT as u32,
            )?
            .code(
                Attribute::CUDNN_ATTR_CONVOLUTION_CONV_MODE,
                Type::CUDNN_TYPE_CONVOLUTION_MODE,
                cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION as u32,
            )?
            .integers(Attribute::CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, &[2])?
            .integers(Attribute::CUDNN_ATTR_CONVOLUTION_DILATIONS, &pair(|axis| axis.dilation))?
            .integers(Attribute::CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, &pair(|axis| axis.stride))?
            .integers(Attribute::CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, &pair(|axis| axis.before))?
            .integers(Attribute::CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, &after.map(|padding| padding as i64))?
            .finish("a convolution")?;
        let (kind, [alpha, beta, of, reads, from, to]) = operation(pass);
        let operation = Descriptor::new(kind)?
            .float(alpha, 1.0)?
            .float(beta, 0.0)?
            .descriptors(of, &[&convolution])?
            .descriptors(reads, &[&filter])?
            .descriptors(from, &[&x])?
            .descriptors(to, &[sums.as_ref().unwrap_or(&y)])?
            .finish("an operation")?;
        let Links { mut operations, parts } = match (&epilogue, &sums) {
            (Some(epilogue), Some(sums)) => epilogue.links(problem, sums, &y)?,
            _ => Links { operations: Vec::new(), parts: Vec::new() },
        };
        operations.insert(0, operation);
        let graph = Descriptor::new(Kind::CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)?
            .descriptors(Attribute::CUDNN_ATTR_OPERATIONGRAPH_OPS, &operations.iter().collect::<Vec<_>>())?;
        let graph = match target {
            Target::Handle(handle) => graph.handle(Attribute::CUDNN_ATTR_OPERATIONGRAPH_HANDLE, *handle)?,
            #[cfg(test)]
            Target::Described(_) => graph,
        };
        let graph = graph.finish("a graph")?;
        let parts = [x, filter, y, convolution].into_iter().chain(sums).chain(parts).chain(operations).collect();
        Ok(Graph { graph, epilogue, _parts: parts })
    }

    /// The names and addresses of all tensors in memory; none where there are others than the graph has.
    pub fn tensors(&self, addresses: &Addresses) -> Option<Vec<(i64, u64)>> {
        let Addresses { x, filter, y, bias, onto } = *addresses;
        let wanted = self.epilogue.map_or([false; 2], |epilogue| [epilogue.bias, epilogue.onto.is_some()]);
        let beside = [(BIAS, bias), (ONTO, onto)];
        let named = |(id, address): (i64, Option<u64>)| Some((id, address?));
        (wanted == [bias.is_some(), onto.is_some()]).then(|| {
            [(X, x), (FILTER, filter), (Y, y)].into_iter().chain(beside.into_iter().filter_map(named)).collect()
        })
    }
}
