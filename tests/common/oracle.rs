//! What a network must compute: its graph, node by node, on the reference kernels.
//!
//! Nothing is fused and nothing planned. Every node has a dense tensor of its own (maps `[batch, channel, row, column]`,
//! vectors `[batch, channel]`), the reverse pass visits the nodes backwards, and a gradient is summed in the order in
//! which the typed modules sum it, so the two agree to the bit wherever the loss is not between them. Faster ways to run
//! a graph are compared with this one.

mod backward;
mod error;
mod forward;
mod kernel;
mod loss;
mod sgd;
mod state;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use cnn_lang::graph::{Graph, NodeId};
use cnn_runtime::kernels::Float;

pub use error::OracleError;
pub use forward::Mode;
pub use loss::{LossOptions, cross_entropy};
pub use sgd::Sgd;
pub use state::{State, input_by_rule, labels_for};

use backward::backward;
use forward::{Trace, forward};

/// Where the numbers of a parameter or buffer come from: its full name to its values in memory order.
pub type Tensors<'a, E> = &'a dyn Fn(&str) -> Vec<E>;

/// Names with the values of a tensor, in memory order.
pub type Named<E> = Vec<(String, Vec<E>)>;

/// What a network delivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs<E> {
    /// `[batch, …]`, the size of the network's output.
    pub logits: Vec<E>,
    /// Auxiliary outputs in the order of the text.
    pub auxiliary: Named<E>,
    /// The result of every node, in the order of [`Graph::nodes`].
    pub nodes: Vec<Vec<E>>,
}

/// A forward pass with batch statistics, the loss, and the reverse pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<E> {
    /// `main_loss` and the weighted `auxiliary_losses`.
    pub loss: f64,
    /// Mean cross-entropy of the logits.
    pub main_loss: f64,
    /// Mean cross-entropy of each auxiliary output, in the order of the text, not weighted.
    pub auxiliary_losses: Vec<f64>,
    /// What the network delivered.
    pub outputs: Outputs<E>,
    /// Of every parameter, in the order of [`Graph::tensors`].
    pub gradients: Named<E>,
    /// Of the input.
    pub input_gradient: Vec<E>,
    /// Running statistics and counters behind the step, in the order of [`Graph::tensors`].
    pub running: Named<E>,
}

/// Outputs with running statistics; dropout and stochastic depth do nothing. `input` is `[batch, …]`.
///
/// # Errors
/// On a custom module, an input or a tensor of another length.
pub fn infer<E: Float>(
    graph: &Graph,
    tensors: Tensors<'_, E>,
    input: &[E],
    batch: usize,
) -> Result<Outputs<E>, OracleError> {
    Ok(outputs(graph, forward(graph, tensors, input, batch, Mode::Inference)?))
}

/// Loss, gradients and running statistics of one step with the statistics of the batch. An output that is a map counts
/// as a vector of all its numbers.
///
/// # Errors
/// As [`infer`]; on dropout or stochastic depth with a probability above 0; on labels or weights of losses that do not
/// fit.
pub fn train<E: Float>(
    graph: &Graph,
    tensors: Tensors<'_, E>,
    input: &[E],
    batch: usize,
    labels: &[usize],
    options: &LossOptions,
) -> Result<Step<E>, OracleError> {
    let weights = options.weights(graph)?;
    if labels.len() != batch {
        return Err(OracleError::Labels { expected: batch, got: labels.len() });
    }
    let trace = forward(graph, tensors, input, batch, Mode::Training)?;
    let (mut losses, mut seeds) = (Vec::new(), Vec::new());
    for (id, weight) in heads(graph).zip(std::iter::once(1.0).chain(weights.iter().copied())) {
        let (loss, gradient) = cross_entropy(&trace.values[id.0], labels, options.label_smoothing)?;
        losses.push(loss);
        seeds.push((id, gradient.into_iter().map(|value| E::of(weight * value)).collect()));
    }
    let auxiliary_losses = losses.split_off(1);
    let weighted: f64 = auxiliary_losses.iter().zip(&weights).map(|(loss, weight)| loss * weight).sum();
    Ok(step(graph, trace, &seeds, losses[0] + weighted, losses[0], auxiliary_losses))
}

/// As [`train`], of any loss: given the gradients of logits and auxiliary outputs (in the order of the text), each as
/// long as its output. The losses of the result are 0.
///
/// # Errors
/// As [`infer`]; on dropout or stochastic depth with a probability above 0; on gradients of another number or length.
pub fn train_with<E: Float>(
    graph: &Graph,
    tensors: Tensors<'_, E>,
    input: &[E],
    batch: usize,
    gradients: &[Vec<E>],
) -> Result<Step<E>, OracleError> {
    let expected = 1 + graph.auxiliary.len();
    if gradients.len() != expected {
        return Err(OracleError::Gradients { expected, got: gradients.len() });
    }
    let trace = forward(graph, tensors, input, batch, Mode::Training)?;
    let seeds: Vec<(NodeId, Vec<E>)> = heads(graph).zip(gradients.iter().cloned()).collect();
    for (id, gradient) in &seeds {
        let (expected, got) = (trace.values[id.0].len(), gradient.len());
        if expected != got {
            return Err(OracleError::Gradient { expected, got });
        }
    }
    let none = vec![0.0; graph.auxiliary.len()];
    Ok(step(graph, trace, &seeds, 0.0, 0.0, none))
}

/// The output, then the auxiliary ones.
fn heads(graph: &Graph) -> impl Iterator<Item = NodeId> {
    std::iter::once(graph.output).chain(graph.auxiliary.iter().map(|auxiliary| auxiliary.output))
}

fn outputs<E: Float>(graph: &Graph, trace: Trace<E>) -> Outputs<E> {
    let auxiliary = graph.auxiliary.iter().map(|aux| (aux.name.clone(), trace.values[aux.output.0].clone())).collect();
    Outputs { logits: trace.values[graph.output.0].clone(), auxiliary, nodes: trace.values }
}

fn step<E: Float>(
    graph: &Graph,
    mut trace: Trace<E>,
    seeds: &[(NodeId, Vec<E>)],
    loss: f64,
    main_loss: f64,
    auxiliary_losses: Vec<f64>,
) -> Step<E> {
    let (gradients, input_gradient) = backward(graph, &trace, seeds);
    let running = std::mem::take(&mut trace.running);
    let outputs = outputs(graph, trace);
    let order: HashMap<String, usize> =
        graph.tensors().into_iter().enumerate().map(|(place, (name, _))| (name, place)).collect();
    let sorted = |mut named: Named<E>| {
        named.sort_by_key(|(name, _)| order[name]);
        named
    };
    let (gradients, running) = (sorted(gradients), sorted(running));
    Step { loss, main_loss, auxiliary_losses, outputs, gradients, input_gradient, running }
}
