use super::{Optimizer, Step, checked, each1, each2};
use crate::kernels::Float;

/// Gradients divided by the root of their mean square v: with `g = scale gradient + weight_decay w`,
/// `v = alpha v + (1 - alpha) g^2`, then as [`RmsPropForm`] says. Tieleman & Hinton 2012, lecture 6.5 of "Neural networks
/// for machine learning".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// How much of the mean square stays from step to step.
    pub alpha: f64,
    /// Keeps the division finite.
    pub eps: f64,
    /// How much of the last step stays; 0 for none.
    pub momentum: f64,
    /// Whose arithmetic.
    pub form: RmsPropForm,
}

/// The two ways to write RMSprop down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RmsPropForm {
    /// `m = momentum m + lr g / sqrt(v + eps)`, `w -= m`, v from 1 on: TensorFlow's, with which EfficientNet and
    /// MobileNetV3 were trained (`RMSpropTF` of timm).
    TensorFlow,
    /// `m = momentum m + g / (sqrt(v) + eps)`, `w -= lr m`, v from 0 on: `torch.optim.RMSprop`.
    PyTorch,
}

impl Optimizer for RmsProp {
    /// The mean square v and, with momentum, the step m.
    fn states(&self) -> usize {
        1 + usize::from(self.momentum != 0.0)
    }

    fn initial(&self, index: usize) -> f64 {
        match (index, self.form) {
            (0, RmsPropForm::TensorFlow) => 1.0,
            _ => 0.0,
        }
    }

    fn update<E: Float>(&self, at: &Step, weight: &mut [E], gradient: &[E], state: &mut [&mut [E]]) {
        let [lr, decay, scale] = [at.lr, at.weight_decay, at.gradient_scale].map(E::of);
        let [alpha, take, eps, momentum] = [self.alpha, 1.0 - self.alpha, self.eps, self.momentum].map(E::of);
        let form = self.form;
        // g over its root mean square, which moves
        let scaled = move |w: E, g: E, v: &mut E| {
            let g = scale * g + decay * w;
            *v = alpha * *v + take * g * g;
            match form {
                RmsPropForm::TensorFlow => g / (*v + eps).sqrt(),
                RmsPropForm::PyTorch => g / (v.sqrt() + eps),
            }
        };
        if self.momentum == 0.0 {
            let [square] = checked("rmsprop", weight, gradient, state);
            return each1(weight, gradient, square, |w, g, v| *w -= lr * scaled(*w, g, v));
        }
        let states = checked("rmsprop", weight, gradient, state);
        match form {
            RmsPropForm::TensorFlow => each2(weight, gradient, states, |w, g, v, m| {
                *m = momentum * *m + lr * scaled(*w, g, v);
                *w -= *m;
            }),
            RmsPropForm::PyTorch => each2(weight, gradient, states, |w, g, v, m| {
                *m = momentum * *m + scaled(*w, g, v);
                *w -= lr * *m;
            }),
        }
    }
}
