//! `flatten`: a map as a vector, channel by channel and row by row. Nothing is computed, so there is no kernel.

use dfdx::prelude::*;

use crate::eager::{Eager, Map, Vector, flat, shaped};

/// From `C x H x W` to `K = C H W` values.
pub fn flatten<
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
    tape: &mut T,
) -> Result<Vector<B, K, E, D>, D::Err> {
    assert_eq!(C * H * W, K, "flatten: {C}x{H}x{W} is said to be {K} values; this is a bug in the calling code");
    shaped(flat(x, tape)?, (x.shape().0, Const))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| flatten::<_, 3, 4, 5, 60, _, _, _>(x, tape).unwrap());
        check_order(|x| flatten::<_, 3, 4, 5, 60, _, _, _>(x, &mut NoneTape).unwrap());
    }

    #[test]
    #[should_panic(expected = "flatten: 3x4x5 is said to be 61 values")]
    fn a_wrong_size_is_refused() {
        let _: Vector<_, 61, _, _> = flatten(&tensor::<Rank4<2, 3, 4, 5>>(1), &mut NoneTape).unwrap();
    }
}
