//! Convolutions and fully connected layers as work: the library's, kernels for depthwise ones, plain loops where there is neither.

use super::cudnn::{Addresses, Pass, Problem};
use super::device::{Convolution as Library, Failure, Launch, Work};
use super::lanes::Lanes;
use super::lower::Lowering;
use super::source;
use super::words::{Map, Number, Words};
use crate::engine::backend::Use;
use crate::engine::memory::ALIGNMENT;
use crate::engine::operation::{Activation, ConvShape, LinearShape, Operation};
use crate::engine::plan::{Operand, Source, Start, Step};
use crate::kernels::window::Axis;

/// Taps of a column and of a row that the kernels for depthwise convolutions take, and their threads side by side:
/// `kernels/depthwise.cu`.
const TAPS: usize = 7;
const MOST_LANES: usize = 16;
/// Strips of a row of threads that are worth a block of their own, and the most blocks.
const STRIP: usize = 4;
const STRIPS: usize = 2;
const MOST_BLOCKS: usize = 4096;
/// Rows of outputs that are worth a block of their own where there are sums, and the most blocks.
const OUTPUT_ROWS: usize = 4;
const MOST_PARTS: usize = 512;
/// The most blocks for a weight of a table, of which others may be small.
const MOST_PACKING: u32 = 64;

/// The window of a fully connected layer: its samples have one pixel.
const POINT: Axis = Axis { input: 1, output: 1, kernel: 1, stride: 1, before: 0, after: 0, dilation: 1 };

/// One of the three computations of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Convolution {
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

    /// The index of the input that is the weight.
    pub fn weight(&self) -> Option<usize> {
        match self.pass {
            Pass::Forward => Some(1),
            Pass::InputGradient => Some(0),
            Pass::WeightGradient => None,
        }
    }

    /// Outputs, inputs of a group, height times width of the window.
    pub fn filter(&self) -> [usize; 3] {
        let ConvShape { inputs, outputs, groups, rows, cols } = self.shape;
        [outputs, inputs / groups, rows.kernel * cols.kernel]
    }

    /// Bytes of the filters as the library wants them.
    pub fn filter_bytes(&self, number: Number) -> usize {
        self.shape.weights() * number.bytes()
    }

    /// Whether the library takes weights as they are.
    pub fn is_filter(&self, number: Number) -> bool {
        let [_, inputs, window] = self.filter();
        number == Number::F32 && (window == 1 || inputs == 1)
    }

    /// As the library is asked for it.
    pub fn problem(&self, number: Number, tf32: bool, samples: usize, [x_pitch, y_pitch]: [usize; 2]) -> Problem {
        Problem {
            pass: self.pass,
            number,
            tf32,
            deterministic: true,
            samples,
            shape: self.shape,
            x_pitch,
            y_pitch,
            epilogue: None,
        }
    }

    /// Where nothing lies between pixels.
    pub fn dense(&self, number: Number, tf32: bool, samples: usize) -> Problem {
        self.problem(number, tf32, samples, [self.shape.inputs, self.shape.outputs])
    }

    /// Blocks that share the outputs of the weights of a depthwise convolution.
    fn depthwise_parts(&self, width: usize, block: usize, batch: usize) -> usize {
        let ConvShape { inputs, rows, .. } = self.shape;
        let lanes = Lanes::of(inputs, width, block, MOST_LANES);
        let most = (MOST_PARTS / (lanes.groups * rows.kernel)).max(4);
        (batch * rows.output / (lanes.rows * OUTPUT_ROWS)).clamp(1, most)
    }
}

/// Numbers of 64 bits of scratch for the gradient of a depthwise convolution's weights, whatever the width.
pub(super) fn depthwise_scratch(number: Number, block: usize, convolution: &Convolution, of: &Use<'_>) -> usize {
    if convolution.pass != Pass::WeightGradient {
        return 0;
    }
    let parts = |width: usize| convolution.depthwise_parts(width, block, of.batch);
    parts(1).max(parts(number.pack())) * convolution.shape.weights()
}

/// Scratch where the library leaves a gradient before it is brought into the order of weights.
pub(super) fn gradient_scratch(number: Number, convolution: &Convolution) -> usize {
    match convolution.pass {
        Pass::WeightGradient => convolution.filter_bytes(number).next_multiple_of(ALIGNMENT),
        Pass::Forward | Pass::InputGradient => 0,
    }
}

/// A fully connected layer as a convolution of a single pixel.
fn pointwise(shape: &LinearShape) -> ConvShape {
    ConvShape { inputs: shape.inputs, outputs: shape.outputs, groups: 1, rows: POINT, cols: POINT }
}

impl Lowering<'_> {
    /// The work of a convolution.
    pub(super) fn convolution(&self, step: &Step, convolution: &Convolution) -> Result<Vec<Work>, Failure> {
        if convolution.is_depthwise() {
            return Ok(self.depthwise(step, convolution).into_iter().map(Work::Kernel).collect());
        }
        if let Some(work) = self.by_library(step, convolution)? {
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

    /// What the library computes, if it can.
    fn by_library(&self, step: &Step, convolution: &Convolution) -> Result<Option<Vec<Work>>, Failure> {
        let output = &step.outputs[0];
        let maps = match convolution.pass {
            Pass::Forward => [self.input(step, 0), self.output(step, 0)],
            Pass::InputGradient => [self.output(step, 0), self.input(step, 1)],
            Pass::WeightGradient => [self.input(step, 0), self.input(step, 1)],
        };
        let number = maps[1].number;
        // It writes over what lies there.
        if output.start == Start::Sum && convolution.pass != Pass::WeightGradient || maps[0].number != number {
            return Ok(None);
        }
        let (scratch, len) = step.workspace.map_or((0, 0), |(byte, len)| (self.memory.arena(byte), len));
        let kept = gradient_scratch(number, convolution);
        let [x, y] = maps;
        let problem = convolution.problem(number, self.tf32, self.samples, [x.pitch, y.pitch]);
        let timed = self.samples == self.plan.batch;
        let most = len.saturating_sub(kept);
        let Some(plan) = self.device.convolution(&problem, Some(most), timed)? else { return Ok(None) };
        let after = self.after(step, convolution);
        let fused = self.fused(&problem, (&after, &y), &plan, most);
        let mut work = Vec::new();
        let run = |filter: u64| {
            let addresses = [x.start, filter, y.start];
            let (plan, addresses) = match &fused {
                Some(fused) => (fused, after.addresses(addresses)),
                None => (&plan, Addresses::of(addresses)),
            };
            Work::Library(Library { plan: plan.clone(), addresses, workspace: scratch + kept as u64 })
        };
        let [outputs, inputs, window] = convolution.filter();
        if let Some(index) = convolution.weight() {
            let (filter, pack) = self.filter(&step.inputs[index], convolution, number);
            work.extend(pack.map(Work::Kernel));
            work.push(run(filter));
        } else {
            let to = self.output(step, 0).start;
            let onto = self.onto(output).map_or(0, |onto| onto.start);
            if convolution.is_filter(number) && onto == 0 {
                work.push(run(to));
            } else {
                work.push(run(scratch));
                let words = Words::new().address(scratch).address(onto).address(to);
                let words = words.size(outputs).size(inputs).size(window);
                work.push(Work::Kernel(self.each_of(number, "unpack_filter", convolution.shape.weights(), words)));
            }
        }
        if fused.is_none() && !after.is_empty() {
            let map = self.output(step, 0);
            work.push(Work::Kernel(self.affine(&map, 0, after.bias, after.onto, &map, after.activation)));
        }
        Ok(Some(work))
    }

    /// Where the library finds a weight, and what brings it there first.
    fn filter(&self, weight: &Operand, convolution: &Convolution, number: Number) -> (u64, Option<Launch>) {
        let address = self.memory.map(weight, self.samples).start;
        if matches!(weight.source, Source::Constant(_)) || convolution.is_filter(number) {
            return (address, None);
        }
        let Some(at) = self.memory.filters.of(weight) else { unreachable!("all weights of convolutions have a place") };
        // What a step has computed is brought there when it is wanted, the others once a run.
        let computed = matches!(weight.source, Source::Arena(_));
        (at.packed, computed.then(|| self.pack(at.table, 1, number, convolution.shape.weights())))
    }

    /// Brings all that is learned into the library's order, at the beginning of a run.
    pub(super) fn pack_learned(&self) -> Option<Launch> {
        let filters = &self.memory.filters;
        let launch = |entries| self.pack(filters.table(), entries, self.memory.number, filters.largest);
        (filters.learned > 0).then(|| launch(filters.learned))
    }

    /// Brings weights of a table into the library's order.
    fn pack(&self, table: u64, entries: usize, number: Number, numbers: usize) -> Launch {
        let launch = self.each_of(number, "pack_filters", numbers, Words::new().address(table));
        Launch { blocks: [launch.blocks[0].min(MOST_PACKING), entries as u32], ..launch }
    }

    /// A kernel for maps of such numbers, of which it is given none.
    fn each_of(&self, number: Number, kernel: &'static str, numbers: usize, words: Words) -> Launch {
        let launch = self.each(kernel, numbers, words);
        Launch { variant: super::words::Variant { number, wide: false }, ..launch }
    }

    fn depthwise(&self, step: &Step, convolution: &Convolution) -> Vec<Launch> {
        let ConvShape { rows, cols, .. } = convolution.shape;
        let onto = self.onto(&step.outputs[0]);
        match convolution.pass {
            Pass::Forward => {
                let (x, y) = (self.input(step, 0), self.output(step, 0));
                let words = Words::new().map_by_lanes(&x).address(self.address(step, 1)).address(self.address(step, 2));
                let words = words.optional(onto.as_ref()).map(&y).axis(&rows).axis(&cols).curve(convolution.activation);
                vec![self.strips("depthwise", &y, words)]
            }
            Pass::InputGradient => {
                let (dy, dx) = (self.input(step, 1), self.output(step, 0));
                let words = Words::new().map_by_lanes(&dy).address(self.address(step, 0));
                let words = words.optional(onto.as_ref()).map(&dx).axis(&rows).axis(&cols);
                vec![self.strips("depthwise_input_gradient", &dx, words)]
            }
            Pass::WeightGradient => {
                let (x, dy, scratch) = (self.input(step, 0), self.input(step, 1), self.scratch(step));
                let words = Words::new().map_by_lanes(&x).map(&dy).axis(&rows).axis(&cols).address(scratch);
                let kernel = "depthwise_weight_gradient";
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
        let lanes = Lanes::of(channels, variant.width(), self.device.block(), MOST_LANES);
        words.set_lanes(lanes.lanes);
        Launch { kernel, blocks: [lanes.groups as u32, 1], threads: lanes.threads(), words, variant }
    }

    /// One that computes a map in strips.
    fn strips(&self, kernel: &'static str, y: &Map, words: Words) -> Launch {
        let launch = self.beside(kernel, y.channels, words);
        let lanes = Lanes::of(y.channels, launch.variant.width(), self.device.block(), MOST_LANES);
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
