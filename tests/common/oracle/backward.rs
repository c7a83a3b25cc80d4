//! The reverse pass.

use cnn_lang::graph::{Graph, NodeId};
use cnn_runtime::kernels::{Float, Needs};

use super::Named;
use super::forward::{Run, Trace, operands};

/// Gradients of all parameters and of the input, given those of some nodes. A gradient that is given twice is added.
pub(super) fn backward<E: Float>(graph: &Graph, trace: &Trace<E>, seeds: &[(NodeId, Vec<E>)]) -> (Named<E>, Vec<E>) {
    // A node that passes its input on shares the input's gradient: so the sum has one order, that of the typed modules.
    let mut source: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for (index, node) in graph.nodes.iter().enumerate() {
        source.push(match (&trace.runs[index], node.inputs.first()) {
            (Run::Same, Some(input)) => source[input.0],
            _ => index,
        });
    }
    let mut slots: Vec<Vec<E>> = trace.values.iter().map(|_| Vec::new()).collect();
    for (id, gradient) in seeds {
        put(&mut slots[source[id.0]], gradient.clone());
    }
    let mut parameters_backwards = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        let Run::Applied { kernel, weight, parameters } = &trace.runs[index] else { continue };
        let dy = take(&mut slots[index], trace.values[index].len());
        // Where a tensor is an input for the second time its gradient has been taken, so it gets one of its own.
        let mut gradients: Vec<Vec<E>> =
            node.inputs.iter().map(|id| take(&mut slots[source[id.0]], trace.values[id.0].len())).collect();
        gradients.extend(parameters.iter().map(|(_, values)| vec![E::ZERO; values.len()]));

        let mut inputs: Vec<&[E]> = node.inputs.iter().map(|id| &trace.values[id.0][..]).collect();
        inputs.extend(operands(parameters, weight.as_ref().map(|(_, made)| &made[..])));
        run(&**kernel, &inputs, &trace.values[index], &dy, &mut gradients);

        let mut learned = gradients.split_off(node.inputs.len());
        for (id, gradient) in node.inputs.iter().zip(gradients) {
            put(&mut slots[source[id.0]], gradient);
        }
        if let Some((make, made)) = weight {
            let mut raw = vec![vec![E::ZERO; made.len()]];
            run(&**make, &[&parameters[0].1], made, &learned[0], &mut raw);
            learned[0] = raw.swap_remove(0);
        }
        parameters_backwards.extend(parameters.iter().map(|(name, _)| name.clone()).zip(learned).rev());
        slots[index] = dy;
    }
    parameters_backwards.reverse();
    (parameters_backwards, take(&mut slots[0], trace.values[0].len()))
}

/// The kernel's reverse pass, which sees nothing that it does not ask for.
fn run<E: Float>(
    kernel: &dyn cnn_runtime::kernels::DynKernel,
    inputs: &[&[E]],
    y: &[E],
    dy: &[E],
    gradients: &mut [Vec<E>],
) {
    let nothing: Vec<&[E]> = inputs.iter().map(|_| &[][..]).collect();
    let (inputs, y) = match kernel.needs() {
        Needs::Nothing => (&nothing[..], &[][..]),
        Needs::Inputs => (inputs, &[][..]),
        Needs::Output => (&nothing[..], y),
    };
    let mut slots: Vec<&mut [E]> = gradients.iter_mut().map(|gradient| &mut gradient[..]).collect();
    E::backward(kernel, inputs, y, dy, &mut slots);
}

/// The gradient so far, zeros where there is none.
fn take<E: Float>(slot: &mut Vec<E>, len: usize) -> Vec<E> {
    let gradient = std::mem::take(slot);
    if gradient.is_empty() { vec![E::ZERO; len] } else { gradient }
}

/// Puts a gradient where there is none, or adds it.
fn put<E: Float>(slot: &mut Vec<E>, gradient: Vec<E>) {
    if slot.is_empty() {
        *slot = gradient;
    } else {
        slot.iter_mut().zip(gradient).for_each(|(sum, more)| *sum += more);
    }
}
