//! Batch normalisation in training.

use super::Number;
use super::backward::chain;
use super::forward::plane;
use crate::engine::host::memory::Access;
use crate::engine::operation::BatchNorm;
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

pub(super) fn backward<E: Number>(access: &Access<E>, step: &Step, norm: &BatchNorm, of_sum: bool) {
    let last = step.inputs.len() - 1;
    let (mut norm, mut arriving) = (*norm, step.inputs[last]);
    if of_sum && let Some(activation) = norm.activation.take() {
        chain(access, step, activation, access.view(step.inputs[last - 1]), last);
        arriving = step.outputs[0].operand;
    }
    let [target, parameters @ ..] = &step.outputs[usize::from(of_sum)..] else { unreachable!("dx") };
    let kernel = kernel(access, target, &norm);
    let [x, mean, inverse] = [0, 1, 2].map(|i| access.view(step.inputs[i]));
    let in_place = target.start == Start::Input(last);
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

fn affine<'a, E: Number>(access: &Access<'a, E>, step: &Step, norm: &BatchNorm) -> Option<Affine<'a, E>> {
    let all = |i: usize| access.view(step.inputs[i]).all();
    norm.affine.then(|| Affine { weight: all(1), bias: all(2) })
}
