//! The tensors of a module by name: read, set, saved, loaded, initialised, averaged.
//!
//! Works on every dfdx module ([`TensorCollection`]); [`StateDict`] holds the tensors of a network known as a graph alone,
//! [`read_tensor`] and [`write_tensors`] those of no network at all. A tensor's name is the path of fields that leads to
//! it, joined by dots (`layer1.0.conv1.weight`). Files are [safetensors](https://huggingface.co/docs/safetensors), readable
//! by PyTorch. [`LoadOptions`] load a part of a file into a network with another head; `docs/weights.md` shows it.
//!
//! ```
//! use cnn_runtime::weights;
//! use dfdx::prelude::{Cpu, DeviceBuildExt, builders::Linear};
//!
//! let device = Cpu::default();
//! let trained = device.build_module::<Linear<4, 2>, f32>();
//! let bytes = weights::to_bytes(&trained)?;
//!
//! let mut module = device.build_module::<Linear<4, 2>, f32>();
//! weights::from_bytes(&mut module, &bytes)?;
//! assert_eq!(module.weight.array(), trained.weight.array());
//! # use dfdx::prelude::AsArray;
//! # Ok::<(), weights::WeightsError>(())
//! ```

mod check;
mod ema;
mod error;
mod file;
mod options;
mod pattern;
mod pretrained;
mod source;
mod state_dict;
mod stored;
mod tensor_file;
mod visit;

pub mod init;

use std::path::Path;

use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::tensor_ops::Device;

#[doc(no_inline)]
pub use cnn_lang::graph::Role;
pub use ema::Ema;
pub use error::{Mismatch, WeightsError};
pub use file::Element;
pub(crate) use file::{replace, temporary};
pub use options::{LoadOptions, LoadReport};
pub use pattern::matches;
pub(crate) use pattern::{any as named_by, idle as idle_pattern};
pub use pretrained::Pretrained;
pub use source::{InitialWeights, WeightSource};
pub use state_dict::StateDict;
pub use stored::StoredWeights;
pub use tensor_file::{read_tensor, write_tensors};

/// One tensor: a copy of a module's, or one of a [`StateDict`].
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor<E> {
    /// Fields leading to it, joined by dots.
    pub name: String,
    /// Its sizes; none for a scalar.
    pub shape: Vec<usize>,
    /// Its elements, last dimension running fastest. Empty where only the layout was asked for.
    pub data: Vec<E>,
}

/// PyTorch's name of the number of batches that a batch normalisation has seen: an integer in every file, a scalar of
/// the module's type in a module.
const COUNTER: &str = "num_batches_tracked";

impl<E> NamedTensor<E> {
    /// Whether this is a scalar that counts batches, an integer in files and never averaged.
    pub fn is_counter(&self) -> bool {
        self.shape.is_empty() && self.name.rsplit('.').next() == Some(COUNTER)
    }
}

/// Every tensor of the module, in visiting order.
pub fn named_tensors<E, D, M>(module: &M) -> Vec<NamedTensor<E>>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    visit::read(module, true)
}

/// The name of every tensor of the module, in visiting order.
pub fn names<E, D, M>(module: &M) -> Vec<String>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let layout = visit::read(module, false);
    layout.into_iter().map(|tensor| tensor.name).collect()
}

/// Sets every tensor to what `rule` gives for its name and shape, last dimension running fastest.
///
/// # Errors
/// If `rule` gives the wrong number of values; nothing is changed then.
pub fn fill_with<E, D, M>(module: &mut M, mut rule: impl FnMut(&str, &[usize]) -> Vec<f64>) -> Result<(), WeightsError>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    visit::fill(module, &mut |tensor| Some(rule(&tensor.name, &tensor.shape)))
}

/// Writes every tensor of the module to a safetensors file of the module's type (batch counters as I64).
///
/// An existing file is replaced only once the new one is complete.
///
/// # Errors
/// If two tensors share a name or the file cannot be written.
pub fn save<E, D, M>(module: &M, path: impl AsRef<Path>) -> Result<(), WeightsError>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    file::write_atomically(path.as_ref(), &to_bytes(module)?)
}

/// What [`save`] writes.
///
/// # Errors
/// If two tensors share a name.
pub fn to_bytes<E, D, M>(module: &M) -> Result<Vec<u8>, WeightsError>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    file::encode(&visit::read(module, true))
}

/// Sets every tensor of the module from a safetensors file. F64, F32, F16 and BF16 are converted; a batch counter may
/// be I64 too, and stays where the file has none, as files from before PyTorch 0.4.1.
///
/// # Errors
/// If the file cannot be read, is damaged, or does not hold exactly the module's tensors: then all differences are in one
/// error and the module is as it was.
pub fn load<E, D, M>(module: &mut M, path: impl AsRef<Path>) -> Result<(), WeightsError>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    load_with(module, path, &LoadOptions::default()).map(drop)
}

/// Sets those tensors of the module from a safetensors file that the options mean.
///
/// # Errors
/// If the file cannot be read or is damaged; if a pattern names nothing, no tensor would be loaded, or something differs that
/// the options do not allow: then all such differences are in one error. The module is as it was then.
pub fn load_with<E, D, M>(
    module: &mut M,
    path: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<LoadReport, WeightsError>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let (values, report) = file::read_file(path.as_ref(), &visit::read(module, false), options)?;
    visit::write(module, values)?;
    Ok(report)
}

/// [`load`] from bytes in memory.
///
/// # Errors
/// As [`load`].
pub fn from_bytes<E, D, M>(module: &mut M, bytes: &[u8]) -> Result<(), WeightsError>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let layout = visit::read(module, false);
    let (values, _) = file::decode("the file in memory", bytes, &layout, &LoadOptions::default())?;
    visit::write(module, values)
}

/// A safetensors file of tensors that belong to no module.
pub(crate) fn to_file<E: Element>(tensors: &[NamedTensor<E>]) -> Result<Vec<u8>, WeightsError> {
    file::encode(tensors)
}

/// The values of such a file, in the order of `layout`, which it must hold exactly.
pub(crate) fn from_file<E: Element>(
    place: &str,
    bytes: &[u8],
    layout: &[NamedTensor<E>],
) -> Result<Vec<Vec<E>>, WeightsError> {
    held(place, bytes, layout, &LoadOptions::default())
}

/// The same of a file that may hold more.
pub(crate) fn from_file_with_more<E: Element>(
    place: &str,
    bytes: &[u8],
    layout: &[NamedTensor<E>],
) -> Result<Vec<Vec<E>>, WeightsError> {
    held(place, bytes, layout, &LoadOptions { strict: false, ..LoadOptions::default() })
}

fn held<E: Element>(
    place: &str,
    bytes: &[u8],
    layout: &[NamedTensor<E>],
    options: &LoadOptions,
) -> Result<Vec<Vec<E>>, WeightsError> {
    let (values, _) = file::decode(place, bytes, layout, options)?;
    let held = |(values, tensor): (Option<Vec<E>>, &NamedTensor<E>)| {
        values.ok_or_else(|| Mismatch::Missing { name: tensor.name.clone(), nearest: None })
    };
    let all: Result<_, Mismatch> = values.into_iter().zip(layout).map(held).collect();
    all.map_err(|missing| WeightsError::Unreadable { place: place.into(), mismatch: missing })
}

#[cfg(test)]
mod tests;
