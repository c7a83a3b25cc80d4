//! What the oracle refuses.

/// Why a graph or its data were refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OracleError {
    /// Only rustc knows what a user's module computes.
    #[error("custom {path}: a module of the user's has no kernel, compare networks without it")]
    Custom {
        /// Its Rust path.
        path: String,
    },
    /// What is dropped depends on the generator.
    #[error("{op}: expected p = 0 in training, got {got}; what is dropped depends on the generator")]
    Stochastic {
        /// The layer.
        op: &'static str,
        /// Its probability.
        got: f64,
    },
    /// An input of another length.
    #[error("input: expected {expected} numbers for this batch, got {got}")]
    Input {
        /// Batch times the network's input.
        expected: usize,
        /// As given.
        got: usize,
    },
    /// A parameter or buffer of another length.
    #[error("{name}: expected {expected} numbers, got {got}")]
    Tensor {
        /// Its full name.
        name: String,
        /// By its shape.
        expected: usize,
        /// As given.
        got: usize,
    },
    /// Another number of labels.
    #[error("labels: expected {expected}, one for each sample, got {got}")]
    Labels {
        /// The batch.
        expected: usize,
        /// As given.
        got: usize,
    },
    /// A label that is no class.
    #[error("label: expected a class below {expected}, got {got}")]
    Label {
        /// Numbers in one sample of the output.
        expected: usize,
        /// As given.
        got: usize,
    },
    /// Label smoothing that is no share.
    #[error("label smoothing: expected 0 to 1, got {got}")]
    Smoothing {
        /// As given.
        got: f64,
    },
    /// Another number of weights for auxiliary losses.
    #[error("weights of auxiliary losses: expected {expected}, one for each auxiliary output, got {got}")]
    AuxWeights {
        /// Auxiliary outputs of the network.
        expected: usize,
        /// As given.
        got: usize,
    },
    /// Another number of gradients of outputs.
    #[error("gradients of outputs: expected {expected}, got {got}")]
    Gradients {
        /// Logits and auxiliary outputs.
        expected: usize,
        /// As given.
        got: usize,
    },
    /// A gradient of an output of another length.
    #[error("gradient of an output: expected {expected} numbers, got {got}")]
    Gradient {
        /// As the output.
        expected: usize,
        /// As given.
        got: usize,
    },
}
