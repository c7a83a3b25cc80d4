//! Norms of a sample's numbers, as launches: `ln` of each pixel's channels, `gn` of groups of channels.

use cnn_lang::graph::Op;

use super::Lowering;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::source::{self, THREADS};
use crate::engine::cuda::words::{Map, Words};
use crate::engine::operation::Layer;
use crate::engine::plan::{Step, Target};
use crate::engine::program::Extent;
use crate::engine::session::plane;

/// Threads that share the channels of a pixel: together they read a line of memory.
const PIXEL_LANES: usize = 8;

/// What a sample's norm takes together: `Sets` in `kernels/sets.cu`.
#[derive(Clone, Copy)]
pub(super) struct Sets {
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
    pub fn of(layer: &Layer) -> Option<Sets> {
        let channels = layer.inputs[0].channels();
        Some(match &layer.op {
            Op::Ln { eps } => Sets { count: plane(Extent::Batch(layer.inputs[0])), channels, pixels: true, eps: *eps },
            Op::Gn { groups, eps } => Sets { count: *groups, channels: channels / groups, pixels: false, eps: *eps },
            _ => return None,
        })
    }

    /// Numbers of 64 bits for the moments of all sets, or for two sums of each.
    pub fn scratch(&self, batch: usize) -> usize {
        2 * batch * self.count
    }

    fn words(&self, words: Words) -> Words {
        words.size(self.count).size(self.channels).flag(self.pixels).double(self.eps)
    }
}

impl Lowering<'_> {
    /// A kernel whose threads share sets; `words` are what it is given before the sets, `then` behind the number of threads of each.
    fn by_set(&self, kernel: &'static str, sets: &Sets, words: Words, then: &[u64]) -> Launch {
        let mut variant = words.variant_for(source::takes_packs(kernel));
        variant.wide = variant.wide && sets.channels.is_multiple_of(variant.number.pack());
        let threads = self.device.block().min(THREADS);
        let lanes = if sets.pixels { PIXEL_LANES.min(threads / 2) } else { threads };
        let words = then.iter().fold(sets.words(words).size(lanes), |words, &address| words.address(address));
        let blocks = (self.samples * sets.count).div_ceil(threads / lanes) as u32;
        Launch { kernel, blocks: [blocks, 1], threads: threads as u32, words, variant }
    }

    pub(super) fn set_norm(&self, step: &Step, sets: &Sets) -> Vec<Launch> {
        let (x, y, moments) = (self.input(step, 0), self.output(step, 0), self.scratch(step));
        let [weight, bias] = [1, 2].map(|index| self.address(step, index));
        let words = sets.words(Words::new().map(&x).address(weight).address(bias)).address(moments);
        vec![
            self.by_set("set_moments", sets, Words::new().map(&x), &[moments]),
            self.each("set_norm", y.len(), words.map(&y)),
        ]
    }

    /// Moments anew, sums by channel, sums over sets, then the gradient of x.
    pub(super) fn set_norm_gradient(
        &self,
        step: &Step,
        sets: &Sets,
        dy: &Map,
        [dx, dweight, dbias]: [Option<&Target>; 3],
    ) -> Vec<Launch> {
        let (x, weight, moments) = (self.input(step, 0), self.address(step, 1), self.scratch(step));
        let bytes = (sets.scratch(self.plan.batch) * size_of::<f64>()) as u64;
        let (sums, parts_at) = (moments + bytes, moments + 2 * bytes);
        let mut launches = vec![self.by_set("set_moments", sets, Words::new().map(&x), &[moments])];
        if dweight.is_some() || dbias.is_some() {
            let words = sets.words(Words::new().map_by_lanes(&x).map(dy)).address(moments).address(parts_at);
            let (sums, parts) = self.by_channel("set_channel_sums", &x, step.inputs[0].extent, words);
            launches.push(sums);
            launches.extend(self.sums_finish(x.channels, parts, parts_at, [dweight, dbias]));
        }
        if let Some(target) = dx {
            let words = || Words::new().map(&x).map(dy).address(weight);
            launches.push(self.by_set("set_gradient_sums", sets, words(), &[moments, sums]));
            let dx = self.memory.map(&target.operand, self.samples);
            let words = sets.words(words()).address(moments).address(sums);
            launches.push(self.each("set_gradient", dx.len(), words.optional(self.onto(target).as_ref()).map(&dx)));
        }
        launches
    }
}
