//! What PyTorch computes with weights by [`rule`](crate::rule): fixtures/NAME.json, written by parity/training.py.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// Networks whose training is recorded.
pub const TRAINED: [&str; 7] =
    ["lenet5", "resnet20_cifar", "resnet18", "densenet121", "googlenet_aux", "mobilenet_v3_small", "efficientnet_b0"];

/// One network.
#[derive(Debug, Deserialize)]
pub struct Fixture {
    /// Name in the zoo.
    pub name: String,
    /// Gain of the weight rule.
    pub gain: f64,
    /// Inference on two samples.
    pub inference: Inference,
    /// Training on a batch of two.
    pub training: Training,
}

/// Outputs with running statistics.
#[derive(Debug, Deserialize)]
pub struct Inference {
    /// Batch, channels, height, width.
    pub input_shape: Vec<usize>,
    /// A row for each sample.
    pub logits: Vec<Vec<f64>>,
    /// The largest magnitude among them.
    pub max_abs: f64,
    /// PyTorch's own error in 32 bits, relative to `max_abs`.
    pub torch_f32_error: f64,
    /// What auxiliary classifiers say, in the order of the network's text.
    #[serde(default)]
    pub auxiliary: Vec<Auxiliary>,
}

/// An auxiliary output.
#[derive(Debug, Deserialize)]
pub struct Auxiliary {
    /// The label of the classifier.
    pub name: String,
    /// A row for each sample.
    pub logits: Vec<Vec<f64>>,
    /// The largest magnitude among them.
    pub max_abs: f64,
}

/// A step with batch statistics, and trajectories of three.
#[derive(Debug, Deserialize)]
pub struct Training {
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

/// What a network computes in inference: fixtures/inference/NAME.json, written by parity/inference.py.
#[derive(Debug, Deserialize)]
pub struct Logits {
    /// Gain of the weight rule.
    pub gain: f64,
    /// Inference on two samples.
    pub inference: Inference,
}

impl Logits {
    /// Reads `fixtures/inference/NAME.json`.
    ///
    /// # Panics
    /// If it is not there or is no fixture.
    #[must_use]
    pub fn load(name: &str) -> Logits {
        read(&format!("inference/{name}.json"))
    }
}

fn read<T: for<'a> Deserialize<'a>>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Fixture {
    /// Reads `fixtures/NAME.json`.
    ///
    /// # Panics
    /// If it is not there or is no fixture.
    #[must_use]
    pub fn load(name: &str) -> Fixture {
        read(&format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_hold_together() {
        for name in TRAINED {
            let fixture = Fixture::load(name);
            assert_eq!(fixture.name, name);
            let training = &fixture.training;
            let total = training.grads.values().map(|[l2, ..]| l2 * l2).sum::<f64>().sqrt();
            assert!((total - training.total_grad_norm).abs() < 1e-8 * total, "{name}: {total}");
            let largest = fixture.inference.logits.iter().flatten().fold(0.0, |most: f64, logit| most.max(logit.abs()));
            assert_eq!(largest, fixture.inference.max_abs, "{name}");
            for trajectory in &training.trajectories {
                assert_eq!(trajectory.losses.len(), 4, "{name}");
                assert_eq!(trajectory.losses[0], training.loss, "{name}");
                assert_eq!(trajectory.param_l2.len(), training.grads.len(), "{name}");
            }
        }
    }
}
