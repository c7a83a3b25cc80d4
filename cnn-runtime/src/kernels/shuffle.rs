//! Channels seen as a matrix of `groups` rows are transposed, so that the next grouped convolution sees every group:
//! `y[j groups + g] = x[g C/groups + j]`. Zhang et al. 2017, <https://arxiv.org/abs/1707.01083>.

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output: `[batch, channels, plane]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shuffle {
    /// Samples in the batch.
    pub batch: usize,
    /// Channels, a multiple of the groups.
    pub channels: usize,
    /// Rows of the matrix.
    pub groups: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
}

impl Shuffle {
    fn check(&self, x: usize, y: usize) {
        assert!(
            self.groups > 0 && self.channels.is_multiple_of(self.groups),
            "shuffle: {} groups do not divide {} channels; this is a bug in the calling code",
            self.groups,
            self.channels
        );
        expect_len("shuffle: x", x, self.batch * self.channels * self.plane);
        expect_len("shuffle: y", y, x);
    }

    /// Where row `[b, c]` of a matrix with so many columns goes when it is transposed.
    fn transposed(&self, row: usize, columns: usize) -> usize {
        let (b, c) = (row / self.channels, row % self.channels);
        b * self.channels + c % columns * (self.channels / columns) + c / columns
    }
}

impl Kernel for Shuffle {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        parallel::rows(y, self.plane, |row, y| {
            let from = self.transposed(row, self.groups) * self.plane;
            y.copy_from_slice(&inputs[0][from..][..y.len()]);
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        parallel::rows(grads[0], self.plane, |row, dx| {
            let to = self.transposed(row, self.channels / self.groups) * self.plane;
            dx.iter_mut().zip(&dy[to..]).for_each(|(dx, &dy)| *dx += dy);
        });
    }
}

object!(Shuffle);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let shuffle = Shuffle { batch: 1, channels: 6, groups: 2, plane: 1 };
        let y = run(&shuffle, &[(0..6).map(f64::from).collect()], 6);
        assert_eq!(y, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn gradients() {
        for groups in [1, 2, 3, 6] {
            let shuffle = Shuffle { batch: 2, channels: 6, groups, plane: 3 };
            check_gradients(&shuffle, &randoms(&[36]), 36);
        }
    }
}
