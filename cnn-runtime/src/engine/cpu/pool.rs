//! Sliding windows over pixels: the largest number, the mean.

use super::grid::Grid;
use super::lanes::{Body, get, put, sweep};
use super::simd::Simd;
use super::team::Team;
use crate::kernels::wide;
use crate::kernels::window::Axis;

/// Channels that are worked on at a time where neighbouring outputs write to the same inputs.
const WIDTH: usize = 64;

/// A window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub rows: Axis,
    pub cols: Axis,
}

/// Taps whose places need no memory of their own.
const MOST_TAPS: usize = 64;

/// The inputs under an output: numbers from the sample's first to each.
struct Taps {
    few: [usize; MOST_TAPS],
    many: Vec<usize>,
    count: usize,
}

impl Taps {
    fn of(window: &Window, map: &Grid, row: usize, col: usize) -> Taps {
        let (rows, cols) = (window.rows.taps(row), window.cols.taps(col));
        let count = rows.len() * cols.len();
        let all = rows.flat_map(|r| {
            let first = window.rows.at(row, r) * map.width;
            cols.clone().map(move |c| (first + window.cols.at(col, c)) * map.pitch)
        });
        let mut taps = Taps { few: [0; MOST_TAPS], many: Vec::new(), count };
        match count <= MOST_TAPS {
            true => taps.few.iter_mut().zip(all).for_each(|(to, at)| *to = at),
            false => taps.many.extend(all),
        }
        taps
    }

    fn all(&self) -> &[usize] {
        if self.count <= MOST_TAPS { &self.few[..self.count] } else { &self.many }
    }
}

/// `f(sample, row)` for every row of outputs.
fn rows(team: &Team, y: Grid, f: impl Fn(usize, usize) + Sync) {
    team.each(y.samples * y.height, |task, _| f(task / y.height, task % y.height));
}

/// `f(sample, first, width)` for blocks of channels.
fn blocks(team: &Team, map: Grid, f: impl Fn(usize, usize, usize) + Sync) {
    let blocks = map.channels.div_ceil(WIDTH);
    team.each(map.samples * blocks, |task, _| {
        let first = task % blocks * WIDTH;
        f(task / blocks, first, (map.channels - first).min(WIDTH));
    });
}

/// Every output of a map.
fn outputs(map: Grid) -> impl Iterator<Item = (usize, usize)> {
    (0..map.height).flat_map(move |row| (0..map.width).map(move |col| (row, col)))
}

/// The largest number under each window; minus infinity where it lies in the padding entirely.
pub(super) fn max(team: &Team, window: Window, x: Grid, y: Grid) {
    rows(team, y, |sample, row| {
        for col in 0..y.width {
            let taps = Taps::of(&window, &x, row, col);
            // SAFETY: pixels of the maps; tasks write different rows.
            unsafe {
                let to = y.at(sample, row * y.width + col);
                sweep(team.isa(), 1, y.channels, Max { x: x.at(sample, 0), taps: taps.all(), y: to });
            }
        }
    });
}

struct Max<'a> {
    x: *const f32,
    taps: &'a [usize],
    y: *mut f32,
}

impl Body for Max<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, _: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let mut largest = S::splat(f32::NEG_INFINITY);
            for tap in self.taps {
                let x = get::<S, FULL>(self.x.add(tap + c), width);
                largest = S::above(x, largest, x, largest);
            }
            put::<S, FULL>(self.y.add(c), largest, width);
        }
    }
}

/// Adds each output's gradient to that of the one input that it came from: of equals the first, of NaNs the last.
pub(super) fn max_gradient(team: &Team, window: Window, x: Grid, dy: Grid, dx: Grid) {
    blocks(team, x, |sample, first, width| {
        for (row, col) in outputs(dy) {
            let (from, to) = (Taps::of(&window, &x, row, col), Taps::of(&window, &dx, row, col));
            // SAFETY: pixels of the maps; tasks have channels of their own.
            unsafe {
                let body = MaxBack {
                    x: x.at(sample, 0).add(first),
                    from: from.all(),
                    dy: dy.at(sample, row * dy.width + col).add(first),
                    dx: dx.at(sample, 0).add(first),
                    to: to.all(),
                };
                sweep(team.isa(), 1, width, body);
            }
        }
    });
}

struct MaxBack<'a> {
    x: *const f32,
    from: &'a [usize],
    dy: *const f32,
    dx: *mut f32,
    to: &'a [usize],
}

impl Body for MaxBack<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, _: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            // Where nothing is above minus infinity, the first input is the one.
            let (mut largest, mut place, mut number) = (S::splat(f32::NEG_INFINITY), S::zero(), 0.0);
            for tap in self.from {
                let x = get::<S, FULL>(self.x.add(tap + c), width);
                place = S::above(x, largest, S::splat(number), place);
                largest = S::above(x, largest, x, largest);
                number += 1.0;
            }
            let dy = get::<S, FULL>(self.dy.add(c), width);
            let mut number = 0.0;
            for tap in self.to {
                let to = self.dx.add(tap + c);
                let dx = get::<S, FULL>(to, width);
                put::<S, FULL>(to, S::equal(place, S::splat(number), S::add(dx, dy), dx), width);
                number += 1.0;
            }
        }
    }
}

/// What the sum under a window is multiplied by.
fn share(window: &Window, count_pad: bool, row: usize, col: usize) -> f32 {
    let taps = |axis: &Axis, o: usize| if count_pad { axis.taps_in_bounds(o) } else { axis.taps(o).len() };
    1.0 / (taps(&window.rows, row) * taps(&window.cols, col)).max(1) as f32
}

/// The mean under each window.
pub(super) fn mean(team: &Team, window: Window, count_pad: bool, x: Grid, y: Grid) {
    rows(team, y, |sample, row| {
        for col in 0..y.width {
            let (taps, share) = (Taps::of(&window, &x, row, col), share(&window, count_pad, row, col));
            // SAFETY: pixels of the maps; tasks write different rows.
            unsafe {
                let to = y.at(sample, row * y.width + col);
                sweep(team.isa(), 1, y.channels, Mean { x: x.at(sample, 0), taps: taps.all(), share, y: to });
            }
        }
    });
}

struct Mean<'a> {
    x: *const f32,
    taps: &'a [usize],
    share: f32,
    y: *mut f32,
}

impl Body for Mean<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, _: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let mut sum = S::zero();
            for tap in self.taps {
                sum = S::add(sum, get::<S, FULL>(self.x.add(tap + c), width));
            }
            put::<S, FULL>(self.y.add(c), S::mul(sum, S::splat(self.share)), width);
        }
    }
}

/// Adds each output's gradient, shared out, to those of its inputs.
pub(super) fn mean_gradient(team: &Team, window: Window, count_pad: bool, dy: Grid, dx: Grid) {
    blocks(team, dx, |sample, first, width| {
        for (row, col) in outputs(dy) {
            let (taps, share) = (Taps::of(&window, &dx, row, col), share(&window, count_pad, row, col));
            // SAFETY: pixels of the maps; tasks have channels of their own.
            unsafe {
                let dy = dy.at(sample, row * dy.width + col).add(first);
                let body = MeanBack { dy, share, dx: dx.at(sample, 0).add(first), taps: taps.all() };
                sweep(team.isa(), 1, width, body);
            }
        }
    });
}

struct MeanBack<'a> {
    dy: *const f32,
    share: f32,
    dx: *mut f32,
    taps: &'a [usize],
}

impl Body for MeanBack<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, _: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let dy = S::mul(get::<S, FULL>(self.dy.add(c), width), S::splat(self.share));
            for tap in self.taps {
                let to = self.dx.add(tap + c);
                put::<S, FULL>(to, S::add(get::<S, FULL>(to, width), dy), width);
            }
        }
    }
}

/// The mean of each channel.
pub(super) fn global_mean(team: &Team, x: Grid, y: Grid) {
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
pub(super) fn global_mean_gradient(team: &Team, dy: Grid, dx: Grid) {
    let share = 1.0 / dx.plane() as f32;
    super::rows::pixels(team, [dx], |part| {
        for row in 0..part.count {
            // SAFETY: pixels of the map, which tasks write each its own, and a number for each channel.
            unsafe {
                let (dy, dx) = (dy.at(part.sample, 0), part.rows[0].at(row));
                sweep(team.isa(), 1, part.len, MeanBack { dy, share, dx, taps: &[0] });
            }
        }
    });
}
