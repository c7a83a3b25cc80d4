//! `select`: a run of channels. See [`kernels::select`](crate::kernels::select).

use dfdx::prelude::*;

use crate::eager::{Eager, Map, Vector, flat, run};
use crate::kernels::select::Select;

/// The `K` channels of a map from number `from` on.
pub fn select<
    B: Dim,
    const C: usize,
    const K: usize,
    const H: usize,
    const W: usize,
    E: Dtype,
    D: Eager<E>,
    T: Tape<E, D>,
>(
    x: &Map<B, C, H, W, E, D>,
    from: usize,
    tape: &mut T,
) -> Result<Map<B, K, H, W, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = Select { batch: batch.size(), inputs: C, from, to: from + K, plane: H * W };
    run(kernel, &[flat(x, tape)?], (batch, Const, Const, Const), tape)
}

/// The `K` values of a vector from number `from` on.
pub fn select_vector<B: Dim, const C: usize, const K: usize, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Vector<B, C, E, D>,
    from: usize,
    tape: &mut T,
) -> Result<Vector<B, K, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = Select { batch: batch.size(), inputs: C, from, to: from + K, plane: 1 };
    run(kernel, &[flat(x, tape)?], (batch, Const), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| -> Map<_, 2, 4, 5, _, _> { select(x, 1, tape).unwrap() });
        check_order(|x| -> Map<_, 1, 4, 5, _, _> { select(x, 0, &mut NoneTape).unwrap() });
        check(tensor::<Rank2<3, 6>>(1), |x, tape| -> Tensor<Rank2<3, 2>, f64, Cpu> {
            select_vector(x, 3, tape).unwrap()
        });
    }

    #[test]
    #[should_panic(expected = "select: 2..4 of 3")]
    fn a_wrong_size_is_refused() {
        let _: Map<_, 2, 4, 5, _, _> = select(&tensor::<Rank4<2, 3, 4, 5>>(1), 2, &mut NoneTape).unwrap();
    }
}
