//! How parameters move along their gradients.

use serde::{Deserialize, Serialize};

use super::error::EngineError;

/// The optimizer of a training, with what does not change from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent. Sutskever et al. 2013 for both momenta.
    Sgd {
        /// Share of the last step that is kept; 0 for none.
        momentum: f64,
        /// Looks ahead.
        nesterov: bool,
    },
    /// Adam with decoupled weight decay. Loshchilov & Hutter 2019.
    AdamW {
        /// Decay of the mean gradient.
        beta1: f64,
        /// Decay of the mean square.
        beta2: f64,
        /// Added to the root of the mean square.
        eps: f64,
    },
    /// RMSprop. Tieleman & Hinton 2012.
    RmsProp {
        /// Decay of the mean square.
        alpha: f64,
        /// Keeps the division finite.
        eps: f64,
        /// Share of the last step that is kept; 0 for none.
        momentum: f64,
        /// Mean squares start at 1, `eps` is inside of the root, the rate inside of the momentum: TensorFlow's form, as
        /// MnasNet and EfficientNet were trained. Otherwise PyTorch's.
        tensorflow: bool,
    },
}

impl Optimizer {
    /// SGD with momentum 0.9.
    pub const SGD: Optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false };
    /// AdamW with its authors' numbers.
    pub const ADAMW: Optimizer = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    /// RMSprop as EfficientNet was trained.
    pub const RMSPROP: Optimizer = Optimizer::RmsProp { alpha: 0.9, eps: 1e-3, momentum: 0.9, tensorflow: true };

    /// Numbers that are kept for every parameter.
    pub fn states(&self) -> usize {
        match *self {
            Optimizer::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            Optimizer::AdamW { .. } => 2,
            Optimizer::RmsProp { momentum, .. } => 1 + usize::from(momentum != 0.0),
        }
    }

    /// What the k-th of them starts as.
    pub fn initial_state(&self, k: usize) -> f64 {
        match self {
            Optimizer::RmsProp { tensorflow: true, .. } if k == 0 => 1.0,
            Optimizer::Sgd { .. } | Optimizer::AdamW { .. } | Optimizer::RmsProp { .. } => 0.0,
        }
    }

    /// Refuses numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let share = |name, got: f64| match (0.0..1.0).contains(&got) {
            true => Ok(()),
            false => Err(EngineError::Setting { name, expected: "at least 0 and less than 1", got }),
        };
        let positive = |name, got: f64| match got > 0.0 && got.is_finite() {
            true => Ok(()),
            false => Err(EngineError::Setting { name, expected: "positive", got }),
        };
        match *self {
            Optimizer::Sgd { momentum, .. } => share("momentum", momentum),
            Optimizer::AdamW { beta1, beta2, eps } => {
                share("beta1", beta1).and(share("beta2", beta2)).and(positive("eps", eps))
            }
            Optimizer::RmsProp { alpha, eps, momentum, .. } => {
                share("alpha", alpha).and(positive("eps", eps)).and(share("momentum", momentum))
            }
        }
    }
}

/// Keeps gradients small.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clip {
    /// Scales all gradients so that their Euclidean norm is at most this. Pascanu et al. 2013.
    Norm(f64),
    /// Cuts every number at plus and minus this.
    Value(f64),
}

/// One step of an optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Learning rate.
    pub rate: f64,
    /// Weight decay: part of the gradient, but decoupled in AdamW.
    pub weight_decay: f64,
    /// How gradients are kept small.
    pub clip: Option<Clip>,
    /// Decay of the moving average of weights and running statistics.
    pub average_decay: f64,
    /// Number of the step, from 1.
    pub number: u64,
    /// Whether nothing moves where the norm of the gradients is not finite.
    pub skip_non_finite: bool,
}

/// How the steps of a tensor differ from the others'.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Its learning rate is so many times the step's.
    pub rate: f64,
    /// Its weight decay is so many times the step's.
    pub weight_decay: f64,
    /// Steps that were over when it began to move: its optimizer counts from there.
    pub since: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { rate: 1.0, weight_decay: 1.0, since: 0 }
    }
}
