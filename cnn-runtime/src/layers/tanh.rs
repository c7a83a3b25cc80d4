//! `tanh`: `y = tanh x`. See [`kernels::tanh`](crate::kernels::tanh).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::tanh::Tanh;

/// `y = tanh x` of every value of a tensor of any shape.
pub fn tanh<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Tanh, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| tanh(x, tape).unwrap());
        check_order(|x| tanh(x, &mut NoneTape).unwrap());
    }
}
