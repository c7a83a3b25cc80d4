//! `avgpool`: the mean under a sliding window. Rule and paper: [`kernels::avgpool`](crate::kernels::avgpool).

use dfdx::prelude::*;

use super::PoolArgs;
use crate::eager::{Eager, Map, flat, run};
use crate::kernels::avgpool::AvgPool;

/// From `C x H x W` to `C x OH x OW`; sizes as for `conv`, or one larger in ceil mode. With `count_pad` padding counts
/// as zeros, without it the mean is over the inputs alone.
pub fn avgpool<
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
    count_pad: bool,
    tape: &mut T,
) -> Result<Map<B, C, OH, OW, E, D>, D::Err> {
    let batch = x.shape().0;
    let [rows, cols] = args.axes([H, W], [OH, OW]);
    let kernel = AvgPool { planes: batch.size() * C, rows, cols, count_pad };
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    const ARGS: PoolArgs = PoolArgs { kernel: [3, 2], stride: [2, 1], pad: [1, 0, 0, 1], dilation: [1, 2] };

    #[test]
    fn gradients() {
        for count_pad in [true, false] {
            check_everywhere(|x, tape| -> Map<_, 3, 2, 4, _, _> { avgpool(x, ARGS, count_pad, tape).unwrap() });
            check_order(|x| -> Map<_, 3, 2, 4, _, _> { avgpool(x, ARGS, count_pad, &mut NoneTape).unwrap() });
        }
    }

    /// The size alone says whether the last window may hang over.
    #[test]
    fn ceil_mode() {
        let args = PoolArgs { kernel: [1, 2], stride: [2, 2], pad: [0; 4], dilation: [1, 1] };
        let x: Map<usize, 1, 1, 3, f64, Cpu> =
            Cpu::default().tensor_from_vec(vec![1.0, 3.0, 8.0], (1, Const, Const, Const));
        let floor: Map<_, 1, 1, 1, _, _> = avgpool(&x, args, true, &mut NoneTape).unwrap();
        let ceil: Map<_, 1, 1, 2, _, _> = avgpool(&x, args, true, &mut NoneTape).unwrap();
        assert_eq!((floor.as_vec(), ceil.as_vec()), (vec![2.0], vec![2.0, 8.0]));
    }
}
