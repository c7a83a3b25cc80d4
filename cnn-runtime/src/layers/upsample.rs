//! `upsample`: larger maps. Rules: [`kernels::upsample`](crate::kernels::upsample).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
pub use crate::kernels::upsample::Mode;
use crate::kernels::upsample::Upsample;

/// From `C x H x W` to `C x OH x OW`, whole multiples of H and W.
pub fn upsample<
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
    mode: Mode,
    tape: &mut T,
) -> Result<Map<B, C, OH, OW, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = Upsample { planes: batch.size() * C, input: [H, W], scale: [OH / H.max(1), OW / W.max(1)], mode };
    assert_eq!(
        [OH, OW],
        kernel.output(),
        "upsample: {H}x{W} (left: said to be; right: whole multiples); this is a bug in the calling code"
    );
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        for mode in [Mode::Nearest, Mode::Bilinear { align_corners: false }, Mode::Bilinear { align_corners: true }] {
            check_everywhere(|x, tape| -> Map<_, 3, 8, 15, _, _> { upsample(x, mode, tape).unwrap() });
            check_order(|x| -> Map<_, 3, 4, 10, _, _> { upsample(x, mode, &mut NoneTape).unwrap() });
        }
    }

    #[test]
    #[should_panic(expected = "upsample: 4x5")]
    fn a_wrong_size_is_refused() {
        let _: Map<_, 3, 9, 5, _, _> = upsample(&tensor::<Rank4<2, 3, 4, 5>>(1), Mode::Nearest, &mut NoneTape).unwrap();
    }
}
