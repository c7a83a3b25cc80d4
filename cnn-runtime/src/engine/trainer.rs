//! Training: gradients derived on the graph, loss and optimizer part of the plan.

mod checkpoint;
mod frozen;
mod options;

use std::sync::Arc;

use cnn_lang::graph::{Graph, Role};

use super::backend::{Backend, Executor, Feed, Measure, Targets};
use super::constant_reader::ConstantReader;
use super::error::EngineError;
use super::optimizer::Rule;
use super::plan::Plan;
use super::program::Content;
use super::reference::Number;
use super::session::{elements, fits, samples};
use crate::weights::StateDict;

use frozen::Frozen;
use options::check_targets;
pub use options::{TrainerOptions, plan_training};

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
    /// For each tensor whether it stays as it is; a counter's batch norm is as in inference then.
    frozen: Vec<bool>,
}

impl<E: Number> Trainer<E> {
    /// Plans a training on the CPU: [`Number::backend`].
    ///
    /// # Errors
    /// If a layer has no kernel, an output is no vector, the weights are of another network, a setting is out of its range,
    /// everything is frozen, or memory is not to be had.
    pub fn new(graph: &Graph, weights: &StateDict<E>, options: TrainerOptions) -> Result<Self, EngineError> {
        Self::on(&*E::backend_in(options.precision), graph, weights, options)
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
        let executor = backend.prepare(plan.clone(), &mut ConstantReader::new(&plan, &mut &*weights)?)?;
        let measures = vec![Measure::default(); shares.len()];
        let frozen = Frozen::of(graph, &options)?.tensors;
        let (graph, template) = (graph.clone(), weights.counters());
        let mut trainer =
            Trainer { graph, options, plan, executor, shares, measures, template, steps: 0, uncounted: 0, frozen };
        trainer.set_states(weights);
        Ok(trainer)
    }

    /// Parameters as given; optimizer and averages at their beginning.
    fn set_states(&mut self, weights: &StateDict<E>) {
        for (index, state) in self.plan.states.iter().enumerate() {
            match state.content {
                Content::Entry(tensor) | Content::Average(tensor) => {
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
        let seed = mix(mix(self.options.seed).wrapping_add(self.steps + 1));
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

    /// Takes other weights of the same network; optimizer and averages begin anew, steps count on.
    ///
    /// # Errors
    /// If they are of another network; nothing is changed then.
    pub fn set_weights(&mut self, weights: &StateDict<E>) -> Result<(), EngineError> {
        fits(&self.graph, weights)?;
        self.executor.set_constants(&mut ConstantReader::new(&self.plan, &mut &*weights)?)?;
        (self.template, self.uncounted) = (weights.counters(), 0);
        self.set_states(weights);
        Ok(())
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Parameters and running statistics.
    pub fn weights(&self) -> StateDict<E> {
        let mut weights = self.template.clone();
        for (index, state) in self.plan.states.iter().enumerate() {
            let Content::Entry(tensor) = state.content else { continue };
            if weights.role(tensor) == Some(Role::Counter) {
                if self.frozen[tensor] {
                    continue;
                }
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

    /// Gradients of the last step by parameter (cut, where [`Clip::Value`](super::Clip) cuts them), where [`TrainerOptions::keep_gradients`] asks for them; parameters that take
    /// no part in the loss have none.
    pub fn gradients(&self) -> Vec<(String, Vec<E>)> {
        let read = |(index, (name, operand)): (usize, &(String, super::plan::Operand))| {
            let mut values = vec![E::ZERO; elements(operand.extent)];
            self.executor.read(index, 1, &mut values);
            (name.clone(), values)
        };
        self.plan.outputs.iter().enumerate().map(read).collect()
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Notes from now on how long each step of the plan takes, or stops it.
    pub fn watch(&mut self, on: bool) {
        self.executor.watch(on);
    }

    /// Seconds that each step of the plan took in the last run, while they are noted: see [`Self::watch`].
    pub fn seconds(&self) -> &[f64] {
        self.executor.seconds()
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

/// Scatters a number over all bits, one to one, so that masks of neighbouring steps have nothing in common: the finalizer of
/// SplitMix64. Steele et al. 2014, <https://doi.org/10.1145/2660193.2660195>.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
