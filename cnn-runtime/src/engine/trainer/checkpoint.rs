//! Stopping and going on.

use cnn_lang::graph::Role;

use super::Trainer;
use crate::engine::constant_reader::ConstantReader;
use crate::engine::error::EngineError;
use crate::engine::program::Content;
use crate::engine::reference::Number;
use crate::weights::NamedTensor;

impl<E: Number> Trainer<E> {
    /// Everything that the next steps depend on, to go on later: the bytes of a safetensors file.
    ///
    /// # Errors
    /// None that is known of; the type allows for what the format refuses.
    pub fn checkpoint(&self) -> Result<Vec<u8>, EngineError> {
        let weights = self.weights();
        let mut tensors = Vec::new();
        for (index, state) in self.plan.states.iter().enumerate() {
            let (kind, tensor) = kind(state.content);
            let NamedTensor { name, shape, data } = &weights.tensors()[tensor];
            let counter = self.template.role(tensor) == Some(Role::Counter);
            let data = if counter { data.clone() } else { self.executor.state(index) };
            tensors.push(NamedTensor { name: format!("{kind}/{name}"), shape: shape.clone(), data });
        }
        let (high, low) = (self.steps >> 20, self.steps & ((1 << 20) - 1));
        let data = [high, low].map(|part| E::of(part as f64)).to_vec();
        tensors.push(NamedTensor { name: STEPS.into(), shape: vec![2], data });
        crate::weights::to_file(&tensors).map_err(|error| EngineError::Checkpoint(error.to_string()))
    }

    /// Goes on where [`Trainer::checkpoint`] was taken: under the same options the steps that follow are those that would have
    /// followed.
    ///
    /// # Errors
    /// If the bytes are damaged or hold other tensors than this training; nothing is changed then.
    pub fn restore(&mut self, place: &str, bytes: &[u8]) -> Result<(), EngineError> {
        let mut layout: Vec<NamedTensor<E>> = Vec::new();
        for state in &self.plan.states {
            let (kind, tensor) = kind(state.content);
            let NamedTensor { name, shape, .. } = &self.template.tensors()[tensor];
            layout.push(NamedTensor { name: format!("{kind}/{name}"), shape: shape.clone(), data: Vec::new() });
        }
        layout.push(NamedTensor { name: STEPS.into(), shape: vec![2], data: Vec::new() });
        let values = crate::weights::from_file(place, bytes, &layout);
        let mut values = values.map_err(|error| EngineError::Checkpoint(error.to_string()))?;
        let steps = values.pop().unwrap_or_default();
        let part = |i: usize| steps.get(i).map_or(0.0, |part| part.double());
        let mut weights = self.template.clone();
        for (state, values) in self.plan.states.iter().zip(&values) {
            if let Content::Entry(tensor) = state.content {
                weights.tensor_mut(tensor).clone_from(values);
            }
        }
        self.executor.set_constants(&mut ConstantReader::new(&self.plan, &mut &weights)?)?;
        self.steps = ((part(0) as u64) << 20) + part(1) as u64;
        self.uncounted = 0;
        for (index, (state, values)) in self.plan.states.iter().zip(&values).enumerate() {
            self.executor.set_state(index, values);
            if let Content::Entry(tensor) = state.content
                && self.template.role(tensor) == Some(Role::Counter)
            {
                self.template.tensor_mut(tensor).copy_from_slice(values);
            }
        }
        Ok(())
    }
}

const STEPS: &str = "steps";

fn kind(content: Content) -> (String, usize) {
    match content {
        Content::Entry(tensor) => ("weights".into(), tensor),
        Content::Optimizer(tensor, k) => (format!("optimizer.{k}"), tensor),
        Content::Average(tensor) => ("average".into(), tensor),
    }
}
