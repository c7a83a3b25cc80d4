//! What cannot be exported, and why.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::engine::EngineError;

/// Why a network was not exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// A user's module has no form in ONNX.
    #[error("ONNX has no operator for `custom {module}` at `{place}`; replace that layer by layers of the language")]
    Custom {
        /// Its Rust path.
        module: String,
        /// Where it stands.
        place: String,
    },
    /// The weights are of another network.
    #[error(transparent)]
    Weights(#[from] EngineError),
    /// A batch that no model can have.
    #[error("expected a batch of 1 to {MOST_SAMPLES} samples, got {got}; leave it out to keep it open")]
    Batch {
        /// What was asked for.
        got: usize,
    },
    /// Bytes in memory cannot refer to another file.
    #[error(
        "{network} has {bytes} bytes of weights, expected at most {limit} in one file; save it, which puts them beside the model"
    )]
    TooLarge {
        /// The network.
        network: String,
        /// Bytes of its weights.
        bytes: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A model names the file of its weights, and ONNX's names are Unicode.
    #[error("expected a file name in Unicode for a model with its weights beside it, got {}; rename it", path.display())]
    FileName {
        /// Where the model was to go.
        path: PathBuf,
    },
    /// The system could not write the file.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The largest batch: readers keep sizes in 32 bits.
pub(super) const MOST_SAMPLES: usize = i32::MAX as usize;
