//! The gradient of a convolution's weights: for each tap the product of what lies under it with the gradients of the outputs,
//! summed over all pixels.
//!
//! A tile is a few input channels times two vectors of filters, summed in registers over a patch of pixels that stays in the
//! first-level cache while all taps and channels pass over it. Neither operand is copied, unless it is rounded: borders are left
//! out of the sums.

use super::bf16::{self, Form};
use super::bf16_weight_gradient::{Under, pack, room};
use super::line::Line;
use super::weight_gradient_tile::{Patch, Pixels, Run, tile, tile_channels};
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::operation::ConvShape;

/// Input channels and filters of a task: with all taps, a sum that a second-level cache holds.
const SIDE: usize = 64;
/// Pixels of a patch: both operands stay in a first-level cache.
const PATCH: usize = 72;
/// Of a packed patch, which tiles pass over in half the time: sums would be read and written too often. It stays in a second-level
/// cache.
const PACKED_PATCH: usize = 144;
/// Sums that are made at least, by parts of the batch where weights are few: what threads share must not depend on how many there
/// are, or so would rounding.
const TASKS: usize = 16;

/// The gradient with respect to a convolution's weights.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct WeightGradient {
    isa: Isa,
    form: Form,
    rows: Line,
    cols: Line,
    /// Groups that are computed, each of several of the network's where those are narrow.
    groups: usize,
    channels: usize,
    filters: usize,
    /// Channels of the network's groups: read, written.
    group: [usize; 2],
    /// Parts of the batch that are summed apart.
    parts: usize,
}

impl WeightGradient {
    /// For batches of so many samples.
    pub fn new(isa: Isa, form: Form, shape: &ConvShape, batch: usize) -> WeightGradient {
        let lines = [Line::forward(&shape.rows), Line::forward(&shape.cols)];
        // One sample makes no pairs.
        let form = match form {
            Form::Pair | Form::Matrix if batch == 1 => Form::Rounded,
            Form::Matrix => Form::Pair,
            form => form,
        };
        WeightGradient::of(isa, form, shape, lines, batch)
    }

    /// Of a fully connected layer, whose samples are pixels.
    pub fn linear(isa: Isa, inputs: usize, outputs: usize, batch: usize) -> WeightGradient {
        let one = Line { input: 1, output: 1, stride: 1, before: 0, taps: vec![0] };
        let samples = Line { input: batch, output: batch, ..one.clone() };
        let axis = crate::kernels::window::Axis::pair([1; 2], [1; 2], [1; 2], [1; 2], [0; 4], [1; 2]);
        let shape = ConvShape { inputs, outputs, groups: 1, rows: axis[0], cols: axis[1] };
        WeightGradient::of(isa, Form::Number, &shape, [one, samples], 1)
    }

    fn of(isa: Isa, form: Form, shape: &ConvShape, [rows, cols]: [Line; 2], batch: usize) -> WeightGradient {
        let group = [shape.inputs / shape.groups, shape.outputs / shape.groups];
        let together = (1..=shape.groups)
            .filter(|n| shape.groups.is_multiple_of(*n))
            .find(|n| n * group[1] >= isa.lanes().min(16))
            .unwrap_or(shape.groups);
        let [channels, filters] = group.map(|n| n * together);
        let groups = shape.groups / together;
        let blocks = groups * channels.div_ceil(SIDE) * filters.div_ceil(SIDE);
        let parts = TASKS.div_ceil(blocks).min(batch.div_ceil(form.samples())).max(1);
        // Where pixels are one row, a patch is a part of it.
        let flat = rows.is_identity() && cols.is_identity();
        let [rows, cols] = match flat {
            true => {
                let pixels = rows.output * cols.output;
                [Line { input: 1, output: 1, ..rows }, Line { input: pixels, output: pixels, ..cols }]
            }
            false => [rows, cols],
        };
        WeightGradient { isa, form, rows, cols, groups, channels, filters, group, parts }
    }

    fn taps(&self) -> usize {
        self.rows.taps.len() * self.cols.taps.len()
    }

    fn blocks(&self) -> [usize; 2] {
        [self.channels.div_ceil(SIDE), self.filters.div_ceil(SIDE)]
    }

    /// Numbers of a block's sums: for each tap and channel a number for each filter.
    fn block(&self) -> usize {
        self.taps() * self.channels.min(SIDE) * self.pitch()
    }

    /// Numbers from a channel's sums to the next's.
    fn pitch(&self) -> usize {
        self.filters.min(SIDE).next_multiple_of(self.isa.lanes())
    }

    /// Numbers of scratch for so many threads.
    pub fn scratch(&self, lanes: usize) -> usize {
        let [down, along] = self.blocks();
        let sums = if self.parts == 1 { lanes } else { self.parts * self.groups * down * along };
        sums * self.block() + lanes * self.packed().iter().sum::<usize>()
    }

    /// Numbers of a thread's packed patches, of inputs and of gradients.
    fn packed(&self) -> [usize; 2] {
        if self.form == Form::Number {
            return [0; 2];
        }
        let [samples, band, run] = self.patch(self.cols.output);
        let under = [samples * Under::most(&self.rows, band), Under::most(&self.cols, run)];
        [room(under, self.channels.min(SIDE)), room([samples * band, run], self.pitch())]
    }

    /// Samples or pairs of them, rows and columns of a patch, where a row has so many pixels.
    fn patch(&self, width: usize) -> [usize; 3] {
        let most = if self.form == Form::Number { PATCH } else { PACKED_PATCH };
        let even = |all: usize, most: usize| all.div_ceil(all.div_ceil(most.max(1)).max(1)).max(1);
        let run = even(width, most);
        let band = even(self.rows.output, most / run);
        let whole = self.form != Form::Number && [band, run] == [self.rows.output, width];
        [if whole { (most / (band * run)).max(1) } else { 1 }, band, run]
    }

    /// The compiled tile.
    fn tile(&self, channels: usize, vectors: usize) -> Run {
        match self.form {
            Form::Number | Form::Rounded => tile(self.isa, channels, vectors),
            Form::Pair | Form::Matrix => bf16::patch(channels, vectors),
        }
    }

    /// Adds to `dweight`, or sets it. `scratch` has [`Self::scratch`] numbers for the team.
    ///
    /// # Safety
    /// Grids have the sizes that it was made for, and no other thread touches `dweight` and `scratch` meanwhile.
    pub unsafe fn run(&self, team: &Team, x: Grid, dy: Grid, dweight: &mut [f32], onto: bool, scratch: *mut f32) {
        let [down, along] = self.blocks();
        let blocks = self.groups * down * along;
        let (x, dy) = match self.rows.is_identity() && self.cols.is_identity() {
            true => (flat(x), flat(dy)),
            false => (x, dy),
        };
        let (scratch, dweight) = (Shared::new(scratch), Shared::new(dweight.as_mut_ptr()));
        let packed_len = self.packed().iter().sum::<usize>();
        let packed_at = self.scratch(team.lanes()) - team.lanes() * packed_len;
        if self.parts == 1 {
            team.each(blocks, |block, lane| {
                // SAFETY: every lane has sums of its own, and blocks are different numbers of the gradient.
                unsafe {
                    let sums = scratch.at(lane * self.block());
                    let packed = scratch.at(packed_at + lane * packed_len);
                    self.sums(&x, &dy, 0..x.samples, block, sums, packed);
                    self.gather(block, 0, sums, dweight.at(0), onto);
                }
            });
            return;
        }
        team.each(blocks * self.parts, |task, lane| {
            let (part, block) = (task / blocks, task % blocks);
            let words = x.samples.div_ceil(self.form.samples());
            let first = |part: usize| (words * part / self.parts * self.form.samples()).min(x.samples);
            // SAFETY: every task has sums of its own, and every lane packs by itself.
            unsafe {
                let packed = scratch.at(packed_at + lane * packed_len);
                self.sums(&x, &dy, first(part)..first(part + 1), block, scratch.at(task * self.block()), packed);
            }
        });
        team.each(blocks, |block, _| {
            // SAFETY: blocks are different numbers of the gradient.
            unsafe { self.gather(block, blocks * self.block(), scratch.at(block * self.block()), dweight.at(0), onto) };
        });
    }

    /// The first channel and filter of a block, counted over all groups, and how many.
    fn range(&self, block: usize) -> [(usize, usize); 2] {
        let [down, along] = self.blocks();
        let (group, row, col) = (block / (down * along), block / along % down, block % along);
        let range = |index: usize, all: usize| (group * all + index * SIDE, (all - index * SIDE).min(SIDE));
        [range(row, self.channels), range(col, self.filters)]
    }

    /// The sums of one block over some samples.
    ///
    /// # Safety
    /// As of [`Self::run`]; nobody else is at these sums and packed patches.
    unsafe fn sums(
        &self,
        x: &Grid,
        dy: &Grid,
        samples: std::ops::Range<usize>,
        block: usize,
        sums: *mut f32,
        packed: *mut f32,
    ) {
        let [(channel, channels), (filter, filters)] = self.range(block);
        let (x, dy) = (x.slice(channel, channels), dy.slice(filter, filters));
        let (lanes, pitch) = (self.isa.lanes(), self.pitch());
        let most = tile_channels(self.isa);
        // SAFETY: the task's own.
        unsafe { std::ptr::write_bytes(sums, 0, self.block()) };
        // Of a row of samples there may be fewer than planned.
        let width = self.cols.output.min(dy.width);
        let [together, band, run] = self.patch(width);
        let words = together * self.form.samples();
        for first in samples.clone().step_by(words) {
            for top in (0..self.rows.output).step_by(band) {
                for left in (0..width).step_by(run) {
                    let patch = [top..(top + band).min(self.rows.output), left..(left + run).min(width)];
                    let many = first..(first + words).min(samples.end);
                    // SAFETY: the samples are the grids'; there is room for the patches of this lane.
                    let [x, dy] = unsafe { self.operands(&x, &dy, many.clone(), &patch, packed) };
                    let whole = self.form != Form::Number;
                    for (r, c) in (0..self.rows.taps.len()).flat_map(|r| (0..self.cols.taps.len()).map(move |c| (r, c)))
                    {
                        let tap = r * self.cols.taps.len() + c;
                        let meet = |a: &std::ops::Range<usize>, b: std::ops::Range<usize>| {
                            a.start.max(b.start)..a.end.min(b.end)
                        };
                        let rows = meet(&patch[0], self.rows.outputs(r));
                        let cols = meet(&patch[1], self.cols.outputs(c));
                        if rows.is_empty() || cols.is_empty() {
                            continue;
                        }
                        let (row, col) = (self.rows.at(rows.start, r) as usize, self.cols.at(cols.start, c) as usize);
                        // SAFETY: these outputs' taps lie on inputs; sums are the task's own.
                        unsafe {
                            let x_at = x.at([row, col]);
                            let dy_at = dy.at([rows.start, cols.start]);
                            for f in (0..filters).step_by(2 * lanes) {
                                let count = (filters - f).min(2 * lanes);
                                let vectors = count.div_ceil(lanes);
                                for c in (0..channels).step_by(most) {
                                    let count_c = (channels - c).min(most);
                                    self.tile(count_c, vectors)(&Patch {
                                        x: x_at.add(c),
                                        x_step: self.cols.stride / x.every[1] * x.step,
                                        x_row: self.rows.stride / x.every[0] * x.row,
                                        x_sample: x.sample,
                                        dy: dy_at.add(f),
                                        dy_step: dy.step,
                                        dy_row: dy.row,
                                        dy_sample: dy.sample,
                                        samples: many.len().div_ceil(self.form.samples()),
                                        rows: rows.len(),
                                        cols: cols.len(),
                                        sums: sums.add((tap * self.channels.min(SIDE) + c) * pitch + f),
                                        pitch,
                                        last: if whole { lanes } else { count - (vectors - 1) * lanes },
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Where the tiles of a patch find their operands: where they lie, or packed.
    ///
    /// # Safety
    /// The samples are the grids'; nobody else is at the packed patches.
    unsafe fn operands(
        &self,
        x: &Grid,
        dy: &Grid,
        samples: std::ops::Range<usize>,
        [rows, cols]: &[std::ops::Range<usize>; 2],
        packed: *mut f32,
    ) -> [Pixels; 2] {
        // SAFETY: the caller's; patches are no larger than `packed` says.
        unsafe {
            if self.form == Form::Number {
                return [Pixels::of(x, samples.start), Pixels::of(dy, samples.start)];
            }
            let under = [Under::of(&self.rows, rows), Under::of(&self.cols, cols)];
            let outputs = [rows, cols].map(Under::outputs);
            let behind = packed.add(self.packed()[0]);
            [
                pack(self.form, x, samples.clone(), &under, x.channels, packed),
                pack(self.form, dy, samples, &outputs, self.pitch(), behind),
            ]
        }
    }

    /// Sums up the parts of a block, `step` numbers from one to the next, in their order, into the network's layout.
    ///
    /// # Safety
    /// As of [`Self::run`]; nobody else is at this block of the gradient and at its sums.
    unsafe fn gather(&self, block: usize, step: usize, sums: *mut f32, dweight: *mut f32, onto: bool) {
        let [(channel, channels), (filter, filters)] = self.range(block);
        let (pitch, taps) = (self.pitch(), self.taps());
        let [inputs, outputs] = self.group;
        for part in 1..self.parts {
            // SAFETY: parts are apart, and the block's own.
            let (sum, part) = unsafe {
                let part = std::slice::from_raw_parts(sums.add(part * step), self.block());
                (std::slice::from_raw_parts_mut(sums, self.block()), part)
            };
            crate::kernels::wide(|| sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part));
        }
        for f in filter..filter + filters {
            for c in channel..channel + channels {
                if c / inputs != f / outputs {
                    continue;
                }
                for tap in 0..taps {
                    let at = (tap * self.channels.min(SIDE) + c - channel) * pitch + f - filter;
                    // SAFETY: within the sums and the gradient.
                    unsafe {
                        let sum = *sums.add(at);
                        let to = &mut *dweight.add((f * inputs + c % inputs) * taps + tap);
                        *to = if onto { *to + sum } else { sum };
                    }
                }
            }
        }
    }
}

/// All pixels of a sample as one row.
fn flat(grid: Grid) -> Grid {
    Grid { height: 1, width: grid.plane(), ..grid }
}

/// An address that threads share; they write different numbers behind it.
pub(super) struct Shared(*mut f32);

// SAFETY: see above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(numbers: *mut f32) -> Shared {
        Shared(numbers)
    }

    /// # Safety
    /// There are so many numbers.
    pub unsafe fn at(&self, index: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.0.add(index) }
    }
}
