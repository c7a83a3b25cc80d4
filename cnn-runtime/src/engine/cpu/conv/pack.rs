//! Inputs under some rows of outputs, in blocks of channels.

use std::ops::Range;

use super::bf16::{self, Form};
use super::line::Line;
use super::tile::BLOCK;
use crate::engine::cpu::grid::Grid;

/// How outputs of an axis find their inputs in a packed row: columns that are a stride apart lie together, in one plane for
/// each remainder that a tap has. Or each tap has a plane of its own, as wide as the outputs: then rows of a plane follow each
/// other as rows of outputs do, and a tile may go on from one to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// The first input column of each plane, in front of which `before` are padding; in rising order.
    starts: Vec<usize>,
    /// How far taps reach beyond the outputs, in columns of a plane.
    reach: usize,
    stride: usize,
    before: isize,
    input: usize,
    joined: bool,
}

impl Columns {
    pub fn of(line: &Line, joined: bool) -> Columns {
        let start = |tap: &usize| if joined { *tap } else { tap % line.stride };
        let mut starts: Vec<usize> = line.taps.iter().map(start).collect();
        starts.sort_unstable();
        starts.dedup();
        let reach = line.taps.iter().map(|tap| (tap - start(tap)) / line.stride).max().unwrap_or(0);
        Columns { starts, reach, stride: line.stride, before: line.before, input: line.input, joined }
    }

    /// Of a plane for outputs `cols`: the columns that lie on inputs, and the input under the first of them.
    fn inside(&self, start: usize, cols: &Range<usize>) -> (Range<usize>, usize) {
        let width = self.width(cols.len());
        // Column j of the plane is input j stride + first.
        let first = (cols.start * self.stride + start) as isize - self.before;
        let left = ((-first).max(0) as usize).div_ceil(self.stride).min(width);
        let right = ((self.input as isize - first).max(0) as usize).div_ceil(self.stride).clamp(left, width);
        (left..right, (first + (left * self.stride) as isize).max(0) as usize)
    }

    /// Columns of a plane for so many outputs.
    pub fn width(&self, outputs: usize) -> usize {
        outputs + self.reach
    }

    /// Planes of a block of channels.
    pub fn planes(&self) -> usize {
        self.starts.len()
    }

    /// The plane and the column of the input under a tap of the first output.
    pub fn tap(&self, tap: usize) -> (usize, usize) {
        let start = if self.joined { tap } else { tap % self.stride };
        (self.starts.iter().position(|&at| at == start).unwrap_or(0), (tap - start) / self.stride)
    }
}

/// How outputs of an axis find their inputs among packed rows: all of them, or only those that the one tap meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    line: Line,
    /// Input rows from a packed row to the next.
    step: usize,
}

impl Rows {
    pub fn of(line: &Line) -> Rows {
        let step = if line.taps.len() == 1 { line.stride } else { 1 };
        Rows { line: line.clone(), step }
    }

    /// Packed rows for so many rows of outputs.
    pub fn count(&self, outputs: usize) -> usize {
        let (first, last) = (self.line.taps.first().copied(), self.line.taps.last().copied());
        let reach = last.zip(first).map_or(0, |(last, first)| last - first);
        (outputs - 1) * self.line.stride / self.step + reach / self.step + 1
    }

    /// The packed row under a tap's first output, and from an output to the next.
    pub fn tap(&self, tap: usize) -> usize {
        (tap - self.line.taps.first().copied().unwrap_or(0)) / self.step
    }

    /// Packed rows from a row of outputs to the next.
    pub fn stride(&self) -> usize {
        self.line.stride / self.step
    }

    /// The input row of packed row `row`, where the first row of outputs is `output`; none in the padding.
    fn input(&self, output: usize, row: usize) -> Option<usize> {
        let first = self.line.taps.first().copied().unwrap_or(0);
        let at = (output * self.line.stride + first + row * self.step) as isize - self.line.before;
        usize::try_from(at).ok().filter(|&at| at < self.line.input)
    }
}

/// Copies what lies under outputs `rows` x `cols` of a sample: for each block of channels its planes, each of them packed rows of
/// `columns.width` pixels of 16 words. Words beyond the last are left as they are.
///
/// # Safety
/// `to` is good for as many words as that are, and the processor has the form's instructions.
#[allow(clippy::too_many_arguments, reason = "operands of one copy")]
pub(super) unsafe fn pack(
    form: Form,
    x: &Grid,
    sample: usize,
    down: &Rows,
    along: &Columns,
    rows: Range<usize>,
    cols: Range<usize>,
    to: *mut f32,
) {
    let count = down.count(rows.len());
    let width = along.width(cols.len());
    let plane_len = count * width * BLOCK;
    let block_len = along.planes() * plane_len;
    let blocks = form.words(x.channels).div_ceil(BLOCK);
    let copy = match form {
        Form::Number => copy,
        Form::Rounded => bf16::copy_rounded,
        Form::Pair => bf16::copy_pairs::<false>,
        Form::Matrix => bf16::copy_pairs::<true>,
    };
    for (plane, &start) in along.starts.iter().enumerate() {
        let (Range { start: left, end: right }, column) = along.inside(start, &cols);
        for row in 0..count {
            // SAFETY: within the packed memory; columns from `left` to `right` are pixels of the sample.
            unsafe {
                let to = to.add(plane * plane_len + row * width * BLOCK);
                let Some(input) = down.input(rows.start, row) else {
                    (0..blocks).for_each(|block| zero(to.add(block * block_len), width * BLOCK));
                    continue;
                };
                for block in 0..blocks {
                    zero(to.add(block * block_len), left * BLOCK);
                    zero(to.add(block * block_len + right * BLOCK), (width - right) * BLOCK);
                }
                if left < right {
                    let from = x.at(sample, input * x.width + column);
                    copy(from, along.stride * x.pitch, right - left, x.channels, to.add(left * BLOCK), block_len);
                }
            }
        }
    }
}

/// Copies what lies under outputs `rows` x `cols` of a sample, each channel by itself: its planes, each of them packed rows of
/// `columns.width` numbers.
///
/// # Safety
/// `to` is good for as many numbers as that are.
pub(super) unsafe fn pack_planes(
    x: &Grid,
    sample: usize,
    down: &Rows,
    along: &Columns,
    rows: Range<usize>,
    cols: Range<usize>,
    to: *mut f32,
) {
    let (count, width) = (down.count(rows.len()), along.width(cols.len()));
    let channel_len = along.planes() * count * width;
    for (plane, &start) in along.starts.iter().enumerate() {
        let (Range { start: left, end: right }, column) = along.inside(start, &cols);
        for row in 0..count {
            let input = down.input(rows.start, row).filter(|_| left < right);
            // SAFETY: within the packed memory; columns from `left` to `right` are pixels of the sample.
            unsafe {
                let to = to.add((plane * count + row) * width);
                let Some(input) = input else {
                    (0..x.channels).for_each(|c| zero(to.add(c * channel_len), width));
                    continue;
                };
                for c in 0..x.channels {
                    let to = to.add(c * channel_len);
                    zero(to, left);
                    zero(to.add(right), width - right);
                }
                let from = x.at(sample, input * x.width + column).cast_const();
                let step = along.stride * x.pitch;
                for c in 0..x.channels {
                    let (from, to) = (from.add(c), to.add(c * channel_len + left));
                    if step == 1 {
                        std::ptr::copy_nonoverlapping(from, to, right - left);
                    } else {
                        (0..right - left).for_each(|p| *to.add(p) = *from.add(p * step));
                    }
                }
            }
        }
    }
}

/// # Safety
/// There are so many numbers, and nobody else is at them.
unsafe fn zero(to: *mut f32, len: usize) {
    // SAFETY: the caller's; zeros are numbers.
    unsafe { std::ptr::write_bytes(to, 0, len) }
}

/// Copies pixels, `step` apart, to blocks of channels, `block` apart.
///
/// # Safety
/// There are so many pixels of so many channels, and as much room, at which nobody else is.
#[inline(always)]
unsafe fn copy(from: *const f32, step: usize, pixels: usize, channels: usize, to: *mut f32, block: usize) {
    crate::kernels::wide(|| {
        for pixel in 0..pixels {
            // SAFETY: the caller's.
            unsafe {
                let (mut from, mut to) = (from.add(pixel * step), to.add(pixel * BLOCK));
                for _ in 0..channels / BLOCK {
                    to.cast::<[f32; BLOCK]>().write_unaligned(from.cast::<[f32; BLOCK]>().read_unaligned());
                    from = from.add(BLOCK);
                    // Behind the last block this may lie nowhere, and is not written.
                    to = to.wrapping_add(block);
                }
                for c in 0..channels % BLOCK {
                    *to.add(c) = *from.add(c);
                }
            }
        }
    });
}
