//! Typed modules on the engine, and back.

use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::tensor_ops::Device;
use thiserror::Error;

use super::error::EngineError;
use super::reference::Number;
use super::session::{Session, SessionOptions};
use super::trainer::{Trainer, TrainerOptions};
use crate::Architecture;
use crate::weights::{StateDict, WeightsError};

/// Why a typed network cannot be compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// Its source, which another version wrote, is not understood.
    #[error("the source of {network}: {message}")]
    Source {
        /// The network.
        network: &'static str,
        /// The first mistake.
        message: String,
    },
    /// Its tensors are not those of its source.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The engine cannot take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The engine for networks that [`network!`](crate::network) made.
///
/// ```
/// use cnn_runtime::engine::{Compile, SessionOptions, Targets, TrainerOptions};
/// use cnn_runtime::prelude::*;
///
/// cnn_runtime::network! { pub LeNet = cnn_runtime::zoo::LeNet5; }
///
/// let mut net = Cpu::default().build_module::<LeNet, f32>();
/// let mut trainer = net.trainer(TrainerOptions { batch: 2, ..Default::default() })?;
/// trainer.step(&vec![0.5; 2 * 28 * 28], Targets::Labels(&[3, 1]), 0.1)?;
/// trainer.write_back(&mut net)?;                                         // the module now holds what was learned
///
/// let mut session = net.compile(SessionOptions::default())?;
/// let logits = session.run(&vec![0.5; 28 * 28])?;
/// assert_eq!(logits.len(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Compile<E: Number, D: Device<E>>: Architecture + TensorCollection<E, D> + Sized {
    /// The network for inference, with the module's weights.
    ///
    /// # Errors
    /// If the network has a layer without a kernel, the batch is 0, or memory is not to be had.
    fn compile(&self, options: SessionOptions) -> Result<Session<E>, CompileError> {
        let graph = graph::<Self>()?;
        Ok(Session::new(&graph, StateDict::from_module(&graph, self)?, options)?)
    }

    /// The network in training, beginning with the module's weights.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    fn trainer(&self, options: TrainerOptions) -> Result<Trainer<E>, CompileError> {
        let graph = graph::<Self>()?;
        Ok(Trainer::new(&graph, &StateDict::from_module(&graph, self)?, options)?)
    }
}

impl<E: Number, D: Device<E>, N: Architecture + TensorCollection<E, D>> Compile<E, D> for N {}

fn graph<N: Architecture>() -> Result<cnn_lang::graph::Graph, CompileError> {
    N::graph().map_err(|errors| {
        let message = errors.first().map_or_else(String::new, |error| error.message.clone());
        CompileError::Source { network: N::NAME, message }
    })
}

impl<E: Number> Trainer<E> {
    /// Gives what was learned to a module of the network: parameters, running statistics, counters.
    ///
    /// # Errors
    /// If the module's tensors are others; it is as it was then.
    pub fn write_back<D: Device<E>, M: TensorCollection<E, D>>(&self, module: &mut M) -> Result<(), WeightsError> {
        self.weights().write_back(module)
    }
}
