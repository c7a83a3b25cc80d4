//! Larger maps by whole factors: the nearest input, or bilinear between the four around it, with PyTorch's two rules of
//! where output o lies between the inputs:
//!
//! - corners aligned: `o (H - 1) / (H scale - 1)`, so that the corners of both maps meet;
//! - otherwise: `(o + 1/2) / scale - 1/2`, at least 0, so that the edges of both maps meet.

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input: `[planes, H, W]`. Output: `[planes, H sh, W sw]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upsample {
    /// Samples times channels.
    pub planes: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Factors of height and width.
    pub scale: [usize; 2],
    /// Between the inputs.
    pub mode: Mode,
}

/// How the numbers between the inputs come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Output o is input `floor(o / scale)`.
    Nearest,
    /// Weighted by the distances to the four inputs around.
    Bilinear {
        /// Which of the two rules.
        align_corners: bool,
    },
}

/// An output of an axis: its two inputs and the weight of the second.
type Between = (usize, usize, f64);

impl Upsample {
    /// Height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.input[axis] * self.scale[axis])
    }

    fn check(&self, x: usize, y: usize) {
        expect_len("upsample: x", x, self.planes * self.input.iter().product::<usize>());
        expect_len("upsample: y", y, self.planes * self.output().iter().product::<usize>());
    }

    /// Output `o` along an axis.
    fn between(&self, axis: usize, o: usize) -> Between {
        let (size, scale, out) = (self.input[axis], self.scale[axis], self.output()[axis]);
        let between = |at: f64| {
            let first = (at as usize).min(size - 1);
            (first, (first + 1).min(size - 1), at - first as f64)
        };
        match self.mode {
            Mode::Nearest => (o / scale, o / scale, 0.0),
            Mode::Bilinear { align_corners: true } => between(o as f64 * (size - 1) as f64 / (out - 1).max(1) as f64),
            Mode::Bilinear { align_corners: false } => between(((o as f64 + 0.5) / scale as f64 - 0.5).max(0.0)),
        }
    }

    /// Calls `f(o, [(input, weight); 4])` for every output of a plane.
    fn visit(&self, mut f: impl FnMut(usize, [(usize, f64); 4])) {
        let (width, [rows, cols]) = (self.input[1], self.output());
        for i in 0..rows {
            let (top, bottom, v) = self.between(0, i);
            for j in 0..cols {
                let (left, right, u) = self.between(1, j);
                f(
                    i * cols + j,
                    [
                        (top * width + left, (1.0 - v) * (1.0 - u)),
                        (top * width + right, (1.0 - v) * u),
                        (bottom * width + left, v * (1.0 - u)),
                        (bottom * width + right, v * u),
                    ],
                );
            }
        }
    }
}

impl Kernel for Upsample {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let in_plane = self.input.iter().product::<usize>();
        parallel::rows(y, self.output().iter().product(), |plane, y| {
            let x = &inputs[0][plane * in_plane..][..in_plane];
            if self.mode == Mode::Nearest {
                for (i, y) in y.chunks_mut(self.output()[1]).enumerate() {
                    let x = &x[i / self.scale[0] * self.input[1]..];
                    y.chunks_mut(self.scale[1]).zip(x).for_each(|(y, &x)| y.fill(x));
                }
            } else {
                let at = |(i, weight): (usize, f64)| x[i].double() * weight;
                self.visit(|o, corners| y[o] = E::of(corners.map(at).iter().sum()));
            }
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let out_plane = self.output().iter().product::<usize>();
        parallel::rows(grads[0], self.input.iter().product(), |plane, dx| {
            let dy = &dy[plane * out_plane..];
            let mut sums = vec![0.0; dx.len()];
            self.visit(|o, corners| {
                corners.iter().for_each(|&(i, weight)| sums[i] += dy[o].double() * weight);
            });
            dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx += E::of(sum));
        });
    }
}

object!(Upsample);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    fn row(mode: Mode) -> Vec<f64> {
        run(&Upsample { planes: 1, input: [1, 2], scale: [1, 2], mode }, &[vec![1.0, 4.0]], 4)
    }

    #[test]
    fn by_hand() {
        assert_eq!(row(Mode::Nearest), [1.0, 1.0, 4.0, 4.0]);
        assert_eq!(row(Mode::Bilinear { align_corners: false }), [1.0, 1.75, 3.25, 4.0]);
        assert_eq!(row(Mode::Bilinear { align_corners: true }), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn gradients() {
        let modes = [Mode::Nearest, Mode::Bilinear { align_corners: false }, Mode::Bilinear { align_corners: true }];
        for mode in modes {
            for (input, scale) in [([2, 3], [2, 3]), ([1, 4], [3, 1]), ([3, 1], [1, 1])] {
                let upsample = Upsample { planes: 2, input, scale, mode };
                let len = 2 * upsample.output().iter().product::<usize>();
                check_gradients(&upsample, &randoms(&[2 * input[0] * input[1]]), len);
            }
        }
    }
}
