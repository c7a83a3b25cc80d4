//! The gradient of a convolution's weights on a matrix unit: words are the same pixel of two samples in bf16.
//!
//! For each tap it is a product of matrices over all pixels: inputs, channel by channel, times gradients, pixel by pixel. Both are
//! packed, a patch of the map at a time, so that the pixels of a patch are one sequence whatever the window: inputs that are a
//! stride apart lie together, in a plane for each remainder that a tap has, and rows of gradients are as long as rows of
//! inputs, with zeros at their ends. A tap is a distance in a plane then.

mod patch;

use std::ops::Range;

use patch::Patch;

use super::amx;
use super::line::Line;
use super::weight_gradient::Shared;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::team::Team;
use crate::engine::operation::ConvShape;

/// Channels of a task.
const CHANNELS: usize = 64;
/// Filters of a task times taps: with all channels, sums that a second-level cache holds.
const FILTERS: usize = 256;
/// Pixels of a patch: packed operands stay in a second-level cache.
const PATCH: usize = 512;
/// Sums that are made at least: see `weight_gradient`.
const TASKS: usize = 16;
/// Side of a matrix register.
const SIDE: usize = amx::ROWS;

/// One axis: outputs, and the planes that their inputs lie in.
#[derive(Clone, Debug)]
struct Axis {
    line: Line,
    /// Remainders of taps by the stride.
    phases: Vec<usize>,
    /// How far a plane reaches beyond outputs.
    reach: usize,
}

impl Axis {
    fn of(line: Line) -> Axis {
        let mut phases: Vec<usize> = line.taps.iter().map(|tap| tap % line.stride).collect();
        phases.sort_unstable();
        phases.dedup();
        let reach = line.taps.iter().map(|tap| tap / line.stride).max().unwrap_or(0);
        Axis { line, phases, reach }
    }

    /// The plane of a tap, and where in it the input under the first output lies.
    fn place(&self, tap: usize) -> (usize, usize) {
        let Line { taps, stride, .. } = &self.line;
        let plane = self.phases.iter().position(|phase| *phase == taps[tap] % stride);
        (plane.unwrap_or(0), taps[tap] / stride)
    }

    /// Of a plane under some outputs: the positions that lie on inputs, and the first of these inputs.
    fn inside(&self, phase: usize, outputs: &Range<usize>) -> (Range<usize>, usize) {
        let Line { stride, before, input, .. } = self.line;
        let first = (outputs.start * stride + phase) as isize - before;
        let all = outputs.len() + self.reach;
        let start = ((-first).max(0) as usize).div_ceil(stride).min(all);
        let end = ((input as isize - first).max(0) as usize).div_ceil(stride).clamp(start, all);
        (start..end, (first + (start * stride) as isize).max(0) as usize)
    }
}

/// The gradient with respect to a convolution's weights.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct MatrixGradient {
    rows: Axis,
    cols: Axis,
    /// Groups that are computed, each of several of the network's where those are narrow.
    groups: usize,
    channels: usize,
    filters: usize,
    /// Channels of the network's groups: read, written.
    group: [usize; 2],
    /// Pairs of samples, rows and columns of a patch.
    patch: [usize; 3],
    /// Parts of the batch that are summed apart.
    parts: usize,
}

impl MatrixGradient {
    /// For batches of so many samples.
    pub fn new(shape: &ConvShape, batch: usize) -> MatrixGradient {
        let [mut rows, mut cols] = [Line::forward(&shape.rows), Line::forward(&shape.cols)];
        if rows.is_identity() && cols.is_identity() {
            let pixels = rows.output * cols.output;
            rows = Line { input: 1, output: 1, ..rows };
            cols = Line { input: pixels, output: pixels, ..cols };
        }
        let group = [shape.inputs / shape.groups, shape.outputs / shape.groups];
        let together = (1..=shape.groups)
            .filter(|n| shape.groups.is_multiple_of(*n))
            .find(|n| n * group[1] >= SIDE)
            .unwrap_or(shape.groups);
        let even = |all: usize, most: usize| all.div_ceil(all.div_ceil(most.max(1)).max(1)).max(1);
        let run = even(cols.output, PATCH);
        let band = even(rows.output, PATCH / run);
        let whole = [band, run] == [rows.output, cols.output];
        let words = batch.div_ceil(2).max(1);
        let pairs = if whole { (PATCH / (band * run)).clamp(1, words) } else { 1 };
        let [channels, filters] = group.map(|n| n * together);
        let made = MatrixGradient {
            rows: Axis::of(rows),
            cols: Axis::of(cols),
            groups: shape.groups / together,
            channels,
            filters,
            group,
            patch: [pairs, band, run],
            parts: 1,
        };
        let [down, along] = made.blocks();
        MatrixGradient { parts: TASKS.div_ceil(made.groups * down * along).min(words).max(1), ..made }
    }

    fn taps(&self) -> usize {
        self.rows.line.taps.len() * self.cols.line.taps.len()
    }

    /// The most channels and filters of a block.
    fn block(&self) -> [usize; 2] {
        let filters = (FILTERS / self.taps().max(1)).clamp(CHANNELS, FILTERS) / SIDE * SIDE;
        [self.channels.min(CHANNELS), self.filters.min(filters)]
    }

    fn blocks(&self) -> [usize; 2] {
        let [channels, filters] = self.block();
        [self.channels.div_ceil(channels.max(1)), self.filters.div_ceil(filters.max(1))]
    }

    /// Numbers of a block's sums: for each tap squares of 16 channels times 16 filters.
    fn sums_len(&self) -> usize {
        self.taps() * self.block().iter().map(|n| n.next_multiple_of(SIDE)).product::<usize>()
    }

    /// Words of a row of a plane.
    fn width(&self) -> usize {
        self.patch[2] + self.cols.reach
    }

    /// Words of a pair of samples in a plane.
    fn plane(&self) -> usize {
        (self.patch[1] + self.rows.reach) * self.width()
    }

    /// Sequences of pixels, and words of each: pairs of samples, all as one where nothing lies between them.
    fn sequences(&self, pairs: usize) -> (usize, usize) {
        match self.rows.reach + self.cols.reach {
            0 => (1, pairs * self.plane()),
            _ => (pairs, self.patch[1] * self.width()),
        }
    }

    /// Words from a channel to the next: an odd number of lines, so that channels meet in no set of the cache.
    fn pitch(&self) -> usize {
        // Behind the last pixel a tap reads up to a row's reach and a register's width.
        (self.patch[0] * self.plane() + self.cols.reach + SIDE).div_ceil(SIDE) / 2 * 2 * SIDE + SIDE
    }

    /// Words of a packed patch: inputs, gradients.
    fn packed(&self) -> [usize; 2] {
        let [channels, filters] = self.block().map(|n| n.next_multiple_of(SIDE));
        let planes = self.rows.phases.len() * self.cols.phases.len();
        let (count, len) = self.sequences(self.patch[0]);
        [planes * channels * self.pitch(), filters * count * len.next_multiple_of(SIDE)]
    }

    /// Numbers of scratch for so many threads.
    pub fn scratch(&self, lanes: usize) -> usize {
        let [down, along] = self.blocks();
        let sums = if self.parts == 1 { lanes } else { self.parts * self.groups * down * along };
        sums * self.sums_len() + lanes * self.packed().iter().sum::<usize>()
    }

    /// Adds to `dweight`, or sets it. `scratch` has [`Self::scratch`] numbers for the team.
    ///
    /// # Safety
    /// The processor has a matrix unit; grids have the sizes that it was made for, and no other thread touches `dweight` and
    /// `scratch` meanwhile.
    pub unsafe fn run(&self, team: &Team, x: Grid, dy: Grid, dweight: &mut [f32], onto: bool, scratch: *mut f32) {
        let [down, along] = self.blocks();
        let blocks = self.groups * down * along;
        let (x, dy) = match self.rows.line.is_identity() && self.cols.line.is_identity() {
            true => (flat(x), flat(dy)),
            false => (x, dy),
        };
        let (len, packed_len) = (self.sums_len(), self.packed().iter().sum::<usize>());
        let packed_at = self.scratch(team.lanes()) - team.lanes() * packed_len;
        let (scratch, dweight) = (Shared::new(scratch), Shared::new(dweight.as_mut_ptr()));
        let words = x.samples.div_ceil(2);
        let pairs = |part: usize| words * part / self.parts..words * (part + 1) / self.parts;
        if self.parts == 1 {
            team.each(blocks, |block, lane| {
                // SAFETY: every lane has sums of its own, and blocks are different numbers of the gradient.
                unsafe {
                    let sums = scratch.at(lane * len);
                    self.sums(&x, &dy, pairs(0), block, sums, scratch.at(packed_at + lane * packed_len));
                    self.gather(block, 0, sums, dweight.at(0), onto);
                }
            });
            return;
        }
        team.each(blocks * self.parts, |task, lane| {
            let (part, block) = (task / blocks, task % blocks);
            // SAFETY: every task has sums of its own, and every lane packs by itself.
            unsafe {
                let packed = scratch.at(packed_at + lane * packed_len);
                self.sums(&x, &dy, pairs(part), block, scratch.at(task * len), packed);
            }
        });
        team.each(blocks, |block, _| {
            // SAFETY: blocks are different numbers of the gradient.
            unsafe { self.gather(block, blocks * len, scratch.at(block * len), dweight.at(0), onto) };
        });
    }

    /// The first channel and filter of a block, counted over all groups, and how many.
    fn range(&self, block: usize) -> [(usize, usize); 2] {
        let [down, along] = self.blocks();
        let [channels, filters] = self.block();
        let (group, row, col) = (block / (down * along), block / along % down, block % along);
        let range =
            |index: usize, most: usize, all: usize| (group * all + index * most, (all - index * most).min(most));
        [range(row, channels, self.channels), range(col, filters, self.filters)]
    }

    /// The sums of one block over some pairs of samples.
    ///
    /// # Safety
    /// As of [`Self::run`]; nobody else is at these sums and packed patches.
    unsafe fn sums(&self, x: &Grid, dy: &Grid, pairs: Range<usize>, block: usize, sums: *mut f32, packed: *mut f32) {
        let [(channel, channels), (filter, filters)] = self.range(block);
        let (x, dy) = (x.slice(channel, channels), dy.slice(filter, filters));
        let [together, band, run] = self.patch;
        let [height, width] = [self.rows.line.output, self.cols.line.output];
        // SAFETY: the task's own; the unit is here.
        let _unit = unsafe {
            std::ptr::write_bytes(sums, 0, self.sums_len());
            amx::Unit::begin()
        };
        for first in pairs.clone().step_by(together) {
            for top in (0..height).step_by(band) {
                for left in (0..width).step_by(run) {
                    let patch = Patch {
                        pairs: first..(first + together).min(pairs.end),
                        rows: top..(top + band).min(height),
                        cols: left..(left + run).min(width),
                    };
                    // SAFETY: patches lie in the grids and are no larger than `packed` says.
                    unsafe {
                        let gradients = packed.add(self.packed()[0]);
                        self.pack_inputs(&x, &patch, packed);
                        self.pack_gradients(&dy, &patch, gradients);
                        self.multiply(patch.pairs.len(), [channels, filters], packed, gradients, sums);
                    }
                }
            }
        }
    }

    /// Sums up the parts of a block, `step` numbers from one to the next, in their order, into the network's layout.
    ///
    /// # Safety
    /// As of [`Self::run`]; nobody else is at this block of the gradient and at its sums.
    unsafe fn gather(&self, block: usize, step: usize, sums: *mut f32, dweight: *mut f32, onto: bool) {
        let [(channel, channels), (filter, filters)] = self.range(block);
        let [most_channels, most_filters] = self.block().map(|n| n.div_ceil(SIDE));
        let (len, taps) = (self.sums_len(), self.taps());
        let [inputs, outputs] = self.group;
        for part in 1..self.parts {
            // SAFETY: parts are apart, and the block's own.
            let (sum, part) = unsafe {
                let part = std::slice::from_raw_parts(sums.add(part * step), len);
                (std::slice::from_raw_parts_mut(sums, len), part)
            };
            crate::kernels::wide(|| sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part));
        }
        for f in 0..filters {
            for c in 0..channels {
                let (filter, channel) = (filter + f, channel + c);
                if channel / inputs != filter / outputs {
                    continue;
                }
                for tap in 0..taps {
                    let square = (tap * most_filters + f / SIDE) * most_channels + c / SIDE;
                    // SAFETY: within the sums and the gradient.
                    unsafe {
                        let sum = *sums.add((square * SIDE + c % SIDE) * SIDE + f % SIDE);
                        let to = &mut *dweight.add((filter * inputs + channel % inputs) * taps + tap);
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
