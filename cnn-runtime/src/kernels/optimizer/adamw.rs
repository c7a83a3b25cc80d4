use super::{Optimizer, Step, checked, each2};
use crate::kernels::Float;

/// Adam with decoupled weight decay: `w *= 1 - lr weight_decay`, then with `g = scale gradient`
/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2` and, with t the step's number,
/// `w -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)`. As `torch.optim.AdamW`. Kingma & Ba 2014,
/// <https://arxiv.org/abs/1412.6980>; Loshchilov & Hutter 2017, <https://arxiv.org/abs/1711.05101>.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// How much of the mean gradient stays from step to step.
    pub beta1: f64,
    /// How much of the mean square stays from step to step.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub eps: f64,
}

impl Optimizer for AdamW {
    /// The means of gradient and square, m and v.
    fn states(&self) -> usize {
        2
    }

    fn initial(&self, _: usize) -> f64 {
        0.0
    }

    fn update<E: Float>(&self, at: &Step, weight: &mut [E], gradient: &[E], state: &mut [&mut [E]]) {
        let correction = |beta: f64| 1.0 - beta.powf(at.number as f64);
        let [keep, scale, eps] = [1.0 - at.lr * at.weight_decay, at.gradient_scale, self.eps].map(E::of);
        let [beta1, beta2, take1, take2] = [self.beta1, self.beta2, 1.0 - self.beta1, 1.0 - self.beta2].map(E::of);
        let size = E::of(at.lr / correction(self.beta1));
        let root = E::of(correction(self.beta2).sqrt());
        let means = checked("adamw", weight, gradient, state);
        each2(weight, gradient, means, |w, g, m, v| {
            let g = scale * g;
            *m = beta1 * *m + take1 * g;
            *v = beta2 * *v + take2 * g * g;
            *w = keep * *w - size * *m / (v.sqrt() / root + eps);
        });
    }
}
