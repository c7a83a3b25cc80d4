//! Forward steps.

use cnn_lang::graph::Shape;

use super::executor::LayerKernel;
use super::{Number, conv as conv_kernel, linear as linear_kernel};
use crate::engine::host::memory::Access;
use crate::engine::host::view::{View, ViewMut};
use crate::engine::layers;
use crate::engine::operation::{Activation, ConvShape, Layer, LinearShape, WeightForm};
use crate::engine::plan::{Start, Step, Target};
use crate::engine::session::shape;
use crate::kernels::Kernel;
use crate::kernels::conv::weight::{Connect, STANDARDIZATION_EPS, Standardize};
use crate::kernels::drop_path::DropPath;
use crate::kernels::dropout::Dropout;

/// Height times width of what a step writes.
pub(super) fn plane(target: &Target) -> usize {
    match shape(target.operand.extent) {
        Shape::Map { height, width, .. } => height * width,
        Shape::Vector(_) => 1,
    }
}

/// The output, holding what the result is to be added to: zero if nothing.
pub(super) fn sum<'a, E: Number>(access: &Access<'a, E>, target: &Target) -> ViewMut<'a, E> {
    let mut y = access.view_mut(target.operand);
    match target.start {
        Start::Sum => {}
        Start::Copy(onto) => y.copy(access.view(onto)),
        Start::Unset | Start::Input(_) => y.fill(E::ZERO),
    }
    y
}

/// The output, holding bias and what the result is to be added to.
fn biased<'a, E: Number>(access: &Access<'a, E>, target: &Target, bias: Option<&'a [E]>) -> ViewMut<'a, E> {
    let Some(bias) = bias else { return sum(access, target) };
    let mut y = access.view_mut(target.operand);
    let plane = plane(target);
    match target.start {
        Start::Unset | Start::Input(_) => {
            if plane == 1 {
                y.each(bias.len(), |_, _, y| y.copy_from_slice(bias));
            } else {
                y.each(plane, |_, channel, y| y.fill(bias[channel]));
            }
        }
        Start::Sum | Start::Copy(_) => {
            y = sum(access, target);
            y.each(plane, |_, channel, y| y.iter_mut().for_each(|y| *y += bias[channel]));
        }
    }
    y
}

pub(super) fn conv<E: Number>(access: &Access<E>, step: &Step, shape: &ConvShape, activation: Option<Activation>) {
    let (x, weight) = (access.view(step.inputs[0]), access.view(step.inputs[1]).all());
    let bias = step.inputs.get(2).map(|&bias| access.view(bias).all());
    let mut y = biased(access, &step.outputs[0], bias);
    let workspace = access.workspace(step.workspace);
    if x.is_dense() && y.is_dense() {
        conv_kernel(shape, x.samples).forward_onto(x.all(), weight, y.all(), workspace);
    } else {
        for sample in 0..x.samples {
            conv_kernel(shape, 1).forward_onto(x.sample(sample), weight, y.sample(sample), workspace);
        }
    }
    apply(activation, &mut y);
}

pub(super) fn linear<E: Number>(access: &Access<E>, step: &Step, shape: &LinearShape, activation: Option<Activation>) {
    let (x, weight) = (access.view(step.inputs[0]), access.view(step.inputs[1]).all());
    let bias = step.inputs.get(2).map(|&bias| access.view(bias).all());
    let mut y = biased(access, &step.outputs[0], bias);
    let workspace = access.workspace(step.workspace);
    if x.is_dense() && y.is_dense() {
        linear_kernel(shape, x.samples).forward_onto(x.all(), weight, y.all(), workspace);
    } else {
        for sample in 0..x.samples {
            linear_kernel(shape, 1).forward_onto(x.sample(sample), weight, y.sample(sample), workspace);
        }
    }
    apply(activation, &mut y);
}

/// Applies an activation in place.
fn apply<E: Number>(activation: Option<Activation>, y: &mut ViewMut<E>) {
    if let Some(activation) = activation {
        y.each_run(|_, _, y| activation.apply(y));
    }
}

pub(super) fn affine<E: Number>(access: &Access<E>, step: &Step, activation: Option<Activation>) {
    let [scale, shift] = [1, 2].map(|i| access.view(step.inputs[i]).all());
    let target = &step.outputs[0];
    let plane = plane(target);
    if target.start == Start::Input(0) {
        let mut y = access.view_mut(target.operand);
        y.each(plane, |_, c, y| {
            let (scale, shift) = (scale[c], shift[c]);
            y.iter_mut().for_each(|y| *y = *y * scale + shift);
            activation.iter().for_each(|activation| activation.apply(y));
        });
        return;
    }
    let x = access.view(step.inputs[0]);
    let onto = !matches!(target.start, Start::Unset);
    let mut y = if onto { sum(access, target) } else { access.view_mut(target.operand) };
    y.each(plane, |sample, c, y| {
        let x = x.plane(sample, c, plane);
        let (scale, shift) = (scale[c], shift[c]);
        if onto {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y += x * scale + shift);
        } else {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = x * scale + shift);
        }
        activation.iter().for_each(|activation| activation.apply(y));
    });
}

pub(super) fn activate<E: Number>(access: &Access<E>, step: &Step, activation: Activation) {
    let target = &step.outputs[0];
    let mut y = access.view_mut(target.operand);
    if target.start != Start::Input(0) {
        y.copy(access.view(step.inputs[0]));
    }
    apply(Some(activation), &mut y);
}

pub(super) fn add<E: Number>(access: &Access<E>, step: &Step, activation: Option<Activation>) {
    let target = &step.outputs[0];
    let (mut y, rest) = match target.start {
        Start::Unset => {
            let mut y = access.view_mut(target.operand);
            y.copy(access.view(step.inputs[0]));
            (y, &step.inputs[1..])
        }
        Start::Sum | Start::Copy(_) | Start::Input(_) => (sum(access, target), &step.inputs[..]),
    };
    for (index, &x) in rest.iter().enumerate() {
        let (x, last) = (access.view(x), index + 1 == rest.len());
        y.each_run(|sample, range, y| {
            y.iter_mut().zip(&x.sample(sample)[range]).for_each(|(y, &x)| *y += x);
            if last {
                activation.iter().for_each(|activation| activation.apply(y));
            }
        });
    }
}

pub(super) fn gate<E: Number>(access: &Access<E>, step: &Step) {
    let (x, gate) = (access.view(step.inputs[0]), access.view(step.inputs[1]));
    let target = &step.outputs[0];
    let (plane, in_place) = (plane(target), target.start == Start::Input(0));
    access.view_mut(target.operand).each(plane, |sample, c, y| {
        let factor = gate.sample(sample)[c];
        if in_place {
            y.iter_mut().for_each(|y| *y *= factor);
        } else {
            y.iter_mut().zip(x.plane(sample, c, plane)).for_each(|(y, &x)| *y = x * factor);
        }
    });
}

pub(super) fn copy<E: Number>(access: &Access<E>, step: &Step) {
    access.view_mut(step.outputs[0].operand).copy(access.view(step.inputs[0]));
}

pub(super) fn slice<E: Number>(access: &Access<E>, step: &Step, first: usize) {
    let (x, target) = (access.view(step.inputs[0]), &step.outputs[0]);
    let before = first * plane(target);
    access.view_mut(target.operand).each_run(|sample, range, y| {
        y.copy_from_slice(&x.sample(sample)[before + range.start..before + range.end]);
    });
}

pub(super) fn dropout<E: Number>(access: &Access<E>, step: &Step, p: f64, samples: bool, seed: u64) {
    let target = &step.outputs[0];
    let mut y = access.view_mut(target.operand);
    if target.start != Start::Input(0) {
        y.copy(access.view(step.inputs[0]));
    }
    let len = y.len();
    y.each_run(|sample, range, y| {
        if samples {
            let factor = E::of(DropPath { len, p, seed }.factor(sample));
            y.iter_mut().for_each(|y| *y *= factor);
        } else {
            let mask = Dropout { p, seed };
            let first = sample * len + range.start;
            y.iter_mut().enumerate().for_each(|(i, y)| *y *= E::of(mask.factor(first + i)));
        }
    });
}

/// The most inputs and parameters that a layer reads.
pub(super) const MOST_INPUTS: usize = 4;

pub(super) fn layer<E: Number>(access: &Access<E>, step: &Step, kernel: Option<&LayerKernel>) {
    let Some(kernel) = kernel else { unreachable!("every layer has a kernel") };
    let mut y = access.view_mut(step.outputs[0].operand);
    let count = step.inputs.len();
    let views: [Option<View<E>>; MOST_INPUTS] = std::array::from_fn(|i| step.inputs.get(i).map(|&x| access.view(x)));
    let dense = y.is_dense() && views.iter().flatten().all(View::is_dense);
    if dense && y.samples() == kernel.batch {
        let inputs = views.map(|view| view.map_or(&[][..], |view| view.all()));
        E::forward(&*kernel.full, &inputs[..count], y.all());
        return;
    }
    for sample in 0..y.samples() {
        let inputs = views.map(|view| view.map_or(&[][..], |view| of_sample(view, sample)));
        E::forward(&*kernel.single, &inputs[..count], y.sample(sample));
    }
}

pub(super) fn max_pool<E: Number>(access: &Access<E>, step: &Step, layer: &Layer) {
    let Some(pool) = layers::max_pool(layer, 1) else { unreachable!("a maximum over windows") };
    let x = access.view(step.inputs[0]);
    let [mut y, mut winners] = [0, 1].map(|i| access.view_mut(step.outputs[i].operand));
    for sample in 0..x.samples {
        pool.forward(&[x.sample(sample)], y.sample(sample));
        pool.winners(x.sample(sample), winners.sample(sample));
    }
}

/// The numbers of a sample, or all of what is the same for every one.
pub(super) fn of_sample<'a, E: Number>(view: View<'a, E>, sample: usize) -> &'a [E] {
    view.sample(if view.samples == 1 { 0 } else { sample })
}

pub(in crate::engine) fn weight<E: Number>(access: &Access<E>, step: &Step, form: &WeightForm) {
    let weight = access.view(step.inputs[0]).all();
    let mut formed = access.view_mut(step.outputs[0].operand);
    match form {
        WeightForm::Standardized { filters } => {
            Standardize { filters: *filters, eps: STANDARDIZATION_EPS }.forward(&[weight], formed.all());
        }
        WeightForm::Connected { table, inputs, window } => {
            connect(table, *inputs, *window).forward(&[weight], formed.all());
        }
    }
}

pub(in crate::engine) fn connect(table: &[Vec<usize>], inputs: usize, window: usize) -> Connect<'_> {
    Connect { table: table.into(), inputs, window }
}
