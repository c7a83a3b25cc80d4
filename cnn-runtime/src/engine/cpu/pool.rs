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

/// Outputs of a row that are as far from each other as their windows are and have the same taps, and how many: those whose windows
/// lie inside, and every other by itself.
fn runs(cols: &Axis) -> impl Iterator<Item = (usize, usize)> + use<> {
    let inner = cols.outputs(0).start..cols.outputs(cols.kernel - 1).end;
    let inner = inner.start.min(inner.end)..inner.end;
    let whole = (!inner.is_empty()).then_some((inner.start, inner.len()));
    let single = |col: usize| (col, 1);
    (0..inner.start).map(single).chain(whole).chain((inner.end..cols.output).map(single))
}

/// The runs of every row of a map.
fn all_runs(window: &Window) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let cols = window.cols;
    (0..window.rows.output).flat_map(move |row| runs(&cols).map(move |(col, count)| (row, col, count)))
}

/// The largest number under each window, minus infinity where it lies in the padding entirely; and the number of the tap that it
/// lies under, of those on the map: of equals the first, of NaNs the last.
pub(super) fn max(team: &Team, window: Window, x: Grid, y: Grid, winners: Option<Grid>) {
    rows(team, y, |sample, row| {
        for (col, count) in runs(&window.cols) {
            let taps = Taps::of(&window, &x, row, col);
            // SAFETY: pixels of the maps; tasks write different rows.
            unsafe {
                let pixel = row * y.width + col;
                let max = Max { x: x.at(sample, 0), taps: taps.all(), y: y.at(sample, pixel) };
                let steps = [window.cols.stride * x.pitch, y.pitch];
                match winners {
                    None => sweep(team.isa(), count, y.channels, Largest { max, steps }),
                    Some(winners) => {
                        let (to, step) = (winners.at(sample, pixel), winners.pitch);
                        sweep(team.isa(), count, y.channels, Winners { max, steps, winners: to, step });
                    }
                }
            }
        }
    });
}

/// What is searched, and where the largest go.
struct Max<'a> {
    x: *const f32,
    taps: &'a [usize],
    y: *mut f32,
}

struct Largest<'a> {
    max: Max<'a>,
    /// From an output to the next: numbers of its inputs, of the outputs.
    steps: [usize; 2],
}

impl Body for Largest<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let x = self.max.x.add(row * self.steps[0] + c);
            let mut largest = S::splat(f32::NEG_INFINITY);
            for &tap in self.max.taps {
                let x = get::<S, FULL>(x.add(tap), width);
                largest = S::above(x, largest, x, largest);
            }
            put::<S, FULL>(self.max.y.add(row * self.steps[1] + c), largest, width);
        }
    }
}

struct Winners<'a> {
    max: Max<'a>,
    /// As of [`Largest`].
    steps: [usize; 2],
    winners: *mut f32,
    /// Numbers from an output's winners to the next one's.
    step: usize,
}

impl Body for Winners<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let x = self.max.x.add(row * self.steps[0] + c);
            // Where nothing is above minus infinity, the first tap is the one.
            let (mut largest, mut winner, mut number) = (S::splat(f32::NEG_INFINITY), S::zero(), 0.0);
            for &tap in self.max.taps {
                let x = get::<S, FULL>(x.add(tap), width);
                winner = S::above(x, largest, S::splat(number), winner);
                largest = S::above(x, largest, x, largest);
                number += 1.0;
            }
            put::<S, FULL>(self.max.y.add(row * self.steps[1] + c), largest, width);
            put::<S, FULL>(self.winners.add(row * self.step + c), winner, width);
        }
    }
}

/// Adds each output's gradient to that of the one input that it came from, which [`max`] has noted.
pub(super) fn max_gradient(team: &Team, window: Window, winners: Grid, dy: Grid, dx: Grid) {
    blocks(team, dx, |sample, first, width| {
        for (row, col, count) in all_runs(&window) {
            let taps = Taps::of(&window, &dx, row, col);
            // SAFETY: pixels of the maps; tasks have channels of their own.
            unsafe {
                let [winners_at, dy_at] = [winners, dy].map(|map| map.at(sample, row * map.width + col).add(first));
                let steps = [winners.pitch, dy.pitch, window.cols.stride * dx.pitch];
                let dx = dx.at(sample, 0).add(first);
                sweep(
                    team.isa(),
                    count,
                    width,
                    MaxBack { winners: winners_at, dy: dy_at, dx, taps: taps.all(), steps },
                );
            }
        }
    });
}

struct MaxBack<'a> {
    winners: *const f32,
    dy: *const f32,
    dx: *mut f32,
    taps: &'a [usize],
    /// From an output to the next: numbers of its winners, of its gradient, of those of its inputs.
    steps: [usize; 3],
}

impl Body for MaxBack<'_> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let winner = get::<S, FULL>(self.winners.add(row * self.steps[0] + c), width);
            let dy = get::<S, FULL>(self.dy.add(row * self.steps[1] + c), width);
            let dx = self.dx.add(row * self.steps[2] + c);
            let mut number = 0.0;
            for &tap in self.taps {
                let to = dx.add(tap);
                let dx = get::<S, FULL>(to, width);
                put::<S, FULL>(to, S::equal(winner, S::splat(number), S::add(dx, dy), dx), width);
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
pub(super) fn mean_gradient(team: &Team, window: Window, count_pad: bool, dy: Grid, dx: Grid) {
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
        // SAFETY: pixels of the map, which tasks write each its own, and a number for each channel.
        unsafe {
            let (dy, dx) = (dy.at(part.sample, 0), part.rows[0]);
            let body = MeanBack { dy, share, dx: dx.at(0), taps: &[0], steps: [0, dx.step()] };
            sweep(team.isa(), part.count, part.len, body);
        }
    });
}
