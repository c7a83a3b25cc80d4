//! `grad_norm`: Abdelfattah et al. 2021, section 3.1, <https://arxiv.org/abs/2101.08134>.

use cnn_lang::graph::Graph;

use super::each_layer;
use crate::engine::{Backend, EngineError, Probe, Probed, Targets};
use crate::weights::StateDict;

/// The sum over all convolutions and fully connected layers of the Euclidean norm of their weights' gradient, for one mini-batch and
/// the cross-entropy, on a back end. `images` holds a sample for each label.
///
/// # Errors
/// If the engine cannot run the network, or images and labels do not fit.
pub fn grad_norm(
    backend: &dyn Backend<f32>,
    graph: &Graph,
    weights: &StateDict<f32>,
    images: &[f32],
    labels: &[usize],
) -> Result<f64, EngineError> {
    let mut probe = Probe::on(backend, graph, weights, labels.len(), Probed::Loss)?;
    probe.run(images, Targets::Labels(labels))?;
    let mut sum = 0.0;
    each_layer(weights, &probe, |_, gradient| {
        sum += gradient.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    });
    Ok(sum)
}
