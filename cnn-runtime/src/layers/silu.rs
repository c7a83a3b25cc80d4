//! `silu`: `y = x sigmoid(x)`. See [`kernels::silu`](crate::kernels::silu).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::silu::Silu;

/// `y = x sigmoid(x)` of every value of a tensor of any shape.
pub fn silu<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Silu, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| silu(x, tape).unwrap());
        check_order(|x| silu(x, &mut NoneTape).unwrap());
    }
}
