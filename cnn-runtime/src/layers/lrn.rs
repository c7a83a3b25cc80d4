//! `lrn`: local response normalisation. Formula and paper: [`kernels::lrn`](crate::kernels::lrn).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
use crate::kernels::lrn::Lrn;

/// The numbers of the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrnArgs {
    /// Channels of a window.
    pub size: usize,
    /// Scale of the sum of squares.
    pub alpha: f64,
    /// Exponent of the divisor.
    pub beta: f64,
    /// Added to the sum.
    pub k: f64,
}

/// Divides every value by a power of the squares of its neighbours in other channels.
pub fn lrn<B: Dim, const C: usize, const H: usize, const W: usize, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Map<B, C, H, W, E, D>,
    args: LrnArgs,
    tape: &mut T,
) -> Result<Map<B, C, H, W, E, D>, D::Err> {
    let LrnArgs { size, alpha, beta, k } = args;
    run(Lrn { channels: C, plane: H * W, size, alpha, beta, k }, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        let args = LrnArgs { size: 2, alpha: 2.0, beta: 0.75, k: 1.0 };
        check_everywhere(|x, tape| lrn(x, args, tape).unwrap());
        check_order(|x| lrn(x, args, &mut NoneTape).unwrap());
    }
}
