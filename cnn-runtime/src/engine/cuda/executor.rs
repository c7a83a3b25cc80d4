//! Runs the steps of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::device::{Device, failed};
use super::host::Host;
use super::lower::{Lowering, Task};
use super::memory::Memory;
use crate::engine::backend::{Executor, Feed, Measure};
use crate::engine::constant_reader::ConstantReader;
use crate::engine::error::EngineError;
use crate::engine::host::audit::Audit;
use crate::engine::host::watch::Watch;
use crate::engine::operation::Operation;
use crate::engine::plan::Plan;
use crate::engine::storage::Order;
use crate::engine::verify::verify;

/// A plan with its launches and memory.
pub(super) struct Machine {
    plan: Arc<Plan>,
    device: Arc<dyn Device>,
    memory: Memory,
    /// Of each step, for each number of samples that has been run.
    tasks: BTreeMap<usize, Vec<Task>>,
    watch: Watch,
    audit: Audit,
}

impl Machine {
    /// Takes no plan on trust: what is sound in here rests on the plan, and its fields are open.
    pub fn new(
        plan: Arc<Plan>,
        device: Arc<dyn Device>,
        constants: &mut ConstantReader<'_, f32>,
    ) -> Result<Machine, EngineError> {
        if plan.layout.element != size_of::<f32>() || plan.layout.order != Order::ChannelsLast {
            return Err(EngineError::Plan("it is for another back end".into()));
        }
        verify(&plan).map_err(|flaw| EngineError::Plan(flaw.0))?;
        if plan.constants.iter().any(|constant| constant.stored != constant.elements) {
            return Err(EngineError::Plan("its constants have other lengths".into()));
        }
        let memory = Memory::new(&device, &plan)?;
        let mut machine = Machine::of(plan, device, memory);
        machine.set_constants(constants)?;
        Ok(machine)
    }

    fn of(plan: Arc<Plan>, device: Arc<dyn Device>, memory: Memory) -> Machine {
        let (watch, audit) = (Watch::default(), Audit::default());
        Machine { plan, device, memory, tasks: BTreeMap::new(), watch, audit }
    }

    fn steps(&mut self, samples: usize) -> Result<(), EngineError> {
        let (plan, memory, device) = (&*self.plan, &self.memory, &*self.device);
        let tasks = self.tasks.entry(samples).or_insert_with(|| {
            let lowering = Lowering { plan, memory, device, samples };
            plan.steps.iter().map(|step| lowering.task(step)).collect()
        });
        let host = Host { memory, samples };
        self.audit.begin();
        self.watch.begin();
        for (step, task) in plan.steps.iter().zip(tasks.iter()) {
            match task {
                Task::Host => host.step(step)?,
                Task::Launches(launches) => {
                    for launch in launches {
                        // SAFETY: `verify` has shown that operands, states and workspace lie inside of the memory, which is
                        // as large as the plan says; launches are made of them alone.
                        unsafe { device.launch(launch) }.map_err(|failure| failed(device, failure))?;
                    }
                }
            }
            if self.watch.is_on() {
                device.wait().map_err(|failure| failed(device, failure))?;
            }
            self.watch.lap();
            if self.audit.is_on() {
                let finite = host.finite(step)?;
                self.audit.step(|| finite);
            }
        }
        Ok(())
    }

    /// What there is no way to report: the device failed after a run that did not.
    fn sure<T>(result: Result<T, EngineError>) -> T {
        result.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Executor<f32> for Machine {
    fn run(&mut self, feed: Feed<'_, f32>, measures: &mut [Measure]) -> Result<Option<f64>, EngineError> {
        feed.check(&self.plan);
        let samples = feed.samples;
        self.memory.feed(&self.plan, &feed)?;
        self.steps(samples)?;
        self.memory.measures(measures)?;
        let is_norm = |operation: &Operation| matches!(operation, Operation::GradientNorm);
        let normed = feed.update.is_some() && self.plan.steps.iter().any(|step| is_norm(&step.operation));
        normed.then(|| self.memory.norm()).transpose()
    }

    fn watch(&mut self, on: bool) {
        self.watch = Watch::new(on, self.plan.steps.len());
    }

    fn seconds(&self) -> &[f64] {
        self.watch.seconds()
    }

    fn audit(&mut self, on: bool) {
        self.audit = Audit::new(on);
    }

    fn fault(&self) -> Option<usize> {
        self.audit.fault()
    }

    fn read(&self, index: usize, samples: usize, values: &mut [f32]) {
        let host = Host { memory: &self.memory, samples };
        let numbers = Self::sure(host.read(&self.plan.outputs[index].1));
        values[..numbers.len()].copy_from_slice(&numbers);
    }

    fn state(&self, index: usize) -> Vec<f32> {
        Self::sure(self.memory.states.get(index))
    }

    fn set_state(&mut self, index: usize, values: &[f32]) {
        Self::sure(self.memory.states.set(index, values));
    }

    fn set_constants(&mut self, constants: &mut ConstantReader<'_, f32>) -> Result<(), EngineError> {
        self.memory.set_constants(&self.device, &self.plan, constants)?;
        // Their addresses may be others.
        self.tasks.clear();
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Executor<f32>>, EngineError> {
        let memory = Memory::sharing(&self.device, &self.plan, self.memory.constants.clone())?;
        Ok(Box::new(Machine::of(self.plan.clone(), self.device.clone(), memory)))
    }

    fn allocated(&self) -> usize {
        self.memory.bytes()
    }
}
