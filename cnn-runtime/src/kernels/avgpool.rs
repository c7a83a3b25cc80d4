//! The mean under a sliding window. LeCun et al. 1998, <https://doi.org/10.1109/5.726791>.

use std::ops::Range;

use super::wide::wide;
use super::window::{Axis, RUN, gather, row_taps, runs, scatter};
use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input: `[planes, H, W]`. Output: `[planes, OH, OW]`, where ceil mode shows in OH and OW alone.
///
/// The sum over the inputs under the window is divided by the number of these inputs or, with `count_pad`, of the taps
/// on inputs and padding; taps that hang over the padding in ceil mode never count. A window without any input gives 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool {
    /// Samples times channels.
    pub planes: usize,
    /// The window down a column.
    pub rows: Axis,
    /// The window along a row.
    pub cols: Axis,
    /// Whether padding counts as zeros.
    pub count_pad: bool,
}

impl AvgPool {
    fn check(&self, x: usize, y: usize) {
        self.rows.check("avgpool", "height", true);
        self.cols.check("avgpool", "width", true);
        expect_len("avgpool: x", x, self.planes * self.rows.input * self.cols.input);
        expect_len("avgpool: y", y, self.planes * self.rows.output * self.cols.output);
    }

    /// What the sums of a run of outputs of row i are multiplied by.
    fn shares(&self, i: usize, run: &Range<usize>) -> [f64; RUN] {
        let taps = |axis: &Axis, o| if self.count_pad { axis.taps_in_bounds(o) } else { axis.taps(o).len() };
        let share = |cols: usize| 1.0 / (taps(&self.rows, i) * cols).max(1) as f64;
        let mut shares = [share(self.cols.kernel); RUN];
        // of a window that is all inputs nothing has to be counted
        let whole = self.cols.outputs(0).start..self.cols.outputs(self.cols.kernel - 1).end;
        for j in run.clone().filter(|j| !whole.contains(j)) {
            shares[j - run.start] = share(taps(&self.cols, j));
        }
        shares
    }

    #[inline(always)]
    fn forward_plane<E: Float>(&self, x: &[E], y: &mut [E]) {
        for (i, y) in y.chunks_exact_mut(self.cols.output).enumerate() {
            for run in runs(self.cols.output) {
                let mut sums = [0.0; RUN];
                row_taps([&self.rows, &self.cols], i, &run, |outputs, from| {
                    gather(&mut sums[outputs], &x[from..], self.cols.stride, |sum, x| *sum += x.double());
                });
                let shares = self.shares(i, &run);
                for ((y, sum), share) in y[run].iter_mut().zip(&sums).zip(&shares) {
                    *y = E::of(sum * share);
                }
            }
        }
    }

    #[inline(always)]
    fn backward_plane<E: Float>(&self, dy: &[E], dx: &mut [E]) {
        for (i, dy) in dy.chunks_exact(self.cols.output).enumerate() {
            for run in runs(self.cols.output) {
                let mut parts = [E::ZERO; RUN];
                for ((part, &dy), share) in parts.iter_mut().zip(&dy[run.clone()]).zip(self.shares(i, &run)) {
                    *part = dy * E::of(share);
                }
                row_taps([&self.rows, &self.cols], i, &run, |outputs, from| {
                    scatter(&mut dx[from..], &parts[outputs], self.cols.stride, |dx, &part| *dx += part);
                });
            }
        }
    }
}

impl Kernel for AvgPool {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        let x = inputs[0];
        self.check(x.len(), y.len());
        let in_plane = self.rows.input * self.cols.input;
        parallel::rows(y, self.rows.output * self.cols.output, |plane, y| {
            wide(|| self.forward_plane(&x[plane * in_plane..][..in_plane], y));
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let out_plane = self.rows.output * self.cols.output;
        parallel::rows(grads[0], self.rows.input * self.cols.input, |plane, dx| {
            wide(|| self.backward_plane(&dy[plane * out_plane..][..out_plane], dx));
        });
    }
}

object!(AvgPool);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    fn row(cols: Axis, count_pad: bool) -> AvgPool {
        AvgPool { planes: 1, rows: axis(1, 1, 1, 0, 0, 1, false), cols, count_pad }
    }

    #[test]
    fn both_divisors() {
        let cols = axis(4, 3, 2, 1, 1, 1, false);
        let x = [vec![3.0, 6.0, 9.0, 12.0]];
        assert_eq!(run(&row(cols, true), &x, 2), [3.0, 9.0]);
        assert_eq!(run(&row(cols, false), &x, 2), [4.5, 9.0]);
    }

    #[test]
    fn ceil_mode_clips_the_divisor() {
        // PyTorch: avg_pool1d([1, 2, 3, 4], 3, 2, ceil_mode=True) is [2, 3.5]
        let x = [vec![1.0, 2.0, 3.0, 4.0]];
        assert_eq!(run(&row(axis(4, 3, 2, 0, 0, 1, true), true), &x, 2), [2.0, 3.5]);
        // the last window keeps one input and one padding of its four taps: 6 / 2, not 6 / 4
        let cols = axis(6, 4, 3, 1, 1, 1, true);
        assert_eq!(cols.output, 3);
        let x = [vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]];
        assert_eq!(run(&row(cols, true), &x, 3), [1.5, 4.5, 3.0]);
        assert_eq!(run(&row(cols, false), &x, 3), [2.0, 4.5, 6.0]);
    }

    #[test]
    fn gradients() {
        for (rows, cols) in windows() {
            for count_pad in [true, false] {
                let pool = AvgPool { planes: 3, rows, cols, count_pad };
                check_gradients(&pool, &randoms(&[3 * rows.input * cols.input]), 3 * rows.output * cols.output);
            }
        }
    }
}
