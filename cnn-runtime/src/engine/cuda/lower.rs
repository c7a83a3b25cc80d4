//! A step of a plan as launches of kernels.

use super::device::{Device, Launch};
use super::layers;
use super::memory::Memory;
use super::words::{Map, Words};
use crate::engine::backend::Use;
use crate::engine::operation::{Activation, BatchNorm, ConvShape, LinearShape, Operation};
use crate::engine::plan::{Plan, Start, Step, Target};
use crate::engine::program::{Content, Extent};
use crate::engine::session::{elements, plane, shape};
use crate::kernels::window::Axis;

/// Channels that a block sums up, and the rows of its threads: `kernels/norm.cu`.
const CHANNELS: usize = 32;
const ROWS: usize = 8;
/// Pixels of a row of threads that are worth a block of their own, and the most blocks for the same channels.
const PIXELS: usize = 16;
const MOST_PARTS: usize = 64;
/// Threads of a block that sums or compares: `kernels/training.cu`.
pub(super) const THREADS: usize = 128;
/// Numbers of a thread that are worth a block of their own, and the most blocks for a gradient.
const NUMBERS: usize = 8;
const MOST_SQUARES: usize = 64;
/// Terms that `add` takes at once.
const TERMS: usize = 4;

/// Blocks that share the pixels of the same channels. They follow from the planned batch, so that a run of fewer samples fits.
pub(super) fn parts(batch: usize, extent: Extent) -> usize {
    (batch * plane(extent)).div_ceil(ROWS * PIXELS).clamp(1, MOST_PARTS)
}

/// Blocks that share a gradient.
fn square_blocks(numbers: usize) -> usize {
    numbers.div_ceil(THREADS * NUMBERS).clamp(1, MOST_SQUARES)
}

/// Bytes of scratch for an operation.
pub(super) fn workspace(of: &Use<'_>) -> usize {
    let sums = |extent: Extent| 2 * parts(of.batch, extent) * shape(extent).channels();
    let numbers = match of.operation {
        Operation::BatchNorm(_) | Operation::BiasGradient => sums(of.inputs[0]),
        Operation::BatchNormGradient(_) => sums(of.inputs[0]) + 2 * shape(of.inputs[0]).channels(),
        Operation::Layer(layer) => layers::forward_scratch(layer, of.batch),
        Operation::LayerGradient(gradient) => layers::backward_scratch(&gradient.layer, of.batch),
        Operation::CrossEntropy { .. } => 2 * of.batch,
        Operation::GradientNorm => of.inputs.iter().map(|&extent| square_blocks(elements(extent))).sum(),
        _ => 0,
    };
    numbers * size_of::<f64>()
}

/// What a step becomes.
pub(super) enum Task {
    Launches(Vec<Launch>),
    /// No kernel computes it: the reference does, on the processor.
    Host,
}

/// Turns the steps of a plan into launches for runs of so many samples.
pub(super) struct Lowering<'a> {
    pub plan: &'a Plan,
    pub memory: &'a Memory,
    pub device: &'a dyn Device,
    pub samples: usize,
}

/// The window of a fully connected layer: its samples have one pixel.
const POINT: Axis = Axis { input: 1, output: 1, kernel: 1, stride: 1, before: 0, after: 0, dilation: 1 };

impl Lowering<'_> {
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

    /// The address of an input that may be none.
    pub(super) fn address(&self, step: &Step, index: usize) -> u64 {
        step.inputs.get(index).map_or(0, |operand| self.memory.map(operand, self.samples).start)
    }

    pub(super) fn scratch(&self, step: &Step) -> u64 {
        step.workspace.map_or(0, |(byte, _)| self.memory.arena(byte))
    }

    /// A kernel that works on so many numbers, each by itself.
    pub(super) fn each(&self, kernel: &'static str, numbers: usize, words: Words) -> Launch {
        let (blocks, threads) = self.device.grid(numbers);
        Launch { kernel, blocks: [blocks, 1], threads, words }
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

    /// Sums over the pixels of each channel, in parts.
    pub(super) fn by_channel(&self, kernel: &'static str, x: &Map, extent: Extent, words: Words) -> Launch {
        let blocks = [x.channels.div_ceil(CHANNELS) as u32, parts(self.plan.batch, extent) as u32];
        Launch { kernel, blocks, threads: (CHANNELS * ROWS) as u32, words }
    }

    /// The launches of a step.
    pub fn task(&self, step: &Step) -> Task {
        Task::Launches(match &step.operation {
            Operation::Conv { shape, activation, .. } => self.conv(step, shape, *activation),
            Operation::Linear { shape, activation, .. } => self.conv(step, &pointwise(shape), *activation),
            Operation::ConvInputGradient(shape) => self.conv_input_gradient(step, shape),
            Operation::LinearInputGradient(shape) => self.conv_input_gradient(step, &pointwise(shape)),
            Operation::ConvWeightGradient(shape) => self.conv_weight_gradient(step, shape),
            Operation::LinearWeightGradient(shape) => self.conv_weight_gradient(step, &pointwise(shape)),
            Operation::BiasGradient => self.sums(step, &self.input(step, 0), None, [None, Some(&step.outputs[0])]),
            Operation::Affine { activation } => {
                let onto = self.onto(&step.outputs[0]);
                let [scale, shift] = [1, 2].map(|index| self.address(step, index));
                let (x, y) = (self.input(step, 0), self.output(step, 0));
                vec![self.affine(&x, scale, shift, onto, &y, *activation)]
            }
            Operation::BatchNorm(norm) => self.batch_norm(step, norm),
            Operation::BatchNormGradient(norm) => self.batch_norm_gradient(step, norm),
            Operation::Activate(activation) => {
                self.add(&[self.input(step, 0)], None, self.output(step, 0), Some(*activation))
            }
            Operation::ActivateGradient(activation) => {
                let dx = self.output(step, 0);
                let words = Words::new().map(&self.input(step, 0)).flag(activation.known_by_output());
                let words = words.map(&self.input(step, 1)).map(&dx).curve(Some(*activation));
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
                let words = Words::new().map(&self.input(step, 0)).map(&self.input(step, 1));
                let words = words.optional(self.onto(&step.outputs[0]).as_ref()).map(&dgate);
                vec![self.each("gate_gradient", dgate.samples * dgate.channels, words)]
            }
            Operation::Copy => self.add(&[self.input(step, 0)], None, self.output(step, 0), None),
            Operation::Arrange => {
                let y = self.output(step, 0);
                vec![self.each("arrange", y.len(), Words::new().address(self.address(step, 0)).map(&y))]
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
            Operation::Layer(layer) => match self.layer(step, layer) {
                Some(launches) => launches,
                None => return Task::Host,
            },
            Operation::LayerGradient(gradient) => match self.layer_gradient(step, gradient) {
                Some(launches) => launches,
                None => return Task::Host,
            },
            Operation::Weight(_) | Operation::WeightGradient(_) => return Task::Host,
            Operation::CrossEntropy { output, weight, smoothing } => {
                self.cross_entropy(step, *output, *weight, *smoothing)
            }
            Operation::Accumulate => {
                let gradient = self.output(step, 0);
                let words = Words::new().address(self.address(step, 0)).address(gradient.start);
                let words = words.address(self.memory.states.address(step.changes[0])).size(gradient.len());
                vec![self.each("accumulate", gradient.len(), words.address(self.memory.run()))]
            }
            Operation::GradientNorm => self.gradient_norm(step),
            Operation::Update { decay } => vec![self.update(step, *decay)],
            Operation::Average => {
                let (value, state) = (self.input(step, 0), step.changes[0]);
                let words = Words::new().address(value.start).address(self.memory.states.address(state));
                vec![self.each("average", value.len(), words.size(value.len()).address(self.memory.run()))]
            }
            Operation::Concat => unreachable!("a plan holds copies instead"),
        })
    }

    fn conv(&self, step: &Step, shape: &ConvShape, activation: Option<Activation>) -> Vec<Launch> {
        let y = self.output(step, 0);
        let words =
            Words::new().map(&self.input(step, 0)).address(self.address(step, 1)).address(self.address(step, 2));
        let words = words.optional(self.onto(&step.outputs[0]).as_ref()).map(&y);
        let words = words.axis(&shape.rows).axis(&shape.cols).size(shape.groups).curve(activation);
        vec![self.each("conv", y.len(), words)]
    }

    fn conv_input_gradient(&self, step: &Step, shape: &ConvShape) -> Vec<Launch> {
        let dx = self.output(step, 0);
        let words = Words::new().address(self.address(step, 0)).map(&self.input(step, 1));
        let words = words.optional(self.onto(&step.outputs[0]).as_ref()).map(&dx);
        let words = words.axis(&shape.rows).axis(&shape.cols).size(shape.groups);
        vec![self.each("conv_input_gradient", dx.len(), words)]
    }

    fn conv_weight_gradient(&self, step: &Step, shape: &ConvShape) -> Vec<Launch> {
        let onto = self.onto(&step.outputs[0]).map_or(0, |onto| onto.start);
        let words = Words::new().map(&self.input(step, 0)).map(&self.input(step, 1)).address(onto);
        let words = words.address(self.output(step, 0).start);
        let words = words.axis(&shape.rows).axis(&shape.cols).size(shape.groups);
        vec![self.each("conv_weight_gradient", shape.weights(), words)]
    }

    pub(super) fn affine(
        &self,
        x: &Map,
        scale: u64,
        shift: u64,
        onto: Option<Map>,
        y: &Map,
        activation: Option<Activation>,
    ) -> Launch {
        let words = Words::new().map(x).address(scale).address(shift).optional(onto.as_ref()).map(y);
        self.each("affine", y.len(), words.curve(activation))
    }

    /// Sums of `x factor`, and of x, for each channel.
    pub(super) fn sums(&self, step: &Step, x: &Map, factor: Option<&Map>, to: [Option<&Target>; 2]) -> Vec<Launch> {
        let extent = step.inputs[step.inputs.len() - 1].extent;
        let parts_at = self.scratch(step);
        let words = Words::new().map(x).optional(factor).address(parts_at);
        let mut launches = vec![self.by_channel("channel_sums", x, extent, words)];
        launches.extend(self.sums_finish(x.channels, extent, parts_at, to));
        launches
    }

    /// Adds up the parts of two sums for each channel: the second, then the first.
    pub(super) fn sums_finish(
        &self,
        channels: usize,
        extent: Extent,
        parts_at: u64,
        to: [Option<&Target>; 2],
    ) -> Vec<Launch> {
        let finish = |(which, target): (usize, Option<&Target>)| {
            let target = target?;
            let words = Words::new().size(channels).address(parts_at).size(parts(self.plan.batch, extent));
            let words = words.size(which).address(self.onto(target).map_or(0, |onto| onto.start));
            let words = words.address(self.memory.map(&target.operand, self.samples).start);
            Some(self.each("channel_sums_finish", channels, words))
        };
        [(1, to[0]), (0, to[1])].into_iter().filter_map(finish).collect()
    }

    fn batch_norm(&self, step: &Step, norm: &BatchNorm) -> Vec<Launch> {
        let (x, y) = (self.input(step, 0), self.output(step, 0));
        let [mean, inverse] = [1, 2].map(|index| self.output(step, index).start);
        let [weight, bias] = [1, 2].map(|index| self.address(step, index));
        let [running_mean, running_var] = [0, 1].map(|index| self.memory.states.address(step.changes[index]));
        let (extent, scratch) = (step.inputs[0].extent, self.scratch(step));
        let moments = Words::new().map(&x).address(scratch);
        let statistics = Words::new().map(&x).address(scratch).size(parts(self.plan.batch, extent));
        let statistics = statistics.double(norm.eps).double(norm.momentum).address(mean).address(inverse);
        let words = Words::new().map(&x).address(mean).address(inverse).address(weight).address(bias);
        let words = words.optional(self.onto(&step.outputs[0]).as_ref()).map(&y).curve(norm.activation);
        vec![
            self.by_channel("channel_moments", &x, extent, moments),
            self.each("norm_statistics", x.channels, statistics.address(running_mean).address(running_var)),
            self.each("batch_norm", y.len(), words),
        ]
    }

    fn batch_norm_gradient(&self, step: &Step, norm: &BatchNorm) -> Vec<Launch> {
        let last = step.inputs.len() - 1;
        let (x, dy, dx) = (self.input(step, 0), self.input(step, last), self.output(step, 0));
        let [mean, inverse] = [1, 2].map(|index| self.address(step, index));
        let [weight, bias] = [3, 4].map(|index| if norm.affine { self.address(step, index) } else { 0 });
        let [dweight, dbias] = [1, 2].map(|index| match step.outputs.get(index) {
            Some(target) => self.memory.map(&target.operand, self.samples).start,
            None => 0,
        });
        let (extent, scratch) = (step.inputs[0].extent, self.scratch(step));
        let count = parts(self.plan.batch, extent);
        let sums = scratch + (2 * count * x.channels * size_of::<f64>()) as u64;
        let base = || {
            let words = Words::new().map(&x).map(&dy).address(mean).address(inverse);
            words.address(weight).address(bias).curve(norm.activation)
        };
        let finish = Words::new().size(x.channels).address(scratch).size(count);
        let words = base().address(sums).optional(self.onto(&step.outputs[0]).as_ref()).map(&dx);
        vec![
            self.by_channel("norm_gradient_sums", &x, extent, base().address(scratch)),
            self.each("norm_gradient_finish", x.channels, finish.address(sums).address(dweight).address(dbias)),
            self.each("norm_gradient", dx.len(), words),
        ]
    }

    fn cross_entropy(&self, step: &Step, output: usize, weight: f64, smoothing: f64) -> Vec<Launch> {
        let (logits, scratch) = (self.input(step, 0), self.scratch(step));
        let words = Words::new().map(&logits).map(&self.output(step, 0)).address(self.memory.run());
        let words = words.address(self.memory.labels()).address(self.memory.soft());
        let words = words.double(weight).double(smoothing).address(scratch);
        let blocks = [logits.samples as u32, 1];
        let mut launches = vec![Launch { kernel: "cross_entropy", blocks, threads: THREADS as u32, words }];
        if let Some(measure) = self.memory.measure(output) {
            let words = Words::new().address(scratch).size(logits.samples).address(measure);
            launches.push(self.each("measure", 2, words));
        }
        launches
    }

    fn gradient_norm(&self, step: &Step) -> Vec<Launch> {
        let (scratch, mut noted) = (self.scratch(step), 0);
        let mut launches = Vec::new();
        for index in 0..step.inputs.len() {
            let gradient = self.input(step, index);
            let blocks = square_blocks(gradient.len());
            let at = scratch + (noted * size_of::<f64>()) as u64;
            let words = Words::new().address(gradient.start).size(gradient.len()).address(at);
            launches.push(Launch { kernel: "squares", blocks: [blocks as u32, 1], threads: THREADS as u32, words });
            noted += blocks;
        }
        let words = Words::new().address(scratch).size(noted).address(self.output(step, 0).start);
        let words = words.address(self.memory.run());
        launches.push(Launch { kernel: "gradient_norm", blocks: [1, 1], threads: THREADS as u32, words });
        launches
    }

    fn update(&self, step: &Step, decays: bool) -> Launch {
        let gradient = self.input(step, 0);
        let address = |state: &usize| self.memory.states.address(*state);
        let is_average = |state: &&usize| matches!(self.plan.states[**state].content, Content::Average(_));
        let (weight, others) = (step.changes[0], &step.changes[1..]);
        let mut states = others.iter().filter(|state| !is_average(state)).map(address);
        let words = Words::new().address(gradient.start).address(self.memory.states.address(weight));
        let words = words.address(states.next().unwrap_or(0)).address(states.next().unwrap_or(0));
        let words = words.address(others.iter().find(is_average).map_or(0, address)).size(gradient.len());
        let words = words.flag(decays).address(self.memory.run()).address(self.memory.pace(weight));
        self.each("update", gradient.len(), words)
    }
}

/// A fully connected layer as a convolution of a single pixel.
fn pointwise(shape: &LinearShape) -> ConvShape {
    ConvShape { inputs: shape.inputs, outputs: shape.outputs, groups: 1, rows: POINT, cols: POINT }
}
