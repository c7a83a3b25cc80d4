//! `leaky`: `y = max(x, 0) + slope min(x, 0)`. See [`kernels::leaky`](crate::kernels::leaky).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::leaky::Leaky;

/// `y = x` where x is positive, `slope x` elsewhere, of every value of a tensor of any shape.
pub fn leaky<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    slope: f64,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    run(Leaky { slope }, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| leaky(x, 0.3, tape).unwrap());
        check_order(|x| leaky(x, 0.3, &mut NoneTape).unwrap());
    }
}
