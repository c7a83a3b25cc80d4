//! Steps of the backward pass.

use super::executor::LayerKernel;
use super::forward::{MOST_INPUTS, connect, of_sample, plane, sum};
use super::{Number, conv as conv_kernel, linear as linear_kernel};
use crate::engine::host::memory::Access;
use crate::engine::host::view::{View, ViewMut};
use crate::engine::layers;
use crate::engine::operation::{Activation, ConvShape, Layer, LayerGradient, LinearShape, WeightForm};
use crate::engine::plan::{Start, Step};
use crate::kernels::activation::Kept;
use crate::kernels::conv::weight::{STANDARDIZATION_EPS, Standardize};
use crate::kernels::{Kernel, sum as channel_sum, sum_of};

pub(super) fn conv_input<E: Number>(access: &Access<E>, step: &Step, shape: &ConvShape) {
    let (weight, dy) = (access.view(step.inputs[0]).all(), access.view(step.inputs[1]));
    let mut dx = sum(access, &step.outputs[0]);
    let workspace = access.workspace(step.workspace);
    if dx.is_dense() && dy.is_dense() {
        conv_kernel(shape, dy.samples).input_grad(weight, dy.all(), dx.all(), workspace);
    } else {
        for sample in 0..dy.samples {
            conv_kernel(shape, 1).input_grad(weight, dy.sample(sample), dx.sample(sample), workspace);
        }
    }
}

pub(super) fn conv_weight<E: Number>(access: &Access<E>, step: &Step, shape: &ConvShape) {
    let (x, dy) = (access.view(step.inputs[0]), access.view(step.inputs[1]));
    let mut dweight = sum(access, &step.outputs[0]);
    let workspace = access.workspace(step.workspace);
    if x.is_dense() && dy.is_dense() {
        conv_kernel(shape, dy.samples).weight_grad(x.all(), dy.all(), dweight.all(), workspace);
    } else {
        for sample in 0..dy.samples {
            conv_kernel(shape, 1).weight_grad(x.sample(sample), dy.sample(sample), dweight.all(), workspace);
        }
    }
}

pub(super) fn linear_input<E: Number>(access: &Access<E>, step: &Step, shape: &LinearShape) {
    let (weight, dy) = (access.view(step.inputs[0]).all(), access.view(step.inputs[1]));
    let mut dx = sum(access, &step.outputs[0]);
    let workspace = access.workspace(step.workspace);
    if dx.is_dense() && dy.is_dense() {
        linear_kernel(shape, dy.samples).input_grad(weight, dy.all(), dx.all(), workspace);
    } else {
        for sample in 0..dy.samples {
            linear_kernel(shape, 1).input_grad(weight, dy.sample(sample), dx.sample(sample), workspace);
        }
    }
}

pub(super) fn linear_weight<E: Number>(access: &Access<E>, step: &Step, shape: &LinearShape) {
    let (x, dy) = (access.view(step.inputs[0]), access.view(step.inputs[1]));
    let mut dweight = sum(access, &step.outputs[0]);
    let workspace = access.workspace(step.workspace);
    if x.is_dense() && dy.is_dense() {
        linear_kernel(shape, dy.samples).weight_grad(x.all(), dy.all(), dweight.all(), workspace);
    } else {
        for sample in 0..dy.samples {
            linear_kernel(shape, 1).weight_grad(x.sample(sample), dy.sample(sample), dweight.all(), workspace);
        }
    }
}

pub(super) fn bias<E: Number>(access: &Access<E>, step: &Step) {
    let dy = access.view(step.inputs[0]);
    let mut dbias = sum(access, &step.outputs[0]);
    let plane = dy.len / dbias.len().max(1);
    dbias.each(1, |_, channel, dbias| {
        let channel = |sample| channel_sum(dy.plane(sample, channel, plane));
        dbias[0] += E::of((0..dy.samples).map(channel).sum());
    });
}

pub(super) fn activate<E: Number>(access: &Access<E>, step: &Step, activation: Activation) {
    let known = access.view(step.inputs[0]);
    chain(access, step, activation, known, 1);
}

/// Brings input `dy` through an activation into the first output.
pub(super) fn chain<E: Number>(access: &Access<E>, step: &Step, activation: Activation, known: View<E>, dy: usize) {
    let target = &step.outputs[0];
    let mut dx = access.view_mut(target.operand);
    if target.start != Start::Input(dy) {
        dx.copy(access.view(step.inputs[dy]));
    }
    let kept = if activation.known_by_output() { Kept::Output } else { Kept::Input };
    dx.each_run(|sample, range, dx| activation.chain(kept, &known.sample(sample)[range], dx));
}

pub(super) fn gate<E: Number>(access: &Access<E>, step: &Step) {
    let (x, dy) = (access.view(step.inputs[0]), access.view(step.inputs[1]));
    let mut dgate = sum(access, &step.outputs[0]);
    let plane = x.len / dgate.len().max(1);
    dgate.each(1, |sample, c, dgate| {
        let (x, dy) = (x.plane(sample, c, plane), dy.plane(sample, c, plane));
        dgate[0] += E::of(sum_of(x, dy, |x, dy| x.double() * dy.double()));
    });
}

pub(super) fn embed<E: Number>(access: &Access<E>, step: &Step, first: usize) {
    let dy = access.view(step.inputs[0]);
    let mut dx = sum(access, &step.outputs[0]);
    let before = first * plane(&step.outputs[0]);
    for sample in 0..dy.samples {
        let dx = &mut dx.sample(sample)[before..before + dy.len];
        dx.iter_mut().zip(dy.sample(sample)).for_each(|(dx, &dy)| *dx += dy);
    }
}

pub(super) fn layer<E: Number>(
    access: &Access<E>,
    step: &Step,
    gradient: &LayerGradient,
    kernel: Option<&LayerKernel>,
) {
    let Some(kernel) = kernel else { unreachable!("every layer has a kernel") };
    let count = gradient.wanted.len();
    let mut reads = step.inputs.iter().map(|&x| access.view(x));
    let values: [Option<View<E>>; MOST_INPUTS] =
        std::array::from_fn(|i| if gradient.reads_inputs && i < count { reads.next() } else { None });
    let y = if gradient.reads_output { reads.next() } else { None };
    let Some(dy) = reads.next() else { unreachable!("a gradient reads that of the output") };
    let mut wanted = step.outputs.iter().map(|target| sum(access, target));
    let mut grads: [Option<ViewMut<E>>; MOST_INPUTS] =
        std::array::from_fn(|i| if gradient.wanted.get(i) == Some(&true) { wanted.next() } else { None });

    let layer = &gradient.layer;
    let size = |i: usize| match layer.inputs.get(i) {
        Some(shape) => (shape.elements(), dy.samples),
        None => (gradient.parameters[i - layer.inputs.len()], 1),
    };
    let whole = dy.samples == kernel.batch
        && dy.is_dense()
        && values.iter().flatten().chain(&y).all(View::is_dense)
        && grads.iter().flatten().all(ViewMut::is_dense);
    let (kernel, passes) = if whole { (&*kernel.full, 1) } else { (&*kernel.single, dy.samples) };
    let workspace = access.workspace(step.workspace);
    for sample in 0..passes {
        let inputs = values.map(|view| view.map_or(&[][..], |view| part(view, sample, whole)));
        let mut scratch = &mut *workspace;
        let mut slices: [&mut [E]; MOST_INPUTS] = std::array::from_fn(|_| &mut [][..]);
        for (i, (slice, grad)) in slices.iter_mut().zip(&mut grads).enumerate().take(count) {
            *slice = match grad {
                Some(grad) => {
                    let sample = if grad.samples() == 1 { 0 } else { sample };
                    if whole { grad.all() } else { grad.sample(sample) }
                }
                // Nobody wants it, but the kernel writes it.
                None => {
                    let (elements, samples) = size(i);
                    let len = if whole { elements * samples } else { elements };
                    let (slice, rest) = scratch.split_at_mut(len);
                    scratch = rest;
                    slice
                }
            };
        }
        let y = y.map_or(&[][..], |y| part(y, sample, whole));
        E::backward(kernel, &inputs[..count], y, part(dy, sample, whole), &mut slices[..count]);
    }
}

pub(super) fn max_pool<E: Number>(access: &Access<E>, step: &Step, layer: &Layer) {
    let Some(pool) = layers::max_pool(layer, 1) else { unreachable!("a maximum over windows") };
    let [winners, dy] = [0, 1].map(|i| access.view(step.inputs[i]));
    let mut dx = sum(access, &step.outputs[0]);
    for sample in 0..dy.samples {
        pool.scatter(winners.sample(sample), dy.sample(sample), dx.sample(sample));
    }
}

fn part<'a, E: Number>(view: View<'a, E>, sample: usize, whole: bool) -> &'a [E] {
    if whole { view.all() } else { of_sample(view, sample) }
}

pub(in crate::engine) fn weight<E: Number>(access: &Access<E>, step: &Step, form: &WeightForm) {
    let [weight, gradient] = [0, 1].map(|i| access.view(step.inputs[i]).all());
    let mut dweight = sum(access, &step.outputs[0]);
    let grads = &mut [dweight.all()];
    match form {
        WeightForm::Standardized { filters } => {
            Standardize { filters: *filters, eps: STANDARDIZATION_EPS }.backward(&[weight], &[], gradient, grads);
        }
        WeightForm::Connected { table, inputs, window } => {
            connect(table, *inputs, *window).backward(&[weight], &[], gradient, grads);
        }
    }
}
