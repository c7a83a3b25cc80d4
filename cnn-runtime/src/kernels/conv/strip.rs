//! Some rows of a map, copied with their padding and sorted by phase, so that every tap of a window, of any stride and
//! dilation, reads neighbouring numbers: then whole vectors are computed, on small maps too.

use crate::kernels::Float;
use crate::kernels::window::Axis;

/// Outputs that are computed together: a vector of AVX-512 in f32.
pub(super) const BLOCK: usize = 16;

/// The most taps of a window here.
pub(super) const MOST_TAPS: usize = 49;

/// The most numbers of a copy, on the stack.
pub(super) const SPACE: usize = 4096;

/// How rows of outputs lie in a copy of what they see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip<'a> {
    rows: &'a Axis,
    cols: &'a Axis,
    /// Numbers of one line of one phase.
    width: usize,
    /// Lines of one phase.
    lines: usize,
    /// Rows of outputs, at most.
    pub outputs: usize,
    /// Where each tap begins for output (0, 0).
    taps: [usize; MOST_TAPS],
}

impl<'a> Strip<'a> {
    /// None where windows are too large, or a row is too long, for the space.
    pub fn new(rows: &'a Axis, cols: &'a Axis) -> Option<Self> {
        let reach = |axis: &Axis| ((axis.kernel - 1) * axis.dilation + 1).div_ceil(axis.stride);
        let (phases, width) = (rows.stride * cols.stride, cols.output - 1 + reach(cols));
        let lines = ((SPACE - BLOCK) / (phases * width)).min(rows.output - 1 + reach(rows));
        if rows.kernel * cols.kernel > MOST_TAPS || lines < reach(rows) {
            return None;
        }
        let mut taps = [0; MOST_TAPS];
        for (tap, start) in taps.iter_mut().enumerate().take(rows.kernel * cols.kernel) {
            let (r, c) = (tap / cols.kernel * rows.dilation, tap % cols.kernel * cols.dilation);
            let phase = r % rows.stride * cols.stride + c % cols.stride;
            *start = (phase * lines + r / rows.stride) * width + c / cols.stride;
        }
        Some(Self { rows, cols, width, lines, outputs: lines + 1 - reach(rows), taps })
    }

    /// Numbers of a copy.
    pub fn len(&self) -> usize {
        self.rows.stride * self.cols.stride * self.lines * self.width + BLOCK
    }

    /// Copies what the rows of outputs from `first` on see of a map.
    #[inline(always)]
    pub fn fill<E: Float>(&self, x: &[E], first: usize, copy: &mut [E]) {
        let (rows, cols) = (self.rows, self.cols);
        copy.fill(E::ZERO);
        for line in 0..self.lines * rows.stride {
            let row = first * rows.stride + line;
            if row < rows.before || row - rows.before >= rows.input {
                continue;
            }
            let x = &x[(row - rows.before) * cols.input..][..cols.input];
            for phase in 0..cols.stride {
                let at = (line % rows.stride * cols.stride + phase) * self.lines + line / rows.stride;
                let to = &mut copy[at * self.width..][..self.width];
                // number `place` is input `place * stride + phase - before`
                let skip = cols.before.saturating_sub(phase).div_ceil(cols.stride).min(self.width);
                let from = skip * cols.stride + phase - cols.before.min(skip * cols.stride + phase);
                let x = x.get(from..).unwrap_or_default();
                match cols.stride {
                    1 => to[skip..].iter_mut().zip(x).for_each(|(to, &x)| *to = x),
                    stride => to[skip..].iter_mut().zip(x.iter().step_by(stride)).for_each(|(to, &x)| *to = x),
                }
            }
        }
    }

    /// What tap number `tap` sees for the block of outputs from (i, j) on, i counted from the strip's first row. Behind the
    /// end of a row they are other numbers of the copy.
    #[inline(always)]
    pub fn block<'c, E>(&self, copy: &'c [E], tap: usize, i: usize, j: usize) -> &'c [E] {
        &copy[self.taps[tap] + i * self.width + j..][..BLOCK]
    }
}
