//! Batch normalisation in training.

use super::Number;
use super::backward::chain;
use super::forward::plane;
use crate::engine::host::memory::Access;
use crate::engine::operation::{BatchNorm, Behind};
use crate::engine::plan::{Start, Step, Target};
use crate::kernels::bn_act::{Affine, BnAct, Gradients, Kept, Residual, Running, Saved};

fn kernel<E: Number>(access: &Access<E>, target: &Target, norm: &BatchNorm) -> BnAct {
    let plane = plane(target);
    let y = access.view(target.operand);
    BnAct { batch: y.samples, channels: y.len / plane.max(1), plane, eps: norm.eps, activation: norm.activation }
}

pub(super) fn forward<E: Number>(access: &Access<E>, step: &Step, norm: &BatchNorm) {
    let [target, mean, inverse] = &step.outputs[..] else { unreachable!("y, mean, inverse deviation") };
    let kernel = kernel(access, target, norm);
    let residual = match target.start {
        Start::Unset | Start::Input(_) => Residual::None,
        Start::Sum => Residual::InOutput,
        Start::Copy(onto) => Residual::At(access.view(onto).span()),
    };
    let affine = affine(access, step, norm);
    let [running_mean, running_var] = [0, 1].map(|i| access.state(step.changes[i]));
    let running = Running { mean: running_mean, var: running_var, momentum: norm.momentum };
    let (mut mean, mut inverse) = (access.view_mut(mean.operand), access.view_mut(inverse.operand));
    let saved = Saved { mean: mean.all(), inverse: inverse.all() };
    let x = access.view(step.inputs[0]).span();
    kernel.forward(x, residual, affine, Some(running), saved, access.view_mut(target.operand).span());
}

pub(super) fn backward<E: Number>(access: &Access<E>, step: &Step, norm: &BatchNorm, behind: Behind) {
    let last = step.inputs.len() - 1;
    let (mut norm, mut arriving) = (*norm, step.inputs[last]);
    match (behind, norm.activation) {
        (Behind::Sum, Some(activation)) => {
            chain(access, step, activation, access.view(step.inputs[last - 1]), last);
            (norm.activation, arriving) = (None, step.outputs[0].operand);
        }
        (Behind::Gate, _) => through_gate(access, step, last),
        (Behind::Activation | Behind::Sum, _) => {}
    }
    let [target, parameters @ ..] = &step.outputs[usize::from(behind == Behind::Sum)..] else { unreachable!("dx") };
    let kernel = kernel(access, target, &norm);
    let [x, mean, inverse] = [0, 1, 2].map(|i| access.view(step.inputs[i]));
    let in_place = target.start == Start::Input(last) || behind == Behind::Gate;
    let dy = (!in_place).then(|| access.view(arriving).span());
    let mut dx = access.view_mut(target.operand);
    if let Start::Copy(onto) = target.start {
        dx.copy(access.view(onto));
    }
    let mut parameters = parameters.iter().map(|target| access.view_mut(target.operand));
    let (mut dweight, mut dbias) = (parameters.next(), parameters.next());
    let to = Gradients {
        dx: dx.span(),
        accumulate_dx: matches!(target.start, Start::Sum | Start::Copy(_)),
        dresidual: None,
        accumulate_dresidual: false,
        affine: dweight.as_mut().zip(dbias.as_mut()).map(|(dweight, dbias)| [dweight.all(), dbias.all()]),
        accumulate_affine: false,
    };
    let affine = norm
        .affine
        .then(|| Affine { weight: access.view(step.inputs[3]).all(), bias: access.view(step.inputs[4]).all() });
    kernel.backward(x.span(), Kept::Input(None), affine, mean.all(), inverse.all(), dy, to);
}

/// Brings dy back through a gate, and the gradient of the mean that the gate hangs on, into the output.
fn through_gate<E: Number>(access: &Access<E>, step: &Step, last: usize) {
    let [gate, dmean] = [last - 2, last - 1].map(|i| access.view(step.inputs[i]));
    let target = &step.outputs[0];
    let mut to = access.view_mut(target.operand);
    if target.start != Start::Input(last) {
        to.copy(access.view(step.inputs[last]));
    }
    let plane = plane(target);
    let share = E::of(1.0 / plane as f64);
    to.each(plane, |sample, channel, to| {
        let (gate, dmean) = (gate.sample(sample)[channel], dmean.sample(sample)[channel] * share);
        to.iter_mut().for_each(|to| *to = *to * gate + dmean);
    });
}

fn affine<'a, E: Number>(access: &Access<'a, E>, step: &Step, norm: &BatchNorm) -> Option<Affine<'a, E>> {
    let all = |i: usize| access.view(step.inputs[i]).all();
    norm.affine.then(|| Affine { weight: all(1), bias: all(2) })
}
