//! PyTorch's initial values, drawn from the device's own generator.

use dfdx::prelude::*;
use rand::Rng;
use rand_distr::Distribution;

/// The uniform distribution on `[-bound, bound)`.
struct Symmetric {
    bound: f64,
}

impl<E: Dtype> Distribution<E> for Symmetric {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E {
        let unit: f64 = rng.r#gen();
        E::from_f64(self.bound * (2.0 * unit - 1.0)).unwrap_or_default()
    }
}

/// Always the same number.
pub(super) struct Constant(pub f64);

impl<E: Dtype> Distribution<E> for Constant {
    fn sample<R: Rng + ?Sized>(&self, _: &mut R) -> E {
        E::from_f64(self.0).unwrap_or_default()
    }
}

/// Fills weight or bias of a convolution or linear layer: uniform between `-1 / sqrt(fan_in)` and `1 / sqrt(fan_in)`,
/// which is PyTorch's `kaiming_uniform(a = sqrt 5)`. He et al. 2015, <https://arxiv.org/abs/1502.01852>.
pub(super) fn kaiming<S: Shape, E: Dtype, D: Device<E>>(t: &mut Tensor<S, E, D>, fan_in: usize) -> Result<(), D::Err> {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    t.try_fill_with_distr(Symmetric { bound })
}
