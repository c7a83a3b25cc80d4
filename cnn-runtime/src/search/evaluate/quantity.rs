//! What a member can be judged by.

use super::short::Short;
use crate::search::error::SearchError;
use crate::search::objective::{Direction, Objective};

/// What a member can be judged by, under the names that objectives have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// `accuracy`: share of held-out images that are classified rightly.
    Accuracy,
    /// `loss`: mean cross-entropy of held-out images.
    Loss,
    /// `latency`: milliseconds of one image, measured.
    Latency,
    /// `predicted_latency`: milliseconds of one image, summed from a table of measured operations.
    Predicted,
    /// `params`: learned numbers.
    Params,
    /// `macs`: multiply-adds of one image.
    Macs,
    /// `activations`: bytes of all layer outputs of one image.
    Activations,
    /// `synflow`: the logarithm of Tanaka et al.'s score of the untrained network.
    Synflow,
    /// `grad_norm`: norms of the untrained network's gradients.
    GradNorm,
    /// `jacob_cov`: how little its gradients by images have in common, Mellor et al.
    JacobCov,
}

impl Quantity {
    /// Each with its name and the direction that makes sense.
    pub const ALL: [(Quantity, &'static str, Direction); 10] = [
        (Quantity::Accuracy, "accuracy", Direction::Maximise),
        (Quantity::Loss, "loss", Direction::Minimise),
        (Quantity::Latency, "latency", Direction::Minimise),
        (Quantity::Predicted, "predicted_latency", Direction::Minimise),
        (Quantity::Params, "params", Direction::Minimise),
        (Quantity::Macs, "macs", Direction::Minimise),
        (Quantity::Activations, "activations", Direction::Minimise),
        (Quantity::Synflow, "synflow", Direction::Maximise),
        (Quantity::GradNorm, "grad_norm", Direction::Maximise),
        (Quantity::JacobCov, "jacob_cov", Direction::Maximise),
    ];

    /// The quantity that an objective names.
    ///
    /// # Errors
    /// If there is none of that name, or not in that direction.
    pub fn of(objective: &Objective) -> Result<Quantity, SearchError> {
        let found = Quantity::ALL.into_iter().find(|(_, name, _)| *name == objective.name);
        match found {
            Some((quantity, _, direction)) if direction == objective.direction => Ok(quantity),
            Some((_, name, direction)) => {
                let right = Objective { name: name.to_owned(), direction };
                Err(SearchError::Objectives {
                    message: format!("the objective {objective} goes the wrong way; write {right}"),
                })
            }
            None => {
                let names = Quantity::ALL
                    .map(|(_, name, direction)| Objective { name: name.to_owned(), direction }.to_string());
                let message = format!("no objective {}; there are {}", objective.name, names.join(", "));
                Err(SearchError::Objectives { message })
            }
        }
    }

    /// Whether it needs a training.
    pub fn is_trained(self) -> bool {
        matches!(self, Quantity::Accuracy | Quantity::Loss)
    }

    /// Whether it is measured with a clock.
    pub fn is_timed(self) -> bool {
        matches!(self, Quantity::Latency | Quantity::Predicted)
    }

    /// Whether it needs images.
    pub fn sees_images(self) -> bool {
        self.is_trained() || matches!(self, Quantity::GradNorm | Quantity::JacobCov)
    }

    /// What a training says of it.
    pub(super) fn of_training(self, short: &Short) -> f64 {
        match self {
            Quantity::Loss => short.loss,
            _ => short.accuracy,
        }
    }
}
