//! Gradients by name.

use cnn_runtime::weights::Element;
use dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorName, ViewTensorRef,
};
use dfdx::prelude::*;

/// Name, shape and gradient of every parameter of a network.
#[must_use]
pub fn named_gradients<E: Element, N: TensorCollection<E, Cpu>>(
    net: &N,
    gradients: &Gradients<E, Cpu>,
) -> Vec<(String, Vec<usize>, Vec<E>)>
where
    Cpu: Device<E>,
{
    let mut reader = Reader { gradients, found: Vec::new() };
    let mut walker = RecursiveWalker { m: (net, String::new()), f: &mut reader };
    match N::iter_tensors(&mut walker) {
        Ok(_) => reader.found,
        Err(never) => match never {},
    }
}

struct Reader<'a, E: Dtype> {
    gradients: &'a Gradients<E, Cpu>,
    found: Vec<(String, Vec<usize>, Vec<E>)>,
}

impl<E: Dtype> TensorVisitor<E, Cpu> for Reader<'_, E>
where
    Cpu: Device<E>,
{
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = std::convert::Infallible;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        (tensor, name): (&Tensor<S, E, Cpu>, String),
    ) -> Result<Option<Tensor<S, E, Cpu>>, Self::Err> {
        if options.do_gradient_update {
            let shape = tensor.shape().concrete().into();
            self.found.push((name, shape, self.gradients.get(tensor).as_vec()));
        }
        Ok(None)
    }
}
