//! What a run left in the memory of a device.

use super::Memory;
use crate::engine::error::EngineError;
use crate::engine::operation::Operation;
use crate::engine::plan::{Operand, Step};

/// Reads what a run of so many samples left.
pub(in crate::engine::cuda) struct Reading<'a> {
    pub memory: &'a Memory,
    pub samples: usize,
}

impl Reading<'_> {
    /// A tensor, samples one behind the other, channels first.
    pub fn numbers(&self, operand: &Operand) -> Result<Vec<f32>, EngineError> {
        let map = self.memory.map(operand, self.samples);
        let span = self.memory.download(operand, self.samples)?;
        let channels = |sample| (0..map.channels).map(move |channel| (sample, channel));
        let planes = (0..map.samples).flat_map(channels);
        let place = |(sample, channel)| (0..map.plane()).map(move |pixel| map.at(sample, pixel, channel));
        Ok(planes.flat_map(place).map(|at| span[at]).collect())
    }

    /// Whether all is finite that a step wrote.
    pub fn finite(&self, step: &Step) -> Result<bool, EngineError> {
        // Winners are no numbers.
        let outputs = if matches!(step.operation, Operation::MaxPool(_)) { 1 } else { step.outputs.len() };
        for target in &step.outputs[..outputs] {
            if self.numbers(&target.operand)?.iter().any(|number| !number.is_finite()) {
                return Ok(false);
            }
        }
        for &state in &step.changes {
            if self.memory.states.get(state)?.iter().any(|number| !number.is_finite()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
