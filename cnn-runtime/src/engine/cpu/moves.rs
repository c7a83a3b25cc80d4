//! Channels that move: each output is an input some rows and columns away, or zero where the map ends.

use std::ops::Range;

use super::grid::Grid;
use super::lanes::{Body, get, put, sweep};
use super::rows::Rows;
use super::simd::Simd;
use super::team::Team;

/// Runs of channels, each with where its inputs lie.
#[derive(Clone, Debug)]
pub(super) struct Moves(Vec<Part>);

/// Output (i, j) of these channels is input (i + rows, j + cols).
#[derive(Clone, Debug)]
struct Part {
    channels: Range<usize>,
    rows: isize,
    cols: isize,
}

impl Moves {
    /// As many runs of channels as a window has offsets, and the rest, which stays. Wu et al. 2017.
    pub fn shift(channels: usize, kernel: [usize; 2], dilation: [usize; 2]) -> Moves {
        let [kh, kw] = kernel;
        let each = channels / (kh * kw).max(1);
        let away = |axis: usize, at: usize| (at as isize - (kernel[axis] / 2) as isize) * dilation[axis] as isize;
        let part = |j: usize| Part { channels: j * each..(j + 1) * each, rows: away(0, j / kw), cols: away(1, j % kw) };
        let rest = Part { channels: kh * kw * each..channels, rows: 0, cols: 0 };
        Moves((0..kh * kw).map(part).chain([rest]).filter(|part| !part.channels.is_empty()).collect())
    }

    /// Rows and columns of zeros before the map; negative: so many of it are left out.
    pub fn pad(channels: usize, top: i64, left: i64) -> Moves {
        Moves(vec![Part { channels: 0..channels, rows: -top as isize, cols: -left as isize }])
    }

    /// `y` from `x`.
    pub fn forward(&self, team: &Team, x: Grid, y: Grid) {
        self.run(team, x, y, false, 1);
    }

    /// Adds `dy` to where it came from.
    pub fn backward(&self, team: &Team, dy: Grid, dx: Grid) {
        self.run(team, dy, dx, true, -1);
    }

    fn run(&self, team: &Team, x: Grid, y: Grid, onto: bool, sign: isize) {
        team.each(y.samples * y.height, |task, _| {
            let (sample, row) = (task / y.height, task % y.height);
            for part in &self.0 {
                let (first, len) = (part.channels.start, part.channels.len());
                let (cols, from) = (sign * part.cols, row as isize + sign * part.rows);
                // The outputs that have an input.
                let start = (-cols).clamp(0, y.width as isize) as usize;
                let end = (x.width as isize - cols).clamp(start as isize, y.width as isize) as usize;
                let inner = if (0..x.height as isize).contains(&from) { start..end } else { 0..0 };
                // SAFETY: pixels of the maps, whose channels these are; tasks write rows of their own.
                unsafe {
                    let to = |col: usize| Rows::new(y.at(sample, row * y.width + col).add(first), y.pitch);
                    if !onto {
                        for cols in [0..inner.start, inner.end..y.width].into_iter().filter(|cols| !cols.is_empty()) {
                            sweep(team.isa(), cols.len(), len, Zero { y: to(cols.start) });
                        }
                    }
                    if !inner.is_empty() {
                        let at = from * x.width as isize + inner.start as isize + cols;
                        let x = Rows::new(x.at(sample, at as usize).add(first), x.pitch);
                        sweep(team.isa(), inner.len(), len, Move { x, y: to(inner.start), onto });
                    }
                }
            }
        });
    }
}

struct Zero {
    y: Rows,
}

impl Body for Zero {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the map.
        unsafe { put::<S, FULL>(self.y.at(row).add(c), S::zero(), width) };
    }
}

struct Move {
    x: Rows,
    y: Rows,
    onto: bool,
}

impl Body for Move {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let (x, to) = (get::<S, FULL>(self.x.at(row).add(c), width), self.y.at(row).add(c));
            let y = if self.onto { S::add(x, get::<S, FULL>(to, width)) } else { x };
            put::<S, FULL>(to, y, width);
        }
    }
}
