//! `gelu`: `y = x P(x)`. See [`kernels::gelu`](crate::kernels::gelu).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::gelu::Gelu;

/// `y = x P(x)`, P the distribution function of the standard normal, of every value of a tensor of any shape.
pub fn gelu<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Gelu, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| gelu(x, tape).unwrap());
        check_order(|x| gelu(x, &mut NoneTape).unwrap());
    }
}
