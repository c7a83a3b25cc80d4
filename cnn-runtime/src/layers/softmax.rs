//! `softmax`: over the channels. Formula and paper: [`kernels::softmax`](crate::kernels::softmax).

use dfdx::prelude::*;

use super::sizes::Sizes;
use crate::eager::{Eager, Known, flat, run};
use crate::kernels::softmax::Softmax;

/// Softmax over the channels. The shape is `(B, C)` or `(B, C, H, W)`, where every pixel is by itself.
pub fn softmax<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    let Sizes { channels, plane, .. } = Sizes::of("softmax", x.shape());
    run(Softmax { channels, plane }, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| softmax(x, tape).unwrap());
        check_order(|x| softmax(x, &mut NoneTape).unwrap());
        check(tensor::<Rank2<3, 5>>(1), |x, tape| softmax(x, tape).unwrap());
    }
}
