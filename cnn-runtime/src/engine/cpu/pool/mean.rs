//! Means under windows and over whole maps.

use super::{Taps, WIDTH, Window, all_runs, blocks, rows, runs};
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::lanes::{Body, get, put, sweep};
use crate::engine::cpu::rows::pixels;
use crate::engine::cpu::simd::Simd;
use crate::engine::cpu::team::Team;
use crate::kernels::wide;
use crate::kernels::window::Axis;

/// What the sum under a window is multiplied by.
fn share(window: &Window, count_pad: bool, row: usize, col: usize) -> f32 {
    let taps = |axis: &Axis, o: usize| if count_pad { axis.taps_in_bounds(o) } else { axis.taps(o).len() };
    1.0 / (taps(&window.rows, row) * taps(&window.cols, col)).max(1) as f32
}

/// The mean under each window.
pub(in crate::engine::cpu) fn mean(team: &Team, window: Window, count_pad: bool, x: Grid, y: Grid) {
    rows(team, y, |sample, row| {
        for (col, count) in runs(&window.cols) {
            let (taps, share) = (Taps::of(&window, &x, row, col), share(&window, count_pad, row, col));
            // SAFETY: pixels of the maps; tasks write different rows.
            unsafe {
                let to = y.at(sample, row * y.width + col);
                let steps = [window.cols.stride * x.pitch, y.pitch];
                let body = Mean { x: x.at(sample, 0), taps: taps.all(), share, y: to, steps };
                sweep(team.isa(), count, y.channels, body);
            }
        }
    });
}

struct Mean<'a> {
    x: *const f32,
    taps: &'a [usize],
    share: f32,
    y: *mut f32,
    /// From an output to the next: numbers of its inputs, of the outputs.
    steps: [usize; 2],
}

impl Body for Mean<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let x = self.x.add(row * self.steps[0] + c);
            let mut sum = S::zero();
            for &tap in self.taps {
                sum = S::add(sum, get::<S, FULL>(x.add(tap), width));
            }
            put::<S, FULL>(self.y.add(row * self.steps[1] + c), S::mul(sum, S::splat(self.share)), width);
        }
    }
}

/// Adds each output's gradient, shared out, to those of its inputs.
pub(in crate::engine::cpu) fn mean_gradient(team: &Team, window: Window, count_pad: bool, dy: Grid, dx: Grid) {
    blocks(team, dx, |sample, first, width| {
        for (row, col, count) in all_runs(&window) {
            let (taps, share) = (Taps::of(&window, &dx, row, col), share(&window, count_pad, row, col));
            // SAFETY: pixels of the maps; tasks have channels of their own.
            unsafe {
                let from = dy;
                let dy = from.at(sample, row * from.width + col).add(first);
                let steps = [from.pitch, window.cols.stride * dx.pitch];
                let body = MeanBack { dy, share, dx: dx.at(sample, 0).add(first), taps: taps.all(), steps };
                sweep(team.isa(), count, width, body);
            }
        }
    });
}

struct MeanBack<'a> {
    dy: *const f32,
    share: f32,
    dx: *mut f32,
    taps: &'a [usize],
    /// From an output to the next: numbers of its gradient, of those of its inputs.
    steps: [usize; 2],
}

impl Body for MeanBack<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let dy = S::mul(get::<S, FULL>(self.dy.add(row * self.steps[0] + c), width), S::splat(self.share));
            let dx = self.dx.add(row * self.steps[1] + c);
            for &tap in self.taps {
                let to = dx.add(tap);
                put::<S, FULL>(to, S::add(get::<S, FULL>(to, width), dy), width);
            }
        }
    }
}

/// The mean of each channel.
pub(in crate::engine::cpu) fn global_mean(team: &Team, x: Grid, y: Grid) {
    blocks(team, x, |sample, first, width| {
        let mut sums = [0.0f64; WIDTH];
        for start in (0..x.plane()).step_by(64) {
            let mut part = [0.0f32; WIDTH];
            let count = (x.plane() - start).min(64);
            // SAFETY: pixels of the map.
            unsafe {
                let from = x.at(sample, start).add(first);
                sweep(team.isa(), count, width, Sum { x: from, pitch: x.pitch, sum: part.as_mut_ptr() });
            }
            wide(|| sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part)));
        }
        // SAFETY: tasks have channels of their own.
        let to = unsafe { std::slice::from_raw_parts_mut(y.at(sample, 0).add(first), width) };
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = (sum / x.plane() as f64) as f32);
    });
}

struct Sum {
    x: *const f32,
    pitch: usize,
    sum: *mut f32,
}

impl Body for Sum {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the map, and as many sums.
        unsafe {
            let (x, sum) = (get::<S, FULL>(self.x.add(row * self.pitch + c), width), self.sum.add(c));
            put::<S, FULL>(sum, S::add(get::<S, FULL>(sum, width), x), width);
        }
    }
}

/// Adds each channel's gradient, shared out, to those of its pixels.
pub(in crate::engine::cpu) fn global_mean_gradient(team: &Team, dy: Grid, dx: Grid) {
    let share = 1.0 / dx.plane() as f32;
    pixels(team, [dx], |part| {
        // SAFETY: pixels of the map, which tasks write each its own, and a number for each channel.
        unsafe {
            let (dy, dx) = (dy.at(part.sample, 0), part.rows[0]);
            let body = MeanBack { dy, share, dx: dx.at(0), taps: &[0], steps: [0, dx.step()] };
            sweep(team.isa(), part.count, part.len, body);
        }
    });
}
