//! `scale`: `y = factor x`. See [`kernels::scale`](crate::kernels::scale).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::scale::Scale;

/// `y = factor x` of every value of a tensor of any shape.
pub fn scale<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    factor: f64,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Scale { factor }, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| scale(x, -0.3, tape).unwrap());
        check_order(|x| scale(x, -0.3, &mut NoneTape).unwrap());
    }
}
