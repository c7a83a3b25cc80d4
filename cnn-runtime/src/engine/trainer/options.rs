//! How a network is to be trained, and what is refused.

use cnn_lang::graph::{Graph, Shape};

use crate::engine::backend::{Backend, Targets};
use crate::engine::device::Device;
use crate::engine::error::EngineError;
use crate::engine::fuse::fuse;
use crate::engine::gradients::{Objective, Of, differentiate};
use crate::engine::lower::{Mode, lower_fixing};
use crate::engine::optimizer::{Clip, Optimizer};
use crate::engine::plan::Plan;
use crate::engine::precision::Precision;

use super::frozen::Frozen;
use super::pace::{Group, Thaw};

/// How a network is to be trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerOptions {
    /// The most samples of a step; memory is planned for it.
    pub batch: usize,
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// In how many parts a step goes through, one behind the other: memory is planned for one of them. Their gradients are
    /// summed to that of the whole, from which they differ by rounding; but batch norms see a part at a time.
    pub parts: usize,
    /// Weight decay.
    pub weight_decay: f64,
    /// Spares norms and biases from weight decay: only tensors of two dimensions or more decay.
    pub decay_matrices_only: bool,
    /// Tensors that learn at a pace of their own. Where several name one, the last that says something counts.
    pub groups: Vec<Group>,
    /// Keeps gradients small.
    pub clip: Option<Clip>,
    /// Label smoothing. Szegedy et al. 2016.
    pub label_smoothing: f64,
    /// The share of each auxiliary output in the loss; if there are none here, 0.3 each, as in GoogLeNet.
    pub auxiliary_weights: Vec<f64>,
    /// Decay of the moving average of parameters and running statistics, where one is kept.
    pub average: Option<f64>,
    /// Whether the average follows faster at first: in step n it decays by no more than (1 + n) / (10 + n), as TensorFlow's
    /// do.
    pub average_warm_up: bool,
    /// [Patterns](crate::weights::matches) of tensors that stay as they are: `layer1`, `!fc` for all but the head. Behind the
    /// last thing that is learned nothing is derived, stored or updated for them. A batch norm all of whose tensors are frozen
    /// is what it is in inference: it normalises by its running statistics and leaves them. Dropout still drops.
    pub freeze: Vec<String>,
    /// Tensors that are frozen for a while. When some thaw, the trainer plans again and takes other memory; gradients of what
    /// is still frozen cost nothing.
    pub thaw: Vec<Thaw>,
    /// Whether frozen batch norms still normalise by their batch and keep up their running statistics, as PyTorch's do
    /// that stay in training mode.
    pub adapt_norms: bool,
    /// How convolutions, fully connected layers and the gradients of their inputs multiply.
    pub precision: Precision,
    /// Where it runs.
    pub device: Device,
    /// Whether a step whose gradients are not all finite moves nothing, neither parameters nor averages nor running
    /// statistics; it is counted and [reported](super::StepReport::skipped). Gradients wait for the last of them then.
    pub skip_non_finite: bool,
    /// Names the masks of dropout.
    pub seed: u64,
    /// Whether [`Trainer::gradients`](crate::engine::Trainer::gradients) can be asked for. Without, a gradient's memory is used again once it is applied.
    pub keep_gradients: bool,
}

impl Default for TrainerOptions {
    /// SGD with momentum on batches of 32, no decay, no clipping, no smoothing, no average, nothing frozen.
    fn default() -> Self {
        TrainerOptions {
            batch: 32,
            parts: 1,
            optimizer: Optimizer::SGD,
            weight_decay: 0.0,
            decay_matrices_only: false,
            groups: Vec::new(),
            clip: None,
            label_smoothing: 0.0,
            auxiliary_weights: Vec::new(),
            average: None,
            average_warm_up: false,
            freeze: Vec::new(),
            thaw: Vec::new(),
            adapt_norms: false,
            precision: Precision::Full,
            device: Device::Cpu,
            skip_non_finite: false,
            seed: 0,
            keep_gradients: false,
        }
    }
}

/// The plan of a training while nothing has thawed, without taking its memory, and the shares of the outputs in the loss.
///
/// # Errors
/// If a layer has no kernel, an output is no vector, a setting is out of its range, or nothing is left to be learned.
pub fn plan_training<E>(
    backend: &dyn Backend<E>,
    graph: &Graph,
    options: &TrainerOptions,
) -> Result<(Plan, Vec<f64>), EngineError> {
    check(graph, options)?;
    options.paces(graph)?;
    options.precision.check(backend.precision())?;
    let mut shares = vec![1.0];
    match options.auxiliary_weights.is_empty() {
        true => shares.extend(graph.auxiliary.iter().map(|_| 0.3)),
        false => shares.extend(&options.auxiliary_weights),
    }
    let frozen = Frozen::of(graph, options)?;
    let mut program = lower_fixing(graph, Mode::Training, &frozen.norms)?;
    fuse(&mut program, true);
    let objective = Objective {
        of: Of::Loss,
        weights: shares.clone(),
        smoothing: options.label_smoothing,
        optimizer_states: options.optimizer.states(),
        decay_matrices_only: options.decay_matrices_only,
        averages: options.average.is_some(),
        accumulate: options.parts > 1,
        gradient_norm: options.skip_non_finite
            || backend.precision().scales_loss()
            || matches!(options.clip, Some(Clip::Norm(_))),
        updates_together: backend.updates_together(),
        keep_gradients: options.keep_gradients,
        keep_input: false,
        updates: true,
        frozen: frozen.tensors,
    };
    differentiate(&mut program, graph, &objective)?;
    Ok((Plan::new(program, backend, options.batch.div_ceil(options.parts))?, shares))
}

/// Refuses what makes no sense for the network.
fn check(graph: &Graph, options: &TrainerOptions) -> Result<(), EngineError> {
    if options.batch == 0 {
        return Err(EngineError::EmptyBatch);
    }
    let auxiliary = graph.auxiliary.iter().map(|aux| (aux.name.as_str(), graph.node(aux.output).shape));
    for (output, shape) in [("logits", graph.output_shape())].into_iter().chain(auxiliary) {
        if !matches!(shape, Shape::Vector(_)) {
            let (network, output) = (graph.name.clone(), output.to_owned());
            return Err(EngineError::NotLogits { network, output, shape: shape.to_string() });
        }
    }
    if !(1..=options.batch).contains(&options.parts) {
        let got = options.parts as f64;
        return Err(EngineError::Setting { name: "number of parts of a step", expected: "from 1 to its samples", got });
    }
    let (expected, got) = (graph.auxiliary.len(), options.auxiliary_weights.len());
    if got != 0 && got != expected {
        return Err(EngineError::AuxiliaryWeights { network: graph.name.clone(), expected, got });
    }
    let at_least_0 = |name, got: f64| match got >= 0.0 && got.is_finite() {
        true => Ok(()),
        false => Err(EngineError::Setting { name, expected: "at least 0", got }),
    };
    at_least_0("weight decay", options.weight_decay)?;
    options.auxiliary_weights.iter().try_for_each(|&weight| at_least_0("weight of an auxiliary loss", weight))?;
    let below_1 = |name, got: f64| match (0.0..1.0).contains(&got) {
        true => Ok(()),
        false => Err(EngineError::Setting { name, expected: "at least 0 and less than 1", got }),
    };
    below_1("label smoothing", options.label_smoothing)?;
    below_1("decay of the moving average", options.average.unwrap_or(0.0))?;
    if let Some(Clip::Norm(got) | Clip::Value(got)) = options.clip
        && (got <= 0.0 || !got.is_finite())
    {
        return Err(EngineError::Setting { name: "gradient clipping", expected: "positive", got });
    }
    options.optimizer.check()
}

/// Refuses targets that are not those of the samples and classes.
pub(super) fn check_targets<E>(targets: Targets<'_, E>, samples: usize, graph: &Graph) -> Result<(), EngineError> {
    let classes = graph.output_shape().elements();
    let auxiliary = graph.auxiliary.iter().map(|aux| (aux, graph.node(aux.output).shape.elements()));
    let fewest = auxiliary.clone().map(|(_, classes)| classes).chain([classes]).min().unwrap_or(classes);
    let count = |what, expected, got| match expected == got {
        true => Ok(()),
        false => Err(EngineError::Targets { samples, what, expected, got }),
    };
    match targets {
        Targets::Labels(labels) => {
            count("labels", samples, labels.len())?;
            match labels.iter().position(|&label| label >= fewest) {
                Some(sample) => Err(EngineError::Label { sample, label: labels[sample], classes: fewest }),
                None => Ok(()),
            }
        }
        Targets::Soft(rows) => {
            for (aux, got) in auxiliary {
                if got != classes {
                    let (network, output) = (graph.name.clone(), aux.name.clone());
                    return Err(EngineError::Classes { network, output, classes, got });
                }
            }
            count("probabilities", samples * classes, rows.len())
        }
    }
}
