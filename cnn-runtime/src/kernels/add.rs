//! The sum of any number of tensors, `y = x1 + x2 + …`: the shortcut of He et al. 2015,
//! <https://arxiv.org/abs/1512.03385>.

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Inputs and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Add;

impl Kernel for Add {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        y.fill(E::ZERO);
        for x in inputs {
            expect_len("add: x", x.len(), y.len());
            parallel::zip(y, x, |y, x| *y += x);
        }
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        for dx in grads {
            expect_len("add: dx", dx.len(), dy.len());
            parallel::zip(dx, dy, |dx, dy| *dx += dy);
        }
    }
}

object!(Add);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        assert_eq!(run(&Add, &[vec![1.0, 2.0], vec![10.0, 20.0], vec![0.5, 0.25]], 2), [11.5, 22.25]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Add, &randoms(&[20]), 20);
        check_gradients(&Add, &randoms(&[20, 20, 20]), 20);
    }
}
