//! A patch: some pairs of samples and outputs, packed for the matrix unit and multiplied.

use std::ops::Range;

use super::super::{amx, bf16};
use super::{Grid, MatrixGradient, SIDE};

/// Pairs of samples, and outputs.
pub(super) struct Patch {
    pub pairs: Range<usize>,
    pub rows: Range<usize>,
    pub cols: Range<usize>,
}

impl MatrixGradient {
    /// Every channel's planes, zeros around.
    ///
    /// # Safety
    /// As of `sums`.
    pub(super) unsafe fn pack_inputs(&self, x: &Grid, patch: &Patch, to: *mut f32) {
        let (pitch, width) = (self.pitch(), self.width());
        let planes = self.rows.phases.iter().flat_map(|row| self.cols.phases.iter().map(move |col| (*row, *col)));
        for (plane, (row_phase, col_phase)) in planes.enumerate() {
            // SAFETY: planes lie one behind the other; their rows and columns are pixels of the grid.
            unsafe {
                let to = to.add(plane * self.block()[0].next_multiple_of(SIDE) * pitch);
                std::ptr::write_bytes(to, 0, x.channels * pitch);
                let (rows, top) = self.rows.inside(row_phase, &patch.rows);
                let (cols, left) = self.cols.inside(col_phase, &patch.cols);
                if cols.is_empty() {
                    continue;
                }
                for (pair, word) in patch.pairs.clone().enumerate() {
                    for (index, row) in rows.clone().enumerate() {
                        let pixel = (top + index * self.rows.line.stride) * x.width + left;
                        let first = x.at(2 * word, pixel).cast_const();
                        let second = (2 * word + 1 < x.samples).then(|| x.at(2 * word + 1, pixel).cast_const());
                        let to = to.add(pair * self.plane() + row * width + cols.start);
                        let step = self.cols.line.stride * x.pitch;
                        amx::copy_turned(first, second, step, cols.len(), x.channels, to, pitch);
                    }
                }
            }
        }
    }

    /// Every 16 filters' pixels, zeros where a row of inputs is longer and behind the last.
    ///
    /// # Safety
    /// As of `sums`.
    pub(super) unsafe fn pack_gradients(&self, dy: &Grid, patch: &Patch, to: *mut f32) {
        let (count, len) = self.sequences(patch.pairs.len());
        let (len, width) = (len.next_multiple_of(SIDE), self.width());
        let step = if count == 1 && patch.pairs.len() > 1 { self.plane() } else { len };
        for (index, first) in (0..dy.channels).step_by(SIDE).enumerate() {
            let channels = (dy.channels - first).min(SIDE);
            // SAFETY: filters lie one behind the other; rows and columns are pixels of the grid.
            unsafe {
                let to = to.add(index * count * len * SIDE);
                std::ptr::write_bytes(to, 0, count * len * SIDE);
                for (pair, word) in patch.pairs.clone().enumerate() {
                    for (index, row) in patch.rows.clone().enumerate() {
                        let pixel = row * dy.width + patch.cols.start;
                        let from = |sample: usize| dy.at(sample, pixel).add(first).cast_const();
                        let second = (2 * word + 1 < dy.samples).then(|| from(2 * word + 1));
                        let to = to.add((pair * step + index * width) * SIDE);
                        bf16::copy_samples(from(2 * word), second, dy.pitch, patch.cols.len(), channels, to, SIDE);
                    }
                }
            }
        }
    }

    /// Adds a patch's products to the sums, tap by tap.
    ///
    /// # Safety
    /// As of `sums`; the patch is packed.
    pub(super) unsafe fn multiply(
        &self,
        pairs: usize,
        [channels, filters]: [usize; 2],
        x: *const f32,
        dy: *const f32,
        sums: *mut f32,
    ) {
        let pitch = self.pitch();
        let (count, len) = self.sequences(pairs);
        let steps = len.div_ceil(SIDE);
        let [most_channels, most_filters] = self.block().map(|n| n.div_ceil(SIDE));
        let taps = (0..self.rows.line.taps.len()).flat_map(|r| (0..self.cols.line.taps.len()).map(move |c| (r, c)));
        for (tap, (row, col)) in taps.enumerate() {
            let ((row_plane, down), (col_plane, along)) = (self.rows.place(row), self.cols.place(col));
            let plane = row_plane * self.cols.phases.len() + col_plane;
            let at = plane * most_channels * SIDE * pitch + down * self.width() + along;
            for f in (0..filters.div_ceil(SIDE)).step_by(2) {
                for c in (0..channels.div_ceil(SIDE)).step_by(2) {
                    let square = (tap * most_filters + f) * most_channels + c;
                    // SAFETY: within packed words and sums.
                    unsafe {
                        amx::Product {
                            x: x.add(at + c * SIDE * pitch),
                            x_pitch: pitch,
                            jump: self.plane() as isize - (steps * SIDE) as isize,
                            dy: dy.add(f * count * steps * SIDE * SIDE),
                            dy_pitch: count * steps * SIDE * SIDE,
                            sequences: count,
                            steps,
                            squares: [channels.div_ceil(SIDE) - c, filters.div_ceil(SIDE) - f].map(|n| n.min(2)),
                            sums: sums.add(square * SIDE * SIDE),
                            sums_pitch: most_channels * SIDE * SIDE,
                        }
                        .add();
                    }
                }
            }
        }
    }
}
