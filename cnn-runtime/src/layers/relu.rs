//! `relu`: `y = max(x, 0)`. See [`kernels::relu`](crate::kernels::relu).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::relu::Relu;

/// `y = max(x, 0)` of every value of a tensor of any shape.
pub fn relu<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Relu, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| relu(x, tape).unwrap());
        check_order(|x| relu(x, &mut NoneTape).unwrap());
    }
}
