//! The tensors of a network known as a graph.

pub(super) mod initial;

use std::collections::HashMap;
use std::path::Path;

use cnn_lang::graph::{Graph, Op};
use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::tensor_ops::Device;

use super::{Element, LoadOptions, LoadReport, NamedTensor, Role, WeightsError, check, file, visit};

/// The tensors of a network by name, without a type of Rust: PyTorch's `state_dict`.
///
/// A [`Graph`] lays it out: names, shapes and order are those of [`Graph::tensors`].
///
/// ```
/// use cnn_runtime::weights::{Role, StateDict};
///
/// let graph = cnn_lang::load(cnn_runtime::zoo::LeNet5, None).map_err(|_| "LeNet-5 compiles")?;
/// let mut state = StateDict::<f32>::init(&graph, 0)?;
/// assert_eq!(state.tensors()[0].shape, [6, 1, 5, 5]);
/// assert_eq!(state.role(0), Some(Role::Parameter));
///
/// let first = state.tensors()[0].name.clone();
/// state.get_mut(&first).ok_or("it has a first tensor")?.fill(0.0);
/// let saved = StateDict::from_bytes(&graph, "the copy", &state.to_bytes()?)?;
/// assert_eq!(saved, state);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StateDict<E> {
    network: String,
    tensors: Vec<NamedTensor<E>>,
    /// One for each tensor.
    roles: Vec<Role>,
    /// Where each name stands among the tensors.
    index: HashMap<String, usize>,
}

impl<E: Element> StateDict<E> {
    /// The values at which layers start, PyTorch's: weights and biases of convolutions and linear layers uniform between
    /// `-1 / sqrt(fan_in)` and `1 / sqrt(fan_in)`, scales 1, shifts 0, slopes of `prelu` 0.25, running variances 1.
    ///
    /// The values of a tensor depend on `seed`, its name and its shape alone, whatever stands around it.
    ///
    /// # Errors
    /// If the network holds custom modules, or a tensor does not fit into memory.
    pub fn init(graph: &Graph, seed: u64) -> Result<Self, WeightsError> {
        let mut state = Self::layout(graph)?;
        for (tensor, start) in state.tensors.iter_mut().zip(initial::starts(graph)) {
            tensor.data = initial::values(tensor, start, seed, 0..initial::count(tensor)?)?;
        }
        Ok(state)
    }

    /// What `rule` gives for each tensor's name and shape, last dimension running fastest.
    ///
    /// # Errors
    /// If the network holds custom modules or `rule` gives the wrong number of values.
    pub fn fill_with(graph: &Graph, mut rule: impl FnMut(&str, &[usize]) -> Vec<f64>) -> Result<Self, WeightsError> {
        let mut state = Self::layout(graph)?;
        for tensor in &mut state.tensors {
            tensor.data = visit::narrowed(tensor, rule(&tensor.name, &tensor.shape))?;
        }
        Ok(state)
    }

    /// The tensors of a safetensors file. F64, F32, F16 and BF16 are converted; a batch counter may be I64 too, and is 0
    /// where the file has none, as files from before PyTorch 0.4.1.
    ///
    /// # Errors
    /// If the network holds custom modules; if the file cannot be read, is damaged, or does not hold exactly the network's
    /// tensors: then all differences are in one error.
    pub fn load(graph: &Graph, path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let state = Self::layout(graph)?;
        let (values, _) = file::read_file(path.as_ref(), &state.tensors, &LoadOptions::default())?;
        Ok(state.holding(values))
    }

    /// [`Self::load`] from bytes in memory, which errors call `place`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(graph: &Graph, place: &str, bytes: &[u8]) -> Result<Self, WeightsError> {
        let state = Self::layout(graph)?;
        let (values, _) = file::decode(place, bytes, &state.tensors, &LoadOptions::default())?;
        Ok(state.holding(values))
    }

    /// Sets those tensors from a safetensors file that the options mean.
    ///
    /// # Errors
    /// As [`super::load_with`]; nothing is changed then.
    pub fn load_with(&mut self, path: impl AsRef<Path>, options: &LoadOptions) -> Result<LoadReport, WeightsError> {
        let (values, report) = file::read_file(path.as_ref(), &self.tensors, options)?;
        for (tensor, values) in self.tensors.iter_mut().zip(values) {
            if let Some(values) = values {
                tensor.data = values;
            }
        }
        Ok(report)
    }

    /// Writes a safetensors file of type `E` (batch counters as I64), readable by PyTorch and [`super::load`].
    ///
    /// An existing file is replaced only once the new one is complete.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        file::write_atomically(path.as_ref(), &self.to_bytes()?)
    }

    /// What [`Self::save`] writes.
    ///
    /// # Errors
    /// If the header would be longer than the format allows (100 MB).
    pub fn to_bytes(&self) -> Result<Vec<u8>, WeightsError> {
        file::encode(&self.tensors)
    }

    /// The tensors of a module, matched by name.
    ///
    /// # Errors
    /// If the network holds custom modules, or names or shapes of the module's tensors are not the network's: then all
    /// differences are in one error.
    pub fn from_module<D, M>(graph: &Graph, module: &M) -> Result<Self, WeightsError>
    where
        D: Device<E>,
        M: TensorCollection<E, D>,
    {
        let mut state = Self::layout(graph)?;
        // Compared before the values are copied.
        check::module(&state.network, &state.tensors, &visit::read(module, false))?;
        for tensor in visit::read(module, true) {
            let at = state.index[&tensor.name];
            state.tensors[at].data = tensor.data;
        }
        Ok(state)
    }

    /// Sets the tensors of a module, matched by name.
    ///
    /// # Errors
    /// If names or shapes of the module's tensors are not the network's: then all differences are in one error and the
    /// module is as it was. If the device fails.
    pub fn write_back<D, M>(&self, module: &mut M) -> Result<(), WeightsError>
    where
        D: Device<E>,
        M: TensorCollection<E, D>,
    {
        let layout = visit::read(module, false);
        check::module(&self.network, &self.tensors, &layout)?;
        let values = layout.iter().map(|tensor| Some(self.tensors[self.index[&tensor.name]].data.clone()));
        visit::write(module, values.collect())
    }

    /// The same values in another type, rounded to the nearest; infinite beyond the largest.
    pub fn cast<E2: Element>(&self) -> StateDict<E2> {
        let tensors = self.tensors.iter().map(|NamedTensor { name, shape, data }| NamedTensor {
            name: name.clone(),
            shape: shape.clone(),
            data: data.iter().map(|value| E2::narrow(value.widen())).collect(),
        });
        StateDict {
            network: self.network.clone(),
            tensors: tensors.collect(),
            roles: self.roles.clone(),
            index: self.index.clone(),
        }
    }

    /// Names and shapes without values.
    pub(super) fn layout(graph: &Graph) -> Result<Self, WeightsError> {
        let custom = graph.nodes.iter().filter_map(|node| match &node.op {
            Op::Custom { path, .. } => Some(format!("custom {path} ({})", graph.path(node.scope))),
            _ => None,
        });
        let modules: Vec<String> = custom.collect();
        if !modules.is_empty() {
            return Err(WeightsError::Custom { network: graph.name.clone(), modules });
        }
        let (tensors, roles): (Vec<_>, Vec<_>) = graph
            .tensors()
            .into_iter()
            .map(|(name, tensor)| (NamedTensor { name, shape: tensor.shape, data: Vec::new() }, tensor.role))
            .unzip();
        let index = tensors.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
        Ok(Self { network: graph.name.clone(), tensors, roles, index })
    }

    /// With the values of a file; a counter that it has not begins at 0.
    fn holding(mut self, values: file::Values<E>) -> Self {
        for (tensor, values) in self.tensors.iter_mut().zip(values) {
            tensor.data = values.unwrap_or_else(|| vec![E::default(); tensor.shape.iter().product()]);
        }
        self
    }
}

impl<E> StateDict<E> {
    pub(super) fn into_tensors(self) -> Vec<NamedTensor<E>> {
        self.tensors
    }

    /// Every tensor, in the order of [`Graph::tensors`].
    pub fn tensors(&self) -> &[NamedTensor<E>] {
        &self.tensors
    }

    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<&NamedTensor<E>> {
        self.index.get(name).map(|&at| &self.tensors[at])
    }

    /// The values of the tensor of a name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut [E]> {
        let at = *self.index.get(name)?;
        Some(&mut self.tensors[at].data)
    }

    /// The values of tensor number `index`, to replace; panics beyond the last.
    pub(crate) fn tensor_mut(&mut self, index: usize) -> &mut Vec<E> {
        &mut self.tensors[index].data
    }

    /// The same tensors with the counters' values alone: the rest are in another's care.
    pub(crate) fn counters(&self) -> Self
    where
        E: Clone,
    {
        let keep = |(tensor, role): (&NamedTensor<E>, &Role)| {
            let data = if *role == Role::Counter { tensor.data.clone() } else { Vec::new() };
            NamedTensor { name: tensor.name.clone(), shape: tensor.shape.clone(), data }
        };
        StateDict {
            network: self.network.clone(),
            tensors: self.tensors.iter().zip(&self.roles).map(keep).collect(),
            roles: self.roles.clone(),
            index: self.index.clone(),
        }
    }

    /// What tensor number `index` is for; `None` beyond the last.
    pub fn role(&self, index: usize) -> Option<Role> {
        self.roles.get(index).copied()
    }

    /// What each tensor is for, in the order of [`Self::tensors`].
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }
}

#[cfg(test)]
mod tests;
