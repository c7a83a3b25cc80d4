//! Sliding windows over pixels: the largest number, the mean.

use super::grid::Grid;
use super::team::Team;
use crate::kernels::wide;
use crate::kernels::window::Axis;

/// Channels that are worked on at a time.
const WIDTH: usize = 64;

/// A window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub rows: Axis,
    pub cols: Axis,
}

impl Window {
    /// The inputs under an output: rows, then columns.
    fn inputs(&self, row: usize, col: usize) -> impl Iterator<Item = usize> + '_ {
        let width = self.cols.input;
        let cols = self.cols.taps(col);
        self.rows.taps(row).flat_map(move |r| {
            let first = self.rows.at(row, r) * width;
            cols.clone().map(move |c| first + self.cols.at(col, c))
        })
    }
}

/// Whether a number takes the place of the largest so far: of equals the first stays, of NaNs the last.
#[inline(always)]
fn wins(x: f32, largest: f32) -> bool {
    x > largest || x.is_nan()
}

/// `f(sample, row)` for every row of outputs.
fn rows(team: &Team, y: Grid, f: impl Fn(usize, usize) + Sync) {
    team.each(y.samples * y.height, |task, _| f(task / y.height, task % y.height));
}

/// `f(sample, first, width)` for blocks of channels, where neighbouring outputs write to the same inputs.
fn blocks(team: &Team, map: Grid, f: impl Fn(usize, usize, usize) + Sync) {
    let blocks = map.channels.div_ceil(WIDTH);
    team.each(map.samples * blocks, |task, _| {
        let first = task % blocks * WIDTH;
        f(task / blocks, first, (map.channels - first).min(WIDTH));
    });
}

/// Some channels of a pixel.
///
/// # Safety
/// They are there, and nobody writes them while the slice lives.
#[inline(always)]
unsafe fn read<'a>(map: &Grid, sample: usize, pixel: usize, first: usize, width: usize) -> &'a [f32] {
    unsafe { std::slice::from_raw_parts(map.at(sample, pixel).add(first), width) }
}

/// Some channels of a pixel, to write.
///
/// # Safety
/// They are there, and nobody else touches them while the slice lives.
#[inline(always)]
unsafe fn write<'a>(map: &Grid, sample: usize, pixel: usize, first: usize, width: usize) -> &'a mut [f32] {
    unsafe { std::slice::from_raw_parts_mut(map.at(sample, pixel).add(first), width) }
}

/// The largest number under each window; minus infinity where it lies in the padding entirely.
pub(super) fn max(team: &Team, window: Window, x: Grid, y: Grid) {
    rows(team, y, |sample, row| {
        wide(|| {
            for col in 0..y.width {
                // SAFETY: pixels of the maps; tasks write different rows.
                unsafe {
                    let to = write(&y, sample, row * y.width + col, 0, y.channels);
                    to.fill(f32::NEG_INFINITY);
                    for pixel in window.inputs(row, col) {
                        let from = read(&x, sample, pixel, 0, x.channels);
                        to.iter_mut().zip(from).for_each(|(y, &x)| *y = if wins(x, *y) { x } else { *y });
                    }
                }
            }
        });
    });
}

/// Adds each output's gradient to that of the one input that it came from.
pub(super) fn max_gradient(team: &Team, window: Window, x: Grid, dy: Grid, dx: Grid) {
    blocks(team, x, |sample, first, width| {
        wide(|| {
            for (row, col) in (0..dy.height).flat_map(|row| (0..dy.width).map(move |col| (row, col))) {
                let (mut largest, mut place) = ([f32::NEG_INFINITY; WIDTH], [NOWHERE; WIDTH]);
                for (number, pixel) in (0..NOWHERE).zip(window.inputs(row, col)) {
                    // SAFETY: pixels of the map.
                    let from = unsafe { read(&x, sample, pixel, first, width) };
                    for ((largest, place), &x) in largest.iter_mut().zip(&mut place).zip(from) {
                        let take = (*place == NOWHERE) | wins(x, *largest);
                        *largest = if take { x } else { *largest };
                        *place = if take { number } else { *place };
                    }
                }
                // SAFETY: pixels of the maps; tasks have channels of their own.
                unsafe {
                    let from = read(&dy, sample, row * dy.width + col, first, width);
                    for (number, pixel) in (0..NOWHERE).zip(window.inputs(row, col)) {
                        let to = write(&dx, sample, pixel, first, width);
                        for ((to, &from), &place) in to.iter_mut().zip(from).zip(&place) {
                            *to += if place == number { from } else { 0.0 };
                        }
                    }
                }
            }
        });
    });
}

/// No tap of a window.
const NOWHERE: u32 = u32::MAX;

/// What the sum under a window is multiplied by.
fn share(window: &Window, count_pad: bool, row: usize, col: usize) -> f32 {
    let taps = |axis: &Axis, o: usize| if count_pad { axis.taps_in_bounds(o) } else { axis.taps(o).len() };
    1.0 / (taps(&window.rows, row) * taps(&window.cols, col)).max(1) as f32
}

/// The mean under each window.
pub(super) fn mean(team: &Team, window: Window, count_pad: bool, x: Grid, y: Grid) {
    rows(team, y, |sample, row| {
        wide(|| {
            for col in 0..y.width {
                let share = share(&window, count_pad, row, col);
                // SAFETY: pixels of the maps; tasks write different rows.
                unsafe {
                    let to = write(&y, sample, row * y.width + col, 0, y.channels);
                    to.fill(0.0);
                    for pixel in window.inputs(row, col) {
                        let from = read(&x, sample, pixel, 0, x.channels);
                        to.iter_mut().zip(from).for_each(|(y, &x)| *y += x);
                    }
                    to.iter_mut().for_each(|y| *y *= share);
                }
            }
        });
    });
}

/// Adds each output's gradient, shared out, to those of its inputs.
pub(super) fn mean_gradient(team: &Team, window: Window, count_pad: bool, dy: Grid, dx: Grid) {
    blocks(team, dx, |sample, first, width| {
        wide(|| {
            for (row, col) in (0..dy.height).flat_map(|row| (0..dy.width).map(move |col| (row, col))) {
                let share = share(&window, count_pad, row, col);
                // SAFETY: pixels of the maps; tasks have channels of their own.
                unsafe {
                    let from = read(&dy, sample, row * dy.width + col, first, width);
                    for pixel in window.inputs(row, col) {
                        let to = write(&dx, sample, pixel, first, width);
                        to.iter_mut().zip(from).for_each(|(to, &from)| *to += from * share);
                    }
                }
            }
        });
    });
}

/// The mean of each channel.
pub(super) fn global_mean(team: &Team, x: Grid, y: Grid) {
    blocks(team, x, |sample, first, width| {
        wide(|| {
            let mut sums = [0.0f64; WIDTH];
            for start in (0..x.plane()).step_by(64) {
                let mut part = [0.0f32; WIDTH];
                for pixel in start..(start + 64).min(x.plane()) {
                    // SAFETY: pixels of the map.
                    let from = unsafe { read(&x, sample, pixel, first, width) };
                    part.iter_mut().zip(from).for_each(|(sum, &x)| *sum += x);
                }
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
            }
            // SAFETY: tasks have channels of their own.
            let to = unsafe { write(&y, sample, 0, first, width) };
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to = (sum / x.plane() as f64) as f32);
        });
    });
}

/// Adds each channel's gradient, shared out, to those of its pixels.
pub(super) fn global_mean_gradient(team: &Team, dy: Grid, dx: Grid) {
    let share = 1.0 / dx.plane() as f32;
    super::rows::pixels(team, [dx], |part| {
        // SAFETY: a number for each channel.
        let from = unsafe { read(&dy, part.sample, 0, 0, part.len) };
        wide(|| {
            for row in 0..part.count {
                // SAFETY: pixels of the map; tasks write different ones.
                let to = unsafe { part.rows[0].get_mut(row, part.len) };
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from * share);
            }
        });
    });
}
