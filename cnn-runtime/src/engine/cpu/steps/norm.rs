//! Batch normalisation.

use super::Run;
use crate::engine::cpu::norm::{Gradient, ParameterGradients, bn};
use crate::engine::operation::{BatchNorm, Behind};
use crate::engine::plan::{Step, Target};

impl<'a> Run<'a> {
    pub(super) fn batch_norm(&self, step: &Step, norm: &BatchNorm) {
        let [target, mean, inverse] = &step.outputs[..] else { unreachable!("y, mean, inverse deviation") };
        let [running_mean, running_var] = [0, 1].map(|i| self.access.state(step.changes[i]));
        let [mut mean, mut inverse] = [mean, inverse].map(|target| self.access.view_mut(target.operand));
        let statistics = bn::Statistics { mean: mean.all(), inverse: inverse.all(), running_mean, running_var };
        let (x, y) = (self.input(step, 0), self.grid(&target.operand));
        let scratch = self.access.workspace(step.workspace);
        bn::forward(self.team, norm, x, self.parameters(step, norm, 1), statistics, self.onto(target), y, scratch);
    }

    pub(super) fn batch_norm_gradient(&self, step: &Step, norm: &BatchNorm, behind: Behind) {
        let [mean, inverse] = [1, 2].map(|i| self.numbers(&step.inputs[i]));
        let last = step.inputs.len() - 1;
        let (dy, first) = (self.input(step, last), usize::from(behind == Behind::Sum));
        let arriving = match behind {
            Behind::Activation => bn::Arriving::Plain,
            Behind::Sum => bn::Arriving::Sum { y: self.input(step, last - 1), to: self.grid(&step.outputs[0].operand) },
            Behind::Gate => bn::Arriving::Gated { gate: self.input(step, last - 2), dmean: self.input(step, last - 1) },
        };
        let (dx, onto) = self.sum(&step.outputs[first]);
        // Without weight and bias there are no gradients of them.
        let parameter = |i: usize| step.outputs.get(first + i).map(|target| self.parameter_gradient(target));
        let gradients = ParameterGradients { weight: parameter(1), bias: parameter(2) };
        let (x, parameters) = (self.input(step, 0), self.parameters(step, norm, 3));
        let scratch = self.access.workspace(step.workspace);
        bn::backward(self.team, norm, x, mean, inverse, parameters, dy, arriving, onto, dx, gradients, scratch);
    }

    pub(super) fn parameter_gradient(&self, target: &Target) -> Gradient {
        let (_, onto) = self.sum(target);
        Gradient::new(self.access.view_mut(target.operand).all(), onto)
    }

    fn parameters(&self, step: &Step, norm: &BatchNorm, first: usize) -> bn::Parameters<'a> {
        let numbers = |i: usize| norm.affine.then(|| self.numbers(&step.inputs[i]));
        bn::Parameters { weight: numbers(first), bias: numbers(first + 1) }
    }
}
