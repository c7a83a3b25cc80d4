//! The product of any number of tensors, an axis of length 1 taken for every index of the others: the gate of squeeze and
//! excitation. Hu et al. 2017, <https://arxiv.org/abs/1709.01507>.

use super::{Float, Kernel, Needs, expect_inputs, expect_len, object, parallel};

/// Inputs: `[batch, sizes[i]]` each. Output: `[batch, C, H, W]`, the largest of every axis.
///
/// A vector against a map is `[C, 1, 1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mul {
    /// Samples in the batch.
    pub batch: usize,
    /// Channels, height and width of every input.
    pub sizes: Vec<[usize; 3]>,
}

impl Mul {
    /// Channels, height and width of the output.
    pub fn output(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.sizes.iter().map(|size| size[axis]).max().unwrap_or(0))
    }

    fn check<E>(&self, inputs: &[&[E]], y: usize) {
        expect_inputs("mul", inputs.len(), self.sizes.len());
        let output = self.output();
        for (x, size) in inputs.iter().zip(&self.sizes) {
            assert!(
                size.iter().zip(&output).all(|(&n, &out)| n == out || n == 1),
                "mul: {size:?} does not stretch to {output:?}; this is a bug in the calling code"
            );
            expect_len("mul: x", x.len(), self.batch * size.iter().product::<usize>());
        }
        expect_len("mul: y", y, self.batch * output.iter().product::<usize>());
    }

    /// Where input i has the row `[b, c, h]`, which is of one value or of W.
    fn row(&self, i: usize, b: usize, c: usize, h: usize) -> std::ops::Range<usize> {
        let [channels, height, width] = self.sizes[i];
        let start = ((b * channels + c.min(channels - 1)) * height + h.min(height - 1)) * width;
        start..start + width
    }

    /// Multiplies the row `[b, c, h]` of input i into `y`.
    fn multiply<E: Float>(&self, i: usize, x: &[E], [b, c, h]: [usize; 3], y: &mut [E]) {
        match &x[self.row(i, b, c, h)] {
            [x] => y.iter_mut().for_each(|y| *y *= *x),
            x => y.iter_mut().zip(x).for_each(|(y, &x)| *y *= x),
        }
    }
}

impl Kernel for Mul {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs, y.len());
        let [channels, height, width] = self.output();
        parallel::rows(y, height * width, |plane, y| {
            y.fill(E::ONE);
            for (h, y) in y.chunks_mut(width.max(1)).enumerate() {
                for (i, x) in inputs.iter().enumerate() {
                    self.multiply(i, x, [plane / channels, plane % channels, h], y);
                }
            }
        });
    }

    /// The gradient of one input is dy times the others, summed over the axes along which it is stretched.
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs, dy.len());
        let [channels, height, width] = self.output();
        for (i, dx) in grads.iter_mut().enumerate() {
            let len = self.sizes[i].iter().product::<usize>();
            parallel::rows(dx, len, |b, dx| {
                let (mut sums, mut row) = (vec![0.0; len], vec![E::ZERO; width]);
                for (c, h) in (0..channels).flat_map(|c| (0..height).map(move |h| (c, h))) {
                    row.copy_from_slice(&dy[((b * channels + c) * height + h) * width..][..width]);
                    for (j, x) in inputs.iter().enumerate().filter(|(j, _)| *j != i) {
                        self.multiply(j, x, [b, c, h], &mut row);
                    }
                    match &mut sums[self.row(i, 0, c, h)] {
                        [sum] => *sum += parallel::sum(&row),
                        sums => sums.iter_mut().zip(&row).for_each(|(sum, dx)| *sum += dx.double()),
                    }
                }
                dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx += E::of(sum));
            });
        }
    }
}

object!(Mul);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let mul = Mul { batch: 1, sizes: vec![[2, 1, 2], [2, 1, 1], [1, 1, 2]] };
        let y = run(&mul, &[vec![1.0, 2.0, 3.0, 4.0], vec![10.0, 100.0], vec![1.0, -1.0]], 4);
        assert_eq!(y, [10.0, -20.0, 300.0, -400.0]);
    }

    #[test]
    fn gradients() {
        let cases: [&[[usize; 3]]; 6] = [
            &[[3, 2, 4], [3, 2, 4]],
            &[[3, 2, 4], [3, 1, 1]],
            &[[1, 2, 4], [3, 2, 4]],
            &[[3, 1, 1], [1, 2, 4], [3, 2, 1]],
            &[[5, 1, 1], [1, 1, 1]],
            &[[2, 3, 1]],
        ];
        for sizes in cases {
            let mul = Mul { batch: 2, sizes: sizes.to_vec() };
            let lens: Vec<usize> = sizes.iter().map(|size| 2 * size.iter().product::<usize>()).collect();
            check_gradients(&mul, &randoms(&lens), 2 * mul.output().iter().product::<usize>());
        }
    }
}
