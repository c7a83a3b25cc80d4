//! `synflow`: Tanaka et al. 2020, <https://arxiv.org/abs/2006.05467>, as a score of whole networks by Abdelfattah et al. 2021.

use cnn_lang::graph::{Graph, Op};

use super::each_layer;
use crate::engine::{EngineError, Probe, Probed, Targets};
use crate::weights::StateDict;

/// The natural logarithm of the sum over all weights of convolutions and fully connected layers of |θ ∂R/∂θ|, where R is the sum of the
/// logits of an image of ones, all parameters are their absolute values and norms are left out. No data is looked at.
///
/// It is computed in f64, and therefore on the processor. The logarithm changes no order and keeps deep networks, whose sums have hundreds of digits, within numbers.
///
/// # Errors
/// If the engine cannot run the network.
pub fn synflow(graph: &Graph, seed: u64) -> Result<f64, EngineError> {
    let graph = without_norms(graph);
    let mut weights = StateDict::<f64>::init(&graph, seed)?;
    for index in 0..weights.tensors().len() {
        weights.tensor_mut(index).iter_mut().for_each(|value| *value = value.abs());
    }
    let mut probe = Probe::new(&graph, &weights, 1, Probed::Logits)?;
    probe.run(&vec![1.0; graph.input_shape().elements()], Targets::Labels(&[]))?;
    let mut sum = 0.0;
    each_layer(&weights, &probe, |weights, gradient| {
        sum += weights.iter().zip(gradient).map(|(weight, gradient)| (weight * gradient).abs()).sum::<f64>();
    });
    Ok(libm::log(sum))
}

/// The same network whose norms do nothing. Tanaka et al. keep batch norms in inference, where untrained ones do next to nothing.
fn without_norms(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    for node in &mut graph.nodes {
        if matches!(node.op, Op::Bn { .. } | Op::Gn { .. } | Op::Ln { .. } | Op::Lrn { .. }) {
            node.op = Op::Identity;
        }
    }
    graph
}
