//! Convolutions and fully connected layers that the library computes: how, with what filters, on what.

use std::sync::Arc;

use super::Lowering;
use super::conv::{Convolution, POINT};
use crate::engine::cuda::cudnn::{Addresses, Pass, Problem};
use crate::engine::cuda::device::{Convolution as LibraryWork, Device, Failure, Launch, Planned, Work};
use crate::engine::cuda::words::{Map, Number, Variant, Words};
use crate::engine::memory::ALIGNMENT;
use crate::engine::operation::ConvShape;
use crate::engine::plan::{Operand, Source, Start, Step};
use crate::kernels::window::Axis;

/// The most blocks for a weight of a table, of which others may be small.
const MOST_PACKING: u32 = 64;
/// Numbers under a window up to which it may be faster to lay them out as one pixel's channels first.
const MOST_UNFOLDED: usize = 288;

/// How the library computes a convolution.
pub(super) struct Choice {
    pub plan: Arc<dyn Planned>,
    pub problem: Problem,
    /// Whether x is unfolded first.
    pub unfolds: bool,
}

impl Convolution {
    /// Numbers of a filter as the library wants them.
    pub fn filter_row(&self, number: Number) -> usize {
        let [_, inputs, window] = self.filter();
        if self.must_unfold(number) { (inputs * window).next_multiple_of(number.pack()) } else { inputs * window }
    }

    /// Whether what lies under each window must be laid out as one pixel's channels first. Matrix units take packs of channels,
    /// and images have fewer.
    fn must_unfold(&self, number: Number) -> bool {
        number != Number::F32 && self.shape.groups == 1 && self.shape.inputs < number.pack()
    }

    /// Whether that may be faster.
    fn may_unfold(&self, number: Number) -> bool {
        let (row, [_, _, window]) = (self.filter_row(number), self.filter());
        let is_small = row <= MOST_UNFOLDED && row.is_multiple_of(number.pack());
        number != Number::F32 && self.shape.groups == 1 && window > 1 && is_small && self.pass != Pass::InputGradient
    }

    /// Bytes of the filters as the library wants them.
    pub fn filter_bytes(&self, number: Number) -> usize {
        let [outputs, ..] = self.filter();
        outputs * self.filter_row(number) * number.bytes()
    }

    /// Whether the library takes weights as they are.
    pub fn is_filter(&self, number: Number) -> bool {
        let [_, inputs, window] = self.filter();
        number == Number::F32 && (window == 1 || inputs == 1)
    }

    /// Whether the library may compute it: filters for unfolded maps are of no use for the gradient of what was unfolded.
    pub fn is_for_library(&self, number: Number) -> bool {
        let of_unfolded = self.pass == Pass::InputGradient && self.must_unfold(number);
        !self.is_depthwise() && !of_unfolded
    }

    /// As the library is asked for it, pixels so far apart.
    fn problem(&self, number: Number, tf32: bool, samples: usize, [x_pitch, y_pitch]: [usize; 2]) -> Problem {
        let (pass, shape) = (self.pass, self.shape);
        Problem { pass, number, tf32, samples, shape, x_pitch, y_pitch, epilogue: None }
    }

    /// The same on an unfolded x.
    fn unfolded(&self, problem: &Problem) -> Problem {
        let ConvShape { outputs, groups, rows, cols, .. } = self.shape;
        let inputs = self.filter_row(problem.number);
        let [rows, cols] = [rows, cols].map(|axis| Axis { input: axis.output, output: axis.output, ..POINT });
        Problem { shape: ConvShape { inputs, outputs, groups, rows, cols }, x_pitch: inputs, ..*problem }
    }

    /// Bytes of scratch for a gradient in the library's form, and for an unfolded x.
    fn scratch(&self, number: Number, samples: usize, unfolds: bool) -> [usize; 2] {
        let gradient = if self.pass == Pass::WeightGradient { self.filter_bytes(number) } else { 0 };
        let pixels = samples * self.shape.rows.output * self.shape.cols.output;
        let x = if unfolds { pixels * self.filter_row(number) * number.bytes() } else { 0 };
        [gradient, x].map(|bytes| bytes.next_multiple_of(ALIGNMENT))
    }

    /// The fastest way within so many bytes of scratch in all.
    fn choice(
        &self,
        device: &dyn Device,
        direct: Problem,
        most: usize,
        timed: bool,
    ) -> Result<Option<Choice>, Failure> {
        let number = direct.number;
        let ask = |problem: Problem, unfolds: bool| -> Result<Option<Choice>, Failure> {
            let kept: usize = self.scratch(number, problem.samples, unfolds).iter().sum();
            let Some(left) = most.checked_sub(kept) else { return Ok(None) };
            let plan = device.convolution(&problem, Some(left), timed)?;
            Ok(plan.map(|plan| Choice { plan, problem, unfolds }))
        };
        if self.must_unfold(number) {
            return ask(self.unfolded(&direct), true);
        }
        let straight = ask(direct, false)?;
        let time = straight.as_ref().and_then(|choice| choice.plan.milliseconds());
        let Some(time) = time.filter(|_| self.may_unfold(number)) else { return Ok(straight) };
        let [_, bytes] = self.scratch(number, direct.samples, true);
        let unfolding = super::fused::pass_milliseconds(bytes);
        let unfolded = ask(self.unfolded(&direct), true)?;
        let is_faster = |choice: &Choice| choice.plan.milliseconds().is_some_and(|other| other + unfolding < time);
        Ok(unfolded.filter(is_faster).or(straight))
    }

    /// Bytes of scratch for so many samples, those of the library included.
    pub fn workspace(&self, device: &dyn Device, number: Number, tf32: bool, samples: usize) -> usize {
        let direct = self.problem(number, tf32, samples, [self.shape.inputs, self.shape.outputs]);
        // A device that fails will say so again when the plan is prepared.
        let Ok(Some(choice)) = self.choice(device, direct, usize::MAX, true) else { return 0 };
        let kept: usize = self.scratch(number, samples, choice.unfolds).iter().sum();
        let least = if self.pass == Pass::Forward { super::fused::WORKSPACE } else { 0 };
        kept + choice.plan.workspace().max(least)
    }
}

impl Lowering<'_> {
    /// What the library computes, if it can.
    pub(super) fn by_library(
        &self,
        index: usize,
        step: &Step,
        convolution: &Convolution,
    ) -> Result<Option<Vec<Work>>, Failure> {
        let output = &step.outputs[0];
        let [x, y] = match convolution.pass {
            Pass::Forward => [self.input(step, 0), self.output(step, 0)],
            Pass::InputGradient => [self.output(step, 0), self.input(step, 1)],
            Pass::WeightGradient => [self.input(step, 0), self.input(step, 1)],
        };
        let number = y.number;
        // It writes over what lies there.
        let writes_over = output.start == Start::Sum && convolution.pass != Pass::WeightGradient;
        if writes_over || x.number != number || !convolution.is_for_library(number) {
            return Ok(None);
        }
        let (scratch, len) = step.workspace.map_or((0, 0), |(byte, len)| (self.memory.arena(byte), len));
        let direct = convolution.problem(number, self.tf32, self.samples, [x.pitch, y.pitch]);
        let timed = self.samples == self.plan.batch;
        let Some(choice) = convolution.choice(&**self.device, direct, len, timed)? else { return Ok(None) };
        let [for_gradient, for_x] = convolution.scratch(number, self.samples, choice.unfolds);
        let (unfolded, workspace) = (scratch + for_gradient as u64, scratch + (for_gradient + for_x) as u64);
        let left = convolution.pass == Pass::InputGradient && self.leaves_sum(index);
        let after = self.after(step, convolution, left);
        let fused = self.fused(&choice.problem, (&after, &y), &*choice.plan, len.saturating_sub(for_gradient + for_x));
        let row = convolution.filter_row(number);
        let run = |filter: u64| {
            let addresses = [if choice.unfolds { unfolded } else { x.start }, filter, y.start];
            let (plan, addresses) = match &fused {
                Some(fused) => (fused, after.addresses(addresses)),
                None => (&choice.plan, Addresses::of(addresses)),
            };
            Work::Library(LibraryWork { plan: plan.clone(), addresses, workspace })
        };
        let mut work = Vec::new();
        if choice.unfolds {
            work.push(Work::Kernel(self.unfold(convolution, &x, row, unfolded)));
        }
        let Some(index) = convolution.weight() else {
            let onto = self.onto(output).map_or(0, |onto| onto.start);
            if convolution.is_filter(number) && onto == 0 {
                work.push(run(self.output(step, 0).start));
            } else {
                work.push(run(scratch));
                work.push(Work::Kernel(self.unpack(convolution, number, scratch, onto, self.output(step, 0).start)));
            }
            return Ok(Some(work));
        };
        let (filter, pack) = self.filter(&step.inputs[index], convolution, number);
        work.extend(pack.map(Work::Kernel));
        work.push(run(filter));
        if fused.is_none() && !after.is_empty() {
            let map = self.output(step, 0);
            work.push(Work::Kernel(self.affine(&map, 0, after.bias, after.onto, &map, after.activation)));
        }
        Ok(Some(work))
    }

    /// Lays out what lies under each window as a pixel's channels, so many, at an address.
    fn unfold(&self, convolution: &Convolution, x: &Map, channels: usize, start: u64) -> Launch {
        let ConvShape { rows, cols, .. } = convolution.shape;
        let (height, width) = (rows.output, cols.output);
        let wide = Map { start, stride: height * width * channels, height, width, pitch: channels, channels, ..*x };
        let words = Words::new().map(&wide).address(x.start).size(x.height).size(x.width).size(x.pitch);
        self.each("unfold", wide.len(), words.size(x.channels).axis(&rows).axis(&cols))
    }

    /// Brings the gradient of a weight from the library's form into the network's, onto what is there or not.
    fn unpack(&self, convolution: &Convolution, number: Number, from: u64, onto: u64, to: u64) -> Launch {
        let [outputs, inputs, window] = convolution.filter();
        let words = Words::new().address(from).address(onto).address(to).size(outputs).size(inputs).size(window);
        let words = words.size(convolution.filter_row(number));
        self.each_of(number, "unpack_filter", convolution.shape.weights(), words)
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
    pub(in crate::engine::cuda) fn pack_learned(&self) -> Option<Launch> {
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
        Launch { variant: Variant { number, wide: false }, ..launch }
    }
}
