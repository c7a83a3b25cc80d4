//! A plan for as long as the same tensors are frozen, and the way to the next.

use std::collections::HashMap;
use std::sync::Arc;

use super::frozen::Frozen;
use super::options::plan_training;
use super::{
    Backend, ConstantReader, Content, EngineError, Executor, Number, Plan, Preloaded, Trainer, TrainerOptions,
};
use crate::weights::StateDict;
use cnn_lang::graph::Graph;

/// What a trainer runs while the same tensors are frozen.
pub(super) struct Stage<E> {
    pub plan: Arc<Plan>,
    pub executor: Box<dyn Executor<E>>,
    /// For each tensor whether it stays as it is; a counter's batch norm is as in inference then.
    pub frozen: Vec<bool>,
    /// Which one, from 0.
    pub number: usize,
}

impl<E: Number> Stage<E> {
    /// Takes the memory of a plan for the stage at so many steps.
    pub fn new(
        backend: &dyn Backend<E>,
        graph: &Graph,
        options: &TrainerOptions,
        steps: u64,
        plan: Plan,
        weights: &StateDict<E>,
    ) -> Result<Self, EngineError> {
        let plan = Arc::new(plan);
        let executor = backend.prepare(plan.clone(), &mut ConstantReader::new(&plan, &mut &*weights)?)?;
        let frozen = Frozen::of(graph, &options.at(steps))?.tensors;
        Ok(Stage { plan, executor, frozen, number: options.stage(steps) })
    }
}

impl<E: Number> Trainer<E> {
    /// The plan of the stage at so many steps, if it is another one.
    pub(super) fn other_plan(&self, steps: u64) -> Result<Option<Plan>, EngineError> {
        if self.options.stage(steps) == self.stage.number {
            return Ok(None);
        }
        Ok(Some(plan_training(&*self.backend, &self.graph, &self.options.at(steps))?.0))
    }

    /// Lets thaw what is to move from this step on: another plan, with all that the last one knew.
    pub(super) fn enter_stage(&mut self) -> Result<(), EngineError> {
        let Some(plan) = self.other_plan(self.steps)? else { return Ok(()) };
        let weights = self.weights();
        let Stage { plan: known, executor, .. } = &self.stage;
        let state = |(index, state): (usize, &super::State)| (state.content, executor.state(index));
        let known: HashMap<Content, Vec<E>> = known.states.iter().enumerate().map(state).collect();
        self.stage = Stage::new(&*self.backend, &self.graph, &self.options, self.steps, plan, &weights)?;
        // They were on the device for the last plan.
        self.preloaded = self.preloaded.take().filter(|images| matches!(images, Preloaded::Here(_)));
        (self.template, self.uncounted) = (weights.counters(), 0);
        self.set_states(&weights);
        for (index, state) in self.stage.plan.states.iter().enumerate() {
            if let Some(values) = known.get(&state.content) {
                self.stage.executor.set_state(index, values);
            }
        }
        Ok(())
    }
}
