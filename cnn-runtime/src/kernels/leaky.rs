//! `y = x` where x is positive, `slope x` elsewhere. Maas et al. 2013,
//! <https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf>.

use super::elementwise::Elementwise;
use super::{Float, object};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaky {
    /// The slope left of 0.
    pub slope: f64,
}

impl Elementwise for Leaky {
    const NAME: &'static str = "leaky";

    #[inline(always)]
    fn value<E: Float>(&self, x: E) -> E {
        if x > E::ZERO { x } else { x * E::of(self.slope) }
    }

    #[inline(always)]
    fn slope<E: Float>(&self, x: E) -> E {
        if x > E::ZERO { E::ONE } else { E::of(self.slope) }
    }
}

object!(Leaky);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        assert_eq!(run(&Leaky { slope: 0.25 }, &[vec![-1.0, 0.0, 2.0]], 3), [-0.25, 0.0, 2.0]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Leaky { slope: 0.3 }, &[random(1, 80).iter().map(|x| 8.0 * x).collect()], 80);
    }
}
