//! Every n-th row and column, `y = x[:, :, ::sh, ::sw]`: the shortcut without parameters of He et al. 2015, option A,
//! <https://arxiv.org/abs/1512.03385>.

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input: `[planes, H, W]`. Output: `[planes, ceil(H / sh), ceil(W / sw)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsample {
    /// Samples times channels.
    pub planes: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Rows and columns from one output to the next.
    pub stride: [usize; 2],
}

impl Subsample {
    /// Height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.input[axis].div_ceil(self.stride[axis]))
    }

    fn check(&self, x: usize, y: usize) {
        expect_len("subsample: x", x, self.planes * self.input.iter().product::<usize>());
        expect_len("subsample: y", y, self.planes * self.output().iter().product::<usize>());
    }
}

impl Kernel for Subsample {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let ([height, width], [sh, sw], [_, cols]) = (self.input, self.stride, self.output());
        parallel::rows(y, self.output().iter().product(), |plane, y| {
            let x = &inputs[0][plane * height * width..][..height * width];
            for (y, x) in y.chunks_mut(cols).zip(x.chunks(width).step_by(sh)) {
                y.iter_mut().zip(x.iter().step_by(sw)).for_each(|(y, &x)| *y = x);
            }
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let ([height, width], [sh, sw], [rows, cols]) = (self.input, self.stride, self.output());
        parallel::rows(grads[0], height * width, |plane, dx| {
            let dy = &dy[plane * rows * cols..];
            for (dx, dy) in dx.chunks_mut(width).step_by(sh).zip(dy.chunks(cols)) {
                dx.iter_mut().step_by(sw).zip(dy).for_each(|(dx, &dy)| *dx += dy);
            }
        });
    }
}

object!(Subsample);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let subsample = Subsample { planes: 1, input: [3, 5], stride: [2, 3] };
        let y = run(&subsample, &[(0..15).map(f64::from).collect()], 4);
        assert_eq!(y, [0.0, 3.0, 10.0, 13.0]);
    }

    #[test]
    fn gradients() {
        for (input, stride) in [([4, 4], [2, 2]), ([5, 7], [1, 3]), ([3, 2], [4, 1])] {
            let subsample = Subsample { planes: 3, input, stride };
            let len = 3 * subsample.output().iter().product::<usize>();
            check_gradients(&subsample, &randoms(&[3 * input[0] * input[1]]), len);
        }
    }
}
