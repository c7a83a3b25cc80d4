//! A typed network from a file, in a word.

use std::path::Path;

use dfdx::nn::{BuildOnDevice, TensorCollection};
use dfdx::tensor::Cpu;

use super::{LoadOptions, LoadReport, WeightsError};

/// Networks of [`network!`](crate::network) from safetensors files, and back.
///
/// ```
/// use cnn_runtime::prelude::*;
/// use cnn_runtime::weights::LoadOptions;
///
/// cnn_runtime::network! { pub Digits = cnn_runtime::zoo::LeNet5; pub Letters = cnn_runtime::zoo::LeNet5(classes = 26); }
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("digits.safetensors");
///
/// Cpu::default().build_module::<Digits, f32>().save(&path)?;
/// let digits = Digits::load(&path)?;                                          // every tensor, or an error that lists all differences
///
/// let options = LoadOptions { skip: vec!["net.11".into()], ..LoadOptions::default() };
/// let (letters, report) = Letters::load_with(&path, &options)?;               // all but the head
/// assert_eq!(report.skipped, ["net.11.weight", "net.11.bias"]);
/// # let (a, b) = (cnn_runtime::weights::named_tensors(&digits), cnn_runtime::weights::named_tensors(&letters));
/// # assert!(a[0] == b[0] && a[8].shape != b[8].shape);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// On another device or in another type: build the module there, then [`weights::load`](super::load).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no network that the CPU builds",
    note = "networks come from `network!`; for a module on another device call `cnn_runtime::weights::load`"
)]
pub trait Pretrained: TensorCollection<f32, Cpu> + BuildOnDevice<Cpu, f32, Built = Self> {
    /// The network with the tensors of a file.
    ///
    /// # Errors
    /// As [`weights::load`](super::load).
    fn load(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let mut net = Self::build_on_device(&Cpu::default());
        super::load(&mut net, path)?;
        Ok(net)
    }

    /// The network with those tensors of a file that it is to take; the others are as they are built.
    ///
    /// # Errors
    /// As [`weights::load_with`](super::load_with).
    fn load_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<(Self, LoadReport), WeightsError> {
        let mut net = Self::build_on_device(&Cpu::default());
        let report = super::load_with(&mut net, path, options)?;
        Ok((net, report))
    }

    /// Writes every tensor to a file that PyTorch reads.
    ///
    /// # Errors
    /// As [`weights::save`](super::save).
    fn save(&self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        super::save(self, path)
    }
}

impl<N: TensorCollection<f32, Cpu> + BuildOnDevice<Cpu, f32, Built = N>> Pretrained for N {}
