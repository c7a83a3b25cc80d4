//! Convolutions as tiles over packed rows, forward and back to the input.

mod parts;

use std::ops::Range;

use super::amx;
use super::bf16::{self, Form};
use super::filters::{Packing, Weight};
use super::line::Line;
use super::pack::{self, Columns, pack};
use super::tile::{self, BLOCK, Cut, Last, Tile, best_vectors, tiles};
use super::view::View;
use super::way::Onto;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::rows::Rows;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::operation::Activation;

/// Numbers of a thread's packed rows: what leaves room for filters in a second-level cache.
const PACKED: usize = 48 << 10;
/// Rows of so many pixels are computed as one.
const SHORT: usize = 10;
/// Tasks that each thread gets at least, where there is work for them: others may be slower.
const TASKS: usize = 4;

/// A convolution that moves by one or more, over pixels that are written some way apart.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct Direct {
    isa: Isa,
    packing: Packing,
    rows: Line,
    cols: Line,
    down: pack::Rows,
    along: Columns,
    /// Where each tap, row by row, lies in a filter.
    taps: Vec<usize>,
    window: usize,
    /// Channels of the network's groups: read, written, as the weight counts them.
    group: [usize; 2],
    backward: bool,
    /// The first row and column that are written, and from one to the next.
    to: [(usize, usize); 2],
    /// Whether all pixels are one row.
    flat: bool,
    /// Whether rows of outputs are computed as one: where they are too short to fill a tile.
    joined: bool,
}

impl Direct {
    pub(super) fn new(isa: Isa, form: Form, view: View) -> Direct {
        let [read, written] = view.channels();
        let View { mut rows, mut cols, taps, window, groups, group, backward, to } = view;
        // Narrow groups are computed several at a time, as one with zeros between them.
        let together = (1..=groups)
            .filter(|n| groups.is_multiple_of(*n))
            .find(|n| n * read.min(written) >= isa.lanes().min(BLOCK))
            .unwrap_or(groups);
        let flat = rows.is_identity() && cols.is_identity() && to == [(0, 1); 2];
        if flat {
            cols = Line { input: rows.input * cols.input, output: rows.input * cols.input, ..cols };
            rows = Line { input: 1, output: 1, ..rows };
        }
        let joined = !flat && rows.stride == 1 && to == [(0, 1); 2] && !taps.is_empty() && cols.output <= SHORT;
        let (channels, filters) = (together * read, together * written);
        let pixels = if joined {
            rows.output * cols.output
        } else if flat {
            cols.output.min(PACKED / form.words(channels).next_multiple_of(BLOCK)).max(1)
        } else {
            cols.output
        };
        let packing = Packing {
            groups: groups / together,
            channels,
            filters,
            taps: taps.len(),
            lanes: isa.lanes(),
            vectors: best_vectors(isa, form, pixels.max(1), filters),
            form,
        };
        Direct {
            isa,
            packing,
            down: pack::Rows::of(&rows),
            along: Columns::of(&cols, joined),
            rows,
            cols,
            taps,
            window,
            group,
            backward,
            to,
            flat,
            joined,
        }
    }

    /// Compiled tiles of so many vectors of filters.
    fn tiles(&self, vectors: usize) -> &'static [tile::Run] {
        match self.packing.form {
            Form::Number | Form::Rounded => tiles(self.isa, vectors),
            Form::Pair => bf16::tiles(vectors),
            Form::Matrix => amx::tiles(vectors),
        }
    }

    /// Numbers of the packed filters.
    pub fn filters(&self) -> usize {
        self.packing.len()
    }

    /// Tiles of filters.
    pub fn chunks(&self) -> Range<usize> {
        0..self.packing.chunks()
    }

    /// How many tiles of filters are packed at a time so that they take about so many numbers, and how many they take.
    pub fn filters_at_once(&self, most: usize) -> (usize, usize) {
        let chunk = self.packing.chunk() * self.packing.depth();
        if self.packing.groups > 1 || self.packing.len() <= most {
            return (self.packing.chunks(), self.packing.len());
        }
        let chunks = (most / chunk.max(1)).max(1);
        (chunks, (chunks * chunk).min(self.packing.len()))
    }

    /// Packs some tiles of filters of every group.
    pub fn pack(&self, team: &Team, weight: &[f32], chunks: Range<usize>, to: &mut [f32]) {
        let Direct { ref taps, window, group, backward, .. } = *self;
        self.packing.pack(team, &Weight { data: weight, taps, window, group, backward }, chunks, to);
    }

    /// Numbers of scratch that a thread wants.
    pub fn scratch(&self) -> usize {
        let (rows, cols) = self.most();
        self.packed(rows, cols) + self.slack()
    }

    /// Words that tiles read behind the last.
    fn slack(&self) -> usize {
        if self.packing.form == Form::Matrix { amx::SLACK } else { 0 }
    }

    /// Numbers of packed inputs under so many rows and columns of outputs.
    fn packed(&self, rows: usize, cols: usize) -> usize {
        let blocks = self.packing.words().div_ceil(BLOCK);
        if rows == 0 || cols == 0 {
            return 0;
        }
        blocks * self.along.planes() * self.down.count(rows) * self.along.width(cols) * BLOCK
    }

    /// The most rows and columns of outputs that a task packs.
    fn most(&self) -> (usize, usize) {
        let fits = |rows: usize, cols: usize| self.packed(rows, cols) <= PACKED;
        let (mut rows, mut cols) = (self.rows.output, self.cols.output);
        while rows > 1 && !fits(rows, cols) {
            rows = rows.div_ceil(2);
        }
        while cols > 16 && !self.joined && !fits(rows, cols) {
            cols = cols.div_ceil(2);
        }
        (rows, cols)
    }

    /// Rows and columns of a task, and how many of them share the filters of a group.
    fn split(&self, samples: usize, [down, along]: [usize; 2], chunks: usize, lanes: usize) -> (usize, usize, usize) {
        let (mut rows, mut cols) = self.most();
        cols = cols.min(along);
        let all = samples * self.packing.groups;
        let parts = |rows: usize, cols: usize| down.div_ceil(rows) * along.div_ceil(cols);
        let wanted = if lanes == 1 { 1 } else { lanes * TASKS };
        // Rows that neighbours read too are packed twice: thin bands do not pay.
        let thin = 2 * self.down.count(1);
        while all * parts(rows, cols) < wanted && rows > thin {
            rows = rows.div_ceil(2).max(thin);
        }
        let narrow = 2 * self.tiles(self.packing.vectors).len();
        while all * parts(rows, cols) < wanted && self.flat && cols > narrow {
            cols = cols.div_ceil(2).max(narrow);
        }
        let shares = wanted.div_ceil(all * parts(rows, cols)).min(chunks);
        (rows, cols, shares)
    }

    /// Computes the outputs of some tiles of filters. `scratch` has [`Self::scratch`] numbers for each thread, one after the other.
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
        chunks: Range<usize>,
        bias: *const f32,
        onto: Onto,
        y: Grid,
        activation: Option<Activation>,
        scratch: *mut f32,
    ) {
        if self.rows.output == 0 || self.cols.output == 0 {
            return;
        }
        let (x, y, onto) = match self.flat {
            true => (flat(x), flat(y), if let Onto::Other(other) = onto { Onto::Other(flat(other)) } else { onto }),
            false => (x, y, onto),
        };
        // Of a row of samples there may be fewer than planned.
        let outputs = [self.rows.output, if self.flat { x.width } else { self.cols.output }];
        let (rows, cols, shares) = self.split(x.samples, outputs, chunks.len(), team.lanes());
        let [bands, runs] = [outputs[0].div_ceil(rows), outputs[1].div_ceil(cols)];
        let lane_len = self.scratch();
        let before = self.packing.part(chunks.start).1;
        let shared = Operands { x, y, onto, filters, before, bias, scratch };
        let tasks = x.samples * self.packing.groups * bands * runs * shares;
        team.each(tasks, |task, lane| {
            let share = task % shares;
            let run = task / shares % runs;
            let band = task / shares / runs % bands;
            let group = task / shares / runs / bands % self.packing.groups;
            let sample = task / shares / runs / bands / self.packing.groups;
            let part = |index: usize, len: usize, all: usize| index * len..((index + 1) * len).min(all);
            let part_of = |share: usize| chunks.start + chunks.len() * share / shares;
            let area = Area {
                sample,
                group,
                rows: part(band, rows, outputs[0]),
                cols: part(run, cols, outputs[1]),
                chunks: part_of(share)..part_of(share + 1),
            };
            // SAFETY: the caller's; areas lie apart, each lane has scratch of its own.
            unsafe { self.area(&shared, area, activation, shared.scratch(lane * lane_len)) };
        });
    }

    /// # Safety
    /// As of [`Self::run`]; nobody else writes this area or is at this scratch.
    unsafe fn area(&self, shared: &Operands, area: Area, activation: Option<Activation>, scratch: *mut f32) {
        let Packing { channels, filters, .. } = self.packing;
        let x = shared.x.slice(area.group * channels, channels);
        let y = shared.y.slice(area.group * filters, filters);
        let onto = match shared.onto {
            Onto::Nothing => None,
            Onto::Itself => Some(y),
            Onto::Other(other) => Some(other.slice(area.group * filters, filters)),
        };
        let width = area.cols.len();
        // SAFETY: scratch is as long as `packed` says.
        unsafe {
            pack(
                self.packing.form,
                &x,
                area.sample,
                &self.down,
                &self.along,
                area.rows.clone(),
                area.cols.clone(),
                scratch,
            )
        };
        let row_len = self.along.width(width) * BLOCK;
        let plane = self.down.count(area.rows.len()) * row_len;
        let block = self.along.planes() * plane;
        let tap = |row: usize, col: usize| {
            let (plane_index, column) = self.along.tap(col);
            plane_index * plane + self.down.tap(row) * row_len + column * BLOCK
        };
        let mut offsets = [0; MOST_TAPS];
        let mut spill = Vec::new();
        let all = self.rows.taps.iter().flat_map(|&row| self.cols.taps.iter().map(move |&col| tap(row, col)));
        let taps = match self.taps.len() <= MOST_TAPS {
            true => {
                offsets.iter_mut().zip(all).for_each(|(offset, tap)| *offset = tap);
                &offsets[..self.taps.len()]
            }
            false => {
                spill.extend(all);
                &spill[..]
            }
        };
        let (last, later) = Last::of(activation);
        // SAFETY: within the packed filters.
        let group_filters = unsafe { shared.filters.add(area.group * self.packing.group()) };
        // SAFETY: this form is chosen where there is the unit.
        let _unit = (self.packing.form == Form::Matrix).then(|| unsafe { amx::Unit::begin() });
        for chunk in area.chunks {
            let (range, first) = self.packing.part(chunk);
            let vectors = range.len().div_ceil(self.packing.lanes);
            let table = self.tiles(vectors);
            let (lines, pixels) = if self.joined { (1, area.rows.len() * width) } else { (area.rows.len(), width) };
            let cut = Cut::of(pixels, table.len());
            for (band_row, row) in area.rows.clone().take(lines).enumerate() {
                let mut pixel = 0;
                for index in 0..cut.count {
                    let count = cut.base + usize::from(index < cut.longer);
                    let at = (self.to[0].0 + row * self.to[0].1) * y.width
                        + self.to[1].0
                        + (area.cols.start + pixel) * self.to[1].1;
                    // SAFETY: `at` and the pixels behind it are pixels of the grids; packed inputs and filters are as long
                    // as the loops are.
                    unsafe {
                        let to = y.at(area.sample, at).add(range.start);
                        let other = onto
                            .map_or(std::ptr::null(), |onto| onto.at(area.sample, at).add(range.start).cast_const());
                        let operands = Tile {
                            x: scratch.add(band_row * self.down.stride() * row_len + pixel * BLOCK),
                            block,
                            channels: self.packing.words(),
                            taps,
                            w: group_filters.add(first - shared.before),
                            bias: match shared.bias.is_null() {
                                true => std::ptr::null(),
                                false => shared.bias.add(area.group * filters + range.start),
                            },
                            onto: other,
                            onto_pitch: onto.map_or(0, |onto| onto.pitch) * self.to[1].1,
                            y: to,
                            y_pitch: y.pitch * self.to[1].1,
                            filters: range.len(),
                            last,
                        };
                        table[count - 1](&operands);
                        if let Some(activation) = later {
                            tile::activate(self.isa, activation, Rows::new(to, operands.y_pitch), count, range.len());
                        }
                    }
                    pixel += count;
                }
            }
        }
    }
}

/// Taps whose offsets need no memory of their own: a window of 11 x 11.
const MOST_TAPS: usize = 121;

/// All pixels of a sample as one row.
fn flat(grid: Grid) -> Grid {
    Grid { height: 1, width: grid.plane(), ..grid }
}

#[derive(Clone, Copy)]
struct Operands {
    x: Grid,
    y: Grid,
    onto: Onto,
    filters: *const f32,
    /// Numbers of the filters that are not packed, in front.
    before: usize,
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

/// What a task computes.
struct Area {
    sample: usize,
    group: usize,
    rows: Range<usize>,
    cols: Range<usize>,
    /// Tiles of filters.
    chunks: Range<usize>,
}
