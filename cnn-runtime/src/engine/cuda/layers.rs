//! Layers of the language as launches of kernels.

use cnn_lang::graph::{Op, Pool, Shape};

use super::device::Launch;
use super::lanes;
use super::lower::Lowering;
use super::words::{Map, Number, Words};
use crate::engine::operation::{Layer, LayerGradient};
use crate::engine::plan::{Step, Target};
use crate::engine::program::Extent;
use crate::kernels::window::Axis;

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

/// What a sample's norm takes together: `Sets` in `kernels/layers.cu`.
#[derive(Clone, Copy)]
struct Sets {
    /// Sets of a sample.
    count: usize,
    /// Channels of a set.
    channels: usize,
    /// Whether every pixel has its own.
    pixels: bool,
    eps: f64,
}

impl Sets {
    /// Of a layer that is such a norm.
    fn of(layer: &Layer) -> Option<Sets> {
        let channels = layer.inputs[0].channels();
        Some(match &layer.op {
            Op::Ln { eps } => Sets { count: plane(layer.inputs[0]), channels, pixels: true, eps: *eps },
            Op::Gn { groups, eps } => Sets { count: *groups, channels: channels / groups, pixels: false, eps: *eps },
            _ => return None,
        })
    }

    fn words(&self, words: Words) -> Words {
        words.size(self.count).size(self.channels).flag(self.pixels).double(self.eps)
    }
}

fn plane(shape: Shape) -> usize {
    shape.spatial().map_or(1, |[height, width]| height * width)
}

/// Scratch of a layer, in numbers of 64 bits: two of each set.
pub(super) fn forward_scratch(layer: &Layer, batch: usize) -> usize {
    Sets::of(layer).map_or(0, |sets| 2 * batch * sets.count)
}

/// Scratch of its gradient: four of each set, and sums by channel.
pub(super) fn backward_scratch(number: Number, block: usize, layer: &Layer, batch: usize) -> usize {
    let sums = lanes::scratch(number, block, Extent::Batch(layer.inputs[0]), batch);
    match &layer.op {
        Op::Affine { .. } => sums,
        // A pixel's number for each window, of 32 bits.
        Op::MaxPool(_) => (batch * layer.output.elements()).div_ceil(2),
        _ => Sets::of(layer).map_or(0, |sets| 4 * batch * sets.count + sums),
    }
}

/// The window of a pooling layer.
fn window(layer: &Layer, pool: &Pool) -> [Axis; 2] {
    let size = |shape: Shape| shape.spatial().unwrap_or([1, 1]);
    let [input, output] = [layer.inputs[0], layer.output].map(size);
    Axis::pair(input, output, pool.kernel, pool.stride, pool.pad, pool.dilation)
}

impl Lowering<'_> {
    /// A kernel that gives each set a block.
    fn each_set(&self, kernel: &'static str, sets: &Sets, samples: usize, words: Words) -> Launch {
        self.blocks(kernel, samples * sets.count, words)
    }

    /// A layer that has kernels.
    pub(super) fn layer(&self, step: &Step, layer: &Layer) -> Option<Vec<Launch>> {
        let (x, y) = (self.input(step, 0), self.output(step, 0));
        let words = Words::new().map(&x).map(&y);
        if let Some(from) = Move::of(&layer.op) {
            return Some(vec![self.each("move", y.len(), from.words(words))]);
        }
        if let Some(sets) = Sets::of(layer) {
            let [weight, bias] = [1, 2].map(|index| self.address(step, index));
            let moments = self.scratch(step);
            let words = sets.words(Words::new().map(&x).address(weight).address(bias));
            return Some(vec![
                self.each_set("set_moments", &sets, x.samples, sets.words(Words::new().map(&x)).address(moments)),
                self.each("set_norm", y.len(), words.address(moments).map(&y)),
            ]);
        }
        Some(vec![match &layer.op {
            Op::MaxPool(pool) => {
                let [rows, cols] = window(layer, pool);
                self.each("max_pool", y.len(), words.axis(&rows).axis(&cols))
            }
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
            Op::Zero { .. } => return Some(self.add(&[], None, y, None)),
            _ => return None,
        }])
    }

    /// The gradient of a layer that has kernels.
    pub(super) fn layer_gradient(&self, step: &Step, gradient: &LayerGradient) -> Option<Vec<Launch>> {
        let layer = &gradient.layer;
        let dy = self.input(step, step.inputs.len() - 1);
        // The first output is that of the first gradient which is wanted.
        let to = |index: usize| {
            let before = gradient.wanted.get(..index)?.iter().filter(|wanted| **wanted).count();
            gradient.wanted.get(index)?.then(|| &step.outputs[before])
        };
        if matches!(layer.op, Op::Affine { .. }) {
            return Some(self.affine_gradient(step, &dy, [to(0), to(1), to(2)]));
        }
        if let Some(sets) = Sets::of(layer) {
            return Some(self.sets_gradient(step, &sets, &dy, [to(0), to(1), to(2)]));
        }
        // The others read one tensor.
        let target = to(0)?;
        let (onto, dx) = (self.onto(target), self.memory.map(&target.operand, self.samples));
        let launch = |kernel, words: Words| self.each(kernel, dx.len(), words);
        let words = || Words::new().map(&dy).optional(onto.as_ref()).map(&dx);
        if let Some(from) = Move::of(&layer.op) {
            return Some(vec![launch("move_gradient", from.words(words()))]);
        }
        Some(vec![match &layer.op {
            Op::MaxPool(pool) => {
                let ([rows, cols], scratch) = (window(layer, pool), self.scratch(step));
                let winners = Words::new().map(&self.input(step, 0)).map(&dy).axis(&rows).axis(&cols).address(scratch);
                let words = Words::new().address(scratch).map(&dy).optional(onto.as_ref()).map(&dx);
                return Some(vec![
                    self.each("max_pool_winners", dy.len(), winners),
                    launch("max_pool_gradient", words.axis(&rows).axis(&cols)),
                ]);
            }
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
            _ => return None,
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

    /// Moments anew, sums over sets, sums by channel, then the gradient of x.
    fn sets_gradient(
        &self,
        step: &Step,
        sets: &Sets,
        dy: &Map,
        [dx, dweight, dbias]: [Option<&Target>; 3],
    ) -> Vec<Launch> {
        let (x, weight) = (self.input(step, 0), self.address(step, 1));
        let pair = size_of::<[f64; 2]>();
        let moments = self.scratch(step);
        let sums = moments + (self.plan.batch * sets.count * pair) as u64;
        let parts_at = sums + (self.plan.batch * sets.count * pair) as u64;
        let words = sets.words(Words::new().map(&x)).address(moments);
        let mut launches = vec![self.each_set("set_moments", sets, x.samples, words)];
        if dweight.is_some() || dbias.is_some() {
            let words = sets.words(Words::new().map_by_lanes(&x).map(dy)).address(moments).address(parts_at);
            let (sums, parts) = self.by_channel("set_channel_sums", &x, step.inputs[0].extent, words);
            launches.push(sums);
            launches.extend(self.sums_finish(x.channels, parts, parts_at, [dweight, dbias]));
        }
        if let Some(target) = dx {
            let words = sets.words(Words::new().map(&x).map(dy).address(weight)).address(moments).address(sums);
            launches.push(self.each_set("set_gradient_sums", sets, x.samples, words.clone()));
            let dx = self.memory.map(&target.operand, self.samples);
            let words = words.optional(self.onto(target).as_ref()).map(&dx);
            launches.push(self.each("set_gradient", dx.len(), words));
        }
        launches
    }
}
