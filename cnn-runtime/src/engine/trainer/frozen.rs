//! What stays as it is in a training.

use cnn_lang::graph::{Graph, Op, Role, TensorSpec};

use super::TrainerOptions;
use crate::engine::error::EngineError;
use crate::weights::{idle_pattern, named_by};

/// What stays as it is in a training.
pub(super) struct Frozen {
    /// Of the network's tensors: parameters, and everything of the norms below.
    pub tensors: Vec<bool>,
    /// Of the network's nodes: batch norms that are what they are in inference.
    pub norms: Vec<bool>,
}

impl Frozen {
    /// Follows the patterns of the options.
    pub fn of(graph: &Graph, options: &TrainerOptions) -> Result<Frozen, EngineError> {
        let tensors = graph.tensors();
        let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        let network = || graph.name.clone();
        if let Some((pattern, nearest)) = idle_pattern(&options.freeze, &names) {
            let (what, pattern) = ("what is frozen", pattern.to_owned());
            return Err(EngineError::Pattern { network: network(), pattern, what, nearest });
        }
        let named: Vec<bool> = names.iter().map(|name| named_by(&options.freeze, name)).collect();
        let learned = |(index, (_, tensor)): (usize, &(String, _))| tensor_learns(tensor) && !named[index];
        if !options.freeze.is_empty() && !tensors.iter().enumerate().any(learned) {
            return Err(EngineError::Frozen { network: network() });
        }
        let parameter = |(named, (_, tensor)): (&bool, &(String, _))| *named && tensor_learns(tensor);
        let mut frozen: Vec<bool> = named.iter().zip(&tensors).map(parameter).collect();
        let mut norms = vec![false; graph.nodes.len()];
        let mut first = 0;
        for index in graph.nodes_by_scope() {
            let node = &graph.nodes[index];
            let range = first..first + node.op.tensors(&graph.input_shapes(node)).len();
            first = range.end;
            let whole = named[range.clone()].iter().all(|&named| named);
            if matches!(node.op, Op::Bn { .. }) && whole && !options.adapt_norms {
                norms[index] = true;
                frozen[range].fill(true);
            }
        }
        Ok(Frozen { tensors: frozen, norms })
    }
}

fn tensor_learns(tensor: &TensorSpec) -> bool {
    tensor.role == Role::Parameter
}
