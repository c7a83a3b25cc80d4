//! Tensors that learn otherwise than the rest: at another rate, or only after a while.

use cnn_lang::graph::Graph;
use serde::{Deserialize, Serialize};

use super::TrainerOptions;
use crate::engine::error::EngineError;
use crate::engine::optimizer::Pace;
use crate::weights::{idle_pattern, matches};

/// Tensors with a learning rate or a weight decay of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The [pattern](crate::weights::matches) that names them.
    pub pattern: String,
    /// Their learning rate is so many times the step's, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Their weight decay is so many times the training's, at least 0. What is spared from decay stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

/// Tensors that stay as they are until so many steps are over, as if they were in [`TrainerOptions::freeze`] until then: gradual
/// unfreezing. Howard & Ruder 2018, <https://arxiv.org/abs/1801.06146>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thaw {
    /// The [pattern](crate::weights::matches) that names them.
    pub pattern: String,
    /// Steps that are over when they begin to move. Their optimizer begins then too.
    pub step: u64,
}

impl TrainerOptions {
    /// The pace of each of the network's tensors; none where all are alike.
    pub(super) fn paces(&self, graph: &Graph) -> Result<Vec<Pace>, EngineError> {
        let patterns = |of: &mut dyn Iterator<Item = &String>, what| {
            let patterns: Vec<String> = of.cloned().collect();
            let tensors = graph.tensors();
            let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
            match idle_pattern(&patterns, &names) {
                Some((pattern, nearest)) => {
                    let (network, pattern) = (graph.name.clone(), pattern.to_owned());
                    Err(EngineError::Pattern { network, pattern, what, nearest })
                }
                None => Ok(()),
            }
        };
        patterns(&mut self.groups.iter().map(|group| &group.pattern), "what learns at a pace of its own")?;
        patterns(&mut self.thaw.iter().map(|thaw| &thaw.pattern), "what is frozen for a while")?;
        let factors = self.groups.iter().flat_map(|group| [group.rate, group.weight_decay]).flatten();
        for got in factors {
            if !(got >= 0.0 && got.is_finite()) {
                let name = "factor of a learning rate or weight decay";
                return Err(EngineError::Setting { name, expected: "at least 0", got });
            }
        }
        if self.groups.is_empty() && self.thaw.is_empty() {
            return Ok(Vec::new());
        }
        let pace = |name: &str| {
            let groups = || self.groups.iter().rev().filter(|group| matches(&group.pattern, name));
            Pace {
                rate: groups().find_map(|group| group.rate).unwrap_or(1.0),
                weight_decay: groups().find_map(|group| group.weight_decay).unwrap_or(1.0),
                since: self
                    .thaw
                    .iter()
                    .filter(|thaw| matches(&thaw.pattern, name))
                    .map(|thaw| thaw.step)
                    .max()
                    .unwrap_or(0),
            }
        };
        Ok(graph.tensors().iter().map(|(name, _)| pace(name)).collect())
    }

    /// How often something has thawed when so many steps are over: plans differ from stage to stage.
    pub(super) fn stage(&self, steps: u64) -> usize {
        self.thaw.iter().filter(|thaw| thaw.step <= steps).count()
    }

    /// The options of that stage: what has not thawed yet is frozen.
    pub(super) fn at(&self, steps: u64) -> TrainerOptions {
        let cold = self.thaw.iter().filter(|thaw| thaw.step > steps).map(|thaw| thaw.pattern.clone());
        TrainerOptions { freeze: self.freeze.iter().cloned().chain(cold).collect(), ..self.clone() }
    }
}
