//! Training: gradients derived on the graph, loss and optimizer part of the plan.

mod checkpoint;
mod fault;
mod frozen;
mod loss_scale;
mod options;
mod pace;
mod stage;
mod step;

use std::sync::Arc;

use cnn_lang::graph::{Graph, Role};

use super::backend::{Backend, Executor, Measure, Preloaded, Targets};
use super::constant_reader::ConstantReader;
use super::error::EngineError;
use super::optimizer::Pace;
use super::plan::Plan;
use super::program::{Content, State};
use super::reference::Number;
use super::session::{elements, fits};
use crate::weights::StateDict;

pub use fault::{Fault, FaultKind};
pub(crate) use loss_scale::LossScale;
pub use options::{TrainerOptions, plan_training};
pub use pace::{Group, Thaw};
use stage::Stage;
pub use step::StepReport;

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
    backend: Arc<dyn Backend<E>>,
    stage: Stage<E>,
    /// Of the network's tensors, where they are not alike.
    paces: Vec<Pace>,
    /// What rates of dropout are multiplied with.
    dropout: f64,
    /// Of the loss: the logits' share, then the auxiliary ones'.
    shares: Vec<f64>,
    /// Of a part of a step.
    measures: Vec<Measure>,
    /// Of a step.
    sums: Vec<Measure>,
    /// Names and sizes of the tensors, and the counters of batches as they were given; all else is in the executor.
    template: StateDict<E>,
    preloaded: Option<Preloaded<E>>,
    /// Where gradients have few digits.
    loss_scale: Option<LossScale>,
    /// What gradients of the last step are multiplied by.
    scaled_by: f64,
    /// Steps since the beginning.
    steps: u64,
    /// Forward passes that the template's counters do not know of.
    uncounted: u64,
}

impl<E: Number> Trainer<E> {
    /// Plans a training for [`TrainerOptions::device`].
    ///
    /// # Errors
    /// If a layer has no kernel, an output is no vector, the weights are of another network, a setting is out of its range,
    /// everything is frozen, the device or memory is not to be had.
    pub fn new(graph: &Graph, weights: &StateDict<E>, options: TrainerOptions) -> Result<Self, EngineError> {
        Self::on(E::backend_on(options.device, options.precision)?.into(), graph, weights, options)
    }

    /// Plans a training on a back end, whatever [`TrainerOptions::device`] says, which plans again when something [thaws](TrainerOptions::thaw).
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn on(
        backend: Arc<dyn Backend<E>>,
        graph: &Graph,
        weights: &StateDict<E>,
        options: TrainerOptions,
    ) -> Result<Self, EngineError> {
        fits(graph, weights)?;
        let paces = options.paces(graph)?;
        let (plan, shares) = plan_training(&*backend, graph, &options.at(0))?;
        let stage = Stage::new(&*backend, graph, &options, 0, plan, weights)?;
        let measures = vec![Measure::default(); shares.len()];
        let loss_scale = backend.precision().scales_loss().then_some(LossScale::FIRST);
        let mut trainer = Trainer {
            graph: graph.clone(),
            options,
            backend,
            stage,
            paces,
            dropout: 1.0,
            sums: measures.clone(),
            measures,
            shares,
            template: weights.counters(),
            steps: 0,
            uncounted: 0,
            preloaded: None,
            loss_scale,
            scaled_by: 1.0,
        };
        trainer.set_states(weights);
        Ok(trainer)
    }

    /// Parameters as given; optimizer and averages at their beginning.
    fn set_states(&mut self, weights: &StateDict<E>) {
        for (index, state) in self.stage.plan.states.iter().enumerate() {
            match state.content {
                Content::Entry(tensor) | Content::Average(tensor) => {
                    self.stage.executor.set_state(index, &weights.tensors()[tensor].data);
                }
                Content::Optimizer(_, k) => {
                    let values = vec![E::of(self.options.optimizer.initial_state(k)); state.elements];
                    self.stage.executor.set_state(index, &values);
                }
                Content::Gradient(_) => {}
            }
        }
    }

    /// Takes other weights of the same network; optimizer and averages begin anew, steps count on.
    ///
    /// # Errors
    /// If they are of another network; nothing is changed then.
    pub fn set_weights(&mut self, weights: &StateDict<E>) -> Result<(), EngineError> {
        fits(&self.graph, weights)?;
        self.stage.executor.set_constants(&mut ConstantReader::new(&self.stage.plan, &mut &*weights)?)?;
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
        for (index, state) in self.stage.plan.states.iter().enumerate() {
            let Content::Entry(tensor) = state.content else { continue };
            if weights.role(tensor) == Some(Role::Counter) {
                if self.stage.frozen[tensor] {
                    continue;
                }
                weights.tensor_mut(tensor).iter_mut().for_each(|count| *count += E::of(self.uncounted as f64));
            } else {
                *weights.tensor_mut(tensor) = self.stage.executor.state(index);
            }
        }
        weights
    }

    /// Their moving averages, where [`TrainerOptions::average`] asks for them. What takes no part in the loss is as it was.
    pub fn averages(&self) -> Option<StateDict<E>> {
        self.options.average?;
        let mut averages = self.weights();
        for (index, state) in self.stage.plan.states.iter().enumerate() {
            if let Content::Average(tensor) = state.content {
                *averages.tensor_mut(tensor) = self.stage.executor.state(index);
            }
        }
        Some(averages)
    }

    /// Gradients of the last step by parameter (cut, where [`Clip::Value`](super::Clip) cuts them), where [`TrainerOptions::keep_gradients`] asks for them; parameters that take
    /// no part in the loss have none.
    pub fn gradients(&self) -> Vec<(String, Vec<E>)> {
        let read = |(index, (name, operand)): (usize, &(String, super::plan::Operand))| {
            let mut values = vec![E::ZERO; elements(operand.extent)];
            self.stage.executor.read(index, 1, &mut values);
            let unscaled = E::of(1.0 / self.scaled_by);
            values.iter_mut().for_each(|value| *value *= unscaled);
            (name.clone(), values)
        };
        self.stage.plan.outputs.iter().enumerate().map(read).collect()
    }

    /// What the loss is multiplied by from here on, where it is.
    pub(crate) fn loss_scale(&self) -> Option<LossScale> {
        self.loss_scale
    }

    /// Goes on with what another training of the same kind has found out.
    pub(crate) fn set_loss_scale(&mut self, scale: Option<LossScale>) {
        self.loss_scale = self.loss_scale.map(|own| scale.unwrap_or(own));
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Notes from now on how long each step of the plan takes, or stops it.
    pub fn watch(&mut self, on: bool) {
        self.stage.executor.watch(on);
    }

    /// Seconds that each step of the plan took in the last run, while they are noted: see [`Self::watch`].
    pub fn seconds(&self) -> &[f64] {
        self.stage.executor.seconds()
    }

    /// What runs, where it lies, what it takes.
    pub fn plan(&self) -> &Plan {
        &self.stage.plan
    }

    /// Bytes that the training holds; the plan's report said so before.
    pub fn allocated(&self) -> usize {
        self.stage.executor.allocated()
    }
}

/// Scatters a number over all bits, one to one, so that masks of neighbouring steps have nothing in common: the finalizer of
/// SplitMix64. Steele et al. 2014, <https://doi.org/10.1145/2660193.2660195>.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
