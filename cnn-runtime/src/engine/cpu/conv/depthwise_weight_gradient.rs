//! The gradient of weights of which there is one filter for each channel: gradients of outputs times what lies under each tap,
//! summed over all pixels.

use std::ops::Range;

use super::line::Line;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::{Isa, Simd, compiled, for_isa};
use crate::engine::cpu::team::Team;
use crate::engine::operation::ConvShape;

/// The gradient with respect to the weights of a convolution with one filter for each channel.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct DepthwiseWeightGradient {
    isa: Isa,
    channels: usize,
    rows: Line,
    cols: Line,
    /// Parts of the batch that are summed apart, whatever the number of threads.
    parts: usize,
}

/// Channels of a task.
const CHANNELS: usize = 32;
/// Rows of gradients that pass under all taps one after another stay in a first-level cache.
const PATCH: usize = 256;

struct Sweep {
    x: *const f32,
    x_step: usize,
    x_row: usize,
    dy: *const f32,
    dy_step: usize,
    dy_row: usize,
    rows: usize,
    cols: usize,
    channels: usize,
    sums: *mut f32,
}

/// # Safety
/// The processor has the vectors; the addresses are those of so many rows and columns of so many channels, and nobody else is at
/// the sums.
#[inline(always)]
unsafe fn sweep<S: Simd>(s: &Sweep) {
    // SAFETY: the caller's; a vector that is not full is loaded and stored by its first numbers.
    unsafe {
        let mut c = 0;
        while c < s.channels {
            let count = (s.channels - c).min(S::LANES);
            if count == S::LANES {
                channels::<S>(s, c, |from| S::load(from), |to, v| S::store(to, v));
            } else {
                channels::<S>(s, c, |from| S::load_first(from, count), |to, v| S::store_first(to, v, count));
            }
            c += S::LANES;
        }
    }
}

/// # Safety
/// As of [`sweep`]; from channel `c` on there are as many as `load` and `store` take.
#[inline(always)]
unsafe fn channels<S: Simd>(s: &Sweep, c: usize, load: impl Fn(*const f32) -> S::V, store: impl Fn(*mut f32, S::V)) {
    // SAFETY: the caller's.
    unsafe {
        // Four sums that need not wait for one another.
        let mut sums = [S::zero(); 4];
        for row in 0..s.rows {
            // Behind the last pixel they may lie nowhere, and are not read.
            let (mut x, mut dy) = (s.x.add(row * s.x_row + c), s.dy.add(row * s.dy_row + c));
            let mut left = s.cols;
            while left >= 4 {
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = S::fma(load(x.add(p * s.x_step)), load(dy.add(p * s.dy_step)), *sum);
                }
                (x, dy) = (x.wrapping_add(4 * s.x_step), dy.wrapping_add(4 * s.dy_step));
                left -= 4;
            }
            while left > 0 {
                sums[0] = S::fma(load(x), load(dy), sums[0]);
                (x, dy) = (x.wrapping_add(s.x_step), dy.wrapping_add(s.dy_step));
                left -= 1;
            }
        }
        let sum = S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]));
        store(s.sums.add(c), S::add(load(s.sums.add(c)), sum));
    }
}

compiled!(sweep(s: &Sweep));

impl DepthwiseWeightGradient {
    /// For batches of so many samples.
    pub fn new(isa: Isa, shape: &ConvShape, batch: usize) -> DepthwiseWeightGradient {
        let (rows, cols) = (Line::forward(&shape.rows), Line::forward(&shape.cols));
        let parts = 16usize.div_ceil(shape.inputs.div_ceil(CHANNELS)).min(batch).max(1);
        DepthwiseWeightGradient { isa, channels: shape.inputs, rows, cols, parts }
    }

    fn taps(&self) -> usize {
        self.rows.taps.len() * self.cols.taps.len()
    }

    /// Numbers of scratch.
    pub fn scratch(&self) -> usize {
        self.parts * self.taps() * self.channels
    }

    /// Adds to `dweight`, or sets it. `scratch` has [`Self::scratch`] numbers.
    ///
    /// # Safety
    /// Grids have the sizes that it was made for, and no other thread touches `scratch` meanwhile.
    pub unsafe fn run(&self, team: &Team, x: Grid, dy: Grid, dweight: &mut [f32], onto: bool, scratch: *mut f32) {
        let blocks = self.channels.div_ceil(CHANNELS);
        let (taps, len) = (self.taps(), self.taps() * self.channels);
        let sums = Sums(scratch);
        team.each(blocks * self.parts, |task, _| {
            let (part, first) = (task / blocks, task % blocks * CHANNELS);
            let samples = x.samples * part / self.parts..x.samples * (part + 1) / self.parts;
            // SAFETY: every task has sums of its own.
            unsafe { self.sums(&x, &dy, samples, first, sums.at(part * len)) };
        });
        for channel in 0..self.channels {
            for tap in 0..taps {
                // SAFETY: within the sums.
                let part = |part: usize| unsafe { *sums.at(part * len + tap * self.channels + channel) };
                let sum = (1..self.parts).fold(part(0), |sum, index| sum + part(index));
                let to = &mut dweight[channel * taps + tap];
                *to = if onto { *to + sum } else { sum };
            }
        }
    }

    /// # Safety
    /// As of [`Self::run`]; nobody else is at the sums of these channels.
    unsafe fn sums(&self, x: &Grid, dy: &Grid, samples: Range<usize>, first: usize, sums: *mut f32) {
        let channels = (self.channels - first).min(CHANNELS);
        for tap in 0..self.taps() {
            // SAFETY: the task's own.
            unsafe { std::ptr::write_bytes(sums.add(tap * self.channels + first), 0, channels) };
        }
        let band = (PATCH / self.cols.output.max(1)).max(1);
        let run = for_isa!(self.isa, sweep);
        for sample in samples {
            for top in (0..self.rows.output).step_by(band) {
                let bottom = (top + band).min(self.rows.output);
                for r in 0..self.rows.taps.len() {
                    let rows = self.rows.outputs(r);
                    let rows = rows.start.max(top)..rows.end.min(bottom);
                    for c in 0..self.cols.taps.len() {
                        let cols = self.cols.outputs(c);
                        if rows.is_empty() || cols.is_empty() {
                            continue;
                        }
                        let (row, col) = (self.rows.at(rows.start, r) as usize, self.cols.at(cols.start, c) as usize);
                        let tap = r * self.cols.taps.len() + c;
                        // SAFETY: these outputs' taps lie on inputs; sums are the task's own.
                        unsafe {
                            run(&Sweep {
                                x: x.at(sample, row * x.width + col).add(first),
                                x_step: self.cols.stride * x.pitch,
                                x_row: self.rows.stride * x.width * x.pitch,
                                dy: dy.at(sample, rows.start * dy.width + cols.start).add(first),
                                dy_step: dy.pitch,
                                dy_row: dy.width * dy.pitch,
                                rows: rows.len(),
                                cols: cols.len(),
                                channels,
                                sums: sums.add(tap * self.channels + first),
                            });
                        }
                    }
                }
            }
        }
    }
}

/// Sums that threads share; each writes its own.
struct Sums(*mut f32);

// SAFETY: see above.
unsafe impl Sync for Sums {}

impl Sums {
    /// # Safety
    /// There are so many numbers.
    unsafe fn at(&self, index: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.0.add(index) }
    }
}
