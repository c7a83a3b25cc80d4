//! Convolutions of few filters: vectors of neighbouring pixels instead of filters.
//!
//! A task copies what lies under its outputs into the thread's scratch, each channel by itself and zeros around. There a vector
//! of pixels under a tap is a vector of numbers in a row, and a weight is one number for all of them. Pixels of a vector are
//! neighbours in a row, or in all rows where each tap has a plane of its own ([`Columns`]).

use std::ops::Range;

use super::pack::{self, Columns, pack_planes};
use super::planar_tile::{Tile, most_vectors, tile};
use super::tile::{self, Cut, Last};
use super::view::View;
use super::way::Onto;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::rows::Rows;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::operation::Activation;

/// Numbers of a thread's packed rows: what a second-level cache holds.
const PACKED: usize = 48 << 10;
/// Tasks that each thread gets at least, where there is work for them.
const TASKS: usize = 4;
/// Numbers behind the packed rows: the last vector may reach beyond the last pixel.
const SLACK: usize = 16;

/// A convolution of few filters.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct Planar {
    isa: Isa,
    view: View,
    down: pack::Rows,
    along: Columns,
    /// Whether vectors go on from a row of outputs to the next.
    joined: bool,
}

impl Planar {
    /// If this is the faster way.
    pub(super) fn new(isa: Isa, view: &View) -> Option<Planar> {
        let (lanes, [read, written]) = (isa.lanes(), view.channels());
        if view.groups != 1 || written > lanes / 2 || view.taps.is_empty() {
            return None;
        }
        let [height, width] = [view.rows.output, view.cols.output];
        // In cycles of a processor with two units: multiply-adds, and a move for each number that is packed.
        let depth = read * view.taps.len();
        let cost = |joined: bool| {
            let vectors = if joined { (height * width).div_ceil(lanes) } else { height * width.div_ceil(lanes) };
            let planar = Planar::with(isa, view, joined);
            vectors * written * depth / 2 + planar.packed(height, width)
        };
        let may_join = view.rows.stride == 1 && view.to == [(0, 1); 2];
        let joined = may_join && cost(true) < cost(false);
        // Of vectors of filters one would do, with fewer moves.
        let direct = height * width * (depth / 2 + read / 4);
        (cost(joined) < direct).then(|| Planar::with(isa, view, joined))
    }

    fn with(isa: Isa, view: &View, joined: bool) -> Planar {
        let (down, along) = (pack::Rows::of(&view.rows), Columns::of(&view.cols, joined));
        Planar { isa, view: view.clone(), down, along, joined }
    }

    /// Numbers of the packed filters.
    pub fn filters(&self) -> usize {
        self.view.channels().iter().product::<usize>() * self.view.taps.len()
    }

    /// Numbers of the weight.
    pub fn weights(&self) -> usize {
        self.view.groups * self.view.group.iter().product::<usize>() * self.view.window
    }

    /// Packs filters: for each channel and tap a number for each filter.
    pub fn pack(&self, weight: &[f32], to: &mut [f32]) {
        let View { ref taps, window, group: [inputs, _], backward, .. } = self.view;
        let [read, written] = self.view.channels();
        let mut to = to.iter_mut();
        for from in 0..read {
            for &tap in taps {
                for (filter, to) in (0..written).zip(&mut to) {
                    let (input, output) = if backward { (filter, from) } else { (from, filter) };
                    *to = weight[(output * inputs + input) * window + tap];
                }
            }
        }
    }

    /// Numbers of packed inputs under so many rows and columns of outputs.
    fn packed(&self, rows: usize, cols: usize) -> usize {
        if rows == 0 || cols == 0 {
            return 0;
        }
        self.view.channels()[0] * self.along.planes() * self.down.count(rows) * self.along.width(cols)
    }

    /// The most rows and columns of outputs that a task packs.
    fn most(&self) -> (usize, usize) {
        let (mut rows, mut cols) = (self.view.rows.output, self.view.cols.output);
        while rows > 1 && self.packed(rows, cols) > PACKED {
            rows = rows.div_ceil(2);
        }
        let narrow = 8 * self.isa.lanes();
        while cols > narrow && !self.joined && self.packed(rows, cols) > PACKED {
            cols = cols.div_ceil(2).next_multiple_of(self.isa.lanes());
        }
        (rows, cols)
    }

    /// Numbers of scratch that a thread wants.
    pub fn scratch(&self) -> usize {
        let (rows, cols) = self.most();
        (self.packed(rows, cols) + SLACK).next_multiple_of(SLACK)
    }

    /// Computes all outputs. `scratch` has [`Self::scratch`] numbers for each thread, one after the other.
    ///
    /// # Safety
    /// Grids have the sizes that the convolution was made for, filters are what [`Self::pack`] made, bias has a number for each
    /// filter or is null, and no other thread touches outputs and scratch meanwhile.
    #[allow(clippy::too_many_arguments, reason = "operands of one computation")]
    pub unsafe fn run(
        &self,
        team: &Team,
        x: Grid,
        filters: *const f32,
        bias: *const f32,
        onto: Onto,
        y: Grid,
        activation: Option<Activation>,
        scratch: *mut f32,
    ) {
        let [height, width] = [self.view.rows.output, self.view.cols.output];
        if height == 0 || width == 0 {
            return;
        }
        let (mut rows, cols) = self.most();
        let runs = width.div_ceil(cols);
        let wanted = if team.lanes() == 1 { 1 } else { team.lanes() * TASKS };
        // Rows that neighbours read too are packed twice: thin bands do not pay.
        let thin = 2 * self.down.count(1);
        while x.samples * runs * height.div_ceil(rows) < wanted && rows > thin {
            rows = rows.div_ceil(2).max(thin);
        }
        let bands = height.div_ceil(rows);
        let shared = Operands { x, y, onto: onto.grid(y), filters, bias, scratch };
        let lane_len = self.scratch();
        team.each(x.samples * bands * runs, |task, lane| {
            let (sample, band, run) = (task / runs / bands, task / runs % bands, task % runs);
            let part = |index: usize, len: usize, all: usize| index * len..((index + 1) * len).min(all);
            let area = [part(band, rows, height), part(run, cols, width)];
            // SAFETY: the caller's; areas lie apart, each lane has scratch of its own.
            unsafe { self.area(&shared, sample, area, activation, shared.scratch(lane * lane_len)) };
        });
    }

    /// # Safety
    /// As of [`Self::run`]; nobody else writes this area or is at this scratch.
    unsafe fn area(
        &self,
        shared: &Operands,
        sample: usize,
        [rows, cols]: [Range<usize>; 2],
        activation: Option<Activation>,
        scratch: *mut f32,
    ) {
        let (View { to, .. }, [read, written]) = (&self.view, self.view.channels());
        let (lanes, y) = (self.isa.lanes(), shared.y);
        // SAFETY: scratch is as long as `packed` says.
        unsafe { pack_planes(&shared.x, sample, &self.down, &self.along, rows.clone(), cols.clone(), scratch) };
        let row_len = self.along.width(cols.len());
        let plane = self.down.count(rows.len()) * row_len;
        let tap = |row: usize, col: usize| {
            let (plane_index, column) = self.along.tap(col);
            plane_index * plane + self.down.tap(row) * row_len + column
        };
        let mut offsets = [0; MOST_TAPS];
        let mut spill = Vec::new();
        let all = (0..self.view.rows.taps.len())
            .flat_map(|row| (0..self.view.cols.taps.len()).map(move |col| (row, col)))
            .map(|(row, col)| tap(self.view.rows.taps[row], self.view.cols.taps[col]));
        let taps = match self.view.taps.len() <= MOST_TAPS {
            true => {
                offsets.iter_mut().zip(all).for_each(|(offset, tap)| *offset = tap);
                &offsets[..self.view.taps.len()]
            }
            false => {
                spill.extend(all);
                &spill[..]
            }
        };
        let (last, later) = Last::of(activation);
        let (x_row, y_row) = (self.down.stride() * row_len, to[0].1 * y.width * y.pitch);
        let onto_row = shared.onto.map_or(0, |onto| to[0].1 * onto.width * onto.pitch);
        let (y_step, onto_step) = (y.pitch * to[1].1, shared.onto.map_or(0, |onto| onto.pitch * to[1].1));
        // Vectors of a tile are parts of a row, or rows that are no longer than a vector.
        let (lines, pixels) = if self.joined { (1, rows.len() * cols.len()) } else { (rows.len(), cols.len()) };
        let down = pixels <= lanes;
        let (outer, vectors) = if down { (1, lines) } else { (lines, pixels.div_ceil(lanes)) };
        let cut = Cut::of(vectors, most_vectors(self.isa, written));
        for line in 0..outer {
            let mut first = 0;
            for index in 0..cut.count {
                let count = cut.base + usize::from(index < cut.longer);
                let (row, pixel) = if down { (first, 0) } else { (line, first * lanes) };
                let full = pixels.min(lanes);
                let at = (to[0].0 + (rows.start + row) * to[0].1) * y.width + to[1].0 + (cols.start + pixel) * to[1].1;
                // SAFETY: `at` and the pixels behind it are pixels of the grids; packed inputs and filters are as long as the
                // loops are, and behind them there is room for a vector.
                unsafe {
                    let y_at = y.at(sample, at);
                    let operands = Tile {
                        x: scratch.add(row * x_row + pixel),
                        x_step: if down { x_row } else { lanes },
                        channel: self.along.planes() * plane,
                        channels: read,
                        taps,
                        w: shared.filters,
                        bias: shared.bias,
                        onto: shared.onto.map_or(std::ptr::null(), |onto| onto.at(sample, at).cast_const()),
                        onto_step,
                        onto_vector: if down { onto_row } else { lanes * onto_step },
                        y: y_at,
                        y_step,
                        y_vector: if down { y_row } else { lanes * y_step },
                        full,
                        last_pixels: if down { full } else { (pixels - pixel - (count - 1) * lanes).min(lanes) },
                        last,
                    };
                    tile(self.isa, written, count)(&operands);
                }
                first += count;
            }
        }
        let Some(activation) = later else { return };
        for line in 0..lines {
            let at = (to[0].0 + (rows.start + line) * to[0].1) * y.width + to[1].0 + cols.start * to[1].1;
            // SAFETY: pixels of the grid.
            unsafe { tile::activate(self.isa, activation, Rows::new(y.at(sample, at), y_step), pixels, written) };
        }
    }
}

/// Taps whose offsets need no memory of their own: a window of 11 x 11.
const MOST_TAPS: usize = 121;

#[derive(Clone, Copy)]
struct Operands {
    x: Grid,
    y: Grid,
    onto: Option<Grid>,
    filters: *const f32,
    bias: *const f32,
    scratch: *mut f32,
}

// SAFETY: addresses; `run`'s caller promises that nobody else is at them, and tasks write apart.
unsafe impl Sync for Operands {}

impl Operands {
    /// # Safety
    /// There are so many numbers of scratch.
    unsafe fn scratch(&self, at: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.scratch.add(at) }
    }
}
