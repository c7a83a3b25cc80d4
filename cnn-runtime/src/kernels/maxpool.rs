//! The largest value under a sliding window. Padding is minus infinity, never 0. Zhou & Chellappa 1988,
//! <https://doi.org/10.1109/ICNN.1988.23914>; Krizhevsky et al. 2012.

use super::wide::wide;
use super::window::{Axis, RUN, gather, row_taps, runs};
use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input: `[planes, H, W]`. Output: `[planes, OH, OW]`, where ceil mode shows in OH and OW alone.
///
/// A window without any input (PyTorch forbids it: padding is at most half of the window) gives minus infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Samples times channels.
    pub planes: usize,
    /// The window down a column.
    pub rows: Axis,
    /// The window along a row.
    pub cols: Axis,
}

impl MaxPool {
    fn check(&self, x: usize, y: usize) {
        self.rows.check("maxpool", "height", true);
        self.cols.check("maxpool", "width", true);
        expect_len("maxpool: x", x, self.planes * self.rows.input * self.cols.input);
        expect_len("maxpool: y", y, self.planes * self.rows.output * self.cols.output);
    }
}

/// Whether a value takes the place of the largest so far: of equals the first stays, of NaNs the last, both as in PyTorch.
#[expect(clippy::eq_op, reason = "NaN alone differs from itself")]
fn wins<E: Float>(value: E, largest: E) -> bool {
    value > largest || value != value
}

impl MaxPool {
    #[inline(always)]
    fn forward_plane<E: Float>(&self, x: &[E], y: &mut [E]) {
        for (i, y) in y.chunks_exact_mut(self.cols.output).enumerate() {
            for run in runs(self.cols.output) {
                let mut largest = [E::NEG_INFINITY; RUN];
                row_taps([&self.rows, &self.cols], i, &run, |outputs, from| {
                    gather(&mut largest[outputs], &x[from..], self.cols.stride, |y, &x| {
                        *y = if wins(x, *y) { x } else { *y }
                    });
                });
                y[run.clone()].copy_from_slice(&largest[..run.len()]);
            }
        }
    }

    /// Of each output of a plane the number of the tap that it lies under, of those that outputs of its run have.
    fn winners_plane<E: Float>(&self, x: &[E], winners: &mut [E]) {
        for (i, winners) in winners.chunks_exact_mut(self.cols.output).enumerate() {
            for run in runs(self.cols.output) {
                let winners = &mut winners[run.clone()];
                winners.fill(E::of(NONE));
                let (mut largest, mut tap) = ([E::NEG_INFINITY; RUN], 0.0);
                row_taps([&self.rows, &self.cols], i, &run, |outputs, from| {
                    let so_far = largest[outputs.clone()].iter_mut().zip(&mut winners[outputs]);
                    for ((value, winner), &x) in so_far.zip(x[from..].iter().step_by(self.cols.stride)) {
                        let take = (*winner == E::of(NONE)) | wins(x, *value);
                        *value = if take { x } else { *value };
                        *winner = if take { E::of(tap) } else { *winner };
                    }
                    tap += 1.0;
                });
            }
        }
    }

    /// Adds each output's gradient to that of the input under the tap that won.
    fn scatter_plane<E: Float>(&self, winners: &[E], dy: &[E], dx: &mut [E]) {
        let rows = winners.chunks_exact(self.cols.output).zip(dy.chunks_exact(self.cols.output));
        for (i, (winners, dy)) in rows.enumerate() {
            for run in runs(self.cols.output) {
                let (winners, dy, mut tap) = (&winners[run.clone()], &dy[run.clone()], 0.0);
                row_taps([&self.rows, &self.cols], i, &run, |outputs, from| {
                    let won = winners[outputs.clone()].iter().zip(&dy[outputs]);
                    for ((&winner, &dy), at) in won.zip((from..).step_by(self.cols.stride)) {
                        if winner == E::of(tap) {
                            dx[at] += dy;
                        }
                    }
                    tap += 1.0;
                });
            }
        }
    }

    /// Which of its window's taps each output lies under, as [`MaxPool::scatter`] reads it; `winners` is as long as the output.
    pub fn winners<E: Float>(&self, x: &[E], winners: &mut [E]) {
        self.check(x.len(), winners.len());
        let in_plane = self.rows.input * self.cols.input;
        parallel::rows(winners, self.rows.output * self.cols.output, |plane, winners| {
            self.winners_plane(&x[plane * in_plane..][..in_plane], winners);
        });
    }

    /// Adds to `dx` the gradient of the input, given [`MaxPool::winners`].
    pub fn scatter<E: Float>(&self, winners: &[E], dy: &[E], dx: &mut [E]) {
        self.check(dx.len(), dy.len());
        expect_len("maxpool: winners", winners.len(), dy.len());
        let out_plane = self.rows.output * self.cols.output;
        parallel::rows(dx, self.rows.input * self.cols.input, |plane, dx| {
            let [winners, dy] = [winners, dy].map(|of| &of[plane * out_plane..][..out_plane]);
            self.scatter_plane(winners, dy, dx);
        });
    }
}

/// The winner where all of the window lies in the padding.
const NONE: f64 = -1.0;

impl Kernel for MaxPool {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        let x = inputs[0];
        self.check(x.len(), y.len());
        let in_plane = self.rows.input * self.cols.input;
        parallel::rows(y, self.rows.output * self.cols.output, |plane, y| {
            wide(|| self.forward_plane(&x[plane * in_plane..][..in_plane], y));
        });
    }

    /// Each output's gradient goes to the one input that it came from.
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        let mut winners = vec![E::ZERO; dy.len()];
        self.winners(inputs[0], &mut winners);
        self.scatter(&winners, dy, grads[0]);
    }
}

object!(MaxPool);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    fn pool(planes: usize, rows: Axis, cols: Axis) -> MaxPool {
        MaxPool { planes, rows, cols }
    }

    #[test]
    fn padding_never_wins() {
        let axis = axis(2, 2, 1, 1, 1, 1, false);
        let y = run(&pool(1, axis, axis), &[vec![-1.0, -2.0, -3.0, -4.0]], 9);
        assert_eq!(y, [-1.0, -1.0, -2.0, -1.0, -1.0, -2.0, -3.0, -3.0, -4.0]);
    }

    #[test]
    fn ties_go_to_the_first() {
        let axis = axis(2, 2, 2, 0, 0, 1, false);
        let mut dx = [0.0f64; 4];
        pool(1, axis, axis).backward(&[&[1.0, 3.0, 3.0, 3.0]], &[], &[5.0], &mut [&mut dx[..]]);
        assert_eq!(dx, [0.0, 5.0, 0.0, 0.0]);
    }

    #[test]
    fn nan_and_infinity() {
        let axis = axis(2, 2, 2, 0, 0, 1, false);
        let y = |x: [f64; 4]| run(&pool(1, axis, axis), &[x.to_vec()], 1)[0];
        assert!(y([1.0, f64::NAN, 3.0, 2.0]).is_nan());
        assert_eq!(y([f64::NEG_INFINITY; 4]), f64::NEG_INFINITY);
    }

    #[test]
    fn ceil_mode() {
        // PyTorch: max_pool1d(arange(6), 3, 2, ceil_mode=True) is [2, 4, 5]
        let (one, six) = (axis(1, 1, 1, 0, 0, 1, false), axis(6, 3, 2, 0, 0, 1, true));
        let x = (0..6).map(f64::from).collect();
        assert_eq!(run(&pool(1, one, six), &[x], 3), [2.0, 4.0, 5.0]);
    }

    #[test]
    fn gradients() {
        for (rows, cols) in windows() {
            let pool = pool(3, rows, cols);
            check_gradients(&pool, &randoms(&[3 * rows.input * cols.input]), 3 * rows.output * cols.output);
        }
    }
}
