//! The gradient of a convolution's weights: for each tap the product of what lies under it with the gradients of the outputs,
//! summed over all pixels.
//!
//! A tile is a few input channels times two vectors of filters, summed in registers over a patch of pixels that stays in the
//! first-level cache while all taps and channels pass over it. Neither operand is copied: borders are left out of the sums.

use super::line::Line;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::{Isa, Simd, compiled, for_isa};
use crate::engine::cpu::team::Team;
use crate::engine::operation::ConvShape;

/// Input channels and filters of a task: with all taps, a sum that a second-level cache holds.
const SIDE: usize = 64;
/// Pixels of a patch: both operands stay in a first-level cache.
const PATCH: usize = 72;
/// Sums that are made at least, by parts of the batch where weights are few: what threads share must not depend on how many there
/// are, or so would rounding.
const TASKS: usize = 16;

/// The gradient with respect to a convolution's weights.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct WeightGradient {
    isa: Isa,
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

/// Input channels of a tile: with two vectors of filters as many sums as registers hold.
fn tile_channels(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 8,
        Isa::Avx2 | Isa::Portable => 4,
    }
}

/// The operands of a tile.
#[derive(Clone, Copy)]
struct Patch {
    /// The first input channel under the first pixel.
    x: *const f32,
    x_step: usize,
    x_row: usize,
    dy: *const f32,
    dy_step: usize,
    dy_row: usize,
    rows: usize,
    cols: usize,
    /// Sums, channel by channel.
    sums: *mut f32,
    /// Numbers from a channel's sums to the next's.
    pitch: usize,
    /// Filters in the second vector, or the first if there is one only.
    last: usize,
}

/// # Safety
/// The processor has the vectors; the addresses are those of so many rows and columns of C channels and of filters enough for V
/// vectors, the last one's first `last`; of sums there are V whole vectors for each channel, at which nobody else is.
#[inline(always)]
unsafe fn patch<S: Simd, const C: usize, const V: usize>(p: &Patch) {
    // SAFETY: the caller's.
    unsafe {
        // A patch's sums by themselves, which then join those of all pixels: long sums of f32 lose digits.
        let mut sums = [[S::zero(); V]; C];
        let partial = p.last < S::LANES;
        for row in 0..p.rows {
            // Behind the last pixel they may lie nowhere, and are not read.
            let (mut x, mut dy) = (p.x.add(row * p.x_row), p.dy.add(row * p.dy_row));
            if partial {
                for _ in 0..p.cols {
                    let dys: [S::V; V] = std::array::from_fn(|v| {
                        let at = dy.add(v * S::LANES);
                        if v + 1 == V { S::load_first(at, p.last) } else { S::load(at) }
                    });
                    product::<S, C, V>(&mut sums, x, dys);
                    (x, dy) = (x.wrapping_add(p.x_step), dy.wrapping_add(p.dy_step));
                }
            } else {
                for _ in 0..p.cols {
                    let dys: [S::V; V] = std::array::from_fn(|v| S::load(dy.add(v * S::LANES)));
                    product::<S, C, V>(&mut sums, x, dys);
                    (x, dy) = (x.wrapping_add(p.x_step), dy.wrapping_add(p.dy_step));
                }
            }
        }
        for (c, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = p.sums.add(c * p.pitch + v * S::LANES);
                S::store(to, S::add(S::load(to), sum));
            }
        }
    }
}

/// # Safety
/// The processor has the vectors, and there are C numbers at `x`.
#[inline(always)]
unsafe fn product<S: Simd, const C: usize, const V: usize>(sums: &mut [[S::V; V]; C], x: *const f32, dy: [S::V; V]) {
    // SAFETY: the caller's.
    unsafe {
        for (c, sums) in sums.iter_mut().enumerate() {
            let x = S::splat(*x.add(c));
            for (sum, dy) in sums.iter_mut().zip(dy) {
                *sum = S::fma(x, dy, *sum);
            }
        }
    }
}

compiled!(patch<C, V>(p: &Patch));

type Run = unsafe fn(&Patch);

/// The tile of so many channels, at most 8, and vectors of filters, one or two.
fn tile(isa: Isa, channels: usize, vectors: usize) -> Run {
    macro_rules! pick {
        ($($channels:literal)*) => {
            match (channels, vectors) {
                $(($channels, 1) => for_isa!(isa, patch::<$channels, 1>),
                ($channels, _) => for_isa!(isa, patch::<$channels, 2>),)*
                _ => unreachable!("tiles have at most eight channels"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8)
}

impl WeightGradient {
    /// For batches of so many samples.
    pub fn new(isa: Isa, shape: &ConvShape, batch: usize) -> WeightGradient {
        let lines = [Line::forward(&shape.rows), Line::forward(&shape.cols)];
        WeightGradient::of(isa, shape, lines, batch)
    }

    /// Of a fully connected layer, whose samples are pixels.
    pub fn linear(isa: Isa, inputs: usize, outputs: usize, batch: usize) -> WeightGradient {
        let one = Line { input: 1, output: 1, stride: 1, before: 0, taps: vec![0] };
        let samples = Line { input: batch, output: batch, ..one.clone() };
        let axis = crate::kernels::window::Axis::pair([1; 2], [1; 2], [1; 2], [1; 2], [0; 4], [1; 2]);
        let shape = ConvShape { inputs, outputs, groups: 1, rows: axis[0], cols: axis[1] };
        WeightGradient::of(isa, &shape, [one, samples], 1)
    }

    fn of(isa: Isa, shape: &ConvShape, [rows, cols]: [Line; 2], batch: usize) -> WeightGradient {
        let group = [shape.inputs / shape.groups, shape.outputs / shape.groups];
        let together = (1..=shape.groups)
            .filter(|n| shape.groups.is_multiple_of(*n))
            .find(|n| n * group[1] >= isa.lanes().min(16))
            .unwrap_or(shape.groups);
        let [channels, filters] = group.map(|n| n * together);
        let groups = shape.groups / together;
        let blocks = groups * channels.div_ceil(SIDE) * filters.div_ceil(SIDE);
        let parts = TASKS.div_ceil(blocks).min(batch).max(1);
        // Where pixels are one row, a patch is a part of it.
        let flat = rows.is_identity() && cols.is_identity();
        let [rows, cols] = match flat {
            true => {
                let pixels = rows.output * cols.output;
                [Line { input: 1, output: 1, ..rows }, Line { input: pixels, output: pixels, ..cols }]
            }
            false => [rows, cols],
        };
        WeightGradient { isa, rows, cols, groups, channels, filters, group, parts }
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
        sums * self.block()
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
        let (scratch, dweight) = (Shared(scratch), Shared(dweight.as_mut_ptr()));
        if self.parts == 1 {
            team.each(blocks, |block, lane| {
                // SAFETY: every lane has sums of its own, and blocks are different numbers of the gradient.
                unsafe {
                    let sums = scratch.at(lane * self.block());
                    self.sums(&x, &dy, 0..x.samples, block, sums);
                    self.gather(block, 0, sums, dweight.at(0), onto);
                }
            });
            return;
        }
        team.each(blocks * self.parts, |task, _| {
            let (part, block) = (task / blocks, task % blocks);
            let samples = x.samples * part / self.parts..x.samples * (part + 1) / self.parts;
            // SAFETY: every task has sums of its own.
            unsafe { self.sums(&x, &dy, samples, block, scratch.at(task * self.block())) };
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
    /// As of [`Self::run`]; nobody else is at these sums.
    unsafe fn sums(&self, x: &Grid, dy: &Grid, samples: std::ops::Range<usize>, block: usize, sums: *mut f32) {
        let [(channel, channels), (filter, filters)] = self.range(block);
        let (lanes, pitch) = (self.isa.lanes(), self.pitch());
        let most = tile_channels(self.isa);
        // SAFETY: the task's own.
        unsafe { std::ptr::write_bytes(sums, 0, self.block()) };
        // Of a row of samples there may be fewer than planned.
        let width = self.cols.output.min(dy.width);
        let run = width.min(PATCH);
        let band = (PATCH / run).max(1);
        for sample in samples {
            for top in (0..self.rows.output).step_by(band) {
                for left in (0..width).step_by(run) {
                    let patch = [top..(top + band).min(self.rows.output), left..(left + run).min(width)];
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
                            let x_at = x.at(sample, row * x.width + col).add(channel);
                            let dy_at = dy.at(sample, rows.start * dy.width + cols.start).add(filter);
                            for f in (0..filters).step_by(2 * lanes) {
                                let count = (filters - f).min(2 * lanes);
                                let vectors = count.div_ceil(lanes);
                                for c in (0..channels).step_by(most) {
                                    let count_c = (channels - c).min(most);
                                    tile(self.isa, count_c, vectors)(&Patch {
                                        x: x_at.add(c),
                                        x_step: self.cols.stride * x.pitch,
                                        x_row: self.rows.stride * x.width * x.pitch,
                                        dy: dy_at.add(f),
                                        dy_step: dy.pitch,
                                        dy_row: dy.width * dy.pitch,
                                        rows: rows.len(),
                                        cols: cols.len(),
                                        sums: sums.add((tap * self.channels.min(SIDE) + c) * pitch + f),
                                        pitch,
                                        last: count - (vectors - 1) * lanes,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Sums up the parts of a block, `step` numbers from one to the next, in their order, into the network's layout.
    ///
    /// # Safety
    /// As of [`Self::run`]; nobody else is at this block of the gradient, and nobody writes its sums.
    unsafe fn gather(&self, block: usize, step: usize, sums: *const f32, dweight: *mut f32, onto: bool) {
        let [(channel, channels), (filter, filters)] = self.range(block);
        let (pitch, taps) = (self.pitch(), self.taps());
        let [inputs, outputs] = self.group;
        for f in filter..filter + filters {
            for c in channel..channel + channels {
                if c / inputs != f / outputs {
                    continue;
                }
                for tap in 0..taps {
                    let at = (tap * self.channels.min(SIDE) + c - channel) * pitch + f - filter;
                    // SAFETY: within the sums and the gradient.
                    unsafe {
                        let part = |part: usize| *sums.add(part * step + at);
                        let sum = (1..self.parts).fold(part(0), |sum, index| sum + part(index));
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
struct Shared(*mut f32);

// SAFETY: see above.
unsafe impl Sync for Shared {}

impl Shared {
    /// # Safety
    /// There are so many numbers.
    unsafe fn at(&self, index: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.0.add(index) }
    }
}
