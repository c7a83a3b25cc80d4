//! `sigmoid`: `y = 1 / (1 + e^-x)`. See [`kernels::sigmoid`](crate::kernels::sigmoid).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::sigmoid::Sigmoid;

/// `y = 1 / (1 + e^-x)` of every value of a tensor of any shape.
pub fn sigmoid<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Sigmoid, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| sigmoid(x, tape).unwrap());
        check_order(|x| sigmoid(x, &mut NoneTape).unwrap());
    }
}
