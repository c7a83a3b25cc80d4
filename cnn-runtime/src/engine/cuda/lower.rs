//! A step of a plan as work for a device.

mod conv;
mod fused;
mod lanes;
mod layers;
mod library;
mod neighbours;
mod products;
mod sets;
mod training;
mod weight_forms;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

pub(super) use conv::{Convolution, depthwise_scratch};
pub(super) use layers::too_many_taps;

use super::device::{Device, Launch, Region, Work, failed};
use super::memory::{Memory, bytes};
use super::source::{self, TERMS, THREADS};
use super::words::{Map, Number, Words};
use crate::engine::backend::Use;
use crate::engine::error::EngineError;
use crate::engine::operation::{Activation, Operation};
use crate::engine::plan::{Operand, Plan, Start, Step, Target};
use crate::engine::session::shape;
use crate::engine::verify::leaves_alone;

/// Bytes of scratch for an operation on maps of such numbers.
pub(super) fn workspace(number: Number, block: usize, of: &Use<'_>) -> usize {
    let sums = |index: usize| lanes::scratch(number, block, of.inputs[index], of.batch);
    let numbers = match of.operation {
        Operation::BatchNorm(_) | Operation::BiasGradient => sums(0),
        Operation::BatchNormGradient { .. } => sums(0) + 2 * shape(of.inputs[0]).channels(),
        Operation::Layer(layer) => layers::forward_scratch(layer, of.batch),
        Operation::LayerGradient(gradient) => layers::backward_scratch(number, block, &gradient.layer, of.batch),
        Operation::CrossEntropy { .. } => 2 * of.batch,
        Operation::GradientNorm => training::norm_scratch(of.inputs),
        _ => 0,
    };
    numbers * size_of::<f64>()
}

/// Turns the steps of a plan into work for runs of so many samples.
pub(super) struct Lowering<'a> {
    pub plan: &'a Plan,
    pub memory: &'a Memory,
    pub device: &'a Arc<dyn Device>,
    pub samples: usize,
    /// Whether f32 may be multiplied as TF32.
    pub tf32: bool,
    /// The last step that left what its output is to be added to for the next one to add.
    pub left: Cell<Option<usize>>,
    /// What kernels are told by way of memory; kept as long as the work.
    pub tables: RefCell<Vec<Region>>,
}

impl<'a> Lowering<'a> {
    /// For runs of so many samples.
    pub fn new(plan: &'a Plan, memory: &'a Memory, device: &'a Arc<dyn Device>, samples: usize, tf32: bool) -> Self {
        let (left, tables) = (Cell::default(), RefCell::default());
        Lowering { plan, memory, device, samples, tf32, left, tables }
    }

    /// The address of words that kernels read.
    pub(super) fn table(&self, words: &[u64]) -> Result<u64, EngineError> {
        let table = Region::new(self.device, "a table for kernels", size_of_val(words))?;
        table.upload(0, &bytes(words))?;
        let address = table.at(0);
        self.tables.borrow_mut().push(table);
        Ok(address)
    }

    pub(super) fn input(&self, step: &Step, index: usize) -> Map {
        self.memory.map(&step.inputs[index], self.samples)
    }

    pub(super) fn output(&self, step: &Step, index: usize) -> Map {
        self.memory.map(&step.outputs[index].operand, self.samples)
    }

    /// What an output is added to.
    pub(super) fn onto(&self, target: &Target) -> Option<Map> {
        match target.start {
            Start::Unset | Start::Input(_) => None,
            Start::Sum => Some(self.memory.map(&target.operand, self.samples)),
            Start::Copy(other) => Some(self.memory.map(&other, self.samples)),
        }
    }

    /// Lets the next step add what a step's output is to be added to, where that step takes the output back through an activation
    /// at once: one pass over memory less.
    pub(super) fn leaves_sum(&self, index: usize) -> bool {
        let (step, Some(next)) = (&self.plan.steps[index], self.plan.steps.get(index + 1)) else { return false };
        let sum = &step.outputs[0];
        let in_place = |operand: &Operand| {
            let Operand { source, offset, stride, pitch, .. } = *operand;
            let Operand { source: other, offset: other_offset, stride: other_stride, pitch: other_pitch, .. } =
                sum.operand;
            (source, offset, stride, pitch) == (other, other_offset, other_stride, other_pitch)
        };
        let is_kept = matches!(&sum.start, Start::Copy(other) if leaves_alone(self.plan, next, other));
        let leaves = next.operation.takes_sum_back()
            && is_kept
            && next.inputs.last().is_some_and(in_place)
            && in_place(&next.outputs[0].operand);
        if leaves {
            self.left.set(Some(index));
        }
        leaves
    }

    /// What a step left to be added, if it did.
    pub(super) fn left_by(&self, index: usize) -> Option<Map> {
        let left = self.left.get().filter(|left| *left == index)?;
        self.onto(&self.plan.steps[left].outputs[0])
    }

    /// The address of an input that may be none.
    pub(super) fn address(&self, step: &Step, index: usize) -> u64 {
        step.inputs.get(index).map_or(0, |operand| self.memory.map(operand, self.samples).start)
    }

    pub(super) fn scratch(&self, step: &Step) -> u64 {
        step.workspace.map_or(0, |(byte, _)| self.memory.arena(byte))
    }

    /// A kernel that works on so many numbers, each, or each pack, by itself.
    pub(super) fn each(&self, kernel: &'static str, numbers: usize, words: Words) -> Launch {
        let variant = words.variant_for(source::takes_packs(kernel));
        let (blocks, threads) = self.device.grid(numbers / variant.width());
        Launch { kernel, blocks: [blocks, 1], threads, words, variant }
    }

    /// A kernel of blocks that sum or compare.
    pub(super) fn blocks(&self, kernel: &'static str, blocks: usize, words: Words) -> Launch {
        let variant = words.variant_for(false);
        Launch { kernel, blocks: [blocks as u32, 1], threads: self.device.block().min(THREADS) as u32, words, variant }
    }

    /// `y = f(onto + sum of terms)`, in turns where there are too many terms.
    pub(super) fn add(&self, terms: &[Map], onto: Option<Map>, y: Map, activation: Option<Activation>) -> Vec<Launch> {
        let turns = terms.len().div_ceil(TERMS).max(1);
        let turn = |turn: usize| {
            let terms = &terms[turn * TERMS..terms.len().min((turn + 1) * TERMS)];
            let onto = if turn == 0 { onto } else { Some(y) };
            let words = (0..TERMS).fold(Words::new(), |words, k| words.map(terms.get(k).unwrap_or(&y)));
            let words = words.size(terms.len()).optional(onto.as_ref()).map(&y);
            let last = turn + 1 == turns;
            self.each("add", y.len(), words.curve(activation.filter(|_| last)))
        };
        (0..turns).map(turn).collect()
    }

    /// The work of a step.
    pub fn work(&self, index: usize) -> Result<Vec<Work>, EngineError> {
        let step = &self.plan.steps[index];
        if let Some(convolution) = Convolution::of(&step.operation) {
            let work = self.convolution(index, step, &convolution);
            return work.map_err(|failure| failed(&**self.device, failure));
        }
        let launches = match &step.operation {
            Operation::BiasGradient => self.sums(step, &self.input(step, 0), None, [None, Some(&step.outputs[0])]),
            Operation::Affine { activation } => {
                let onto = self.onto(&step.outputs[0]);
                let [scale, shift] = [1, 2].map(|index| self.address(step, index));
                let (x, y) = (self.input(step, 0), self.output(step, 0));
                vec![self.affine(&x, scale, shift, onto, &y, *activation)]
            }
            Operation::BatchNorm(norm) => self.batch_norm(step, norm),
            Operation::BatchNormGradient { norm, behind } => self.batch_norm_gradient(index, norm, *behind),
            Operation::Activate(activation) => {
                self.add(&[self.input(step, 0)], None, self.output(step, 0), Some(*activation))
            }
            Operation::ActivateGradient(activation) => {
                let dx = self.output(step, 0);
                let words = Words::new().map(&self.input(step, 0)).flag(activation.known_by_output());
                let onto = self.left_by(index.wrapping_sub(1));
                let words = words.map(&self.input(step, 1)).optional(onto.as_ref()).map(&dx).curve(Some(*activation));
                vec![self.each("activation_gradient", dx.len(), words)]
            }
            Operation::Add { activation } => {
                let terms: Vec<Map> = (0..step.inputs.len()).map(|index| self.input(step, index)).collect();
                self.add(&terms, self.onto(&step.outputs[0]), self.output(step, 0), *activation)
            }
            Operation::Gate => {
                let y = self.output(step, 0);
                let words = Words::new().map(&self.input(step, 0)).map(&self.input(step, 1)).map(&y);
                vec![self.each("gate", y.len(), words)]
            }
            Operation::GateGradient => {
                let dgate = self.output(step, 0);
                let onto = self.onto(&step.outputs[0]);
                vec![self.sample_sums(&self.input(step, 0), Some(&self.input(step, 1)), 1.0, onto, &dgate)]
            }
            Operation::Copy => self.add(&[self.input(step, 0)], None, self.output(step, 0), None),
            Operation::Arrange => {
                let y = self.output(step, 0);
                vec![self.each("arrange", y.samples * y.plane(), Words::new().address(self.address(step, 0)).map(&y))]
            }
            Operation::Reshape => {
                let y = self.output(step, 0);
                vec![self.each("reshape", y.len(), Words::new().map(&self.input(step, 0)).map(&y))]
            }
            Operation::Slice { first } => {
                let y = self.output(step, 0);
                self.add(&[self.input(step, 0).slice(*first, y.channels)], None, y, None)
            }
            Operation::Embed { first } => {
                let (dy, dx) = (self.input(step, 0), self.output(step, 0));
                let mut launches = match step.outputs[0].start {
                    Start::Sum => Vec::new(),
                    Start::Copy(other) => self.add(&[self.memory.map(&other, self.samples)], None, dx, None),
                    Start::Unset | Start::Input(_) => self.add(&[], None, dx, None),
                };
                let there = dx.slice(*first, dy.channels);
                launches.extend(self.add(&[dy], Some(there), there, None));
                launches
            }
            Operation::Dropout { p, samples, index } => {
                let y = self.output(step, 0);
                let words = Words::new().map(&self.input(step, 0)).map(&y).address(self.memory.run());
                vec![self.each("dropout", y.len(), words.double(*p).flag(*samples).size(*index))]
            }
            Operation::Layer(layer) => self.layer(step, layer)?,
            Operation::LayerGradient(gradient) => self.layer_gradient(step, gradient)?,
            Operation::MaxPool(layer) => vec![self.max_pool(step, layer)],
            Operation::MaxPoolGradient(layer) => vec![self.max_pool_gradient(step, layer)],
            Operation::Weight(form) => self.weight_form(step, form)?,
            Operation::WeightGradient(form) => self.weight_form_gradient(step, form)?,
            Operation::CrossEntropy { output, weight, smoothing } => {
                self.cross_entropy(step, *output, *weight, *smoothing)
            }
            Operation::Accumulate => {
                let gradient = self.output(step, 0);
                let words = Words::new().address(self.address(step, 0)).address(gradient.start);
                let words = words.address(self.memory.states.address(step.changes[0])).size(gradient.len());
                vec![self.each("accumulate", gradient.len(), words.address(self.memory.run()))]
            }
            Operation::GradientNorm => self.gradient_norm(step)?,
            Operation::Average => {
                let (value, state) = (self.input(step, 0), step.changes[0]);
                let words = Words::new().address(value.start).address(self.memory.states.address(state));
                vec![self.each("average", value.len(), words.size(value.len()).address(self.memory.run()))]
            }
            // One launch does all that follow one another: see `updates`.
            Operation::Update { .. } => Vec::new(),
            Operation::Conv { .. }
            | Operation::ConvInputGradient(_)
            | Operation::ConvWeightGradient(_)
            | Operation::Linear { .. }
            | Operation::LinearInputGradient(_)
            | Operation::LinearWeightGradient(_)
            | Operation::Concat => unreachable!("convolutions are done above, and a plan holds copies instead"),
        };
        Ok(launches.into_iter().map(Work::Kernel).collect())
    }
}
