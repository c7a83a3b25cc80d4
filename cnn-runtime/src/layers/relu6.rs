//! `relu6`: `y = min(max(x, 0), 6)`. See [`kernels::relu6`](crate::kernels::relu6).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::relu6::Relu6;

/// `y = min(max(x, 0), 6)` of every value of a tensor of any shape.
pub fn relu6<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Relu6, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| relu6(x, tape).unwrap());
        check_order(|x| relu6(x, &mut NoneTape).unwrap());
    }
}
