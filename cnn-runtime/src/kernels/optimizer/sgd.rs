use super::{Optimizer, Step, checked, each, each1};
use crate::kernels::Float;

/// Stochastic gradient descent: with `g = scale gradient + weight_decay w`, `m = momentum m + g` and `w -= lr m`, or with
/// Nesterov's momentum `w -= lr (g + momentum m)`. As `torch.optim.SGD` without dampening. Sutskever et al. 2013,
/// <https://proceedings.mlr.press/v28/sutskever13.html>.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// How much of the last step's direction stays; 0 for none.
    pub momentum: f64,
    /// Whether the gradient is as good as taken one step ahead.
    pub nesterov: bool,
}

impl Optimizer for Sgd {
    /// The direction m, or nothing without momentum.
    fn states(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }

    fn initial(&self, _: usize) -> f64 {
        0.0
    }

    fn update<E: Float>(&self, at: &Step, weight: &mut [E], gradient: &[E], state: &mut [&mut [E]]) {
        let [lr, decay, scale, momentum] = [at.lr, at.weight_decay, at.gradient_scale, self.momentum].map(E::of);
        let decayed = move |w: E, g: E| scale * g + decay * w;
        if self.momentum == 0.0 {
            let [] = checked("sgd", weight, gradient, state);
            return each(weight, gradient, |w, g| *w -= lr * decayed(*w, g));
        }
        let [direction] = checked("sgd", weight, gradient, state);
        if self.nesterov {
            each1(weight, gradient, direction, |w, g, m| {
                let g = decayed(*w, g);
                *m = momentum * *m + g;
                *w -= lr * (g + momentum * *m);
            });
        } else {
            each1(weight, gradient, direction, |w, g, m| {
                *m = momentum * *m + decayed(*w, g);
                *w -= lr * *m;
            });
        }
    }
}
