//! The forward pass, node by node.

use cnn_lang::graph::{Graph, Node, Op, Role, Shape, TensorSpec};
use cnn_runtime::kernels::{DynKernel, Float, bn};

use super::error::OracleError;
use super::kernel::{Action, action, plane};
use super::{Named, Tensors};

/// Which of the two forward passes is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Running statistics, nothing dropped.
    Inference,
    /// The statistics of the batch, which move the running ones.
    Training,
}

/// What was computed, and all that the reverse pass reads.
pub(super) struct Trace<E> {
    /// The result of every node.
    pub values: Vec<Vec<E>>,
    /// How every node came to its result.
    pub runs: Vec<Run<E>>,
    /// Running statistics and counters behind the pass.
    pub running: Named<E>,
}

/// How a node came to its result.
pub(super) enum Run<E> {
    /// The result is the input's.
    Same,
    /// The kernel was applied to the inputs and then the parameters.
    Applied {
        kernel: Box<dyn DynKernel>,
        /// What makes the weight that the kernel saw, and that weight.
        weight: Option<(Box<dyn DynKernel>, Vec<E>)>,
        parameters: Named<E>,
    },
}

/// Parameters and buffers of one node.
struct Held<E> {
    parameters: Named<E>,
    buffers: Named<E>,
}

pub(super) fn forward<E: Float>(
    graph: &Graph,
    tensors: Tensors<'_, E>,
    input: &[E],
    batch: usize,
    mode: Mode,
) -> Result<Trace<E>, OracleError> {
    let expected = batch * graph.input_shape().elements();
    if input.len() != expected {
        return Err(OracleError::Input { expected, got: input.len() });
    }
    let mut trace = Trace { values: Vec::new(), runs: Vec::new(), running: Vec::new() };
    for node in &graph.nodes {
        let (value, run) = match node.op {
            Op::Input => (input.to_vec(), Run::Same),
            _ => one(graph, node, tensors, &mut trace, batch, mode)?,
        };
        trace.values.push(value);
        trace.runs.push(run);
    }
    Ok(trace)
}

fn one<E: Float>(
    graph: &Graph,
    node: &Node,
    tensors: Tensors<'_, E>,
    trace: &mut Trace<E>,
    batch: usize,
    mode: Mode,
) -> Result<(Vec<E>, Run<E>), OracleError> {
    let shapes = graph.input_shapes(node);
    let action = action(&node.op, &shapes, node.shape, batch, mode)?;
    let Held { parameters, buffers } = held(graph, node, &shapes, tensors)?;
    let mut inputs: Vec<&[E]> = node.inputs.iter().map(|id| &trace.values[id.0][..]).collect();
    let (kernel, weight) = match action {
        Action::Same => return Ok((inputs[0].to_vec(), Run::Same)),
        Action::Apply(kernel) => (kernel, None),
        Action::ApplyWeighted { weight, kernel } => {
            let raw = &parameters[0].1;
            let mut made = vec![E::ZERO; raw.len()];
            E::forward(&*weight, &[raw], &mut made);
            (kernel, Some((weight, made)))
        }
        Action::Bn { eps, momentum, affine } => {
            let kernel = normalisation(inputs[0], shapes[0], batch, eps, affine, mode, &buffers);
            match mode {
                Mode::Inference => trace.running.extend(buffers),
                Mode::Training => trace.running.extend(track(&kernel, momentum, &buffers)),
            }
            let kernel: Box<dyn DynKernel> = Box::new(kernel);
            (kernel, None)
        }
    };
    inputs.extend(operands(&parameters, weight.as_ref().map(|(_, made)| &made[..])));
    let mut y = vec![E::ZERO; batch * node.shape.elements()];
    E::forward(&*kernel, &inputs, &mut y);
    Ok((y, Run::Applied { kernel, weight, parameters }))
}

/// The parameters as a kernel sees them: the weight, which comes first, may have been made from the one that is learned.
pub(super) fn operands<'a, E>(parameters: &'a Named<E>, weight: Option<&'a [E]>) -> Vec<&'a [E]> {
    let mut operands: Vec<&[E]> = parameters.iter().map(|(_, values)| &values[..]).collect();
    if let Some(weight) = weight {
        operands[0] = weight;
    }
    operands
}

fn held<E: Float>(
    graph: &Graph,
    node: &Node,
    shapes: &[Shape],
    tensors: Tensors<'_, E>,
) -> Result<Held<E>, OracleError> {
    let mut held = Held { parameters: Vec::new(), buffers: Vec::new() };
    for TensorSpec { name, shape, role } in node.op.tensors(shapes) {
        let name = format!("{}.{name}", graph.path(node.scope));
        let (values, expected) = (tensors(&name), shape.iter().product::<usize>());
        if values.len() != expected {
            return Err(OracleError::Tensor { name, expected, got: values.len() });
        }
        match role {
            Role::Parameter => held.parameters.push((name, values)),
            Role::Buffer | Role::Counter => held.buffers.push((name, values)),
        }
    }
    Ok(held)
}

/// With the statistics of the batch, rounded to E as the typed layer keeps them, or with the running ones.
fn normalisation<E: Float>(
    x: &[E],
    shape: Shape,
    batch: usize,
    eps: f64,
    affine: bool,
    mode: Mode,
    buffers: &Named<E>,
) -> bn::Bn {
    let (channels, plane) = (shape.channels(), plane(shape));
    let (mean, var) = match mode {
        Mode::Inference => (doubles(&buffers[0].1), doubles(&buffers[1].1)),
        Mode::Training => {
            let mut both = vec![E::ZERO; 2 * channels];
            E::forward(&bn::Statistics { batch, channels, plane }, &[x], &mut both);
            (doubles(&both[..channels]), doubles(&both[channels..]))
        }
    };
    bn::Bn { batch, plane, mean, var, eps, affine, training: mode == Mode::Training }
}

/// `running = (1 - momentum) running + momentum batch`, of the variance the unbiased one where there are two values.
fn track<E: Float>(batch: &bn::Bn, momentum: f64, buffers: &Named<E>) -> Named<E> {
    let count = (batch.batch * batch.plane) as f64;
    let unbiased = count / (count - 1.0).max(1.0);
    let mix = |(name, running): &(String, Vec<E>), new: &[f64], factor: f64| {
        let mixed = running.iter().zip(new);
        let mixed = mixed.map(|(old, new)| E::of((1.0 - momentum) * old.double() + momentum * factor * new));
        (name.clone(), mixed.collect())
    };
    let [mean, var, (counter, seen)] = buffers.as_slice() else { unreachable!("three buffers of bn") };
    let seen = seen.iter().map(|seen| E::of(seen.double() + 1.0)).collect();
    vec![mix(mean, &batch.mean, 1.0), mix(var, &batch.var, unbiased), (counter.clone(), seen)]
}

fn doubles<E: Float>(values: &[E]) -> Vec<f64> {
    values.iter().map(|value| value.double()).collect()
}
