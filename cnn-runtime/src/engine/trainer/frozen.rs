//! What stays as it is in a training.

use cnn_lang::graph::{Graph, Op, Role};

use super::TrainerOptions;
use crate::engine::error::EngineError;
use crate::weights::{idle_pattern, named_by};

/// What stays as it is in a training.
pub(super) struct Frozen {
    /// Of the network's tensors.
    pub tensors: Vec<bool>,
    /// Of the network's nodes: batch norms that are what they are in inference.
    pub norms: Vec<bool>,
    /// Of the network's tensors: those of these batch norms.
    pub norm_tensors: Vec<bool>,
}

impl Frozen {
    /// Follows the patterns of the options.
    pub fn of(graph: &Graph, options: &TrainerOptions) -> Result<Frozen, EngineError> {
        let tensors = graph.tensors();
        let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        let network = || graph.name.clone();
        if let Some((pattern, nearest)) = idle_pattern(&options.freeze, &names) {
            return Err(EngineError::Pattern { network: network(), pattern: pattern.to_owned(), nearest });
        }
        let frozen: Vec<bool> = names.iter().map(|name| named_by(&options.freeze, name)).collect();
        let mut learned = tensors.iter().zip(&frozen).filter(|((_, tensor), _)| tensor.role == Role::Parameter);
        if learned.clone().count() > 0 && learned.all(|(_, &frozen)| frozen) {
            return Err(EngineError::Frozen { network: network() });
        }
        let mut norms = vec![false; graph.nodes.len()];
        let mut norm_tensors = vec![false; frozen.len()];
        let mut first = 0;
        for index in graph.nodes_by_scope() {
            let node = &graph.nodes[index];
            let range = first..first + node.op.tensors(&graph.input_shapes(node)).len();
            first = range.end;
            let whole = frozen[range.clone()].iter().all(|&frozen| frozen);
            if matches!(node.op, Op::Bn { .. }) && whole && !options.adapt_norms {
                norms[index] = true;
                norm_tensors[range].fill(true);
            }
        }
        Ok(Frozen { tensors: frozen, norms, norm_tensors })
    }
}
