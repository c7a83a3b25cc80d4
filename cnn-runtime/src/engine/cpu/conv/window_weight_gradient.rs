//! The gradient of a convolution's weights where inputs have few channels: all numbers under a window, whatever their tap, take
//! the place of channels.
//!
//! A task copies rows of inputs into the thread's scratch, dense and with zeros around, so that every number under a window is a
//! constant step from the window's first. A tile is a few of them times two vectors of filters, summed in registers over a patch
//! of pixels.

use std::ops::Range;

use super::line::Line;
use super::weight_gradient::Shared;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::{Isa, Simd, compiled, for_isa};
use crate::engine::cpu::team::Team;
use crate::engine::operation::ConvShape;

/// Filters of a task.
const SIDE: usize = 64;
/// Numbers of a patch of gradients, and of the inputs copied for a few rows: both stay in a first-level cache.
const PATCH: usize = 4096;
/// Pixels of a patch at most: long sums of f32 lose digits.
const RUN: usize = 256;
/// Sums that are made at least, by parts of the batch: what threads share must not depend on how many there are.
const TASKS: usize = 16;
/// Numbers under a window that are a tile at most.
const MOST: usize = 8;
/// Numbers in a cache line.
const LINE: usize = 16;

/// The gradient with respect to the weights of a convolution of few channels.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct WindowGradient {
    isa: Isa,
    rows: Line,
    cols: Line,
    channels: usize,
    filters: usize,
    /// Parts of the batch that are summed apart.
    parts: usize,
}

/// Numbers under a window in a tile: with two vectors of filters as many sums as registers hold.
fn tile_numbers(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => MOST,
        Isa::Avx2 | Isa::Portable => 4,
    }
}

/// The operands of a tile.
#[derive(Clone, Copy)]
struct Patch<'a> {
    /// The first number under the first window, and from a window to the next along and down.
    x: *const f32,
    x_step: usize,
    x_row: usize,
    /// From a window's first number to each that is wanted.
    offsets: &'a [usize],
    dy: *const f32,
    dy_step: usize,
    dy_row: usize,
    rows: usize,
    cols: usize,
    /// Sums, number by number.
    sums: *mut f32,
    /// From a number's sums to the next's.
    pitch: usize,
    /// Filters in the second vector, or the first if there is one only.
    last: usize,
}

/// # Safety
/// The processor has the vectors; the addresses are those of so many rows and columns of windows, of N numbers of each and of
/// filters enough for V vectors, the last one's first `last`; of sums there are V whole vectors for each number, at which nobody
/// else is.
#[inline(always)]
unsafe fn patch<S: Simd, const N: usize, const V: usize>(p: &Patch<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::zero(); V]; N];
        let offsets: [usize; N] = std::array::from_fn(|n| p.offsets[n]);
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
                    product::<S, N, V>(&mut sums, x, &offsets, dys);
                    (x, dy) = (x.wrapping_add(p.x_step), dy.wrapping_add(p.dy_step));
                }
            } else {
                for _ in 0..p.cols {
                    let dys: [S::V; V] = std::array::from_fn(|v| S::load(dy.add(v * S::LANES)));
                    product::<S, N, V>(&mut sums, x, &offsets, dys);
                    (x, dy) = (x.wrapping_add(p.x_step), dy.wrapping_add(p.dy_step));
                }
            }
        }
        for (n, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = p.sums.add(n * p.pitch + v * S::LANES);
                S::store(to, S::add(S::load(to), sum));
            }
        }
    }
}

/// # Safety
/// The processor has the vectors, and there are N numbers at these offsets.
#[inline(always)]
unsafe fn product<S: Simd, const N: usize, const V: usize>(
    sums: &mut [[S::V; V]; N],
    x: *const f32,
    offsets: &[usize; N],
    dy: [S::V; V],
) {
    // SAFETY: the caller's.
    unsafe {
        for (sums, &offset) in sums.iter_mut().zip(offsets) {
            let x = S::splat(*x.add(offset));
            for (sum, dy) in sums.iter_mut().zip(dy) {
                *sum = S::fma(x, dy, *sum);
            }
        }
    }
}

compiled!(patch<N, V>(p: &Patch<'_>));

type Run = unsafe fn(&Patch<'_>);

/// The tile of so many numbers, at most 8, and vectors of filters, one or two.
fn tile(isa: Isa, numbers: usize, vectors: usize) -> Run {
    macro_rules! pick {
        ($($numbers:literal)*) => {
            match (numbers, vectors) {
                $(($numbers, 1) => for_isa!(isa, patch::<$numbers, 1>),
                ($numbers, _) => for_isa!(isa, patch::<$numbers, 2>),)*
                _ => unreachable!("tiles have at most eight numbers"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8)
}

impl WindowGradient {
    /// For batches of so many samples, if this is the faster way.
    pub fn new(isa: Isa, shape: &ConvShape, batch: usize) -> Option<WindowGradient> {
        let (rows, cols) = (Line::forward(&shape.rows), Line::forward(&shape.cols));
        let (taps, channels) = (rows.taps.len() * cols.taps.len(), shape.inputs);
        let empty = rows.output * cols.output == 0;
        if shape.groups != 1 || taps == 1 || channels >= tile_numbers(isa) || empty {
            return None;
        }
        let parts = TASKS.div_ceil(shape.outputs.div_ceil(SIDE)).min(batch).max(1);
        Some(WindowGradient { isa, rows, cols, channels, filters: shape.outputs, parts })
    }

    /// Numbers under a window.
    fn numbers(&self) -> usize {
        self.rows.taps.len() * self.cols.taps.len() * self.channels
    }

    fn blocks(&self) -> usize {
        self.filters.div_ceil(SIDE)
    }

    /// Numbers of a block's sums: for each number under a window one for each filter.
    fn block(&self) -> usize {
        self.numbers() * self.pitch()
    }

    /// From a number's sums to the next's.
    fn pitch(&self) -> usize {
        self.filters.min(SIDE).next_multiple_of(self.isa.lanes())
    }

    /// Inputs under so many outputs of an axis.
    fn reach(line: &Line, outputs: usize) -> usize {
        (outputs - 1) * line.stride + line.taps.last().map_or(0, |last| last + 1)
    }

    /// Numbers of a copied row.
    fn row(&self) -> usize {
        Self::reach(&self.cols, self.cols.output) * self.channels
    }

    /// Rows of outputs whose inputs are copied at a time.
    fn band(&self) -> usize {
        let rows = PATCH / self.row();
        let beyond = Self::reach(&self.rows, 1);
        (rows.saturating_sub(beyond) / self.rows.stride + 1).min(self.rows.output)
    }

    /// Numbers of copied rows.
    fn copied(&self) -> usize {
        (Self::reach(&self.rows, self.band()) * self.row()).next_multiple_of(LINE)
    }

    /// Numbers of scratch for so many threads.
    pub fn scratch(&self, lanes: usize) -> usize {
        self.parts * self.blocks() * self.block() + lanes * self.copied()
    }

    /// Adds to `dweight`, or sets it. `scratch` has [`Self::scratch`] numbers for the team.
    ///
    /// # Safety
    /// Grids have the sizes that it was made for, and no other thread touches `dweight` and `scratch` meanwhile.
    pub unsafe fn run(&self, team: &Team, x: Grid, dy: Grid, dweight: &mut [f32], onto: bool, scratch: *mut f32) {
        let (blocks, block, numbers) = (self.blocks(), self.block(), self.numbers());
        let (scratch, dweight) = (Shared::new(scratch), Shared::new(dweight.as_mut_ptr()));
        team.each(blocks * self.parts, |task, lane| {
            let (part, filter) = (task / blocks, task % blocks * SIDE);
            let samples = x.samples * part / self.parts..x.samples * (part + 1) / self.parts;
            // SAFETY: every task has sums of its own, and every lane its copied rows.
            unsafe {
                let copied = scratch.at(self.parts * blocks * block + lane * self.copied());
                self.sums(&x, &dy, samples, filter, copied, scratch.at(task * block));
            }
        });
        let each = LINE;
        team.each(blocks * numbers.div_ceil(each), |task, _| {
            let (index, first) = (task % blocks, task / blocks * each);
            for number in first..(first + each).min(numbers) {
                // SAFETY: tasks have numbers of their own; nobody writes sums now.
                unsafe { self.gather(index, number, scratch.at(index * block), blocks * block, dweight.at(0), onto) };
            }
        });
    }

    /// The sums of a block of filters over some samples.
    ///
    /// # Safety
    /// As of [`Self::run`]; nobody else is at these sums and at these copied rows.
    unsafe fn sums(&self, x: &Grid, dy: &Grid, samples: Range<usize>, filter: usize, copied: *mut f32, sums: *mut f32) {
        // SAFETY: the task's own.
        unsafe { std::ptr::write_bytes(sums, 0, self.block()) };
        let filters = (self.filters - filter).min(SIDE);
        let [height, width] = [self.rows.output, self.cols.output];
        let pixels = (PATCH / filters).min(RUN);
        let run = width.min(pixels);
        let (tall, low) = (self.band(), pixels / run);
        for sample in samples {
            for top in (0..height).step_by(tall) {
                let rows = top..(top + tall).min(height);
                // SAFETY: there is room for as many rows; the rest is the caller's.
                unsafe { self.copy(x, sample, rows.clone(), copied) };
                for patch_top in rows.step_by(low) {
                    let patch_rows = low.min((top + tall).min(height) - patch_top);
                    for left in (0..width).step_by(run) {
                        // SAFETY: windows of the copied rows, pixels of the gradients, the task's own sums.
                        unsafe {
                            let at = (patch_top - top) * self.rows.stride * self.row()
                                + left * self.cols.stride * self.channels;
                            let dy_at = dy.at(sample, patch_top * dy.width + left).add(filter);
                            let size = [patch_rows, run.min(width - left)];
                            self.patch(copied.add(at), dy_at, dy, size, filters, sums);
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// As of [`Self::sums`]; `x` is the first number under the first of so many rows and columns of windows, `dy_at` its gradient.
    unsafe fn patch(
        &self,
        x: *const f32,
        dy_at: *const f32,
        dy: &Grid,
        [rows, cols]: [usize; 2],
        filters: usize,
        sums: *mut f32,
    ) {
        let (lanes, pitch, numbers, most) = (self.isa.lanes(), self.pitch(), self.numbers(), tile_numbers(self.isa));
        // As even as can be.
        let tiles = numbers.div_ceil(most);
        for tile_index in 0..tiles {
            let range = numbers * tile_index / tiles..numbers * (tile_index + 1) / tiles;
            let mut offsets = [0; MOST];
            offsets.iter_mut().zip(range.clone()).for_each(|(offset, number)| *offset = self.offset(number));
            for f in (0..filters).step_by(2 * lanes) {
                let count = (filters - f).min(2 * lanes);
                let vectors = count.div_ceil(lanes);
                // SAFETY: the caller's.
                unsafe {
                    tile(self.isa, range.len(), vectors)(&Patch {
                        x,
                        x_step: self.cols.stride * self.channels,
                        x_row: self.rows.stride * self.row(),
                        offsets: &offsets[..range.len()],
                        dy: dy_at.add(f),
                        dy_step: dy.pitch,
                        dy_row: dy.width * dy.pitch,
                        rows,
                        cols,
                        sums: sums.add(range.start * pitch + f),
                        pitch,
                        last: count - (vectors - 1) * lanes,
                    });
                }
            }
        }
    }

    /// From a window's first number to another: taps row by row, the channels of each.
    fn offset(&self, number: usize) -> usize {
        let (tap, channel) = (number / self.channels, number % self.channels);
        let (row, col) = (tap / self.cols.taps.len(), tap % self.cols.taps.len());
        self.rows.taps[row] * self.row() + self.cols.taps[col] * self.channels + channel
    }

    /// Copies the inputs under some rows of outputs.
    ///
    /// # Safety
    /// There is such a sample, and room for as many rows, at which nobody else is.
    unsafe fn copy(&self, x: &Grid, sample: usize, rows: Range<usize>, to: *mut f32) {
        let (len, channels) = (self.row(), self.channels);
        let before = self.cols.before as usize;
        let left = (before * channels).min(len);
        let right = ((before + self.cols.input) * channels).min(len);
        let first = (rows.start * self.rows.stride) as isize - self.rows.before;
        for row in 0..Self::reach(&self.rows, rows.len()) {
            let input = usize::try_from(first + row as isize).ok().filter(|&row| row < self.rows.input);
            // SAFETY: a row of the copied ones, pixels of the map.
            unsafe {
                let to = std::slice::from_raw_parts_mut(to.add(row * len), len);
                let Some(input) = input else {
                    to.fill(0.0);
                    continue;
                };
                to[..left].fill(0.0);
                to[right..].fill(0.0);
                let from = x.at(sample, input * x.width).cast_const();
                if x.pitch == channels {
                    std::ptr::copy_nonoverlapping(from, to[left..right].as_mut_ptr(), right - left);
                } else {
                    for (pixel, to) in to[left..right].chunks_exact_mut(channels).enumerate() {
                        (0..channels).for_each(|c| to[c] = *from.add(pixel * x.pitch + c));
                    }
                }
            }
        }
    }

    /// Sums up the parts of a number's sums, `step` numbers from one to the next, in their order, into the network's layout.
    ///
    /// # Safety
    /// As of [`Self::run`]; nobody else is at this number of the gradient, and nobody writes its sums.
    unsafe fn gather(&self, block: usize, number: usize, sums: *const f32, step: usize, dweight: *mut f32, onto: bool) {
        let (filters, taps) = (self.filters - block * SIDE, self.rows.taps.len() * self.cols.taps.len());
        let (tap, channel) = (number / self.channels, number % self.channels);
        for f in 0..filters.min(SIDE) {
            // SAFETY: within the sums and the gradient.
            unsafe {
                let part = |part: usize| *sums.add(part * step + number * self.pitch() + f);
                let sum = (1..self.parts).fold(part(0), |sum, index| sum + part(index));
                let to = &mut *dweight.add(((block * SIDE + f) * self.channels + channel) * taps + tap);
                *to = if onto { *to + sum } else { sum };
            }
        }
    }
}
