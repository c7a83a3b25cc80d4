//! What can go wrong before a run, and what a run refuses.

use thiserror::Error;

use super::precision::Precision;
use crate::weights::WeightsError;

/// A network, weights or a batch that the engine cannot take.
#[derive(Debug, Error)]
pub enum EngineError {
    /// A user's module has no kernel here.
    #[error(
        "the engine has no kernel for `custom {module}` at `{place}`; run the network eagerly, or replace that layer"
    )]
    Custom {
        /// Its Rust path.
        module: String,
        /// Where it stands.
        place: String,
    },
    /// A batch of nothing.
    #[error("a batch of 0 samples holds nothing to compute; give at least 1")]
    EmptyBatch,
    /// More samples than planned for, or no whole number of them.
    #[error("{got} values are no batch of 1 to {batch} samples of {shape} ({elements} values each)")]
    BatchSize {
        /// Samples that were planned for.
        batch: usize,
        /// Size of a sample.
        shape: String,
        /// Values of a sample.
        elements: usize,
        /// Values that came.
        got: usize,
    },
    /// Not a target for every sample.
    #[error("{samples} samples need {expected} {what}, got {got}")]
    Targets {
        /// Samples of the batch.
        samples: usize,
        /// Labels, or probabilities.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// A label beyond the classes.
    #[error("label {label} of sample {sample} is not one of the {classes} classes 0 to {}", .classes - 1)]
    Label {
        /// Which sample.
        sample: usize,
        /// Its label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The output is no vector of logits.
    #[error("{network} cannot be trained on classes: its {output} is {shape}, cross-entropy needs a vector of logits")]
    NotLogits {
        /// The network.
        network: String,
        /// Which output.
        output: String,
        /// Its size.
        shape: String,
    },
    /// Soft targets for outputs of different lengths.
    #[error("soft targets have {classes} classes, but output {output} of {network} has {got}; train it with labels")]
    Classes {
        /// The network.
        network: String,
        /// Which output.
        output: String,
        /// Classes of the logits.
        classes: usize,
        /// Its own.
        got: usize,
    },
    /// Not a weight for every auxiliary output.
    #[error("{network} has {expected} auxiliary outputs, got {got} weights for their losses")]
    AuxiliaryWeights {
        /// The network.
        network: String,
        /// Its auxiliary outputs.
        expected: usize,
        /// Weights that were given.
        got: usize,
    },
    /// A number out of its range.
    #[error("{name} is {got}, but must be {expected}")]
    Setting {
        /// Which setting.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: f64,
    },
    /// A pattern means no tensor.
    #[error("no tensor of {network} is named by the pattern {pattern:?} of {what}{}",
        nearest.as_ref().map(|name| format!("; did you mean {name:?}?")).unwrap_or_default())]
    Pattern {
        /// The network.
        network: String,
        /// The pattern.
        pattern: String,
        /// What it is to name.
        what: &'static str,
        /// The most similar scope or name.
        nearest: Option<String>,
    },
    /// Nothing is left to be learned.
    #[error("every parameter of {network} is frozen, expected at least one that is trained; freeze less of it")]
    Frozen {
        /// The network.
        network: String,
    },
    /// Pixels of a batch that do not belong together, or to the network.
    #[error("{what} of a batch of pixels: expected {expected}, got {got}")]
    Pixels {
        /// What is wrong.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A step on images that are not there.
    #[error("no images were preloaded for this step: call `preload` first, or give the last step those of this one")]
    NotPreloaded,
    /// A back end that does not multiply so.
    #[error(
        "this back end does not multiply in {precision}: networks in f32 do, in bf16 on every device, in tf32 and f16 on cuda"
    )]
    Precision {
        /// What was asked for.
        precision: Precision,
    },
    /// The plan needs more than the machine can address or give.
    #[error("{what} needs {bytes} bytes, which this machine does not give")]
    Memory {
        /// What the memory is for.
        what: &'static str,
        /// How much.
        bytes: usize,
    },
    /// A graphics processor that cannot be used, or has failed.
    #[error("{device}: {failure}")]
    Device {
        /// Which one.
        device: String,
        /// What it says, and how to mend it.
        failure: String,
    },
    /// The weights are of another network.
    #[error("weights of another network: {expected} tensors expected, got {got}")]
    Tensors {
        /// Tensors of the network.
        expected: usize,
        /// Tensors that were given.
        got: usize,
    },
    /// A tensor of the weights does not fit.
    #[error("tensor `{name}` has {got} values, the network's `{expected_name}` has {expected}")]
    TensorSize {
        /// Its name.
        name: String,
        /// The network's name at that place.
        expected_name: String,
        /// Values that it should have.
        expected: usize,
        /// Values that it has.
        got: usize,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A plan that would harm itself: a mistake of the planner, which refuses to run it.
    #[error("the plan is unsound and will not be run; please report it: {0}")]
    Plan(String),
    /// A checkpoint that is damaged or of another training.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
}
