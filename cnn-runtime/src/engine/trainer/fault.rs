//! Which layer it was, where numbers stopped being finite.

use std::fmt;

use super::Trainer;
use crate::engine::operation::Operation;
use crate::engine::plan::Plan;
use crate::engine::reference::Number;

/// The first thing in a step that was infinite or no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it was.
    pub kind: FaultKind,
    /// The layer, by the name of its tensors: `layer1.0.conv1`; of an update the tensor. Empty for what is the network's own.
    pub place: String,
    /// What was computed there, as listings call it: `conv`.
    pub operation: &'static str,
}

/// In which part of a step numbers stopped being finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Forward: what a layer gave.
    Output,
    /// Backward: a gradient that a layer gave.
    Gradient,
    /// What the optimizer made of a parameter, or remembers of it.
    Update,
}

/// `output of layer1.0.conv1 (conv)`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FaultKind::Output => "output of",
            FaultKind::Gradient => "gradient from",
            FaultKind::Update => "update of",
        };
        let place = if self.place.is_empty() { "the network" } else { &self.place };
        write!(f, "{kind} {place} ({})", self.operation)
    }
}

impl Fault {
    fn of(plan: &Plan, index: usize) -> Option<Fault> {
        let step = plan.steps.get(index)?;
        let forward = |operation: &Operation| matches!(operation, Operation::CrossEntropy { .. });
        let backward = plan.steps.iter().position(|step| forward(&step.operation)).unwrap_or(plan.steps.len());
        let kind = match &step.operation {
            Operation::Update { .. } | Operation::Average => FaultKind::Update,
            _ if index < backward => FaultKind::Output,
            _ => FaultKind::Gradient,
        };
        Some(Fault { kind, place: step.place.clone(), operation: step.operation.name() })
    }
}

impl<E: Number> Trainer<E> {
    /// Looks from now on whether all that each step of the plan writes is finite, or stops it. It costs as much as reading
    /// every tensor once more.
    pub fn audit(&mut self, on: bool) {
        self.stage.executor.audit(on);
    }

    /// What was not finite first in the last step, while it is looked at: in forward order, then in backward order.
    pub fn fault(&self) -> Option<Fault> {
        Fault::of(self.plan(), self.stage.executor.fault()?)
    }
}
