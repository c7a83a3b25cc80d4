//! Operands of weight gradients, rounded to bf16.
//!
//! What is summed up here are pixels, so that the two numbers of a pair are the same pixel of two samples: any tap and any stride
//! meets whole words. A patch is packed before all taps and tiles pass over it, which is one move for as many multiply-adds as
//! the block has taps times filters.

use std::ops::Range;

use super::bf16::{self, Form};
use super::line::Line;
use super::weight_gradient_tile::Pixels;
use crate::engine::cpu::grid::Grid;

/// Words that a packed row's last vector may run over.
const SLACK: usize = 16;

impl Form {
    /// Samples whose pixels are a word.
    pub(super) fn samples(self) -> usize {
        match self {
            Form::Number | Form::Rounded => 1,
            Form::Pair | Form::Matrix => 2,
        }
    }
}

/// An axis of packed inputs: from the first that a tap of some outputs lies on to the last, of one tap those alone.
#[derive(Clone, Debug)]
pub(super) struct Under {
    inputs: Range<usize>,
    every: usize,
}

impl Under {
    pub fn of(line: &Line, outputs: &Range<usize>) -> Under {
        let spans = (0..line.taps.len()).filter_map(|tap| {
            let found = line.outputs(tap);
            let (start, end) = (found.start.max(outputs.start), found.end.min(outputs.end));
            (start < end).then(|| line.at(start, tap) as usize..line.at(end - 1, tap) as usize + 1)
        });
        let inputs = spans.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
        Under { inputs, every: Under::every(line) }
    }

    /// The outputs themselves.
    pub fn outputs(outputs: &Range<usize>) -> Under {
        Under { inputs: outputs.clone(), every: 1 }
    }

    fn every(line: &Line) -> usize {
        if line.taps.len() == 1 { line.stride } else { 1 }
    }

    fn len(&self) -> usize {
        self.inputs.len().div_ceil(self.every)
    }

    /// The most that there can be under so many outputs.
    pub fn most(line: &Line, outputs: usize) -> usize {
        let reach = line.taps.last().zip(line.taps.first()).map_or(0, |(last, first)| last - first);
        let every = Under::every(line);
        (outputs.saturating_sub(1) * line.stride / every + reach + 1).min(line.input)
    }
}

/// Words of so many packed rows of so many pixels.
pub(super) fn room([rows, cols]: [usize; 2], channels: usize) -> usize {
    (rows * cols * channels + SLACK).next_multiple_of(16)
}

/// Packs the channels of a grid's patch, `step` words from a pixel to the next, with zeros where there are fewer channels: of each
/// sample or pair of samples, one behind the other.
///
/// # Safety
/// Samples, rows and columns are the grid's; at `to` there is [`room`] for the words, at which nobody else is; the processor has
/// the form's instructions.
pub(super) unsafe fn pack(
    form: Form,
    grid: &Grid,
    samples: Range<usize>,
    [rows, cols]: &[Under; 2],
    step: usize,
    to: *mut f32,
) -> Pixels {
    let (height, width) = (rows.len(), cols.len());
    let row_len = width * step;
    for (word, sample) in samples.clone().step_by(form.samples()).enumerate() {
        for row in 0..if width == 0 { 0 } else { height } {
            let pixel = (rows.inputs.start + row * rows.every) * grid.width + cols.inputs.start;
            let from_step = cols.every * grid.pitch;
            // SAFETY: the caller's. What runs over a pixel's words is overwritten by the next pixel's, or lies in the slack.
            unsafe {
                let first = grid.at(sample, pixel).cast_const();
                let to = to.add((word * height + row) * row_len);
                match form {
                    Form::Number | Form::Rounded => bf16::copy_pixels(first, from_step, width, grid.channels, to, step),
                    Form::Pair | Form::Matrix => {
                        let second = samples.contains(&(sample + 1)).then(|| grid.at(sample + 1, pixel).cast_const());
                        bf16::copy_samples(first, second, from_step, width, grid.channels, to, step);
                    }
                }
            }
        }
    }
    Pixels {
        start: to,
        first: [rows.inputs.start, cols.inputs.start],
        every: [rows.every, cols.every],
        sample: height * row_len,
        row: row_len,
        step,
    }
}
