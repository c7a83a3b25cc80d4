//! The only code that is compiled once per module and tensor shape: one visitor that reads, one that writes.
//!
//! Everything else works on the plain vectors that go in and out here.

use std::convert::Infallible;

use dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorName, ViewTensorRef,
};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, Storage, Tensor};
use dfdx::tensor_ops::Device;

use super::{Element, NamedTensor, WeightsError};

/// Every tensor in visiting order; without `data`, names and shapes only.
pub(super) fn read<E: Element, D: Device<E>, M: TensorCollection<E, D>>(module: &M, data: bool) -> Vec<NamedTensor<E>> {
    let mut reader = Reader { data, tensors: Vec::new() };
    let mut walker = RecursiveWalker { m: (module, String::new()), f: &mut reader };
    match M::iter_tensors(&mut walker) {
        Ok(_) => reader.tensors,
        Err(never) => match never {},
    }
}

/// Sets the tensors in visiting order; those given `None` stay.
///
/// The caller has checked that there is an entry of the right length for every tensor.
pub(super) fn write<E: Element, D: Device<E>, M: TensorCollection<E, D>>(
    module: &mut M,
    values: Vec<Option<Vec<E>>>,
) -> Result<(), WeightsError> {
    let mut writer = Writer { values: values.into_iter(), index: 0 };
    let mut walker = RecursiveWalker { m: module, f: &mut writer };
    let done = M::iter_tensors(&mut walker);
    done.map(drop).map_err(|error: D::Err| WeightsError::Device { index: writer.index - 1, reason: error.to_string() })
}

/// Sets the tensors that `rule` gives values for.
pub(super) fn fill<E: Element, D: Device<E>, M: TensorCollection<E, D>>(
    module: &mut M,
    rule: &mut dyn FnMut(&NamedTensor<E>) -> Option<Vec<f64>>,
) -> Result<(), WeightsError> {
    let layout = read(module, false);
    let values = layout.iter().map(|tensor| apply(rule, tensor));
    write(module, values.collect::<Result<_, _>>()?)
}

fn apply<E: Element>(
    rule: &mut dyn FnMut(&NamedTensor<E>) -> Option<Vec<f64>>,
    tensor: &NamedTensor<E>,
) -> Result<Option<Vec<E>>, WeightsError> {
    rule(tensor).map(|values| narrowed(tensor, values)).transpose()
}

/// Values for a tensor in its own type, if they are as many as it takes.
pub(super) fn narrowed<E: Element>(tensor: &NamedTensor<E>, values: Vec<f64>) -> Result<Vec<E>, WeightsError> {
    let expected = tensor.shape.iter().product();
    if values.len() != expected {
        return Err(WeightsError::Length {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            expected,
            got: values.len(),
        });
    }
    Ok(values.into_iter().map(E::narrow).collect())
}

struct Reader<E> {
    data: bool,
    tensors: Vec<NamedTensor<E>>,
}

impl<E: Element> Reader<E> {
    fn push(&mut self, mut name: String, shape: &[usize], data: Vec<E>) {
        // A tensor without a name of its own bears its layer's.
        name.truncate(name.trim_end_matches('.').len());
        self.tensors.push(NamedTensor { name, shape: shape.to_vec(), data });
    }
}

impl<E: Element, D: Device<E>> TensorVisitor<E, D> for Reader<E> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = Infallible;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        (tensor, name): (&Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, Infallible> {
        // `as_vec` is in logical order, however the tensor lies in memory.
        let data = if self.data { tensor.as_vec() } else { Vec::new() };
        self.push(name, tensor.shape().concrete().as_ref(), data);
        Ok(None)
    }
}

struct Writer<E> {
    values: std::vec::IntoIter<Option<Vec<E>>>,
    index: usize,
}

impl<E: Element> Writer<E> {
    fn next(&mut self) -> Option<Vec<E>> {
        self.index += 1;
        self.values.next().flatten()
    }
}

impl<E: Element, D: Device<E>> TensorVisitor<E, D> for Writer<E> {
    type Viewer = ViewTensorMut;
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        tensor: &mut Tensor<S, E, D>,
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        self.next().map_or(Ok(()), |values| set(tensor, values))?;
        Ok(None)
    }
}

/// Sets a tensor from values in logical order.
///
/// Writing into its memory keeps its identity, by which optimizers find their state, but is right only where memory is in
/// logical order. dfdx keeps strides to itself, so: write, look, and replace the tensor where it was permuted or broadcast.
fn set<S: Shape, E: Element, D: Device<E>>(tensor: &mut Tensor<S, E, D>, values: Vec<E>) -> Result<(), D::Err> {
    let device = tensor.device().clone();
    // A gradient is as long as the tensor's memory, which is otherwise hidden.
    let mut gradients = Gradients::leaky();
    let memory = gradients.get_or_alloc_mut(tensor)?;
    if <D as Storage<E>>::len(&device, memory) == values.len() {
        tensor.copy_from(&values);
        if same(&tensor.as_vec(), &values) {
            return Ok(());
        }
    }
    *tensor = device.try_tensor_from_vec(values, *tensor.shape())?;
    Ok(())
}

/// Equal element by element, NaN to NaN.
fn same<E: Element>(a: &[E], b: &[E]) -> bool {
    let equal = |(a, b): (&E, &E)| a == b || (a.widen().is_nan() && b.widen().is_nan());
    a.len() == b.len() && a.iter().zip(b).all(equal)
}
