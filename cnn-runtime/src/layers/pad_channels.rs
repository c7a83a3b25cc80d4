//! `pad_channels`: channels of zeros. Paper: [`kernels::pad_channels`](crate::kernels::pad_channels).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
use crate::kernels::pad_channels::PadChannels;

/// From `C` channels to `K`: `before` channels of zeros in front and the rest behind.
pub fn pad_channels<
    B: Dim,
    const C: usize,
    const H: usize,
    const W: usize,
    const K: usize,
    E: Dtype,
    D: Eager<E>,
    T: Tape<E, D>,
>(
    x: &Map<B, C, H, W, E, D>,
    before: usize,
    tape: &mut T,
) -> Result<Map<B, K, H, W, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = PadChannels { batch: batch.size(), inputs: C, outputs: K, before, plane: H * W };
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| -> Map<_, 6, 4, 5, _, _> { pad_channels(x, 1, tape).unwrap() });
        check_order(|x| -> Map<_, 5, 4, 5, _, _> { pad_channels(x, 2, &mut NoneTape).unwrap() });
    }

    #[test]
    #[should_panic(expected = "pad_channels: 3 channels behind 1 zeros do not fit 3")]
    fn a_wrong_size_is_refused() {
        let _: Map<_, 3, 4, 5, _, _> = pad_channels(&tensor::<Rank4<2, 3, 4, 5>>(1), 1, &mut NoneTape).unwrap();
    }
}
