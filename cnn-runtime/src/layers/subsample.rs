//! `subsample`: every n-th row and column. Paper: [`kernels::subsample`](crate::kernels::subsample).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
use crate::kernels::subsample::Subsample;

/// From `C x H x W` to `C x ceil(H / sh) x ceil(W / sw)`; `stride` is `[sh, sw]`.
pub fn subsample<
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
    stride: [usize; 2],
    tape: &mut T,
) -> Result<Map<B, C, OH, OW, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = Subsample { planes: batch.size() * C, input: [H, W], stride };
    assert_eq!(
        [OH, OW],
        kernel.output(),
        "subsample: {H}x{W} by {stride:?} (left: said to be; right: is); this is a bug in the calling code"
    );
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| -> Map<_, 3, 2, 2, _, _> { subsample(x, [2, 3], tape).unwrap() });
        check_order(|x| -> Map<_, 3, 4, 3, _, _> { subsample(x, [1, 2], &mut NoneTape).unwrap() });
    }

    #[test]
    #[should_panic(expected = "subsample: 4x5 by [2, 2]")]
    fn a_wrong_size_is_refused() {
        let _: Map<_, 3, 2, 2, _, _> = subsample(&tensor::<Rank4<2, 3, 4, 5>>(1), [2, 2], &mut NoneTape).unwrap();
    }
}
