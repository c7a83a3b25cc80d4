//! Stochastic gradient descent as in PyTorch.

use std::collections::BTreeMap;

use cnn_runtime::kernels::Float;

use super::Step;
use super::state::State;

/// With `g = gradient + weight_decay · p`: `v = momentum · v + g`, at first `v = g`, and `p -= lr · v`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd<E> {
    /// Learning rate.
    pub lr: f64,
    /// The share of the last velocity that stays.
    pub momentum: f64,
    /// What of every parameter is added to its gradient.
    pub weight_decay: f64,
    velocities: BTreeMap<String, Vec<E>>,
}

impl<E: Float> Sgd<E> {
    /// Without any velocity yet.
    #[must_use]
    pub fn new(lr: f64, momentum: f64, weight_decay: f64) -> Sgd<E> {
        Sgd { lr, momentum, weight_decay, velocities: BTreeMap::new() }
    }

    /// Moves the parameters, and takes over the running statistics.
    ///
    /// # Panics
    /// If the step is one of another network.
    pub fn update(&mut self, state: &mut State<E>, step: &Step<E>) {
        let (lr, momentum, decay) = (E::of(self.lr), E::of(self.momentum), E::of(self.weight_decay));
        for (name, gradient) in &step.gradients {
            let parameter = state.get_mut(name).unwrap_or_else(|| panic!("{name}: no such parameter"));
            assert_eq!(parameter.len(), gradient.len(), "{name}");
            let velocity = self.velocities.entry(name.clone()).or_insert_with(|| vec![E::ZERO; gradient.len()]);
            for ((p, v), &g) in parameter.iter_mut().zip(velocity).zip(gradient) {
                *v = momentum * *v + (g + decay * *p);
                *p -= lr * *v;
            }
        }
        state.set(&step.running);
    }
}
