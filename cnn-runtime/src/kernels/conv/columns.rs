//! The matrix of a convolution's columns, of which no more than a panel is ever written down: row k is tap k of the
//! window (channel of the group, then row, then column of the window), column n is output n of the batch (sample, then row,
//! then column of the map), and the element is the input under that tap.

use std::ops::Range;

use crate::kernels::Float;
use crate::kernels::product::Lane;
use crate::kernels::window::Axis;

/// Where the columns of one group of channels lie in a batch of maps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// Channels of a sample.
    pub channels: usize,
    /// The first channel of the group.
    pub first: usize,
    pub rows: Axis,
    pub cols: Axis,
}

impl Columns {
    /// Maps as they are: a row for each channel, a column for each pixel.
    pub fn of_maps(channels: usize, first: usize, plane: usize) -> Self {
        let [rows, cols] = [1, plane].map(Axis::identity);
        Self { channels, first, rows, cols }
    }

    /// Outputs of one map.
    pub fn plane(&self) -> usize {
        self.rows.output * self.cols.output
    }

    /// Calls `f(offset, from, len)` for every run of `columns` whose tap lies on inputs: the run starts `offset` columns
    /// behind the first one, and its inputs are every `cols.stride`-th one of the batch, from number `from` on.
    pub fn runs(&self, tap: usize, columns: Range<usize>, mut f: impl FnMut(usize, usize, usize)) {
        let (rows, cols) = (&self.rows, &self.cols);
        let (channel, tap) = (tap / (rows.kernel * cols.kernel), tap % (rows.kernel * cols.kernel));
        let (u, v) = (tap / cols.kernel, tap % cols.kernel);
        let (met, hit) = (rows.outputs(u), cols.outputs(v));
        let (mut sample, place) = (columns.start / self.plane(), columns.start % self.plane());
        let (mut i, mut j) = (place / cols.output, place % cols.output);
        let mut offset = 0;
        while offset < columns.len() {
            let line = (cols.output - j).min(columns.len() - offset);
            let (start, end) = (hit.start.max(j), hit.end.min(j + line));
            if start < end && met.contains(&i) {
                let map = sample * self.channels + self.first + channel;
                let from = (map * rows.input + rows.at(i, u)) * cols.input + cols.at(start, v);
                f(offset + start - j, from, end - start);
            }
            (offset, i, j) = (offset + line, i + 1, 0);
            if i == rows.output {
                (sample, i) = (sample + 1, 0);
            }
        }
    }

    /// Copies a part of the matrix into panels of `width` columns.
    pub fn pack<E: Float>(&self, x: &[E], taps: Range<usize>, columns: Range<usize>, panels: &mut [E], width: usize) {
        for (k, tap) in taps.clone().enumerate() {
            let mut lane = Lane::new(panels, width, taps.len(), k);
            let mut done = 0;
            self.runs(tap, columns.clone(), |offset, from, len| {
                lane.skip(offset - done);
                lane.copy(&x[from..], self.cols.stride, len);
                done = offset + len;
            });
        }
    }

    /// Copies a part of the transposed matrix into panels of `width` taps.
    pub fn pack_transposed<E: Float>(
        &self,
        x: &[E],
        columns: Range<usize>,
        taps: Range<usize>,
        panels: &mut [E],
        width: usize,
    ) {
        for (j, tap) in taps.enumerate() {
            let panel = &mut panels[j / width * width * columns.len()..];
            self.runs(tap, columns.clone(), |offset, from, len| {
                let to = panel[offset * width + j % width..].iter_mut().step_by(width).take(len);
                if self.cols.stride == 1 {
                    to.zip(&x[from..]).for_each(|(to, &x)| *to = x);
                } else {
                    to.zip(x[from..].iter().step_by(self.cols.stride)).for_each(|(to, &x)| *to = x);
                }
            });
        }
    }
}
