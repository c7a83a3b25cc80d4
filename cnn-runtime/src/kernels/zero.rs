//! `y = 0`, whatever x: the absent edge of cell spaces. Liu et al. 2018, <https://arxiv.org/abs/1806.09055>.

use super::{Float, Kernel, Needs, object};

/// Input and output of any lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zero;

impl Kernel for Zero {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, _: &[&[E]], y: &mut [E]) {
        y.fill(E::ZERO);
    }

    /// Nothing: no input takes part.
    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], _: &[E], _: &mut [&mut [E]]) {}
}

object!(Zero);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn not_even_nan_passes() {
        assert_eq!(run(&Zero, &[vec![f64::NAN; 8]], 3), [0.0; 3]);
        check_gradients(&Zero, &randoms(&[8]), 3);
    }
}
