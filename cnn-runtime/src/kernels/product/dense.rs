//! Products of matrices that lie in memory as they are.

use std::ops::Range;

use super::{COLS, Lane, Product, WORKSPACE, blocks, multiply};
use crate::kernels::Float;
use crate::kernels::parallel::{self, Shared};

/// A factor: row-major, or the transpose of what is.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Matrix<'a, E> {
    data: &'a [E],
    /// Elements from a row of the data to the next.
    line: usize,
    transposed: bool,
}

impl<'a, E> Matrix<'a, E> {
    /// Rows of `line` elements, one behind the other.
    pub fn new(data: &'a [E], line: usize) -> Self {
        Self { data, line, transposed: false }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Elements `along` of line `at` of the data.
    fn run(&self, at: usize, along: Range<usize>) -> &'a [E] {
        &self.data[at * self.line..][along]
    }
}

struct Dense<'a, E> {
    left: Matrix<'a, E>,
    right: Matrix<'a, E>,
    y: &'a Shared<'a, E>,
    cols: usize,
}

impl<E: Float> Product<E> for Dense<'_, E> {
    fn left(&self, rows: Range<usize>, depth: Range<usize>, panel: &mut [E], height: usize) {
        if self.left.transposed {
            for (panel, k) in panel.chunks_exact_mut(height).zip(depth) {
                panel[..rows.len()].copy_from_slice(self.left.run(k, rows.clone()));
            }
            return;
        }
        for (i, row) in rows.enumerate() {
            let line = self.left.run(row, depth.clone());
            panel[i..].iter_mut().step_by(height).zip(line).for_each(|(to, &x)| *to = x);
        }
    }

    fn right(&self, depth: Range<usize>, cols: Range<usize>, panels: &mut [E], width: usize) {
        if self.right.transposed {
            for (cols, panel) in blocks(cols, width).zip(panels.chunks_exact_mut(width * depth.len())) {
                for (j, col) in cols.enumerate() {
                    let line = self.right.run(col, depth.clone());
                    panel[j..].iter_mut().step_by(width).zip(line).for_each(|(to, &x)| *to = x);
                }
            }
            return;
        }
        for (k, row) in depth.clone().enumerate() {
            Lane::new(panels, width, depth.len(), k).copy(self.right.run(row, cols.clone()), 1, cols.len());
        }
    }

    fn add(&self, row: usize, col: usize, line: &[E]) {
        // SAFETY: a block of the product writes its own rows and columns, and no other task has them.
        let y = unsafe { self.y.part(row * self.cols + col, line.len()) };
        y.iter_mut().zip(line).for_each(|(y, &sum)| *y += sum);
    }
}

/// Tasks that are aimed at where the sizes allow it, for that many threads to have work.
const TASKS: usize = 8;

/// `y [rows, cols] += left [rows, depth] * right [depth, cols]`, on as many threads as `workspace` holds [`WORKSPACE`]s.
/// How the work is cut depends on the sizes alone, so the result does not depend on the threads.
pub(in crate::kernels) fn dense<E: Float>(
    y: &mut [E],
    left: Matrix<E>,
    right: Matrix<E>,
    [rows, depth, cols]: [usize; 3],
    workspace: &mut [E],
) {
    // narrow blocks pack the left factor again and again
    let width = cols.div_ceil(TASKS).next_multiple_of(32).clamp(96, COLS);
    let across = cols.div_ceil(width);
    let down = TASKS.div_ceil(across.max(1)).min(rows.div_ceil(96)).max(1);
    let height = rows.div_ceil(down).next_multiple_of(8);
    let product = Dense { left, right, y: &Shared::new(y), cols };
    parallel::tasks(across * down, WORKSPACE, workspace, |task, buffer| {
        let (row, col) = (task / across * height, task % across * width);
        let rows = row.min(rows)..(row + height).min(rows);
        multiply(&product, rows, col..(col + width).min(cols), 0..depth, buffer);
    });
}
