//! Convolutions and fully connected layers as work: the library's, kernels for depthwise ones, plain loops where there is neither.

use super::Lowering;
use super::lanes::Lanes;
use crate::engine::backend::Use;
use crate::engine::cuda::cudnn::Pass;
use crate::engine::cuda::device::{Failure, Launch, Work};
use crate::engine::cuda::source::{self, FILTER_LANES, STRIP, TAPS};
use crate::engine::cuda::words::{Map, Number, Words};
use crate::engine::operation::{Activation, ConvShape, LinearShape, Operation};
use crate::engine::plan::Step;
use crate::kernels::window::Axis;

/// The most threads of a block: each holds many numbers, and smaller blocks fill a multiprocessor better.
const BLOCK: usize = 128;
/// Strips of a row of threads that are worth a block of their own, and the most blocks.
const STRIPS: usize = 2;
const MOST_BLOCKS: usize = 4096;
/// Rows of outputs that are worth a block of their own where there are sums, and the most blocks.
const OUTPUT_ROWS: usize = 4;
const MOST_PARTS: usize = 512;

/// The window of a fully connected layer: its samples have one pixel.
pub(super) const POINT: Axis = Axis { input: 1, output: 1, kernel: 1, stride: 1, before: 0, after: 0, dilation: 1 };

/// One of the three computations of a convolution.
#[derive(Clone, Copy)]
pub(in crate::engine::cuda) struct Convolution {
    pub pass: Pass,
    pub shape: ConvShape,
    pub activation: Option<Activation>,
}

impl Convolution {
    /// What an operation computes, if it is one.
    pub fn of(operation: &Operation) -> Option<Convolution> {
        let (pass, shape, activation) = match operation {
            Operation::Conv { shape, activation, .. } => (Pass::Forward, *shape, *activation),
            Operation::Linear { shape, activation, .. } => (Pass::Forward, pointwise(shape), *activation),
            Operation::ConvInputGradient(shape) => (Pass::InputGradient, *shape, None),
            Operation::LinearInputGradient(shape) => (Pass::InputGradient, pointwise(shape), None),
            Operation::ConvWeightGradient(shape) => (Pass::WeightGradient, *shape, None),
            Operation::LinearWeightGradient(shape) => (Pass::WeightGradient, pointwise(shape), None),
            _ => return None,
        };
        Some(Convolution { pass, shape, activation })
    }

    /// Whether each channel has one filter, and there are kernels for that.
    pub fn is_depthwise(&self) -> bool {
        let ConvShape { inputs, outputs, groups, rows, cols } = self.shape;
        groups > 1 && groups == inputs && groups == outputs && rows.kernel.max(cols.kernel) <= TAPS
    }

    /// Kernel and stride, where both axes have the same and taps are neighbours.
    fn window(&self) -> Option<(usize, usize)> {
        let [rows, cols] = [self.shape.rows, self.shape.cols].map(|axis| (axis.kernel, axis.stride, axis.dilation));
        (rows == cols && rows.2 == 1).then_some((rows.0, rows.1))
    }

    /// The index of the input that is the weight.
    pub fn weight(&self) -> Option<usize> {
        match self.pass {
            Pass::Forward => Some(1),
            Pass::InputGradient => Some(0),
            Pass::WeightGradient => None,
        }
    }

    /// Blocks that share the outputs of the weights of a depthwise convolution.
    fn depthwise_parts(&self, width: usize, block: usize, batch: usize) -> usize {
        let ConvShape { inputs, rows, .. } = self.shape;
        let lanes = Lanes::of(inputs, width, block.min(BLOCK), FILTER_LANES);
        let most = (MOST_PARTS / (lanes.groups * rows.kernel)).max(4);
        (batch * rows.output / (lanes.rows * OUTPUT_ROWS)).clamp(1, most)
    }
}

/// Numbers of 64 bits of scratch for the gradient of a depthwise convolution's weights, whatever the width.
pub(in crate::engine::cuda) fn depthwise_scratch(
    number: Number,
    block: usize,
    convolution: &Convolution,
    of: &Use<'_>,
) -> usize {
    if convolution.pass != Pass::WeightGradient {
        return 0;
    }
    let parts = |width: usize| convolution.depthwise_parts(width, block, of.batch);
    parts(1).max(parts(number.pack())) * convolution.shape.weights()
}

/// The windows for which there are kernels of their own, and those kernels' names.
const FORWARD: [(usize, usize); 5] = [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1)];

fn named(what: &str, window: (usize, usize)) -> &'static str {
    let wanted = format!("{what}_{}_{}", window.0, window.1);
    source::kernel(&wanted).unwrap_or_else(|| unreachable!("there is a kernel {wanted}"))
}

/// An axis of stride 1, from its outputs to its inputs.
fn backwards(axis: &Axis) -> Axis {
    let Axis { input, output, kernel, before, .. } = *axis;
    Axis { input: output, output: input, before: kernel - 1 - before, after: 0, ..*axis }
}

/// A fully connected layer as a convolution of a single pixel.
fn pointwise(shape: &LinearShape) -> ConvShape {
    ConvShape { inputs: shape.inputs, outputs: shape.outputs, groups: 1, rows: POINT, cols: POINT }
}

impl Lowering<'_> {
    /// The work of a convolution.
    pub(super) fn convolution(
        &self,
        index: usize,
        step: &Step,
        convolution: &Convolution,
    ) -> Result<Vec<Work>, Failure> {
        if convolution.is_depthwise() {
            return Ok(self.depthwise(step, convolution).into_iter().map(Work::Kernel).collect());
        }
        if let Some(work) = self.by_library(index, step, convolution)? {
            return Ok(work);
        }
        if convolution.weight().is_some_and(|index| self.memory.filters.stores(&step.inputs[index])) {
            return Err(format!("{}: cuDNN has no engine for {:?}", step.place, convolution.shape));
        }
        let launch = match convolution.pass {
            Pass::Forward => self.plain(step, convolution),
            Pass::InputGradient => self.plain_input_gradient(step, convolution),
            Pass::WeightGradient => self.plain_weight_gradient(step, convolution),
        };
        Ok(vec![Work::Kernel(launch)])
    }

    fn depthwise(&self, step: &Step, convolution: &Convolution) -> Vec<Launch> {
        let ConvShape { rows, cols, .. } = convolution.shape;
        let onto = self.onto(&step.outputs[0]);
        // Kernels of their own are for packs.
        let window = |words: &Words| convolution.window().filter(|_| words.variant_for(true).wide);
        match convolution.pass {
            Pass::Forward => {
                let (x, y) = (self.input(step, 0), self.output(step, 0));
                let words = Words::new().map_by_lanes(&x).address(self.address(step, 1)).address(self.address(step, 2));
                let words = words.optional(onto.as_ref()).map(&y).axis(&rows).axis(&cols).curve(convolution.activation);
                vec![match window(&words).filter(|window| FORWARD.contains(window)) {
                    Some(window) => self.strips(named("depthwise", window), &y, words.flag(false)),
                    None => self.strips("depthwise", &y, words),
                }]
            }
            Pass::InputGradient => {
                let (dy, dx) = (self.input(step, 1), self.output(step, 0));
                let start = Words::new().map_by_lanes(&dy).address(self.address(step, 0));
                let words = start.clone().optional(onto.as_ref()).map(&dx).axis(&rows).axis(&cols);
                let before = |allowed: &dyn Fn(&Axis) -> bool| [rows, cols].iter().all(allowed);
                vec![match window(&words) {
                    // The same computation with the taps backwards.
                    Some(window @ (kernel, 1)) if FORWARD.contains(&window) && before(&|axis| axis.before < kernel) => {
                        let words = start.address(0).optional(onto.as_ref()).map(&dx);
                        let words = words.axis(&backwards(&rows)).axis(&backwards(&cols)).curve(None).flag(true);
                        self.strips(named("depthwise", window), &dx, words)
                    }
                    Some((3, 2)) if before(&|axis| axis.before == 1) => self.strips("depthwise_spread_3", &dx, words),
                    Some((5, 2)) if before(&|axis| axis.before == 2) => self.strips("depthwise_spread_5", &dx, words),
                    _ => self.strips("depthwise_input_gradient", &dx, words),
                }]
            }
            Pass::WeightGradient => {
                let (x, dy, scratch) = (self.input(step, 0), self.input(step, 1), self.scratch(step));
                let words = Words::new().map_by_lanes(&x).map(&dy).axis(&rows).axis(&cols).address(scratch);
                let kernel = match window(&words).filter(|window| FORWARD.contains(window)) {
                    Some(window) => named("depthwise_weights", window),
                    None => "depthwise_weight_gradient",
                };
                let sums = self.beside(kernel, x.channels, words);
                let parts = convolution.depthwise_parts(sums.variant.width(), self.device.block(), self.plan.batch);
                let sums = Launch { blocks: [sums.blocks[0], (parts * rows.kernel) as u32], ..sums };
                let words = Words::new().address(scratch).size(parts).size(x.channels).size(rows.kernel * cols.kernel);
                let words = words.address(onto.map_or(0, |onto| onto.start)).address(self.output(step, 0).start);
                vec![sums, self.each("depthwise_weight_finish", convolution.shape.weights(), words)]
            }
        }
    }

    /// A kernel whose threads stand side by side, each with a pack of channels.
    fn beside(&self, kernel: &'static str, channels: usize, mut words: Words) -> Launch {
        let variant = words.variant_for(source::takes_packs(kernel));
        let lanes = Lanes::of(channels, variant.width(), self.device.block().min(BLOCK), FILTER_LANES);
        words.set_lanes(lanes.lanes);
        Launch { kernel, blocks: [lanes.groups as u32, 1], threads: lanes.threads(), words, variant }
    }

    /// One that computes a map in strips.
    fn strips(&self, kernel: &'static str, y: &Map, words: Words) -> Launch {
        let launch = self.beside(kernel, y.channels, words);
        let lanes = Lanes::of(y.channels, launch.variant.width(), self.device.block().min(BLOCK), FILTER_LANES);
        let strips = y.samples * y.height * y.width.div_ceil(STRIP);
        let blocks = strips.div_ceil(lanes.rows * STRIPS).clamp(1, (MOST_BLOCKS / lanes.groups).max(1));
        Launch { blocks: [launch.blocks[0], blocks as u32], ..launch }
    }

    fn plain(&self, step: &Step, convolution: &Convolution) -> Launch {
        let ConvShape { rows, cols, groups, .. } = convolution.shape;
        let y = self.output(step, 0);
        let words =
            Words::new().map(&self.input(step, 0)).address(self.address(step, 1)).address(self.address(step, 2));
        let words = words.optional(self.onto(&step.outputs[0]).as_ref()).map(&y);
        let words = words.axis(&rows).axis(&cols).size(groups).curve(convolution.activation);
        self.each("conv", y.len(), words)
    }

    fn plain_input_gradient(&self, step: &Step, convolution: &Convolution) -> Launch {
        let ConvShape { rows, cols, groups, .. } = convolution.shape;
        let dx = self.output(step, 0);
        let words = Words::new().address(self.address(step, 0)).map(&self.input(step, 1));
        let words = words.optional(self.onto(&step.outputs[0]).as_ref()).map(&dx);
        self.each("conv_input_gradient", dx.len(), words.axis(&rows).axis(&cols).size(groups))
    }

    fn plain_weight_gradient(&self, step: &Step, convolution: &Convolution) -> Launch {
        let ConvShape { rows, cols, groups, .. } = convolution.shape;
        let onto = self.onto(&step.outputs[0]).map_or(0, |onto| onto.start);
        let words = Words::new().map(&self.input(step, 0)).map(&self.input(step, 1)).address(onto);
        let words = words.address(self.output(step, 0).start).axis(&rows).axis(&cols).size(groups);
        self.each("conv_weight_gradient", convolution.shape.weights(), words)
    }
}
