//! `adaptive_avgpool`: means of bins. Rule: [`kernels::adaptive_avgpool`](crate::kernels::adaptive_avgpool).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
use crate::kernels::adaptive_avgpool::AdaptiveAvgPool;

/// From `C x H x W` to `C x OH x OW`, whatever H and W.
pub fn adaptive_avgpool<
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
    tape: &mut T,
) -> Result<Map<B, C, OH, OW, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = AdaptiveAvgPool { planes: batch.size() * C, input: [H, W], output: [OH, OW] };
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| -> Map<_, 3, 3, 2, _, _> { adaptive_avgpool(x, tape).unwrap() });
        check_order(|x| -> Map<_, 3, 2, 7, _, _> { adaptive_avgpool(x, &mut NoneTape).unwrap() });
    }
}
