//! Steps that are a layer of the language, or its gradient.

use super::Run;
use crate::engine::cpu::conv::way::Onto;
use crate::engine::cpu::fallback::{self, Gradients, MOST_INPUTS, Read};
use crate::engine::cpu::kernel::Kernel;
use crate::engine::cpu::norm::{ParameterGradients, gn, ln};
use crate::engine::cpu::{affine, pool};
use crate::engine::operation::{Layer, LayerGradient};
use crate::engine::plan::{Operand, Step, Target};

impl<'a> Run<'a> {
    /// Maps, then parameters.
    fn reads(&self, operands: &[Operand], maps: usize) -> [Read; MOST_INPUTS] {
        std::array::from_fn(|i| {
            let grid = self.grid(&operands[i.min(operands.len() - 1)]);
            if i < maps { Read::Map(grid) } else { Read::Parameter(grid) }
        })
    }

    pub(super) fn layer(&self, step: &Step, layer: &Layer, kernel: &Kernel) {
        let team = self.team;
        let (x, y) = (self.input(step, 0), self.grid(&step.outputs[0].operand));
        let parameter = |i: usize| self.numbers(&step.inputs[i]);
        let scratch = self.access.workspace(step.workspace);
        match kernel {
            Kernel::MaxPool(window) => pool::max(team, *window, x, y, None),
            Kernel::AvgPool(window, count_pad) => pool::mean(team, *window, *count_pad, x, y),
            Kernel::Gap => pool::global_mean(team, x, y),
            Kernel::Ln(eps) => ln::forward(team, *eps, x, parameter(1), parameter(2), y),
            Kernel::Gn(groups) => gn::forward(team, *groups, x, parameter(1), parameter(2), y, scratch),
            Kernel::Lrn(lrn) => lrn.forward(team, x, y, scratch),
            Kernel::Moves(moves) => moves.forward(team, x, y),
            Kernel::Affine => {
                let shift = step.inputs.get(2).map(|shift| self.numbers(shift));
                affine::forward(team, x, parameter(1), shift, Onto::Nothing, y, None);
            }
            Kernel::Reference(kernel) => {
                let reads = self.reads(&step.inputs, layer.inputs.len());
                fallback::forward(team, layer, &**kernel, &reads[..step.inputs.len()], y, scratch);
            }
            _ => unreachable!("the kernel of a layer"),
        }
    }

    pub(super) fn max_pool(&self, step: &Step, kernel: &Kernel) {
        let Kernel::MaxPool(window) = kernel else { unreachable!("the kernel of a maximum") };
        let [y, winners] = [0, 1].map(|i| self.grid(&step.outputs[i].operand));
        pool::max(self.team, *window, self.input(step, 0), y, Some(winners));
    }

    pub(super) fn max_pool_gradient(&self, step: &Step, kernel: &Kernel) {
        let Kernel::MaxPool(window) = kernel else { unreachable!("the kernel of a maximum") };
        let [winners, dy] = [0, 1].map(|i| self.input(step, i));
        pool::max_gradient(self.team, *window, winners, dy, self.filled(&step.outputs[0]));
    }

    pub(super) fn layer_gradient(&self, step: &Step, gradient: &LayerGradient, kernel: &Kernel) {
        let team = self.team;
        let dy = self.input(step, step.inputs.len() - 1);
        let mut outputs = step.outputs.iter();
        let targets: [Option<&Target>; MOST_INPUTS] =
            std::array::from_fn(|i| if gradient.wanted.get(i) == Some(&true) { outputs.next() } else { None });
        // Gradients that nobody wants are not computed, so that of a layer of one input is wanted.
        let dx = || match targets[0] {
            Some(target) => self.filled(target),
            None => unreachable!("the gradient of the one input"),
        };
        let learned = || {
            let [weight, bias] = [1, 2].map(|i| targets[i].map(|target| self.parameter_gradient(target)));
            (targets[0].map(|target| self.sum(target)), ParameterGradients { weight, bias })
        };
        let weight = || self.numbers(&step.inputs[1]);
        let scratch = self.access.workspace(step.workspace);
        match kernel {
            Kernel::AvgPool(window, count_pad) => pool::mean_gradient(team, *window, *count_pad, dy, dx()),
            Kernel::Gap => pool::global_mean_gradient(team, dy, dx()),
            Kernel::Lrn(lrn) => lrn.backward(team, self.input(step, 0), dy, dx(), scratch),
            Kernel::Moves(moves) => moves.backward(team, dy, dx()),
            Kernel::Ln(eps) => {
                let (dx, parameters) = learned();
                ln::backward(team, *eps, self.input(step, 0), weight(), dy, dx, parameters, scratch);
            }
            Kernel::Gn(groups) => {
                let (dx, parameters) = learned();
                gn::backward(team, *groups, self.input(step, 0), weight(), dy, dx, parameters, scratch);
            }
            Kernel::Affine => {
                let (dx, parameters) = learned();
                affine::backward(team, self.input(step, 0), weight(), dy, dx, parameters, scratch);
            }
            Kernel::Reference(kernel) => {
                let maps = gradient.layer.inputs.len();
                let wanted: [Option<Read>; MOST_INPUTS] = std::array::from_fn(|i| {
                    let grid = self.filled(targets[i]?);
                    Some(if i < maps { Read::Map(grid) } else { Read::Parameter(grid) })
                });
                let count = if gradient.reads_inputs { gradient.wanted.len() } else { 0 };
                let reads = self.reads(&step.inputs, maps);
                let y = gradient.reads_output.then(|| self.input(step, count));
                let operands = Gradients { reads: &reads[..count], y, dy, wanted };
                fallback::backward(team, gradient, &**kernel, &operands, scratch);
            }
            _ => unreachable!("the kernel of a layer"),
        }
    }
}
