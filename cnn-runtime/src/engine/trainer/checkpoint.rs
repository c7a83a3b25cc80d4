//! Stopping and going on.

use cnn_lang::graph::Role;

use super::{LossScale, Stage, Trainer};
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
        for (index, state) in self.stage.plan.states.iter().enumerate() {
            let Some((kind, tensor)) = kind(state.content) else { continue };
            let NamedTensor { name, shape, data } = &weights.tensors()[tensor];
            let counter = self.template.role(tensor) == Some(Role::Counter);
            let data = if counter { data.clone() } else { self.stage.executor.state(index) };
            tensors.push(NamedTensor { name: format!("{kind}/{name}"), shape: shape.clone(), data });
        }
        let (high, low) = (self.steps >> 20, self.steps & ((1 << 20) - 1));
        let data = [high, low].map(|part| E::of(part as f64)).to_vec();
        tensors.push(NamedTensor { name: STEPS.into(), shape: vec![2], data });
        if let Some(scale) = self.loss_scale {
            let data = scale.numbers().map(E::of).to_vec();
            tensors.push(NamedTensor { name: LOSS_SCALE.into(), shape: vec![2], data });
        }
        crate::weights::to_file(&tensors).map_err(|error| EngineError::Checkpoint(error.to_string()))
    }

    /// Goes on where [`Trainer::checkpoint`] was taken: under the same options the steps that follow are those that would have
    /// followed.
    ///
    /// # Errors
    /// If the bytes are damaged or hold other tensors than this training; nothing is changed then.
    pub fn restore(&mut self, place: &str, bytes: &[u8]) -> Result<(), EngineError> {
        let failed = |error: crate::weights::WeightsError| EngineError::Checkpoint(error.to_string());
        let pair = |name: &str| NamedTensor { name: name.into(), shape: vec![2], data: Vec::new() };
        // What else it holds depends on how far it is.
        let steps = crate::weights::from_file_with_more(place, bytes, &[pair(STEPS)]).map_err(failed)?;
        let part = |i: usize| steps.iter().flatten().nth(i).map_or(0.0, |part: &E| part.double());
        let steps = ((part(0) as u64) << 20) + part(1) as u64;
        // What thaws with the next step is still frozen in it.
        let last = steps.saturating_sub(1);
        let other = self.other_plan(last)?;
        let states = &other.as_ref().unwrap_or(&self.stage.plan).states;
        let mut layout: Vec<NamedTensor<E>> = Vec::new();
        let mut held = Vec::new();
        for (index, state) in states.iter().enumerate() {
            let Some((kind, tensor)) = kind(state.content) else { continue };
            let NamedTensor { name, shape, .. } = &self.template.tensors()[tensor];
            layout.push(NamedTensor { name: format!("{kind}/{name}"), shape: shape.clone(), data: Vec::new() });
            held.push((index, state.content));
        }
        layout.push(pair(STEPS));
        layout.extend(self.loss_scale.map(|_| pair(LOSS_SCALE)));
        let values = crate::weights::from_file(place, bytes, &layout).map_err(failed)?;
        let mut weights = self.template.clone();
        for ((_, content), values) in held.iter().zip(&values) {
            if let Content::Entry(tensor) = content {
                weights.tensor_mut(*tensor).clone_from(values);
            }
        }
        match other {
            Some(plan) => {
                self.stage = Stage::new(&*self.backend, &self.graph, &self.options, last, plan, &weights)?;
                self.preloaded = None;
            }
            None => {
                let plan = &self.stage.plan;
                self.stage.executor.set_constants(&mut ConstantReader::new(plan, &mut &weights)?)?;
            }
        }
        (self.steps, self.uncounted) = (steps, 0);
        if let (Some(scale), Some([exponent, finite])) = (&mut self.loss_scale, values.last().map(Vec::as_slice)) {
            *scale = LossScale::of([exponent.double(), finite.double()]);
        }
        for ((index, content), values) in held.into_iter().zip(&values) {
            self.stage.executor.set_state(index, values);
            if let Content::Entry(tensor) = content
                && self.template.role(tensor) == Some(Role::Counter)
            {
                self.template.tensor_mut(tensor).copy_from_slice(values);
            }
        }
        Ok(())
    }
}

const STEPS: &str = "steps";
const LOSS_SCALE: &str = "loss scale";

/// What a checkpoint calls a state, if it holds it.
fn kind(content: Content) -> Option<(String, usize)> {
    match content {
        Content::Entry(tensor) => Some(("weights".into(), tensor)),
        Content::Optimizer(tensor, k) => Some((format!("optimizer.{k}"), tensor)),
        Content::Average(tensor) => Some(("average".into(), tensor)),
        Content::Gradient(_) => None,
    }
}
