//! The largest number under each window, and which one it was.

use super::{Taps, Window, all_runs, blocks, rows, runs};
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::lanes::{Body, get, put, sweep};
use crate::engine::cpu::simd::Simd;
use crate::engine::cpu::team::Team;

/// The largest number under each window, minus infinity where it lies in the padding entirely; and the number of the tap that it
/// lies under, of those on the map: of equals the first, of NaNs the last.
pub(in crate::engine::cpu) fn max(team: &Team, window: Window, x: Grid, y: Grid, winners: Option<Grid>) {
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
pub(in crate::engine::cpu) fn max_gradient(team: &Team, window: Window, winners: Grid, dy: Grid, dx: Grid) {
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
