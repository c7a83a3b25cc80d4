//! `shuffle`: groups of channels change places. Rule and paper: [`kernels::shuffle`](crate::kernels::shuffle).

use dfdx::prelude::*;

use super::sizes::Sizes;
use crate::eager::{Eager, Known, flat, run};
use crate::kernels::shuffle::Shuffle;

/// Transposes the channels seen as `groups x C/groups`. The shape is `(B, C)` or `(B, C, H, W)`.
pub fn shuffle<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    groups: usize,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    let Sizes { batch, channels, plane } = Sizes::of("shuffle", x.shape());
    run(Shuffle { batch, channels, groups, plane }, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| shuffle(x, 3, tape).unwrap());
        check_order(|x| shuffle(x, 3, &mut NoneTape).unwrap());
        check(tensor::<Rank2<3, 6>>(1), |x, tape| shuffle(x, 2, tape).unwrap());
    }

    #[test]
    #[should_panic(expected = "shuffle: 2 groups do not divide 3 channels")]
    fn a_wrong_size_is_refused() {
        shuffle(&tensor::<Rank4<2, 3, 4, 5>>(1), 2, &mut NoneTape).unwrap();
    }
}
