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

/// What of x is laid out as one pixel's channels before a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfolding {
    Nothing,
    /// What lies under a row of each window: the window is a column then.
    Rows,
    /// What lies under each window.
    Windows,
}

/// How the library computes a convolution.
struct Choice {
    plan: Arc<dyn Planned>,
    problem: Problem,
    unfolding: Unfolding,
}

impl Convolution {
    /// Outputs, inputs of a group, height and width of the window, and numbers of a row of a filter as the library wants them.
    pub fn filter(&self, number: Number) -> [usize; 5] {
        let ConvShape { inputs, outputs, groups, rows, cols } = self.shape;
        let row = inputs / groups * cols.kernel;
        let row = if self.must_unfold(number) { row.next_multiple_of(number.pack()) } else { row };
        [outputs, inputs / groups, rows.kernel, cols.kernel, row]
    }

    /// Numbers of all filters as the library wants them.
    pub fn filter_numbers(&self, number: Number) -> usize {
        let [outputs, _, height, _, row] = self.filter(number);
        outputs * height * row
    }

    /// Whether something must be laid out as one pixel's channels first. Matrix units take packs of channels, and images have
    /// fewer.
    fn must_unfold(&self, number: Number) -> bool {
        number != Number::F32 && self.shape.groups == 1 && self.shape.inputs < number.pack()
    }

    /// Whether that may be faster.
    fn may_unfold(&self, number: Number) -> bool {
        let [_, _, height, width, row] = self.filter(number);
        let is_small = height * row <= MOST_UNFOLDED && row.is_multiple_of(number.pack());
        let is_one = self.shape.groups == 1 && self.pass != Pass::InputGradient;
        number != Number::F32 && is_one && height * width > 1 && is_small
    }

    /// Bytes of the filters as the library wants them.
    pub fn filter_bytes(&self, number: Number) -> usize {
        self.filter_numbers(number) * number.bytes()
    }

    /// Whether the library takes weights as they are.
    pub fn is_filter(&self, number: Number) -> bool {
        let [_, inputs, height, width, _] = self.filter(number);
        number == Number::F32 && (height * width == 1 || inputs == 1)
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

    /// The sizes of the same on an unfolded x.
    fn unfolded(&self, number: Number, unfolding: Unfolding) -> ConvShape {
        let ([_, _, height, _, row], ConvShape { rows, cols, .. }) = (self.filter(number), self.shape);
        let point = |axis: Axis| Axis { input: axis.output, output: axis.output, ..POINT };
        match unfolding {
            Unfolding::Nothing => self.shape,
            Unfolding::Rows => ConvShape { inputs: row, cols: point(cols), ..self.shape },
            Unfolding::Windows => {
                ConvShape { inputs: height * row, rows: point(rows), cols: point(cols), ..self.shape }
            }
        }
    }

    /// Bytes of scratch for a gradient in the library's form, and for an unfolded x.
    fn scratch(&self, number: Number, samples: usize, unfolding: Unfolding) -> [usize; 2] {
        let gradient = if self.pass == Pass::WeightGradient { self.filter_bytes(number) } else { 0 };
        let ConvShape { inputs, rows, cols, .. } = self.unfolded(number, unfolding);
        let x = match unfolding {
            Unfolding::Nothing => 0,
            Unfolding::Rows | Unfolding::Windows => samples * rows.input * cols.input * inputs * number.bytes(),
        };
        [gradient, x].map(|bytes| bytes.next_multiple_of(ALIGNMENT))
    }

    /// The fastest way within so many bytes of scratch in all, or where nothing is to be timed, the one that is thought to be fastest, x
    /// unfolded as it is best for the planned batch.
    fn choice(
        &self,
        device: &dyn Device,
        direct: Problem,
        most: usize,
        timed: bool,
        as_planned: Option<Unfolding>,
    ) -> Result<Option<Choice>, Failure> {
        let number = direct.number;
        // The choice, and the milliseconds that it takes with the unfolding.
        let ask = |unfolding: Unfolding| -> Result<Option<(Choice, Option<f32>)>, Failure> {
            let [gradient, x] = self.scratch(number, direct.samples, unfolding);
            let Some(left) = most.checked_sub(gradient + x) else { return Ok(None) };
            let shape = self.unfolded(number, unfolding);
            let x_pitch = if unfolding == Unfolding::Nothing { direct.x_pitch } else { shape.inputs };
            let problem = Problem { shape, x_pitch, ..direct };
            let Some(plan) = device.convolution(&problem, Some(left), timed)? else { return Ok(None) };
            let before = if x == 0 { 0.0 } else { super::fused::pass_milliseconds(x) };
            let time = plan.milliseconds().map(|time| time + before);
            Ok(Some((Choice { plan, problem, unfolding }, time)))
        };
        if let Some(planned) = as_planned.map(&ask).transpose()?.flatten() {
            return Ok(Some(planned.0));
        }
        let (first, other) = if self.must_unfold(number) {
            (Unfolding::Windows, (self.shape.rows.kernel > 1).then_some(Unfolding::Rows))
        } else {
            (Unfolding::Nothing, self.may_unfold(number).then_some(Unfolding::Windows))
        };
        let first = ask(first)?;
        let known = first.as_ref().is_none_or(|(_, time)| time.is_some());
        let other = match other.filter(|_| known) {
            Some(other) => ask(other)?,
            None => None,
        };
        let time = |choice: &Option<(Choice, Option<f32>)>| choice.as_ref().and_then(|(_, time)| *time);
        let is_faster = first.is_none() || time(&other).zip(time(&first)).is_some_and(|(other, first)| other < first);
        Ok(other.filter(|_| is_faster).or(first).map(|(choice, _)| choice))
    }

    /// Bytes of scratch for so many samples, those of the library included.
    pub fn workspace(&self, device: &dyn Device, number: Number, tf32: bool, samples: usize) -> usize {
        let direct = self.problem(number, tf32, samples, [self.shape.inputs, self.shape.outputs]);
        // A device that fails will say so again when the plan is prepared.
        let Ok(Some(choice)) = self.choice(device, direct, usize::MAX, true, None) else { return 0 };
        let kept: usize = self.scratch(number, samples, choice.unfolding).iter().sum();
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
        let choice = |samples: usize, timed: bool, as_planned: Option<Unfolding>| {
            let problem = convolution.problem(number, self.tf32, samples, [x.pitch, y.pitch]);
            convolution.choice(&**self.device, problem, len, timed, as_planned)
        };
        let mut chosen = choice(self.plan.batch, true, None)?;
        if self.samples != self.plan.batch {
            chosen = choice(self.samples, false, chosen.map(|planned| planned.unfolding))?;
        }
        let Some(choice) = chosen else { return Ok(None) };
        let [for_gradient, for_x] = convolution.scratch(number, self.samples, choice.unfolding);
        let (unfolded, workspace) = (scratch + for_gradient as u64, scratch + (for_gradient + for_x) as u64);
        let left = convolution.pass == Pass::InputGradient && self.leaves_sum(index);
        let after = self.after(step, convolution, left);
        let fused = self.fused(&choice.problem, (&after, &y), &*choice.plan, len.saturating_sub(for_gradient + for_x));
        let unfolds = choice.unfolding != Unfolding::Nothing;
        let run = |filter: u64| {
            let addresses = [if unfolds { unfolded } else { x.start }, filter, y.start];
            let (plan, addresses) = match &fused {
                Some(fused) => (fused, after.addresses(addresses)),
                None => (&choice.plan, Addresses::of(addresses)),
            };
            Work::Library(LibraryWork { plan: plan.clone(), addresses, workspace })
        };
        let mut work = Vec::new();
        if unfolds {
            work.push(Work::Kernel(self.unfold(convolution, choice.unfolding, &x, unfolded)));
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

    /// Lays out x at an address.
    fn unfold(&self, convolution: &Convolution, unfolding: Unfolding, x: &Map, start: u64) -> Launch {
        let ConvShape { rows, cols, .. } = convolution.shape;
        let ConvShape { inputs, rows: wide_rows, cols: wide_cols, .. } = convolution.unfolded(x.number, unfolding);
        let (height, width) = (wide_rows.input, wide_cols.input);
        let wide = Map { start, stride: height * width * inputs, height, width, pitch: inputs, channels: inputs, ..*x };
        // Of a column every row is taken as it is.
        let rows = if unfolding == Unfolding::Rows { Axis { input: height, output: height, ..POINT } } else { rows };
        let words = Words::new().map(&wide).address(x.start).size(x.height).size(x.width).size(x.pitch);
        let words = words.size(x.channels).size(inputs / rows.kernel).axis(&rows).axis(&cols);
        self.each("unfold", wide.len(), words)
    }

    /// Brings the gradient of a weight from the library's form into the network's, onto what is there or not.
    fn unpack(&self, convolution: &Convolution, number: Number, from: u64, onto: u64, to: u64) -> Launch {
        let words = Words::new().address(from).address(onto).address(to);
        let words = convolution.filter(number).into_iter().fold(words, Words::size);
        self.each_of(number, "unpack_filter", convolution.shape.weights(), words)
    }

    /// Where the library finds a weight, and what brings it there first.
    fn filter(&self, weight: &Operand, convolution: &Convolution, number: Number) -> (u64, Option<Launch>) {
        let address = self.memory.map(weight, self.samples).start;
        if matches!(weight.source, Source::Constant(_)) || convolution.is_filter(number) {
            return (address, None);
        }
        let Some(at) = self.memory.filters.of(weight, convolution, number) else {
            unreachable!("all weights of convolutions have a place")
        };
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
