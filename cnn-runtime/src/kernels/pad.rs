//! Zeros around a map; negative numbers crop it, as in PyTorch's `functional.pad`.

use std::ops::Range;

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input: `[planes, H, W]`. Output: `[planes, H + top + bottom, W + left + right]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pad {
    /// Samples times channels.
    pub planes: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Zeros at top, bottom, left, right; negative: rows and columns to leave out.
    pub pad: [isize; 4],
}

impl Pad {
    fn check(&self, x: usize, y: usize) {
        for axis in [0, 1] {
            let size = self.input[axis] as isize + self.pad[2 * axis] + self.pad[2 * axis + 1];
            assert_eq!(
                self.output[axis] as isize, size,
                "pad: {:?} by {:?} (left: said to be; right: is); this is a bug in the calling code",
                self.input, self.pad
            );
        }
        expect_len("pad: x", x, self.planes * self.input.iter().product::<usize>());
        expect_len("pad: y", y, self.planes * self.output.iter().product::<usize>());
    }

    /// The inputs of an axis that stay, and the output of the first of them.
    fn kept(&self, axis: usize) -> (Range<usize>, usize) {
        let before = self.pad[2 * axis];
        let start = (-before).max(0);
        let end = (self.output[axis] as isize - before).min(self.input[axis] as isize).max(start);
        (start as usize..end as usize, (start + before) as usize)
    }

    /// For every row with something that stays: where its inputs lie in their plane, and where its outputs begin.
    fn rows(&self) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let ((rows, top), (cols, left)) = (self.kept(0), self.kept(1));
        let ([_, width], [_, wide]) = (self.input, self.output);
        let rows = if cols.is_empty() { 0..0 } else { rows };
        rows.zip(top..).map(move |(i, o)| (i * width + cols.start..i * width + cols.end, o * wide + left))
    }
}

impl Kernel for Pad {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let in_plane = self.input.iter().product::<usize>();
        parallel::rows(y, self.output.iter().product(), |plane, y| {
            let x = &inputs[0][plane * in_plane..];
            y.fill(E::ZERO);
            for (from, to) in self.rows() {
                y[to..][..from.len()].copy_from_slice(&x[from]);
            }
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let out_plane = self.output.iter().product::<usize>();
        parallel::rows(grads[0], self.input.iter().product(), |plane, dx| {
            let dy = &dy[plane * out_plane..];
            for (from, to) in self.rows() {
                dx[from].iter_mut().zip(&dy[to..]).for_each(|(dx, &dy)| *dx += dy);
            }
        });
    }
}

object!(Pad);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    fn pad(planes: usize, input: [usize; 2], pad: [isize; 4]) -> Pad {
        let output = [0, 1].map(|axis| (input[axis] as isize + pad[2 * axis] + pad[2 * axis + 1]) as usize);
        Pad { planes, input, output, pad }
    }

    #[test]
    fn by_hand() {
        let y = run(&pad(1, [2, 2], [1, -1, -1, 2]), &[vec![1.0, 2.0, 3.0, 4.0]], 6);
        assert_eq!(y, [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        // nothing stays
        assert_eq!(run(&pad(1, [1, 2], [0, 0, -3, 4]), &[vec![1.0, 2.0]], 3), [0.0; 3]);
        assert_eq!(run(&pad(1, [1, 2], [0, 0, 4, -3]), &[vec![1.0, 2.0]], 3), [0.0; 3]);
    }

    #[test]
    fn gradients() {
        for sides in [[0; 4], [1, 2, 0, 3], [-1, 1, 2, -2], [-1, -1, -1, 0], [0, 0, -4, 5]] {
            let pad = pad(3, [4, 3], sides);
            check_gradients(&pad, &randoms(&[36]), 3 * pad.output.iter().product::<usize>());
        }
    }
}
