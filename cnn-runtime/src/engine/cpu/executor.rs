//! Runs the steps of a plan.

use std::sync::Arc;

use super::Cpu;
use super::check::check;
use super::fallback::gather;
use super::grid::Grid;
use super::kernel::Kernel;
use super::simd::Isa;
use super::steps::Run;
use super::team::Team;
use crate::engine::backend::{Executor, Feed, Measure};
use crate::engine::constant_reader::{ConstantReader, PART};
use crate::engine::error::EngineError;
use crate::engine::host::audit::Audit;
use crate::engine::host::memory::Memory;
use crate::engine::host::watch::Watch;
use crate::engine::plan::{Plan, Source, Step, Target};
use crate::engine::session::elements;
use crate::engine::storage::{Layout, Order};
use crate::engine::verify::{self, verify};

/// A plan with its kernels and memory.
pub(super) struct Machine {
    plan: Arc<Plan>,
    /// Of each step.
    kernels: Arc<Vec<Kernel>>,
    memory: Memory<f32>,
    lanes: usize,
    isa: Isa,
    watch: Watch,
    audit: Audit,
}

impl Machine {
    /// Takes no plan on trust: what is sound in here rests on the plan, and its fields are open.
    pub fn new(plan: Arc<Plan>, cpu: &Cpu, constants: &mut ConstantReader<'_, f32>) -> Result<Self, EngineError> {
        if plan.layout != Layout::uniform(size_of::<f32>(), Order::ChannelsLast) {
            return Err(EngineError::Plan("it is for another back end".into()));
        }
        verify(&plan).map_err(|flaw| EngineError::Plan(flaw.0))?;
        let kernel = |step: &Step| cpu.kernel(&step.operation, plan.batch);
        let kernels: Arc<Vec<Kernel>> = Arc::new(plan.steps.iter().map(kernel).collect());
        check(&plan, &kernels, cpu.lanes).map_err(EngineError::Plan)?;
        let of_kernel = |index: usize, i: usize| if i == 1 { Kernel::filters(&kernels[index]) } else { None };
        verify::constants(&plan, of_kernel).map_err(EngineError::Plan)?;
        let stored = packers(&plan, &kernels).into_iter().map(|kernel| kernel.and_then(Kernel::filters));
        if stored.zip(&plan.constants).any(|(stored, known)| stored.unwrap_or(known.elements) != known.stored) {
            return Err(EngineError::Plan("its constants have other lengths".into()));
        }
        let mut machine = Machine {
            memory: Memory::new(&plan)?,
            plan,
            kernels,
            lanes: cpu.lanes,
            isa: cpu.isa,
            watch: Watch::default(),
            audit: Audit::default(),
        };
        machine.set_constants(constants)?;
        Ok(machine)
    }
}

/// For each constant the kernel that reads it in its own form, if one does.
fn packers<'a>(plan: &Plan, kernels: &'a [Kernel]) -> Vec<Option<&'a Kernel>> {
    let mut packers = vec![None; plan.constants.len()];
    for (step, kernel) in plan.steps.iter().zip(kernels) {
        if let Some(Source::Constant(index)) = step.inputs.get(1).map(|input| input.source)
            && kernel.filters().is_some()
        {
            packers[index].get_or_insert(kernel);
        }
    }
    packers
}

/// Takes a constant, in the form in which the kernel reads it.
fn pack(
    constants: &mut ConstantReader<'_, f32>,
    index: usize,
    kernel: Option<&Kernel>,
    to: &mut [f32],
) -> Result<(), EngineError> {
    match kernel {
        Some(Kernel::Conv(direct) | Kernel::Linear(direct, _)) => {
            for (chunks, numbers) in direct.parts(PART) {
                let weight = constants.read(index, numbers)?;
                let (weight, to) = (&*weight, &mut *to);
                Team::run(rayon::current_num_threads(), Isa::Portable, move |team| {
                    direct.pack_part(team, weight, chunks, to);
                });
            }
        }
        Some(Kernel::Depthwise(depthwise)) => depthwise.pack(&constants.read(index, 0..depthwise.filters())?, to),
        _ => return constants.copy(index, to),
    }
    constants.release(index);
    Ok(())
}

impl Run<'_> {
    /// Whether all is finite that a step wrote.
    fn finite(&self, step: &Step) -> bool {
        let finite = |numbers: &[f32]| numbers.iter().all(|number| number.is_finite());
        let output = |target: &Target| {
            let samples = self.access.samples_of(target.operand);
            let map = Grid::new(self.access.start(target.operand), samples, &target.operand);
            let mut pixels = (0..samples).flat_map(|sample| (0..map.plane().max(1)).map(move |pixel| (sample, pixel)));
            // SAFETY: pixels of an operand of the plan, which nothing writes now.
            pixels.all(|(sample, pixel)| {
                finite(unsafe { std::slice::from_raw_parts(map.at(sample, pixel), map.channels) })
            })
        };
        step.outputs.iter().all(output) && step.changes.iter().all(|&state| finite(self.access.state(state)))
    }
}

impl Executor<f32> for Machine {
    fn run(&mut self, feed: Feed<'_, f32>, measures: &mut [Measure]) -> Result<Option<f64>, EngineError> {
        feed.check(&self.plan);
        let samples = feed.samples;
        let access = self.memory.access(feed.images.here(), samples);
        let (plan, kernels) = (&self.plan, &self.kernels);
        let (watch, audit) = (&mut self.watch, &mut self.audit);
        Ok(Team::run(self.lanes, self.isa, move |team| {
            let mut run = Run { team, access, feed, measures, norm: None };
            audit.begin();
            watch.begin();
            for (step, kernel) in plan.steps.iter().zip(kernels.iter()) {
                run.step(step, kernel);
                watch.lap();
                audit.step(|| run.finite(step));
            }
            run.norm
        }))
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
        let operand = self.plan.outputs[index].1;
        let len = elements(operand.extent);
        let start = self.memory.address(operand);
        let map = Grid::new(start, samples, &operand);
        if map.plane() == 1 {
            return self.memory.read(operand, samples, values);
        }
        for (sample, values) in values.chunks_exact_mut(len.max(1)).take(samples).enumerate() {
            // SAFETY: an operand of the plan, which nothing writes now.
            unsafe { gather(&map, sample, values) };
        }
    }

    fn state(&self, index: usize) -> Vec<f32> {
        self.memory.states.get(index).to_vec()
    }

    fn set_state(&mut self, index: usize, values: &[f32]) {
        self.memory.states.get_mut(index).copy_from_slice(values);
    }

    fn set_constants(&mut self, constants: &mut ConstantReader<'_, f32>) -> Result<(), EngineError> {
        let packers = packers(&self.plan, &self.kernels);
        self.memory.set_constants(&self.plan, |index, to| pack(constants, index, packers[index], to))
    }

    fn fork(&self) -> Result<Box<dyn Executor<f32>>, EngineError> {
        let memory = Memory::sharing(&self.plan, self.memory.constants.clone())?;
        let (plan, kernels) = (self.plan.clone(), self.kernels.clone());
        Ok(Box::new(Machine {
            plan,
            kernels,
            memory,
            lanes: self.lanes,
            isa: self.isa,
            watch: Watch::default(),
            audit: Audit::default(),
        }))
    }

    fn allocated(&self) -> usize {
        self.memory.bytes()
    }
}
