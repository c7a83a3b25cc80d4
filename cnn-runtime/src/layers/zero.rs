//! `zero`: zeros. Paper: [`kernels::zero`](crate::kernels::zero).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, Map, flat, run};
use crate::kernels::zero::Zero;

/// Zeros in the shape of x, any shape.
pub fn zero<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Zero, &[flat(x, tape)?], *x.shape(), tape)
}

/// From `C x H x W` to zeros of `C x OH x OW`: an edge with a stride.
pub fn zero_strided<
    B: Dim,
    const C: usize,
    const H: usize,
    const W: usize,
    const OH: usize,
    const OW: usize,
    E: Dtype,
    D: Eager<E>,
    T: Tape<E, D>,
>(
    x: &Map<B, C, H, W, E, D>,
    tape: &mut T,
) -> Result<Map<B, C, OH, OW, E, D>, D::Err> {
    run(Zero, &[flat(x, tape)?], (x.shape().0, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| zero(x, tape).unwrap());
        check_everywhere(|x, tape| -> Map<_, 3, 2, 3, _, _> { zero_strided(x, tape).unwrap() });
    }
}
