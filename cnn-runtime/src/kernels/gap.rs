//! Global average pooling: the mean of each map. Lin et al. 2013, <https://arxiv.org/abs/1312.4400>.

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input: `[planes, plane]`. Output: `[planes]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Samples times channels.
    pub planes: usize,
    /// Height times width.
    pub plane: usize,
}

impl Gap {
    fn check(&self, x: usize, y: usize) {
        expect_len("gap: x", x, self.planes * self.plane);
        expect_len("gap: y", y, self.planes);
    }
}

impl Kernel for Gap {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let means = |first: usize, y: &mut [E]| {
            for (y, x) in y.iter_mut().zip(inputs[0][first * self.plane..].chunks(self.plane)) {
                *y = E::of(parallel::sum(x) / self.plane as f64);
            }
        };
        parallel::groups(y, self.plane, means);
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let share = E::of(1.0 / self.plane as f64);
        parallel::rows(grads[0], self.plane, |plane, dx| {
            let dy = dy[plane] * share;
            dx.iter_mut().for_each(|dx| *dx += dy);
        });
    }
}

object!(Gap);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let y = run(&Gap { planes: 2, plane: 3 }, &[vec![1.0, 2.0, 6.0, 0.0, 0.0, -3.0]], 2);
        assert_eq!(y, [3.0, -1.0]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Gap { planes: 6, plane: 5 }, &randoms(&[30]), 6);
    }
}
