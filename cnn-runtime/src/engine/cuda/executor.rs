//! Runs the steps of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Cuda;
use super::device::{Device, Failure, Recording, Region, Work, failed};
use super::lower::{Lowering, too_many_taps};
use super::memory::{Memory, Reading};
use crate::engine::backend::{Backend, Executor, Feed, Measure};
use crate::engine::constant_reader::ConstantReader;
use crate::engine::error::EngineError;
use crate::engine::host::audit::Audit;
use crate::engine::host::watch::Watch;
use crate::engine::operation::Operation;
use crate::engine::pixels::Given;
use crate::engine::plan::Plan;
use crate::engine::verify::{self, verify};

/// A plan with its work and memory.
pub(super) struct Machine {
    plan: Arc<Plan>,
    device: Arc<dyn Device>,
    memory: Memory,
    /// Whether f32 may be multiplied as TF32.
    tf32: bool,
    /// For each number of samples that has been run.
    runs: BTreeMap<usize, Run>,
    watch: Watch,
    audit: Audit,
}

/// What is done for so many samples.
struct Run {
    /// Before the steps.
    first: Option<Work>,
    /// Of each step.
    steps: Vec<Vec<Work>>,
    /// What kernels are told by way of memory.
    _tables: Vec<Region>,
    /// Whether it has been done: what is loaded when it is first used is there then.
    done: bool,
    /// The same, as the device has learned it by heart, once that was tried.
    recording: Option<Option<Box<dyn Recording>>>,
}

impl Run {
    /// All work, a step after the other.
    fn work(&self) -> impl Iterator<Item = &Work> {
        self.first.iter().chain(self.steps.iter().flatten())
    }
}

/// Does what a plan's steps became.
fn perform(device: &dyn Device, work: &Work) -> Result<(), Failure> {
    // SAFETY: `verify` has shown that operands, states and workspace lie inside of the memory, which is as large as the plan
    // says, and are as large as operations say, `Cuda::check` that workspaces are; work is made of them alone, and of the
    // filters' memory, which is as large as the weights.
    unsafe { device.work(work) }
}

impl Machine {
    /// Takes no plan on trust: what is sound in here rests on the plan, and its fields are open.
    pub fn new(
        plan: Arc<Plan>,
        backend: &Cuda,
        constants: &mut ConstantReader<'_, f32>,
    ) -> Result<Machine, EngineError> {
        if plan.layout != backend.layout() {
            return Err(EngineError::Plan("it is for another back end".into()));
        }
        verify(&plan).map_err(|flaw| EngineError::Plan(flaw.0))?;
        backend.check(&plan).map_err(EngineError::Plan)?;
        let stored = |index: usize, i: usize| backend.stored(&plan.steps[index].operation, i);
        verify::constants(&plan, stored).map_err(EngineError::Plan)?;
        let device = apart(&backend.device)?;
        if let Some(failure) = plan.steps.iter().find_map(|step| too_many_taps(step, backend.number())) {
            return Err(failed(&*device, failure));
        }
        let memory = Memory::new(&device, &plan, backend.number())?;
        let mut machine = Machine::of(plan, device, backend.tf32(), memory);
        machine.set_constants(constants)?;
        Ok(machine)
    }

    fn of(plan: Arc<Plan>, device: Arc<dyn Device>, tf32: bool, memory: Memory) -> Machine {
        let (watch, audit) = (Watch::default(), Audit::default());
        Machine { plan, device, memory, tf32, runs: BTreeMap::new(), watch, audit }
    }

    /// What is to be done for so many samples.
    fn lower(&self, samples: usize) -> Result<Run, EngineError> {
        let Machine { plan, memory, device, tf32, .. } = self;
        let lowering = Lowering::new(plan, memory, device, samples, *tf32);
        let steps = (0..plan.steps.len()).map(|index| lowering.work(index)).collect::<Result<_, _>>();
        let mut steps: Vec<Vec<Work>> = steps?;
        for (step, update) in lowering.updates()? {
            steps[step].push(Work::Kernel(update));
        }
        let first = lowering.pack_learned().map(Work::Kernel);
        Ok(Run { first, steps, _tables: lowering.tables.into_inner(), done: false, recording: None })
    }

    /// Decides what is to be done for so many samples, once.
    fn prepare(&mut self, samples: usize) -> Result<(), EngineError> {
        if !self.runs.contains_key(&samples) {
            let run = self.lower(samples)?;
            let variants = run.work().filter_map(|work| match work {
                Work::Kernel(launch) => Some(launch.variant),
                Work::Library(_) => None,
            });
            self.device.ready(&variants.collect()).map_err(|failure| failed(&*self.device, failure))?;
            self.runs.insert(samples, run);
        }
        Ok(())
    }

    fn steps(&mut self, samples: usize) -> Result<(), EngineError> {
        let Some(run) = self.runs.get_mut(&samples) else { unreachable!("it was prepared") };
        let (plan, memory, device) = (&*self.plan, &self.memory, &*self.device);
        let error = |failure| failed(device, failure);
        let observed = self.watch.is_on() || self.audit.is_on();
        if !observed && run.done && run.recording.is_none() {
            let recording = device.record(&mut || run.work().try_for_each(|work| perform(device, work)));
            run.recording = Some(recording.map_err(error)?);
        }
        run.done = true;
        if let Some(Some(recording)) = run.recording.as_ref().filter(|_| !observed) {
            return recording.replay().map_err(error);
        }
        self.audit.begin();
        self.watch.begin();
        run.first.iter().try_for_each(|work| perform(device, work)).map_err(error)?;
        for (step, work) in plan.steps.iter().zip(&run.steps) {
            work.iter().try_for_each(|work| perform(device, work)).map_err(error)?;
            if self.watch.is_on() {
                device.wait().map_err(error)?;
            }
            self.watch.lap();
            if self.audit.is_on() {
                let finite = Reading { memory, samples }.finite(step)?;
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

/// The same device with an order of work of its own.
fn apart(device: &Arc<dyn Device>) -> Result<Arc<dyn Device>, EngineError> {
    device.apart().map_err(|failure| failed(&**device, failure))
}

impl Executor<f32> for Machine {
    fn run(&mut self, feed: Feed<'_, f32>, measures: &mut [Measure]) -> Result<Option<f64>, EngineError> {
        feed.check(&self.plan);
        let samples = feed.samples;
        self.prepare(samples)?;
        self.memory.feed(&self.plan, &feed)?;
        self.steps(samples)?;
        if let Some(images) = feed.next {
            self.memory.images.preload(images)?;
        }
        self.memory.measures(measures)?;
        let is_norm = |operation: &Operation| matches!(operation, Operation::GradientNorm);
        let normed = feed.update.is_some() && self.plan.steps.iter().any(|step| is_norm(&step.operation));
        normed.then(|| self.memory.norm()).transpose()
    }

    fn takes_pixels(&self) -> bool {
        true
    }

    fn preloads(&self) -> bool {
        true
    }

    fn preload(&mut self, images: Given<'_, f32>) -> Result<bool, EngineError> {
        self.memory.images.preload(images)?;
        Ok(true)
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
        let reading = Reading { memory: &self.memory, samples };
        let numbers = Self::sure(reading.numbers(&self.plan.outputs[index].1));
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
        self.runs.clear();
        // Others may read them who have an order of their own.
        self.device.wait().map_err(|failure| failed(&*self.device, failure))
    }

    fn fork(&self) -> Result<Box<dyn Executor<f32>>, EngineError> {
        let device = apart(&self.device)?;
        let memory = self.memory.beside(&device, &self.plan)?;
        Ok(Box::new(Machine::of(self.plan.clone(), device, self.tf32, memory)))
    }

    fn allocated(&self) -> usize {
        self.memory.bytes()
    }
}
