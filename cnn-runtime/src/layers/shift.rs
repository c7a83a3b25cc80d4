//! `shift`: groups of channels move. Rule and paper: [`kernels::shift`](crate::kernels::shift).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
use crate::kernels::shift::Shift;

/// Moves each group of channels by one offset of the window; pairs are [height, width].
pub fn shift<B: Dim, const C: usize, const H: usize, const W: usize, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Map<B, C, H, W, E, D>,
    kernel: [usize; 2],
    dilation: [usize; 2],
    tape: &mut T,
) -> Result<Map<B, C, H, W, E, D>, D::Err> {
    let kernel = Shift { batch: x.shape().0.size(), channels: C, size: [H, W], kernel, dilation };
    run(kernel, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| shift(x, [1, 3], [1, 2], tape).unwrap());
        check_order(|x| shift(x, [3, 1], [1, 1], &mut NoneTape).unwrap());
    }
}
