//! The loss: cross-entropy, with smoothed labels and auxiliary outputs.

use cnn_lang::graph::Graph;
use cnn_runtime::kernels::Float;

use super::error::OracleError;

/// How the outputs become one loss.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LossOptions {
    /// The share of the target that is spread over all classes. Szegedy et al. 2015, <https://arxiv.org/abs/1512.00567>.
    pub label_smoothing: f64,
    /// What the loss of each auxiliary output counts, in the order of the text.
    pub aux_weights: Vec<f64>,
}

impl LossOptions {
    /// The weights of auxiliary losses, one for each.
    pub(super) fn weights(&self, graph: &Graph) -> Result<Vec<f64>, OracleError> {
        let (expected, got) = (graph.auxiliary.len(), self.aux_weights.len());
        if expected != got {
            return Err(OracleError::AuxWeights { expected, got });
        }
        Ok(self.aux_weights.clone())
    }
}

/// Mean cross-entropy of logits `[labels, classes]`, computed in f64, and its gradient:
/// `-(1 - s) log p[label] - s / classes · sum of log p`, p the softmax and s the smoothing, as in PyTorch.
///
/// # Errors
/// On a label that is no class and on a smoothing that is not between 0 and 1.
pub fn cross_entropy<E: Float>(logits: &[E], labels: &[usize], smoothing: f64) -> Result<(f64, Vec<f64>), OracleError> {
    if !(0.0..=1.0).contains(&smoothing) {
        return Err(OracleError::Smoothing { got: smoothing });
    }
    let classes = logits.len() / labels.len().max(1);
    if let Some(&got) = labels.iter().find(|&&label| label >= classes) {
        return Err(OracleError::Label { expected: classes, got });
    }
    let samples = labels.len() as f64;
    let (mut loss, mut gradient) = (0.0, Vec::with_capacity(logits.len()));
    for (row, &label) in logits.chunks(classes.max(1)).zip(labels) {
        let row: Vec<f64> = row.iter().map(|value| value.double()).collect();
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = row.iter().map(|value| (value - largest).exp()).sum::<f64>().ln() + largest;
        for (class, value) in row.iter().enumerate() {
            let hit = if class == label { 1.0 - smoothing } else { 0.0 };
            let target = hit + smoothing / classes as f64;
            loss -= target * (value - log_sum) / samples;
            gradient.push(((value - log_sum).exp() - target) / samples);
        }
    }
    Ok((loss, gradient))
}
