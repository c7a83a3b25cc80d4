//! `pad`: zeros around a map. See [`kernels::pad`](crate::kernels::pad).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
use crate::kernels::pad::Pad;

/// From `C x H x W` to `C x (H + top + bottom) x (W + left + right)`; `pad` is `[top, bottom, left, right]`, negative
/// numbers crop.
pub fn pad<
    B: Dim,
    const C: usize,
    const H: usize,
    const W: usize,
    const OH: usize,
    const OW: usize,
    E: Dtype,
    D: Eager<E>,
    T: Tape<E, D>,
>(
    x: &Map<B, C, H, W, E, D>,
    pad: [isize; 4],
    tape: &mut T,
) -> Result<Map<B, C, OH, OW, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = Pad { planes: batch.size() * C, input: [H, W], output: [OH, OW], pad };
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| -> Map<_, 3, 5, 4, _, _> { pad(x, [2, -1, -3, 2], tape).unwrap() });
        check_order(|x| -> Map<_, 3, 6, 7, _, _> { pad(x, [1, 1, 1, 1], &mut NoneTape).unwrap() });
    }

    #[test]
    #[should_panic(expected = "pad: [4, 5] by [1, 0, 0, 0]")]
    fn a_wrong_size_is_refused() {
        let _: Map<_, 3, 4, 5, _, _> = pad(&tensor::<Rank4<2, 3, 4, 5>>(1), [1, 0, 0, 0], &mut NoneTape).unwrap();
    }
}
