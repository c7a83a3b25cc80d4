//! `y = factor x`, a constant factor.

use super::elementwise::Elementwise;
use super::{Float, object};

/// Input and output of any one length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What every value is multiplied by.
    pub factor: f64,
}

impl Elementwise for Scale {
    const NAME: &'static str = "scale";

    fn value<E: Float>(&self, x: E) -> E {
        x * E::of(self.factor)
    }

    fn slope<E: Float>(&self, _: E) -> E {
        E::of(self.factor)
    }
}

object!(Scale);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        assert_eq!(run(&Scale { factor: -0.5 }, &[vec![-1.0, 0.0, 2.0]], 3), [0.5, 0.0, -1.0]);
    }

    #[test]
    fn gradients() {
        check_gradients(&Scale { factor: 0.3 }, &[random(1, 80).iter().map(|x| 8.0 * x).collect()], 80);
    }
}
