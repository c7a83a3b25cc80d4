//! `maxpool`: the largest value under a sliding window. Rule and paper: [`kernels::maxpool`](crate::kernels::maxpool).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, flat, run};
use crate::kernels::maxpool::MaxPool;
use crate::kernels::window::Axis;

/// How a pooling window slides; pairs are [height, width].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolArgs {
    /// Size of the window.
    pub kernel: [usize; 2],
    /// Inputs from one output to the next.
    pub stride: [usize; 2],
    /// Padding at the top, bottom, left and right.
    pub pad: [usize; 4],
    /// Inputs from one tap of the window to the next.
    pub dilation: [usize; 2],
}

impl PoolArgs {
    /// Rows and columns of the window, given [height, width] of input and output.
    pub(super) fn axes(self, input: [usize; 2], output: [usize; 2]) -> [Axis; 2] {
        Axis::pair(input, output, self.kernel, self.stride, self.pad, self.dilation)
    }
}

/// From `C x H x W` to `C x OH x OW`; sizes as for `conv`, or one larger in ceil mode.
pub fn maxpool<
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
    args: PoolArgs,
    tape: &mut T,
) -> Result<Map<B, C, OH, OW, E, D>, D::Err> {
    let batch = x.shape().0;
    let [rows, cols] = args.axes([H, W], [OH, OW]);
    let kernel = MaxPool { planes: batch.size() * C, rows, cols };
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::add;
    use crate::layers::testing::*;

    const ARGS: PoolArgs = PoolArgs { kernel: [3, 2], stride: [2, 1], pad: [1, 0, 0, 1], dilation: [1, 2] };

    #[test]
    fn gradients() {
        check(tensor::<Rank4<2, 3, 4, 5>>(1), |x, tape| -> Map<_, 3, 2, 4, _, _> { maxpool(x, ARGS, tape).unwrap() });
        check(tensor::<Rank4<5, 3, 2, 4>>(2), |x, tape| -> Map<_, 3, 2, 4, _, _> {
            let x = taped(x, tape, |x| x.permute::<Rank4<2, 3, 4, 5>, Axes4<2, 1, 3, 0>>());
            let twice = add(&[&x, &x], tape).unwrap();
            maxpool(&twice, ARGS, tape).unwrap()
        });
        check_order(|x| -> Map<_, 3, 2, 4, _, _> { maxpool(x, ARGS, &mut NoneTape).unwrap() });
    }

    /// In a broadcast input all values are ties, so each window's gradient arrives exactly once.
    #[test]
    fn ties() {
        let x = tensor::<Rank0>(1).leaky_traced().broadcast::<Rank4<2, 3, 4, 5>, _>();
        let x0 = x.with_empty_tape();
        let (x, mut tape) = x.split_tape();
        let y: Map<_, 3, 2, 4, _, _> = maxpool(&x, ARGS, &mut tape).unwrap();
        let grads = y.put_tape(tape).sum::<Rank0, _>().backward();
        assert_eq!(grads.get(&x0.split_tape().0).as_vec()[0], (2 * 3 * 2 * 4) as f64);
    }

    #[test]
    #[should_panic(expected = "maxpool: width is said to be 5, the window gives 4")]
    fn a_wrong_size_is_refused() {
        let _: Map<_, 3, 2, 5, _, _> = maxpool(&tensor::<Rank4<2, 3, 4, 5>>(1), ARGS, &mut NoneTape).unwrap();
    }
}
