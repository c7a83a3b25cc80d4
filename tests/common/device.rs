//! Where sessions and trainers of the tests run.

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{EngineError, Number, Session, SessionOptions, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;

/// A back end of the engine. Tests that take one hold for every other: a new one is put in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The portable kernels.
    Reference,
}

impl Device {
    /// Every back end of this machine.
    pub const ALL: [Device; 1] = [Device::Reference];

    /// A session there.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn session<E: Number>(
        self,
        graph: &Graph,
        weights: &StateDict<E>,
        options: SessionOptions,
    ) -> Result<Session<E>, EngineError> {
        match self {
            Device::Reference => Session::new(graph, weights, options),
        }
    }

    /// A trainer there.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn trainer<E: Number>(
        self,
        graph: &Graph,
        weights: &StateDict<E>,
        options: TrainerOptions,
    ) -> Result<Trainer<E>, EngineError> {
        match self {
            Device::Reference => Trainer::new(graph, weights, options),
        }
    }
}
