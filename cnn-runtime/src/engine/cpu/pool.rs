//! Sliding windows over pixels: the largest number, the mean.

mod max;
mod mean;

pub(super) use max::{max, max_gradient};
pub(super) use mean::{global_mean, global_mean_gradient, mean, mean_gradient};

use super::grid::Grid;
use super::team::Team;
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
