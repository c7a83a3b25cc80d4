//! `hswish`: `y = x hsigmoid(x)`. See [`kernels::hswish`](crate::kernels::hswish).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::hswish::Hswish;

/// `y = x relu6(x + 3) / 6` of every value of a tensor of any shape.
pub fn hswish<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Hswish, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| hswish(x, tape).unwrap());
        check_order(|x| hswish(x, &mut NoneTape).unwrap());
    }
}
