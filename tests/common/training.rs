//! What PyTorch computes when it trains networks of the zoo: fixtures/training/NAME.json, written by parity/training.py.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::fixture;

/// A step with batch statistics, and trajectories of three. Weights are by [`rule`](crate::rule), of gain √2.
#[derive(Debug, Deserialize)]
pub struct Training {
    /// Name in the zoo.
    pub name: String,
    /// Batch, channels, height, width.
    pub input_shape: Vec<usize>,
    /// One class for each sample.
    pub labels: Vec<usize>,
    /// What is minimised, before any step: mean cross-entropy, and 0.3 times that of each auxiliary output.
    pub loss: f64,
    /// Mean cross-entropies of `main` and of auxiliary outputs by name, where there are any.
    pub loss_parts: BTreeMap<String, f64>,
    /// Length of all gradients together.
    pub total_grad_norm: f64,
    /// PyTorch's own error of a gradient's length in 32 bits, relative to `total_grad_norm`.
    pub torch_f32_grad_error: f64,
    /// Of each parameter's gradient: length, first element, sum.
    pub grads: BTreeMap<String, [f64; 3]>,
    /// Lengths of running statistics after one forward pass.
    pub running_stats: BTreeMap<String, f64>,
    /// Steps of SGD: momentum 0.9, weight decay 1e-4 on every parameter added to the gradient.
    pub trajectories: Vec<Trajectory>,
}

/// Three steps on one batch.
#[derive(Debug, Deserialize)]
pub struct Trajectory {
    /// Learning rate.
    pub lr: f64,
    /// Loss before any step and after each.
    pub losses: Vec<f64>,
    /// The same by PyTorch in 32 bits.
    pub torch_f32_losses: Vec<f64>,
    /// Length of each parameter after three steps.
    pub param_l2: BTreeMap<String, f64>,
    /// Lengths of running statistics after the fourth forward pass.
    pub running_stats: BTreeMap<String, f64>,
}

/// The names of the networks whose training is recorded, sorted.
#[must_use]
pub fn names() -> Vec<String> {
    fixture::names("training")
}

impl Training {
    /// Reads `fixtures/training/NAME.json`.
    ///
    /// # Panics
    /// If it is not there or is no fixture.
    #[must_use]
    pub fn load(name: &str) -> Training {
        fixture::read("training", name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_hold_together() {
        for name in names() {
            let training = Training::load(&name);
            assert_eq!(training.name, name);
            let total = training.grads.values().map(|[l2, ..]| l2 * l2).sum::<f64>().sqrt();
            assert!((total - training.total_grad_norm).abs() < 1e-8 * total, "{name}: {total}");
            for trajectory in &training.trajectories {
                assert_eq!(trajectory.losses.len(), 4, "{name}");
                assert_eq!(trajectory.losses[0], training.loss, "{name}");
                assert_eq!(trajectory.param_l2.len(), training.grads.len(), "{name}");
            }
        }
    }
}
