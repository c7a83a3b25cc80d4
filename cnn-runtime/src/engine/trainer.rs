//! Training: gradients derived on the graph, loss and optimizer part of the plan.

use std::sync::Arc;

use cnn_lang::graph::{Graph, Role, Shape};

use super::backend::{Backend, Executor, Feed, Measure, Targets};
use super::error::EngineError;
use super::fuse::fuse;
use super::gradients::{Objective, differentiate};
use super::lower::{Mode, lower};
use super::optimizer::{Clip, Optimizer, Rule};
use super::plan::Plan;
use super::program::Content;
use super::reference::{Number, Reference};
use super::session::{elements, fits, samples};
use crate::weights::{NamedTensor, StateDict};

/// How a network is to be trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerOptions {
    /// The most samples of a step; memory is planned for it.
    pub batch: usize,
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// Weight decay.
    pub weight_decay: f64,
    /// Spares norms and biases from weight decay: only tensors of two dimensions or more decay.
    pub decay_matrices_only: bool,
    /// Keeps gradients small.
    pub clip: Option<Clip>,
    /// Label smoothing. Szegedy et al. 2016.
    pub label_smoothing: f64,
    /// The share of each auxiliary output in the loss; if there are none here, 0.3 each, as in GoogLeNet.
    pub auxiliary_weights: Vec<f64>,
    /// Decay of the moving average of parameters and running statistics, where one is kept.
    pub average: Option<f64>,
    /// Names the masks of dropout.
    pub seed: u64,
    /// Whether [`Trainer::gradients`] can be asked for. Without, a gradient's memory is used again once it is applied.
    pub keep_gradients: bool,
}

impl Default for TrainerOptions {
    /// SGD with momentum on batches of 32, no decay, no clipping, no smoothing, no average.
    fn default() -> Self {
        TrainerOptions {
            batch: 32,
            optimizer: Optimizer::SGD,
            weight_decay: 0.0,
            decay_matrices_only: false,
            clip: None,
            label_smoothing: 0.0,
            auxiliary_weights: Vec::new(),
            average: None,
            seed: 0,
            keep_gradients: false,
        }
    }
}

/// What a step measured, before it moved the parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepReport {
    /// What was minimised: the logits' mean cross-entropy, and the auxiliary ones times their shares.
    pub loss: f64,
    /// Mean cross-entropy of the logits.
    pub main_loss: f64,
    /// Mean cross-entropies of the auxiliary outputs.
    pub auxiliary_losses: Vec<f64>,
    /// Samples whose largest logit is at their label.
    pub correct: usize,
    /// Samples of the step.
    pub samples: usize,
    /// Norm of all gradients before they were clipped, where they are clipped by it.
    pub gradient_norm: Option<f64>,
}

/// A network in training: forward, backward and update are one plan.
///
/// ```
/// use cnn_runtime::engine::{Targets, Trainer, TrainerOptions};
/// use cnn_runtime::weights::StateDict;
///
/// let graph = cnn_lang::load(cnn_runtime::zoo::LeNet5, None).unwrap();
/// let weights = StateDict::<f32>::init(&graph, 1).unwrap();
/// let mut trainer = Trainer::new(&graph, &weights, TrainerOptions { batch: 2, ..Default::default() }).unwrap();
/// let images = vec![0.5; 2 * 28 * 28];
/// let before = trainer.step(&images, Targets::Labels(&[3, 3]), 0.1).unwrap().loss;
/// let after = trainer.step(&images, Targets::Labels(&[3, 3]), 0.1).unwrap().loss;
/// assert!(after < before);
/// ```
pub struct Trainer<E: Number = f32> {
    graph: Graph,
    options: TrainerOptions,
    plan: Arc<Plan>,
    executor: Box<dyn Executor<E>>,
    /// Of the loss: the logits' share, then the auxiliary ones'.
    shares: Vec<f64>,
    measures: Vec<Measure>,
    /// Names and sizes of the tensors, and the counters of batches as they were given; all else is in the executor.
    template: StateDict<E>,
    /// Steps since the beginning.
    steps: u64,
    /// Steps that the template's counters do not know of.
    uncounted: u64,
}

impl<E: Number> Trainer<E> {
    /// Plans a training on the CPU.
    ///
    /// # Errors
    /// If a layer has no kernel, an output is no vector, the weights are of another network, a setting is out of its range, or
    /// memory is not to be had.
    pub fn new(graph: &Graph, weights: &StateDict<E>, options: TrainerOptions) -> Result<Self, EngineError> {
        Self::on(&Reference::default(), graph, weights, options)
    }

    /// Plans a training on a back end.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn on(
        backend: &dyn Backend<E>,
        graph: &Graph,
        weights: &StateDict<E>,
        options: TrainerOptions,
    ) -> Result<Self, EngineError> {
        fits(graph, weights)?;
        let (plan, shares) = plan_training(backend, graph, &options)?;
        let plan = Arc::new(plan);
        let executor = backend.prepare(plan.clone(), Vec::new())?;
        let measures = vec![Measure::default(); shares.len()];
        let (graph, template) = (graph.clone(), weights.counters());
        let mut trainer =
            Trainer { graph, options, plan, executor, shares, measures, template, steps: 0, uncounted: 0 };
        trainer.set_states(weights);
        Ok(trainer)
    }

    /// Parameters as given; optimizer and averages at their beginning.
    fn set_states(&mut self, weights: &StateDict<E>) {
        for (index, state) in self.plan.states.iter().enumerate() {
            match state.content {
                Content::Tensor(tensor) | Content::Average(tensor) => {
                    self.executor.set_state(index, &weights.tensors()[tensor].data);
                }
                Content::Optimizer(_, k) => {
                    let values = vec![E::of(self.options.optimizer.initial_state(k)); state.elements];
                    self.executor.set_state(index, &values);
                }
            }
        }
    }

    /// One step: forward, backward, update with this learning rate. `images` holds 1 to [`TrainerOptions::batch`] samples.
    ///
    /// # Errors
    /// If images and targets do not fit each other or the network; nothing is changed then.
    pub fn step(&mut self, images: &[E], targets: Targets<'_, E>, rate: f64) -> Result<StepReport, EngineError> {
        let samples = samples(images.len(), self.graph.input_shape(), self.plan.batch)?;
        check_targets(targets, samples, &self.graph)?;
        if !rate.is_finite() {
            return Err(EngineError::Setting { name: "learning rate", expected: "finite", got: rate });
        }
        let update = Rule {
            optimizer: self.options.optimizer,
            rate,
            weight_decay: self.options.weight_decay,
            clip: self.options.clip,
            average_decay: self.options.average.unwrap_or(0.0),
            number: self.steps + 1,
        };
        let seed = self.options.seed ^ (self.steps + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let feed = Feed { images, samples, targets, update: Some(update), seed };
        let gradient_norm = self.executor.run(feed, &mut self.measures);
        self.steps += 1;
        self.uncounted += 1;
        let loss = self.measures.iter().zip(&self.shares).map(|(measure, share)| measure.loss * share).sum();
        Ok(StepReport {
            loss,
            main_loss: self.measures[0].loss,
            auxiliary_losses: self.measures[1..].iter().map(|measure| measure.loss).collect(),
            correct: self.measures[0].correct,
            samples,
            gradient_norm,
        })
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Parameters and running statistics.
    pub fn weights(&self) -> StateDict<E> {
        let mut weights = self.template.clone();
        for (index, state) in self.plan.states.iter().enumerate() {
            let Content::Tensor(tensor) = state.content else { continue };
            if weights.role(tensor) == Some(Role::Counter) {
                weights.tensor_mut(tensor).iter_mut().for_each(|count| *count += E::of(self.uncounted as f64));
            } else {
                *weights.tensor_mut(tensor) = self.executor.state(index);
            }
        }
        weights
    }

    /// Their moving averages, where [`TrainerOptions::average`] asks for them. What takes no part in the loss is as it was.
    pub fn averages(&self) -> Option<StateDict<E>> {
        self.options.average?;
        let mut averages = self.weights();
        for (index, state) in self.plan.states.iter().enumerate() {
            if let Content::Average(tensor) = state.content {
                *averages.tensor_mut(tensor) = self.executor.state(index);
            }
        }
        Some(averages)
    }

    /// Gradients of the last step by parameter, where [`TrainerOptions::keep_gradients`] asks for them; parameters that take
    /// no part in the loss have none.
    pub fn gradients(&self) -> Vec<(String, Vec<E>)> {
        let read = |(index, (name, operand)): (usize, &(String, super::plan::Operand))| {
            let mut values = vec![E::ZERO; elements(operand.extent)];
            self.executor.read(index, 1, &mut values);
            (name.clone(), values)
        };
        self.plan.outputs.iter().enumerate().map(read).collect()
    }

    /// Everything that the next steps depend on, to go on later: the bytes of a safetensors file.
    ///
    /// # Errors
    /// None that is known of; the type allows for what the format refuses.
    pub fn checkpoint(&self) -> Result<Vec<u8>, EngineError> {
        let weights = self.weights();
        let mut tensors = Vec::new();
        for (index, state) in self.plan.states.iter().enumerate() {
            let (kind, tensor) = kind(state.content);
            let NamedTensor { name, shape, data } = &weights.tensors()[tensor];
            let counter = self.template.role(tensor) == Some(Role::Counter);
            let data = if counter { data.clone() } else { self.executor.state(index) };
            tensors.push(NamedTensor { name: format!("{kind}/{name}"), shape: shape.clone(), data });
        }
        let (high, low) = (self.steps >> 20, self.steps & ((1 << 20) - 1));
        let data = [high, low].map(|part| E::of(part as f64)).to_vec();
        tensors.push(NamedTensor { name: STEPS.into(), shape: vec![2], data });
        crate::weights::to_file(&tensors).map_err(|error| EngineError::Checkpoint(error.to_string()))
    }

    /// Goes on where [`Trainer::checkpoint`] was taken: the steps that follow are those that would have followed.
    ///
    /// # Errors
    /// If the bytes are damaged or of another training; nothing is changed then.
    pub fn restore(&mut self, place: &str, bytes: &[u8]) -> Result<(), EngineError> {
        let mut layout: Vec<NamedTensor<E>> = Vec::new();
        for state in &self.plan.states {
            let (kind, tensor) = kind(state.content);
            let NamedTensor { name, shape, .. } = &self.template.tensors()[tensor];
            layout.push(NamedTensor { name: format!("{kind}/{name}"), shape: shape.clone(), data: Vec::new() });
        }
        layout.push(NamedTensor { name: STEPS.into(), shape: vec![2], data: Vec::new() });
        let values = crate::weights::from_file(place, bytes, &layout);
        let mut values = values.map_err(|error| EngineError::Checkpoint(error.to_string()))?;
        let steps = values.pop().unwrap_or_default();
        let part = |i: usize| steps.get(i).map_or(0.0, |part| part.double());
        self.steps = ((part(0) as u64) << 20) + part(1) as u64;
        self.uncounted = 0;
        for (index, (state, values)) in self.plan.states.iter().zip(&values).enumerate() {
            self.executor.set_state(index, values);
            if let Content::Tensor(tensor) = state.content
                && self.template.role(tensor) == Some(Role::Counter)
            {
                self.template.tensor_mut(tensor).copy_from_slice(values);
            }
        }
        Ok(())
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What runs, where it lies, what it takes.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Bytes that the training holds; the plan's report said so before.
    pub fn allocated(&self) -> usize {
        self.executor.allocated()
    }
}

const STEPS: &str = "steps";

fn kind(content: Content) -> (String, usize) {
    match content {
        Content::Tensor(tensor) => ("weights".into(), tensor),
        Content::Optimizer(tensor, k) => (format!("optimizer.{k}"), tensor),
        Content::Average(tensor) => ("average".into(), tensor),
    }
}

/// The plan of a training, without taking its memory, and the shares of the outputs in the loss.
///
/// # Errors
/// If a layer has no kernel, an output is no vector, or a setting is out of its range.
pub fn plan_training<E>(
    backend: &dyn Backend<E>,
    graph: &Graph,
    options: &TrainerOptions,
) -> Result<(Plan, Vec<f64>), EngineError> {
    check(graph, options)?;
    let mut shares = vec![1.0];
    match options.auxiliary_weights.is_empty() {
        true => shares.extend(graph.auxiliary.iter().map(|_| 0.3)),
        false => shares.extend(&options.auxiliary_weights),
    }
    let mut program = lower(graph, Mode::Training)?;
    fuse(&mut program, true);
    let objective = Objective {
        weights: shares.clone(),
        smoothing: options.label_smoothing,
        optimizer_states: options.optimizer.states(),
        decay_matrices_only: options.decay_matrices_only,
        averages: options.average.is_some(),
        gradient_norm: matches!(options.clip, Some(Clip::Norm(_))),
        keep_gradients: options.keep_gradients,
    };
    differentiate(&mut program, graph, &objective)?;
    let workspace = |operation: &_, batch| backend.workspace(operation, batch);
    Ok((Plan::new(program, backend.layout(), options.batch, &workspace)?, shares))
}

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

fn check_targets<E>(targets: Targets<'_, E>, samples: usize, graph: &Graph) -> Result<(), EngineError> {
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
