//! `hsigmoid`: `y = relu6(x + 3) / 6`. See [`kernels::hsigmoid`](crate::kernels::hsigmoid).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::hsigmoid::Hsigmoid;

/// `y = relu6(x + 3) / 6` of every value of a tensor of any shape.
pub fn hsigmoid<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Hsigmoid, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| hsigmoid(x, tape).unwrap());
        check_order(|x| hsigmoid(x, &mut NoneTape).unwrap());
    }
}
