//! What treats the channels of all pixels alike, as launches: batch normalisation, factors, sums over pixels.

use super::Lowering;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::source;
use crate::engine::cuda::words::{Map, Number, Words};
use crate::engine::operation::{Activation, BatchNorm, Behind};
use crate::engine::plan::{Step, Target};
use crate::engine::program::Extent;
use crate::engine::session::{plane, shape};

/// The most threads side by side.
const MOST_LANES: usize = 32;
/// Pixels of a row of threads that are worth a block of their own, and the most blocks: where there are sums, and where there
/// are none.
const PIXELS: usize = 8;
const MOST_PARTS: usize = 1024;
const PIXELS_EACH: usize = 4;
const MOST_BLOCKS: usize = 4096;
/// The most blocks of a grid along its second axis; where there are more samples each takes some.
const MOST_SAMPLES: usize = 65_535;
/// Blocks for the same channels that are always allowed.
const LEAST_PARTS: usize = 8;

/// How the threads of a block stand.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    /// Side by side, each with a pack of channels.
    pub lanes: usize,
    /// Behind one another.
    pub rows: usize,
    /// Blocks that all channels take.
    pub groups: usize,
}

impl Lanes {
    /// In blocks of so many threads, `most` of them side by side.
    pub fn of(channels: usize, width: usize, block: usize, most: usize) -> Lanes {
        let packs = channels.div_ceil(width);
        let groups = packs.div_ceil(most.min(block / 2));
        let lanes = packs.div_ceil(groups);
        Lanes { lanes, rows: block / lanes, groups }
    }

    /// All threads of a block.
    pub fn threads(&self) -> u32 {
        (self.lanes * self.rows) as u32
    }

    /// Blocks that share so many pixels of the same channels.
    fn blocks(&self, pixels: usize, each: usize, most: usize) -> usize {
        (pixels / (self.rows * each)).clamp(1, (most / self.groups).max(LEAST_PARTS))
    }
}

/// Blocks that share the pixels of the same channels, where there are sums. They follow from the planned batch, so that a run of
/// fewer samples fits.
fn parts(block: usize, channels: usize, width: usize, extent: Extent, batch: usize) -> usize {
    Lanes::of(channels, width, block, MOST_LANES).blocks(batch * plane(extent), PIXELS, MOST_PARTS)
}

/// Numbers of scratch for two sums of each channel, whatever the width.
pub(super) fn scratch(number: Number, block: usize, extent: Extent, batch: usize) -> usize {
    let channels = shape(extent).channels();
    let of = |width: usize| 2 * channels * parts(block, channels, width, extent, batch);
    of(1).max(of(number.pack()))
}

impl Lowering<'_> {
    /// A kernel that works on packs of channels, whose second argument is the number of lanes.
    fn by_lanes(&self, kernel: &'static str, x: &Map, mut words: Words) -> Launch {
        let variant = words.variant_for(source::takes_packs(kernel));
        let lanes = Lanes::of(x.channels, variant.width(), self.device.block(), MOST_LANES);
        words.set_lanes(lanes.lanes);
        let blocks = lanes.blocks(x.samples * x.plane(), PIXELS_EACH, MOST_BLOCKS);
        Launch { kernel, blocks: [lanes.groups as u32, blocks as u32], threads: lanes.threads(), words, variant }
    }

    /// Sums over the pixels of each channel, in so many parts.
    pub(super) fn by_channel(&self, kernel: &'static str, x: &Map, extent: Extent, words: Words) -> (Launch, usize) {
        let launch = self.by_lanes(kernel, x, words);
        let parts = parts(self.device.block(), x.channels, launch.variant.width(), extent, self.plan.batch);
        (Launch { blocks: [launch.blocks[0], parts as u32], ..launch }, parts)
    }

    /// `y = onto + factor (sum of x other)` over the pixels of each channel of each sample.
    pub(super) fn sample_sums(&self, x: &Map, other: Option<&Map>, factor: f64, onto: Option<Map>, y: &Map) -> Launch {
        let words = Words::new().map_by_lanes(x).optional(other).double(factor).optional(onto.as_ref()).map(y);
        let launch = self.by_lanes("sample_sums", x, words);
        Launch { blocks: [launch.blocks[0], x.samples.min(MOST_SAMPLES) as u32], ..launch }
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
        let words = Words::new().map_by_lanes(x).address(scale).address(shift).optional(onto.as_ref()).map(y);
        self.by_lanes("affine", x, words.curve(activation))
    }

    /// Sums of `x factor`, and of x, for each channel.
    pub(super) fn sums(&self, step: &Step, x: &Map, factor: Option<&Map>, to: [Option<&Target>; 2]) -> Vec<Launch> {
        let extent = step.inputs[step.inputs.len() - 1].extent;
        let parts_at = self.scratch(step);
        let words = Words::new().map_by_lanes(x).optional(factor).address(parts_at);
        let (sums, parts) = self.by_channel("channel_sums", x, extent, words);
        let mut launches = vec![sums];
        launches.extend(self.sums_finish(x.channels, parts, parts_at, to));
        launches
    }

    /// Adds up the parts of two sums for each channel: the second, then the first.
    pub(super) fn sums_finish(
        &self,
        channels: usize,
        parts: usize,
        parts_at: u64,
        to: [Option<&Target>; 2],
    ) -> Vec<Launch> {
        let finish = |(which, target): (usize, Option<&Target>)| {
            let target = target?;
            let words = Words::new().size(channels).address(parts_at).size(parts);
            let words = words.size(which).address(self.onto(target).map_or(0, |onto| onto.start));
            let words = words.address(self.memory.map(&target.operand, self.samples).start);
            Some(self.blocks("channel_sums_finish", channels, words))
        };
        [(1, to[0]), (0, to[1])].into_iter().filter_map(finish).collect()
    }

    pub(super) fn batch_norm(&self, step: &Step, norm: &BatchNorm) -> Vec<Launch> {
        let (x, y) = (self.input(step, 0), self.output(step, 0));
        let [mean, inverse] = [1, 2].map(|index| self.output(step, index).start);
        let [weight, bias] = [1, 2].map(|index| self.address(step, index));
        let [running_mean, running_var] = [0, 1].map(|index| self.memory.states.address(step.changes[index]));
        let (extent, scratch) = (step.inputs[0].extent, self.scratch(step));
        let moments = Words::new().map_by_lanes(&x).address(scratch);
        let (moments, parts) = self.by_channel("channel_moments", &x, extent, moments);
        let statistics = Words::new().map(&x).address(scratch).size(parts);
        let statistics = statistics.double(norm.eps).double(norm.momentum).address(mean).address(inverse);
        let words = Words::new().map_by_lanes(&x).address(mean).address(inverse).address(weight).address(bias);
        let words = words.optional(self.onto(&step.outputs[0]).as_ref()).map(&y).curve(norm.activation);
        vec![
            moments,
            self.blocks("norm_statistics", x.channels, statistics.address(running_mean).address(running_var)),
            self.by_lanes("batch_norm", &x, words),
        ]
    }

    pub(super) fn batch_norm_gradient(&self, index: usize, norm: &BatchNorm, behind: Behind) -> Vec<Launch> {
        let step = &self.plan.steps[index];
        let (last, first) = (step.inputs.len() - 1, usize::from(behind == Behind::Sum));
        let (x, dy, dx) = (self.input(step, 0), self.input(step, last), self.output(step, first));
        let [mean, inverse] = [1, 2].map(|index| self.address(step, index));
        let [weight, bias] = [3, 4].map(|index| if norm.affine { self.address(step, index) } else { 0 });
        let [dweight, dbias] = [1, 2].map(|index| match step.outputs.get(first + index) {
            Some(target) => self.memory.map(&target.operand, self.samples).start,
            None => 0,
        });
        let (extent, scratch) = (step.inputs[0].extent, self.scratch(step));
        let norm_of = |words: Words, activation: Option<Activation>| {
            words.address(mean).address(inverse).address(weight).address(bias).curve(activation)
        };
        let start = || Words::new().map_by_lanes(&x);
        let ((noted, count), kernel, words) = match behind {
            Behind::Activation => {
                let words = || norm_of(start().map(&dy), norm.activation);
                let sums = self.by_channel("norm_gradient_sums", &x, extent, words().address(scratch));
                (sums, "norm_gradient", words())
            }
            Behind::Gate => {
                let [gate, dmean] = [last - 2, last - 1].map(|index| self.input(step, index));
                let words = || norm_of(start().map(&dy).map(&gate).map(&dmean), norm.activation);
                let sums = self.by_channel("norm_gate_gradient_sums", &x, extent, words().address(scratch));
                (sums, "norm_gate_gradient", words())
            }
            Behind::Sum => {
                let (onto, dsum) = (self.left_by(index.wrapping_sub(1)), self.output(step, 0));
                let words = start().map(&self.input(step, last - 1)).map(&dy).optional(onto.as_ref());
                let words = words.address(mean).address(inverse).curve(norm.activation).map(&dsum).address(scratch);
                let sums = self.by_channel("norm_sum_gradient_sums", &x, extent, words);
                (sums, "norm_gradient", norm_of(start().map(&dsum), None))
            }
        };
        let sums = scratch + (2 * count * x.channels * size_of::<f64>()) as u64;
        let finish = Words::new().size(x.channels).address(scratch).size(count);
        let words = words.address(sums).optional(self.onto(&step.outputs[first]).as_ref()).map(&dx);
        vec![
            noted,
            self.blocks("norm_gradient_finish", x.channels, finish.address(sums).address(dweight).address(dbias)),
            self.by_lanes(kernel, &x, words),
        ]
    }
}
