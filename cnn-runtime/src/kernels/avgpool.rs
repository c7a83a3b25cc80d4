//! The mean under a sliding window. LeCun et al. 1998, <https://doi.org/10.1109/5.726791>.

use super::window::Axis;
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

    /// Calls `f(o, inputs, 1 / divisor)` for every output of a plane that has inputs under its window.
    fn visit(&self, mut f: impl FnMut(usize, &mut dyn Iterator<Item = usize>, f64)) {
        let (rows, cols) = (self.rows, self.cols);
        for i in 0..rows.output {
            for j in 0..cols.output {
                let (us, vs) = (rows.taps(i), cols.taps(j));
                let divisor =
                    if self.count_pad { rows.taps_in_bounds(i) * cols.taps_in_bounds(j) } else { us.len() * vs.len() };
                let at = |u, v| rows.at(i, u) * cols.input + cols.at(j, v);
                let mut inputs = us.flat_map(|u| vs.clone().map(move |v| at(u, v)));
                f(i * cols.output + j, &mut inputs, 1.0 / divisor.max(1) as f64);
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
            let x = &x[plane * in_plane..][..in_plane];
            self.visit(|o, inputs, share| {
                let sum: f64 = inputs.map(|at| x[at].double()).sum();
                y[o] = E::of(sum * share);
            });
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let out_plane = self.rows.output * self.cols.output;
        parallel::rows(grads[0], self.rows.input * self.cols.input, |plane, dx| {
            let dy = &dy[plane * out_plane..][..out_plane];
            self.visit(|o, inputs, share| {
                let share = dy[o] * E::of(share);
                inputs.for_each(|at| dx[at] += share);
            });
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
