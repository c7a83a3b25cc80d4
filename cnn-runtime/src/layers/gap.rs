//! `gap`: global average pooling. Paper: [`kernels::gap`](crate::kernels::gap).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, Vector, flat, run};
use crate::kernels::gap::Gap;

/// From `C x H x W` to the `C` means.
pub fn gap<B: Dim, const C: usize, const H: usize, const W: usize, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Map<B, C, H, W, E, D>,
    tape: &mut T,
) -> Result<Vector<B, C, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = Gap { planes: batch.size() * C, plane: H * W };
    run(kernel, &[flat(x, tape)?], (batch, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| gap(x, tape).unwrap());
        check_order(|x| gap(x, &mut NoneTape).unwrap());
    }
}
