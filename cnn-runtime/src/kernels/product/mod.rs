//! Products of matrices that exist only in parts: the factors are copied, block by block, into panels as they are needed
//! (a convolution's columns straight from its input), and blocks of the result are handed to whoever adds them up.
//! Nothing is allocated and no thread is forked here. Goto & van de Geijn 2008, <https://doi.org/10.1145/1356052.1356053>.

mod dense;
mod tile;

use std::ops::Range;

pub(super) use dense::{Matrix, dense};
pub use tile::Tile;
pub(super) use tile::{BLOCK, f32_tiles, f64_tiles};

use super::Float;

/// Terms of a sum that are taken at a time; so many rows of a panel of columns lie in the first-level cache.
const DEPTH: usize = 256;
/// Rows of the left factor that are packed at a time.
const ROWS: usize = 96;
/// Columns of the right factor that are packed at a time: with the rows 480 KiB in f32, for the second-level cache.
pub(super) const COLS: usize = 384;

/// Elements that a product needs as workspace.
pub(super) const WORKSPACE: usize = (ROWS + COLS) * DEPTH;

/// `left [rows, depth] * right [depth, cols]`, by parts.
pub(super) trait Product<E> {
    /// Copies a panel of rows: `panel[k * height + i]` is element (rows.start + i, depth.start + k). The panel is zero
    /// before; where `rows` is shorter than `height` the rest stays so.
    fn left(&self, rows: Range<usize>, depth: Range<usize>, panel: &mut [E], height: usize);

    /// Copies columns, in panels of `width`: element (depth.start + k, cols.start + j) goes to
    /// `panels[j / width][k][j % width]`. The panels are zero before.
    fn right(&self, depth: Range<usize>, cols: Range<usize>, panels: &mut [E], width: usize);

    /// Adds a block to the result: element (row, col + j) of `line[j]`.
    fn add(&self, row: usize, col: usize, line: &[E]);
}

/// Computes the `rows x cols` part of a product as sums over `depth`, in the order of `depth`.
pub(super) fn multiply<E: Float>(
    product: &impl Product<E>,
    rows: Range<usize>,
    cols: Range<usize>,
    depth: Range<usize>,
    workspace: &mut [E],
) {
    let tile = E::tile();
    let (left_space, right_space) = workspace.split_at_mut(ROWS * DEPTH);
    let mut block = [E::ZERO; BLOCK];
    for cols in blocks(cols, COLS) {
        for depth in blocks(depth.clone(), DEPTH) {
            let panels = &mut right_space[..cols.len().div_ceil(tile.cols) * tile.cols * depth.len()];
            panels.fill(E::ZERO);
            product.right(depth.clone(), cols.clone(), panels, tile.cols);
            for rows in blocks(rows.clone(), ROWS) {
                let height = tile.rows * depth.len();
                let left = &mut left_space[..rows.len().div_ceil(tile.rows) * height];
                left.fill(E::ZERO);
                for (rows, panel) in blocks(rows.clone(), tile.rows).zip(left.chunks_exact_mut(height)) {
                    product.left(rows, depth.clone(), panel, tile.rows);
                }
                for (cols, right) in blocks(cols.clone(), tile.cols).zip(panels.chunks_exact(tile.cols * depth.len())) {
                    for (rows, left) in blocks(rows.clone(), tile.rows).zip(left.chunks_exact(height)) {
                        tile.block(depth.len(), left, right, &mut block);
                        for (row, line) in rows.zip(block.chunks_exact(tile.cols)) {
                            product.add(row, cols.start, &line[..cols.len()]);
                        }
                    }
                }
            }
        }
    }
}

/// The range in runs of at most `len`.
pub(super) fn blocks(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(len.max(1)).map(move |start| start..(start + len).min(range.end))
}

/// Writes along a row of panels, see [`Product::right`].
pub(super) struct Lane<'a, E> {
    panels: &'a mut [E],
    width: usize,
    /// Elements of one panel.
    panel: usize,
    /// First element of row k in the panel, and the place in the row.
    at: (usize, usize),
}

impl<'a, E: Float> Lane<'a, E> {
    /// Row `k` of `depth`.
    pub fn new(panels: &'a mut [E], width: usize, depth: usize, k: usize) -> Self {
        Self { panels, width, panel: width * depth, at: (k * width, 0) }
    }

    /// Passes `len` elements.
    pub fn skip(&mut self, len: usize) {
        let place = self.at.1 + len;
        if place < self.width {
            self.at.1 = place;
        } else {
            self.at = (self.at.0 + place / self.width * self.panel, place % self.width);
        }
    }

    /// Writes `len` elements: every `stride`-th one of `from`.
    pub fn copy(&mut self, mut from: &[E], stride: usize, mut len: usize) {
        while len > 0 {
            let (row, place) = self.at;
            let run = len.min(self.width - place);
            let to = &mut self.panels[row + place..row + place + run];
            if stride == 1 {
                // short runs: a loop is faster than a call of memcpy
                to.iter_mut().zip(&from[..run]).for_each(|(to, from)| *to = *from);
            } else {
                to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
            }
            len -= run;
            from = from.get(run * stride..).unwrap_or_default();
            self.skip(run);
        }
    }
}
