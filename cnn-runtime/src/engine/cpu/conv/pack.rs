//! Inputs under some rows of outputs, in blocks of channels.

use std::ops::Range;

use super::line::Line;
use super::tile::BLOCK;
use crate::engine::cpu::grid::Grid;

/// How outputs of an axis find their inputs in a packed row: columns that are a stride apart lie together, in one plane for
/// each remainder that a tap has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Remainders of the taps, in rising order.
    remainders: Vec<usize>,
    /// How far taps reach beyond the outputs, in columns of a plane.
    reach: usize,
    stride: usize,
    before: isize,
    input: usize,
}

impl Columns {
    pub fn of(line: &Line) -> Columns {
        let mut remainders: Vec<usize> = line.taps.iter().map(|tap| tap % line.stride).collect();
        remainders.sort_unstable();
        remainders.dedup();
        let reach = line.taps.iter().map(|tap| tap / line.stride).max().unwrap_or(0);
        Columns { remainders, reach, stride: line.stride, before: line.before, input: line.input }
    }

    /// Columns of a plane for so many outputs.
    fn width(&self, outputs: usize) -> usize {
        outputs + self.reach
    }

    /// Pixels of a packed row for so many outputs.
    pub fn row(&self, outputs: usize) -> usize {
        self.remainders.len() * self.width(outputs)
    }

    /// Where the input under a tap of the first output lies in a row for so many outputs.
    pub fn tap(&self, tap: usize, outputs: usize) -> usize {
        let plane = self.remainders.iter().position(|&r| r == tap % self.stride).unwrap_or(0);
        plane * self.width(outputs) + tap / self.stride
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

/// Copies what lies under outputs `rows` x `cols` of a sample: for each block of channels, packed rows of `columns.row` pixels
/// of 16 numbers. Channels beyond the last are left as they are.
///
/// # Safety
/// `to` is good for as many numbers as that are.
pub(super) unsafe fn pack(
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
    let row_len = along.row(cols.len()) * BLOCK;
    let block_len = count * row_len;
    for row in 0..count {
        // SAFETY: within the packed memory.
        let to = unsafe { to.add(row * row_len) };
        let Some(input) = down.input(rows.start, row) else {
            (0..x.channels.div_ceil(BLOCK)).for_each(|block| unsafe { zero(to.add(block * block_len), row_len) });
            continue;
        };
        for (plane, &remainder) in along.remainders.iter().enumerate() {
            // Column j of the plane is input j stride + first.
            let first = (cols.start * along.stride + remainder) as isize - along.before;
            let start = ((-first).max(0) as usize).div_ceil(along.stride).min(width);
            let end = ((along.input as isize - first).max(0) as usize).div_ceil(along.stride).clamp(start, width);
            // SAFETY: within the packed memory, and columns from `start` to `end` are pixels of the sample.
            unsafe {
                let to = to.add(plane * width * BLOCK);
                for block in 0..x.channels.div_ceil(BLOCK) {
                    zero(to.add(block * block_len), start * BLOCK);
                    zero(to.add(block * block_len + end * BLOCK), (width - end) * BLOCK);
                }
                if start < end {
                    let column = (first + (start * along.stride) as isize) as usize;
                    let from = x.at(sample, input * x.width + column);
                    copy(from, along.stride * x.pitch, end - start, x.channels, to.add(start * BLOCK), block_len);
                }
            }
        }
    }
}

unsafe fn zero(to: *mut f32, len: usize) {
    unsafe { std::ptr::write_bytes(to, 0, len) }
}

/// Copies pixels, `step` apart, to blocks of channels, `block` apart.
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
                    to = to.add(block);
                }
                for c in 0..channels % BLOCK {
                    *to.add(c) = *from.add(c);
                }
            }
        }
    });
}
