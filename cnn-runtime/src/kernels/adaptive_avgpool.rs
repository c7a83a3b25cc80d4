//! The mean of each of OH x OW bins that cover the map: bin o of O over H inputs is `floor(o H / O) .. ceil((o + 1) H /
//! O)`, PyTorch's rule; bins overlap where O does not divide H.

use std::ops::Range;

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input: `[planes, H, W]`. Output: `[planes, OH, OW]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveAvgPool {
    /// Samples times channels.
    pub planes: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// The inputs of bin `o`.
fn bin(o: usize, input: usize, output: usize) -> Range<usize> {
    o * input / output..((o + 1) * input).div_ceil(output)
}

impl AdaptiveAvgPool {
    fn check(&self, x: usize, y: usize) {
        expect_len("adaptive_avgpool: x", x, self.planes * self.input.iter().product::<usize>());
        expect_len("adaptive_avgpool: y", y, self.planes * self.output.iter().product::<usize>());
    }

    /// Rows and columns of the bin of output `o` of a plane, and one divided by its size.
    fn bins(&self, o: usize) -> (Range<usize>, Range<usize>, f64) {
        let [(height, rows), (width, cols)] = [0, 1].map(|axis| (self.input[axis], self.output[axis]));
        let (rows, cols) = (bin(o / cols, height, rows), bin(o % cols, width, cols));
        let share = 1.0 / (rows.len() * cols.len()) as f64;
        (rows, cols, share)
    }
}

impl Kernel for AdaptiveAvgPool {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let [height, width] = self.input;
        parallel::rows(y, self.output.iter().product(), |plane, y| {
            let x = &inputs[0][plane * height * width..];
            for (o, y) in y.iter_mut().enumerate() {
                let (rows, cols, share) = self.bins(o);
                let row = |row: usize| parallel::sum(&x[row * width..][cols.clone()]);
                *y = E::of(rows.map(row).sum::<f64>() * share);
            }
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let [height, width] = self.input;
        let out_plane: usize = self.output.iter().product();
        parallel::rows(grads[0], height * width, |plane, dx| {
            for (o, &dy) in dy[plane * out_plane..][..out_plane].iter().enumerate() {
                let (rows, cols, share) = self.bins(o);
                for row in rows {
                    dx[row * width..][cols.clone()].iter_mut().for_each(|dx| *dx += dy * E::of(share));
                }
            }
        });
    }
}

object!(AdaptiveAvgPool);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn bins_overlap_where_they_must() {
        let pool = AdaptiveAvgPool { planes: 1, input: [1, 5], output: [1, 3] };
        let y = run(&pool, &[vec![1.0, 2.0, 3.0, 4.0, 5.0]], 3);
        assert_eq!(y, [1.5, 3.0, 4.5]); // of 0..2, 1..4 and 3..5
    }

    #[test]
    fn more_bins_than_inputs() {
        let pool = AdaptiveAvgPool { planes: 1, input: [1, 2], output: [1, 3] };
        assert_eq!(run(&pool, &[vec![1.0, 2.0]], 3), [1.0, 1.5, 2.0]);
    }

    #[test]
    fn gradients() {
        for (input, output) in [([4, 6], [2, 3]), ([7, 5], [3, 2]), ([2, 3], [4, 4]), ([5, 5], [1, 1])] {
            let pool = AdaptiveAvgPool { planes: 3, input, output };
            check_gradients(&pool, &randoms(&[3 * input[0] * input[1]]), 3 * output[0] * output[1]);
        }
    }
}
