//! Layers of the language as launches of kernels.

use cnn_lang::graph::Op;

use super::Lowering;
use super::lanes;
use super::neighbours::Response;
use super::sets::Sets;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::words::{Map, Number, Words};
use crate::engine::error::EngineError;
use crate::engine::layers::window;
use crate::engine::operation::{Layer, LayerGradient, Operation};
use crate::engine::plan::{Step, Target};
use crate::engine::program::Extent;

/// Where a layer's numbers come from: `Move` in `kernels/layers.cu`; pairs are of rows and of columns.
#[derive(Clone, Copy)]
struct Move {
    multiply: [usize; 2],
    divide: [usize; 2],
    add: [isize; 2],
    /// Added to a channel.
    first: isize,
    groups: usize,
    window: [usize; 2],
    dilation: [usize; 2],
}

impl Move {
    const NOWHERE: Move =
        Move { multiply: [1; 2], divide: [1; 2], add: [0; 2], first: 0, groups: 1, window: [1; 2], dilation: [1; 2] };

    /// Of a layer that does nothing else.
    fn of(op: &Op) -> Option<Move> {
        let here = Move::NOWHERE;
        Some(match op {
            Op::Pad { pad: [top, _, left, _] } => Move { add: [-(*top as isize), -(*left as isize)], ..here },
            Op::Subsample { stride } => Move { multiply: *stride, ..here },
            Op::Upsample { scale, bilinear: false, .. } => Move { divide: *scale, ..here },
            Op::PadChannels { before, .. } => Move { first: -(*before as isize), ..here },
            Op::Shuffle { groups } => Move { groups: *groups, ..here },
            Op::Shift { kernel, dilation } => Move { window: *kernel, dilation: *dilation, ..here },
            _ => return None,
        })
    }

    fn words(&self, words: Words) -> Words {
        let Move { multiply, divide, add, first, groups, window, dilation } = *self;
        let pair = |words: Words, [rows, cols]: [usize; 2]| words.size(rows).size(cols);
        let words = pair(pair(words, multiply), divide).signed(add[0]).signed(add[1]).signed(first).size(groups);
        pair(pair(words, window), dilation)
    }
}

/// Scratch of a layer, in numbers of 64 bits.
pub(super) fn forward_scratch(layer: &Layer, batch: usize) -> usize {
    Sets::of(layer).map_or(0, |sets| sets.scratch(batch))
}

/// Scratch of its gradient.
pub(super) fn backward_scratch(number: Number, block: usize, layer: &Layer, batch: usize) -> usize {
    let sums = lanes::scratch(number, block, Extent::Batch(layer.inputs[0]), batch);
    match &layer.op {
        Op::Affine { .. } | Op::Prelu { .. } => sums,
        // A term of 32 bits for each output.
        Op::Lrn { .. } => (batch * layer.output.elements()).div_ceil(2),
        _ => Sets::of(layer).map_or(0, |sets| 2 * sets.scratch(batch) + sums),
    }
}

/// Why a step's winners cannot be told from each other, if they cannot: the number of a tap takes as much memory as one of a map.
pub(in crate::engine::cuda) fn too_many_taps(step: &Step, number: Number) -> Option<String> {
    let Operation::MaxPool(Layer { op: Op::MaxPool(pool), .. }) = &step.operation else { return None };
    let (taps, bits) = (pool.kernel[0] * pool.kernel[1], u8::BITS as usize * number.bytes());
    let (place, most) = (&step.place, 1usize << bits);
    let windows =
        || format!("{place}: {taps} numbers under a window, expected at most {most} where maps have {bits} bits");
    (taps > most).then(|| windows() + "; train in f32")
}

impl Lowering<'_> {
    /// A layer.
    pub(super) fn layer(&self, step: &Step, layer: &Layer) -> Result<Vec<Launch>, EngineError> {
        let (x, y) = (self.input(step, 0), self.output(step, 0));
        let words = Words::new().map(&x).map(&y);
        if let Some(from) = Move::of(&layer.op) {
            return Ok(vec![self.each("move", y.len(), from.words(words))]);
        }
        if let Some(sets) = Sets::of(layer) {
            return Ok(self.set_norm(step, &sets));
        }
        if let Some(response) = Response::of(&layer.op) {
            return Ok(vec![self.response(&response, &x, &y)]);
        }
        Ok(vec![match &layer.op {
            Op::MaxPool(_) => self.max_pool(step, layer),
            Op::AvgPool { pool, count_pad } => {
                let [rows, cols] = window(layer, pool);
                self.each("avg_pool", y.len(), words.axis(&rows).axis(&cols).flag(*count_pad))
            }
            Op::Gap | Op::AdaptiveAvgPool { out: [1, 1] } => {
                self.sample_sums(&x, None, 1.0 / x.plane() as f64, None, &y)
            }
            Op::AdaptiveAvgPool { .. } => self.each("adaptive_avg_pool", y.len(), words),
            Op::Affine { .. } => self.affine(&x, self.address(step, 1), self.address(step, 2), None, &y, None),
            Op::Scale { factor } => {
                self.each("scale", y.len(), Words::new().map(&x).double(*factor).optional(None).map(&y))
            }
            Op::Softmax => self.each("softmax", x.samples * x.plane(), words),
            Op::Prelu { per_channel } => {
                let words = Words::new().map(&x).address(self.address(step, 1)).flag(*per_channel);
                self.each("prelu", y.len(), words.map(&y))
            }
            Op::Upsample { align_corners, .. } => self.each("upsample", y.len(), words.flag(*align_corners)),
            Op::Mul => return self.mul(step),
            Op::Zero { .. } => return Ok(self.add(&[], None, y, None)),
            other => unreachable!("`{}` is an operation of its own", other.keyword()),
        }])
    }

    /// The largest numbers under windows, and their winners where the step writes them.
    pub(super) fn max_pool(&self, step: &Step, layer: &Layer) -> Launch {
        let Op::MaxPool(pool) = &layer.op else { unreachable!("`{}` is no maximum", layer.op.keyword()) };
        let ([rows, cols], y) = (window(layer, pool), self.output(step, 0));
        let winners = step.outputs.get(1).map(|target| self.memory.map(&target.operand, self.samples));
        let words = Words::new().map(&self.input(step, 0)).map(&y).optional(winners.as_ref());
        self.each("max_pool", y.len(), words.axis(&rows).axis(&cols))
    }

    pub(super) fn max_pool_gradient(&self, step: &Step, layer: &Layer) -> Launch {
        let Op::MaxPool(pool) = &layer.op else { unreachable!("`{}` is no maximum", layer.op.keyword()) };
        let ([rows, cols], onto, dx) = (window(layer, pool), self.onto(&step.outputs[0]), self.output(step, 0));
        let words = Words::new().map(&self.input(step, 0)).map(&self.input(step, 1)).optional(onto.as_ref()).map(&dx);
        self.each("max_pool_gradient", dx.len(), words.axis(&rows).axis(&cols))
    }

    /// The gradient of a layer.
    pub(super) fn layer_gradient(&self, step: &Step, gradient: &LayerGradient) -> Result<Vec<Launch>, EngineError> {
        let layer = &gradient.layer;
        let dy = self.input(step, step.inputs.len() - 1);
        // The first output is that of the first gradient which is wanted.
        let to = |index: usize| {
            let before = gradient.wanted.get(..index)?.iter().filter(|wanted| **wanted).count();
            gradient.wanted.get(index)?.then(|| &step.outputs[before])
        };
        if matches!(layer.op, Op::Affine { .. }) {
            return Ok(self.affine_gradient(step, &dy, [to(0), to(1), to(2)]));
        }
        if let Some(sets) = Sets::of(layer) {
            return Ok(self.set_norm_gradient(step, &sets, &dy, [to(0), to(1), to(2)]));
        }
        if let Op::Prelu { per_channel } = layer.op {
            return Ok(self.prelu_gradient(step, per_channel, &dy, [to(0), to(1)]));
        }
        if layer.op == Op::Mul {
            return self.mul_gradient(step, gradient);
        }
        // The others read one tensor.
        let Some(target) = to(0) else { return Ok(Vec::new()) };
        let (onto, dx) = (self.onto(target), self.memory.map(&target.operand, self.samples));
        let launch = |kernel, words: Words| self.each(kernel, dx.len(), words);
        let words = || Words::new().map(&dy).optional(onto.as_ref()).map(&dx);
        if let Some(from) = Move::of(&layer.op) {
            return Ok(vec![launch("move_gradient", from.words(words()))]);
        }
        if let Some(response) = Response::of(&layer.op) {
            return Ok(self.response_gradient(&response, step, &dy, onto.as_ref(), &dx));
        }
        Ok(vec![match &layer.op {
            Op::AvgPool { pool, count_pad } => {
                let [rows, cols] = window(layer, pool);
                launch("avg_pool_gradient", words().axis(&rows).axis(&cols).flag(*count_pad))
            }
            Op::Gap | Op::AdaptiveAvgPool { out: [1, 1] } => launch("global_avg_pool_gradient", words()),
            Op::AdaptiveAvgPool { .. } => launch("adaptive_avg_pool_gradient", words()),
            Op::Scale { factor } => {
                launch("scale", Words::new().map(&dy).double(*factor).optional(onto.as_ref()).map(&dx))
            }
            Op::Softmax => {
                let y = self.input(step, step.inputs.len() - 2);
                let words = Words::new().map(&y).map(&dy).optional(onto.as_ref()).map(&dx);
                self.each("softmax_gradient", dx.samples * dx.plane(), words)
            }
            Op::Zero { .. } => return Ok(self.add(&[], onto, dx, None)),
            Op::Upsample { align_corners, .. } => launch("upsample_gradient", words().flag(*align_corners)),
            other => unreachable!("`{}` has no gradient or is an operation of its own", other.keyword()),
        }])
    }

    fn affine_gradient(&self, step: &Step, dy: &Map, [dx, dweight, dbias]: [Option<&Target>; 3]) -> Vec<Launch> {
        let mut launches = Vec::new();
        if dweight.is_some() || dbias.is_some() {
            launches.extend(self.sums(step, dy, Some(&self.input(step, 0)), [dweight, dbias]));
        }
        if let Some(target) = dx {
            let dx = self.memory.map(&target.operand, self.samples);
            launches.push(self.affine(dy, self.address(step, 1), 0, self.onto(target), &dx, None));
        }
        launches
    }

    /// Of x, and of the slopes: one for each channel, or one for all.
    fn prelu_gradient(
        &self,
        step: &Step,
        per_channel: bool,
        dy: &Map,
        [dx, dweight]: [Option<&Target>; 2],
    ) -> Vec<Launch> {
        let x = self.input(step, 0);
        let mut launches = Vec::new();
        if dweight.is_some() {
            let (extent, scratch) = (step.inputs[0].extent, self.scratch(step));
            let words = Words::new().map_by_lanes(&x).map(dy).address(scratch);
            let (sums, parts) = self.by_channel("slope_sums", &x, extent, words);
            launches.push(sums);
            // One for all is the sum of all channels' parts.
            let (channels, parts) = if per_channel { (x.channels, parts) } else { (1, parts * x.channels) };
            launches.extend(self.sums_finish(channels, parts, scratch, [dweight, None]));
        }
        if let Some(target) = dx {
            let dx = self.memory.map(&target.operand, self.samples);
            let words = Words::new().map(&x).address(self.address(step, 1)).flag(per_channel).map(dy);
            launches.push(self.each("prelu_gradient", dx.len(), words.optional(self.onto(target).as_ref()).map(&dx)));
        }
        launches
    }
}
