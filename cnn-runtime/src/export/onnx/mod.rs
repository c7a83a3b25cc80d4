//! A network as an ONNX file, for ONNX Runtime and whatever else reads the format: [`save`], [`to_bytes`].
//!
//! ```
//! use cnn_runtime::export::onnx::{self, Options};
//! use cnn_runtime::weights::StateDict;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("lenet5.onnx");
//!
//! let graph = cnn_lang::load(cnn_runtime::zoo::LeNet5, None).map_err(|_| "LeNet-5 compiles")?;
//! let weights = StateDict::<f32>::init(&graph, 0)?;
//! let saved = onnx::save(&graph, &weights, Options::default(), &path)?;
//! assert_eq!(saved.nodes, 12);
//! assert!(saved.weights.is_none(), "a small network is one file");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a model holds
//!
//! - Opset [`OPSET`] in IR version [`IR_VERSION`], 32-bit floats, operators of ONNX's own domain alone.
//! - One input, `input`: batch x channels x height x width, or batch x length. The batch is open, its dimension called `batch`,
//!   unless [`Options::batch`] gives it.
//! - The output `logits` and, with [`Options::auxiliary`], the auxiliary outputs by their names.
//! - Initializers under the names of the state dict. They hold what inference uses: the weight in front of a batch
//!   normalisation that is folded is multiplied by its scale, a standardised weight is standardised, a connection table leaves
//!   zeros. Tensors that inference does not read are left out: counters, and layers that lead to no output of the model.
//!   Tensors with a number for each channel stand as `[C, 1, 1]` where ONNX would otherwise stretch them along the width, and
//!   weights of pixelwise linear layers as `[out, C, 1, 1]`.
//! - The size of every layer's result.
//!
//! Batch normalisation is folded, in 64 bits, into the convolution or linear layer in front of it where that has no other
//! reader; elsewhere, or without [`Options::fold_batch_norm`], it stays a `BatchNormalization` by running statistics. Dropout
//! and stochastic depth are left out, as in inference.
//!
//! | of the language | in ONNX |
//! |---|---|
//! | conv, linear, bn, prelu, leaky, relu, sigmoid, tanh, softmax, add, concat, mul | the operator of the same name; pixelwise linear is a `Conv` |
//! | relu6, hswish, hsigmoid, silu, gelu | `Clip`, `HardSwish`, `HardSigmoid`, `Sigmoid` and `Mul`, by `Erf` |
//! | gn, ln | `InstanceNormalization` of the groups, `LayerNormalization` with channels last |
//! | lrn | `LRN`; its window of an even size is not ours, so that is written out |
//! | maxpool, avgpool | with the overhang of ceil mode as padding, because readers disagree about what it counts |
//! | gap, adaptive_avgpool | `GlobalAveragePool`; products with a matrix of means along each axis |
//! | shift | a depthwise `Conv` with a single 1 in each filter |
//! | shuffle, subsample, select, pad, pad_channels, upsample | `Reshape` and `Transpose`, `Slice`, `Pad`, `Resize` |
//! | affine, scale, zero | `Mul` and `Add`, `Mul`, `ConstantOfShape` |
//! | custom | refused by name |

mod builder;
mod error;
mod file;
mod fold;
mod layers;
mod norms;
mod ops;
mod pools;
pub mod proto;
mod tensors;

use std::path::Path;

use cnn_lang::graph::Graph;

pub use error::OnnxError;
pub use file::Saved;

use crate::engine::Number;
use crate::weights::StateDict;

/// Version of the operators: the first with `LayerNormalization`.
pub const OPSET: i64 = 17;

/// Version of the format that belongs to it (ONNX 1.12).
pub const IR_VERSION: i64 = 8;

/// How a network is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Samples of every run; `None` leaves them open.
    pub batch: Option<usize>,
    /// Whether batch normalisation becomes part of the layer in front of it.
    pub fold_batch_norm: bool,
    /// Whether the model has the auxiliary outputs too.
    pub auxiliary: bool,
    /// Weights of more bytes than this go to a file beside the model. ONNX holds less than 2 GiB in one file, so beyond
    /// [`Options::INLINE`] they always do.
    pub inline: u64,
}

impl Options {
    /// The most bytes of weights that are put into the model itself.
    pub const INLINE: u64 = 1_500_000_000;
}

impl Default for Options {
    fn default() -> Self {
        Options { batch: None, fold_batch_norm: true, auxiliary: false, inline: Self::INLINE }
    }
}

/// Writes a network as an ONNX file.
///
/// An existing file is replaced only once the new one is complete. Large weights go to a file beside it, the name with
/// `.data` behind: it is complete before the model, which names it, is there, and while it is replaced no model is.
///
/// # Errors
/// If the network has custom modules, the weights are of another network, the batch is 0, or a file cannot be written.
pub fn save<E: Number>(
    graph: &Graph,
    weights: &StateDict<E>,
    options: Options,
    path: impl AsRef<Path>,
) -> Result<Saved, OnnxError> {
    file::save(&builder::model(graph, weights, options)?, options.inline, path.as_ref())
}

/// What [`save`] writes, all in one.
///
/// # Errors
/// As [`save`], and if weights are larger than [`Options::inline`] or [`Options::INLINE`].
pub fn to_bytes<E: Number>(graph: &Graph, weights: &StateDict<E>, options: Options) -> Result<Vec<u8>, OnnxError> {
    file::encode(&builder::model(graph, weights, options)?, options.inline)
}
