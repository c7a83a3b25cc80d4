//! The mean under a sliding window. LeCun et al. 1998, <https://doi.org/10.1109/5.726791>.

use super::window::{Axis, gather, row_taps, scatter};
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

    /// What the sum of output (i, j) is multiplied by, for every j.
    fn shares(&self, i: usize) -> impl Iterator<Item = f64> {
        let (rows, cols, count_pad) = (self.rows, self.cols, self.count_pad);
        let taps = move |axis: Axis, o| if count_pad { axis.taps_in_bounds(o) } else { axis.taps(o).len() };
        (0..cols.output).map(move |j| 1.0 / (taps(rows, i) * taps(cols, j)).max(1) as f64)
    }
}

impl Kernel for AvgPool {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        let x = inputs[0];
        self.check(x.len(), y.len());
        let in_plane = self.rows.input * self.cols.input;
        parallel::rows(y, self.rows.output * self.cols.output, |plane, y| {
            let x = &x[plane * in_plane..][..in_plane];
            let mut sums = vec![0.0; self.cols.output];
            for (i, y) in y.chunks_mut(self.cols.output).enumerate() {
                sums.fill(0.0);
                row_taps([&self.rows, &self.cols], i, |outputs, from| {
                    gather(&mut sums[outputs], &x[from..], self.cols.stride, |sum, x| *sum += x.double());
                });
                for ((y, sum), share) in y.iter_mut().zip(&sums).zip(self.shares(i)) {
                    *y = E::of(sum * share);
                }
            }
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let out_plane = self.rows.output * self.cols.output;
        parallel::rows(grads[0], self.rows.input * self.cols.input, |plane, dx| {
            let dy = &dy[plane * out_plane..][..out_plane];
            let mut parts = vec![E::ZERO; self.cols.output];
            for (i, dy) in dy.chunks(self.cols.output).enumerate() {
                for ((part, &dy), share) in parts.iter_mut().zip(dy).zip(self.shares(i)) {
                    *part = dy * E::of(share);
                }
                row_taps([&self.rows, &self.cols], i, |outputs, from| {
                    scatter(&mut dx[from..], &parts[outputs], self.cols.stride, |dx, &part| *dx += part);
                });
            }
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
