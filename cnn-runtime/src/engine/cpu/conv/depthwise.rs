//! Convolutions with one filter for each channel: as many multiply-adds as loads, so nothing is copied.

use std::ops::Range;

use super::direct::Onto;
use super::line::Line;
use super::tile::{self, Last};
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::rows::Rows;
use crate::engine::cpu::simd::{Isa, Simd, compiled, for_isa};
use crate::engine::cpu::team::Team;
use crate::engine::operation::{Activation, ConvShape};

/// One filter for each channel, forward or back to the input.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) struct Depthwise {
    isa: Isa,
    channels: usize,
    rows: Line,
    cols: Line,
    /// Where each tap, row by row, lies in a filter.
    taps: Vec<usize>,
    window: usize,
    /// The first row and column that are written, and from one to the next.
    to: [(usize, usize); 2],
}

/// Whether a convolution has one filter for each channel.
pub(in crate::engine::cpu) fn is_depthwise(shape: &ConvShape) -> bool {
    shape.groups == shape.inputs && shape.groups == shape.outputs && shape.groups > 1
}

/// Pixels of a tile.
const PIXELS: usize = 7;
/// Taps of a window of 11 x 11.
const MOST_TAPS: usize = 121;
/// Multiply-adds that are worth a task.
const GRAIN: usize = 1 << 16;

/// A tap of a pixel: where its input and its weight lie.
#[derive(Clone, Copy, Default)]
struct Tap {
    x: isize,
    w: usize,
}

/// Some pixels, all channels.
struct Strip<'a> {
    x: *const f32,
    /// From a pixel's inputs to the next's.
    x_step: usize,
    taps: &'a [Tap],
    /// For each tap a number for each channel.
    w: *const f32,
    bias: *const f32,
    onto: *const f32,
    onto_step: usize,
    y: *mut f32,
    y_step: usize,
    channels: usize,
    last: Last,
}

/// # Safety
/// The processor has the vectors; the strip's addresses are those of P pixels of so many channels, and nobody else writes there.
#[inline(always)]
unsafe fn strip<S: Simd, const P: usize>(s: &Strip<'_>) {
    // SAFETY: the caller's; a vector that is not full is loaded and stored by its first numbers.
    unsafe {
        let mut c = 0;
        while c < s.channels {
            let count = (s.channels - c).min(S::LANES);
            if count == S::LANES {
                vector::<S, P>(s, c, |from| S::load(from), |to, v| S::store(to, v));
            } else {
                vector::<S, P>(s, c, |from| S::load_first(from, count), |to, v| S::store_first(to, v, count));
            }
            c += S::LANES;
        }
    }
}

/// # Safety
/// As of [`strip`]; from channel `c` on there are as many as `load` and `store` take.
#[inline(always)]
unsafe fn vector<S: Simd, const P: usize>(
    s: &Strip<'_>,
    c: usize,
    load: impl Fn(*const f32) -> S::V,
    store: impl Fn(*mut f32, S::V),
) {
    // SAFETY: the caller's.
    unsafe {
        let bias = if s.bias.is_null() { S::zero() } else { load(s.bias.add(c)) };
        let mut sums = [bias; P];
        let x = s.x.add(c);
        let w = s.w.add(c);
        for tap in s.taps {
            let w = load(w.add(tap.w));
            let x = x.offset(tap.x);
            for (p, sum) in sums.iter_mut().enumerate() {
                *sum = S::fma(load(x.add(p * s.x_step)), w, *sum);
            }
        }
        for (p, &sum) in sums.iter().enumerate() {
            let mut y = sum;
            if !s.onto.is_null() {
                y = S::add(y, load(s.onto.add(p * s.onto_step + c)));
            }
            y = match s.last {
                Last::Sum => y,
                Last::Relu => S::max(y, S::zero()),
                Last::Relu6 => S::min(S::max(y, S::zero()), S::splat(6.0)),
            };
            store(s.y.add(p * s.y_step + c), y);
        }
    }
}

compiled!(strip<P>(s: &Strip<'_>));

fn strips(isa: Isa, pixels: usize) -> unsafe fn(&Strip<'_>) {
    match pixels {
        1 => for_isa!(isa, strip::<1>),
        2 => for_isa!(isa, strip::<2>),
        3 => for_isa!(isa, strip::<3>),
        4 => for_isa!(isa, strip::<4>),
        5 => for_isa!(isa, strip::<5>),
        6 => for_isa!(isa, strip::<6>),
        _ => for_isa!(isa, strip::<7>),
    }
}

impl Depthwise {
    /// The convolution itself.
    pub fn forward(isa: Isa, shape: &ConvShape) -> Depthwise {
        let window = shape.rows.kernel * shape.cols.kernel;
        let (rows, cols) = (Line::forward(&shape.rows), Line::forward(&shape.cols));
        Depthwise { isa, channels: shape.inputs, rows, cols, taps: (0..window).collect(), window, to: [(0, 1); 2] }
    }

    /// From gradients of the output to those of the input: one for each phase of the strides.
    pub fn backward(isa: Isa, shape: &ConvShape) -> Vec<Depthwise> {
        let mut phases = Vec::new();
        for row in 0..shape.rows.stride.min(shape.rows.input) {
            for col in 0..shape.cols.stride.min(shape.cols.input) {
                let (rows, down) = Line::backward(&shape.rows, row);
                let (cols, along) = Line::backward(&shape.cols, col);
                let width = shape.cols.kernel;
                let taps = down.iter().flat_map(|k| along.iter().map(move |l| k * width + l)).collect();
                let window = shape.rows.kernel * width;
                let to = [(row, shape.rows.stride), (col, shape.cols.stride)];
                phases.push(Depthwise { isa, channels: shape.inputs, rows, cols, taps, window, to });
            }
        }
        phases
    }

    /// Numbers of the packed filters.
    pub fn filters(&self) -> usize {
        self.channels * self.window
    }

    /// Packs filters: all first taps, then all second ones. The same for every phase.
    pub fn pack(&self, weight: &[f32], to: &mut [f32]) {
        for (tap, to) in to.chunks_exact_mut(self.channels).enumerate() {
            to.iter_mut().zip(weight[tap..].iter().step_by(self.window)).for_each(|(to, &w)| *to = w);
        }
    }

    /// Computes all outputs.
    ///
    /// # Safety
    /// Grids have the sizes that it was made for, filters are what [`Self::pack`] made, bias has a number for each channel or is
    /// null, and no other thread touches outputs meanwhile.
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
    ) {
        if self.rows.output == 0 || self.cols.output == 0 {
            return;
        }
        let row = self.cols.output * self.channels * self.taps.len().max(1);
        let band = GRAIN.div_ceil(row.max(1)).min(self.rows.output);
        let bands = self.rows.output.div_ceil(band);
        let shared = Operands { x, y, onto, filters, bias };
        team.each(x.samples * bands, |task, _| {
            let (sample, band_index) = (task / bands, task % bands);
            for row in band_index * band..((band_index + 1) * band).min(self.rows.output) {
                // SAFETY: the caller's; rows lie apart.
                unsafe { self.row(&shared, sample, row, activation) };
            }
        });
    }

    /// # Safety
    /// As of [`Self::run`]; nobody else writes this row.
    unsafe fn row(&self, shared: &Operands, sample: usize, row: usize, activation: Option<Activation>) {
        let inner = self.cols.inner();
        let mut left = 0;
        while left < inner.start {
            // SAFETY: the caller's; outputs of the row.
            unsafe { self.pixels(shared, sample, row, left..left + 1, activation) };
            left += 1;
        }
        // As even as can be.
        let cut = tile::Cut::of(inner.len(), PIXELS);
        for index in 0..cut.count {
            let count = cut.base + usize::from(index < cut.longer);
            // SAFETY: the caller's; inner outputs, every tap of which lies on an input.
            unsafe { self.pixels(shared, sample, row, left..left + count, activation) };
            left += count;
        }
        while left < self.cols.output {
            // SAFETY: the caller's; outputs of the row.
            unsafe { self.pixels(shared, sample, row, left..left + 1, activation) };
            left += 1;
        }
    }

    /// Pixels of a row that have the same taps.
    ///
    /// # Safety
    /// As of [`Self::row`]; there are such pixels, and all have the first one's taps.
    unsafe fn pixels(
        &self,
        shared: &Operands,
        sample: usize,
        row: usize,
        cols: Range<usize>,
        activation: Option<Activation>,
    ) {
        let Operands { x, y, onto, filters, bias } = *shared;
        let mut taps = [Tap::default(); MOST_TAPS];
        let mut spill = Vec::new();
        let mut count = 0;
        for r in 0..self.rows.taps.len() {
            let Some(input) = self.rows.input_at(row, r) else { continue };
            for c in 0..self.cols.taps.len() {
                if self.cols.input_at(cols.start, c).is_none() {
                    continue;
                }
                let at = (input * x.width) as isize + self.cols.at(cols.start, c);
                let tap = Tap { x: at * x.pitch as isize, w: self.taps[r * self.cols.taps.len() + c] * self.channels };
                match taps.get_mut(count) {
                    Some(slot) => *slot = tap,
                    None => spill.push(tap),
                }
                count += 1;
            }
        }
        let all: &[Tap] = if spill.is_empty() {
            &taps[..count]
        } else {
            spill.splice(0..0, taps);
            &spill
        };
        let (last, later) = Last::of(activation);
        let at = (self.to[0].0 + row * self.to[0].1) * y.width + self.to[1].0 + cols.start * self.to[1].1;
        // SAFETY: taps lie on inputs, `at` and the pixels behind it are pixels of the grids.
        unsafe {
            let to = y.at(sample, at);
            let (other, onto_step) = match onto {
                Onto::Nothing => (std::ptr::null(), 0),
                Onto::Itself => (to.cast_const(), y.pitch * self.to[1].1),
                Onto::Other(other) => (other.at(sample, at).cast_const(), other.pitch * self.to[1].1),
            };
            let y_step = y.pitch * self.to[1].1;
            strips(self.isa, cols.len())(&Strip {
                x: x.at(sample, 0),
                x_step: self.cols.stride * x.pitch,
                taps: all,
                w: filters,
                bias,
                onto: other,
                onto_step,
                y: to,
                y_step,
                channels: self.channels,
                last,
            });
            if let Some(activation) = later {
                tile::activate(self.isa, activation, Rows::new(to, y_step), cols.len(), self.channels);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Operands {
    x: Grid,
    y: Grid,
    onto: Onto,
    filters: *const f32,
    bias: *const f32,
}

// SAFETY: addresses; `run`'s caller promises that nobody else is at them, and tasks write apart.
unsafe impl Sync for Operands {}
