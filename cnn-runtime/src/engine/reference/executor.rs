//! Runs the steps of a plan.

use std::sync::Arc;

use super::update::Update;
use super::{Number, backward, forward, norm, update};
use crate::engine::backend::{Executor, Feed, Measure};
use crate::engine::constant_reader::ConstantReader;
use crate::engine::error::EngineError;
use crate::engine::host::audit::Audit;
use crate::engine::host::memory::{Access, Memory};
use crate::engine::host::watch::Watch;
use crate::engine::layers;
use crate::engine::operation::{Layer, Operation};
use crate::engine::plan::{Plan, Step, Target};
use crate::engine::storage::Order;
use crate::engine::trainer::mix;
use crate::engine::verify::verify;
use crate::kernels::DynKernel;

/// A plan with its kernels and memory.
pub(super) struct Machine<E> {
    plan: Arc<Plan>,
    /// Of each step.
    kernels: Arc<Vec<Option<LayerKernel>>>,
    memory: Memory<E>,
    watch: Watch,
    audit: Audit,
}

/// The kernel of a layer for a full batch and for a single sample.
pub(super) struct LayerKernel {
    pub batch: usize,
    pub full: Box<dyn DynKernel>,
    pub single: Box<dyn DynKernel>,
}

impl LayerKernel {
    fn of(layer: &Layer, batch: usize) -> LayerKernel {
        LayerKernel { batch, full: layers::kernel(layer, batch), single: layers::kernel(layer, 1) }
    }
}

impl<E: Number> Machine<E> {
    /// Takes no plan on trust: what is sound in here rests on the plan, and its fields are open.
    pub fn new(plan: Arc<Plan>, constants: &mut ConstantReader<'_, E>) -> Result<Self, EngineError> {
        if plan.layout.element_where(true) != size_of::<E>() || plan.layout.element != size_of::<E>() {
            return Err(EngineError::Plan(format!("it is for numbers of {} bytes", plan.layout.element)));
        }
        if plan.layout.order != Order::ChannelsFirst {
            return Err(EngineError::Plan("it is for maps whose channels come last".into()));
        }
        verify(&plan).map_err(|flaw| EngineError::Plan(flaw.0))?;
        if plan.constants.iter().any(|constant| constant.stored != constant.elements) {
            return Err(EngineError::Plan("its constants have other lengths".into()));
        }
        let kernel = |step: &Step| match &step.operation {
            Operation::Layer(layer) => Some(LayerKernel::of(layer, plan.batch)),
            Operation::LayerGradient(gradient) => Some(LayerKernel::of(&gradient.layer, plan.batch)),
            _ => None,
        };
        let kernels = Arc::new(plan.steps.iter().map(kernel).collect());
        let mut machine =
            Machine { memory: Memory::new(&plan)?, plan, kernels, watch: Watch::default(), audit: Audit::default() };
        machine.set_constants(constants)?;
        Ok(machine)
    }
}

/// What a step may need beside its operands.
pub(super) struct Run<'a, E> {
    pub access: Access<'a, E>,
    pub feed: Feed<'a, E>,
    pub measures: &'a mut [Measure],
    pub norm: Option<f64>,
}

impl<E: Number> Run<'_, E> {
    /// Whether all is finite that a step wrote.
    fn finite(&self, step: &Step) -> bool {
        let finite = |numbers: &[E]| numbers.iter().all(|number| number.double().is_finite());
        let output = |target: &Target| {
            let view = self.access.view(target.operand);
            (0..view.samples).all(|sample| finite(view.sample(sample)))
        };
        step.outputs.iter().all(output) && step.changes.iter().all(|&state| finite(self.access.state(state)))
    }

    fn step(&mut self, step: &Step, kernel: Option<&LayerKernel>) {
        let access = &self.access;
        match &step.operation {
            Operation::Conv { shape, activation, .. } => forward::conv(access, step, shape, *activation),
            Operation::ConvInputGradient(shape) => backward::conv_input(access, step, shape),
            Operation::ConvWeightGradient(shape) => backward::conv_weight(access, step, shape),
            Operation::Linear { shape, activation, .. } => forward::linear(access, step, shape, *activation),
            Operation::LinearInputGradient(shape) => backward::linear_input(access, step, shape),
            Operation::LinearWeightGradient(shape) => backward::linear_weight(access, step, shape),
            Operation::BiasGradient => backward::bias(access, step),
            Operation::Affine { activation } => forward::affine(access, step, *activation),
            Operation::BatchNorm(norm) => norm::forward(access, step, norm),
            Operation::BatchNormGradient { norm, behind } => norm::backward(access, step, norm, *behind),
            Operation::Activate(activation) => forward::activate(access, step, *activation),
            Operation::ActivateGradient(activation) => backward::activate(access, step, *activation),
            Operation::Add { activation } => forward::add(access, step, *activation),
            Operation::Gate => forward::gate(access, step),
            Operation::GateGradient => backward::gate(access, step),
            Operation::Copy | Operation::Reshape => forward::copy(access, step),
            Operation::Slice { first } => forward::slice(access, step, *first),
            Operation::Embed { first } => backward::embed(access, step, *first),
            Operation::Dropout { p, samples, index } => {
                let seed = mix(self.feed.seed.wrapping_add(*index as u64 + 1));
                forward::dropout(access, step, *p * self.feed.dropout, *samples, seed);
            }
            Operation::Layer(_) => forward::layer(access, step, kernel),
            Operation::LayerGradient(gradient) => backward::layer(access, step, gradient, kernel),
            Operation::MaxPool(layer) => forward::max_pool(access, step, layer),
            Operation::MaxPoolGradient(layer) => backward::max_pool(access, step, layer),
            Operation::Weight(form) => forward::weight(access, step, form),
            Operation::WeightGradient(form) => backward::weight(access, step, form),
            Operation::CrossEntropy { output, weight, smoothing } => {
                let measure = update::cross_entropy(access, step, &self.feed, *weight, *smoothing);
                if let Some(slot) = self.measures.get_mut(*output) {
                    *slot = measure;
                }
            }
            Operation::Accumulate => update::accumulate(access, step, self.feed.part),
            Operation::GradientNorm => {
                if self.feed.update.is_some() {
                    self.norm = Some(update::gradient_norm(access, step, self.feed.loss_scale));
                }
            }
            Operation::Update { decay } => {
                if let Some(rule) = self.feed.moves(self.norm) {
                    let (pace, decay, norm, loss_scale) =
                        (self.feed.pace(step), *decay, self.norm, self.feed.loss_scale);
                    update::update(access, step, &Update { rule, pace, decay, norm, loss_scale });
                }
            }
            Operation::Average => {
                if let Some(rule) = self.feed.moves(self.norm) {
                    update::average(access, step, rule.average_decay);
                }
            }
            Operation::Concat => unreachable!("a plan holds copies instead"),
            Operation::Arrange => unreachable!("channels come first here"),
        }
    }
}

impl<E: Number> Executor<E> for Machine<E> {
    fn run(&mut self, feed: Feed<'_, E>, measures: &mut [Measure]) -> Result<Option<f64>, EngineError> {
        feed.check(&self.plan);
        let samples = feed.samples;
        let access = self.memory.access(feed.images.here(), samples);
        let mut run = Run { access, feed, measures, norm: None };
        let (plan, kernels) = (&self.plan, &self.kernels);
        let (watch, audit) = (&mut self.watch, &mut self.audit);
        let mut all = || {
            audit.begin();
            watch.begin();
            for (step, kernel) in plan.steps.iter().zip(kernels.iter()) {
                run.step(step, kernel.as_ref());
                watch.lap();
                audit.step(|| run.finite(step));
            }
            run.norm
        };
        // The whole run is one job of the pool: handing over every loop by itself would cost a queue entry each.
        Ok(rayon::join(&mut all, || ()).0)
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

    fn read(&self, index: usize, samples: usize, values: &mut [E]) {
        self.memory.read(self.plan.outputs[index].1, samples, values);
    }

    fn state(&self, index: usize) -> Vec<E> {
        self.memory.states.get(index).to_vec()
    }

    fn set_state(&mut self, index: usize, values: &[E]) {
        self.memory.states.get_mut(index).copy_from_slice(values);
    }

    fn set_constants(&mut self, constants: &mut ConstantReader<'_, E>) -> Result<(), EngineError> {
        self.memory.set_constants(&self.plan, |index, to| constants.copy(index, to))
    }

    fn fork(&self) -> Result<Box<dyn Executor<E>>, EngineError> {
        let memory = Memory::sharing(&self.plan, self.memory.constants.clone())?;
        Ok(Box::new(Machine {
            plan: self.plan.clone(),
            kernels: self.kernels.clone(),
            memory,
            watch: Watch::default(),
            audit: Audit::default(),
        }))
    }

    fn allocated(&self) -> usize {
        self.memory.bytes()
    }
}
