//! What can go wrong with a training, each told in one line.

use std::io;
use std::path::PathBuf;

use crate::data::DataError;
use crate::engine::{EngineError, Fault};
use crate::weights::WeightsError;

/// What a training refuses, or what stopped it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting out of its range.
    #[error("{name} must be {expected}, got {got}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: String,
    },

    /// The network has not as many outputs as there are classes.
    #[error("{network} has {outputs} outputs but {data} has {classes} classes; give it as many, as in `{}(classes = {classes})`",
        network.split('(').next().unwrap_or_default().trim())]
    Classes {
        /// The network, as it was named.
        network: String,
        /// Its outputs.
        outputs: usize,
        /// The data set.
        data: String,
        /// Its classes.
        classes: usize,
    },

    /// The network takes a vector.
    #[error(
        "{network} takes a vector of {length} numbers, expected images of channels x height x width: another network or `--input`"
    )]
    NotImages {
        /// The network, as it was named.
        network: String,
        /// Length of the vector.
        length: usize,
    },

    /// No data for one of the two parts.
    #[error("{data} has {train} training and {test} test images, expected at least 1 each")]
    NoImages {
        /// The data set.
        data: String,
        /// Training images.
        train: usize,
        /// Test images.
        test: usize,
    },

    /// The definition in the folder, or given, cannot be built.
    #[error("{network}: {message}")]
    Network {
        /// The network, as it was named.
        network: String,
        /// What is wrong with it, and how to mend it.
        message: String,
    },

    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A new run would lie where something lies.
    #[error("{} is there already; resume it, or take another folder", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },

    /// A folder that no run has made.
    #[error("{} is no folder of a run: it has no {missing}", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// The file that is not there.
        missing: &'static str,
    },

    /// A file of the run that this library has not written so.
    #[error("{} is damaged ({reason}); begin a new run", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A file of the run is not what the run began with.
    #[error("{} is not as the run began: its checksum is not the one in `checksums`; bring back whichever has changed or begin a new run", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },

    /// Two processes would train one run.
    #[error("another process trains {}; wait for its end", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },

    /// The data are not those that the run began with.
    #[error("{data} has changed since {} began ({reason}); bring the data back or begin a new run", path.display())]
    OtherData {
        /// The data set.
        data: String,
        /// The folder.
        path: PathBuf,
        /// The first difference.
        reason: String,
    },

    /// The loss grew beyond all bounds.
    #[error(
        "the {loss} is {got} at step {step}, expected a finite number; a learning rate below {rate} or clipping mends it"
    )]
    Diverged {
        /// Which loss.
        loss: &'static str,
        /// What it is.
        got: f64,
        /// Steps so far.
        step: u64,
        /// The learning rate.
        rate: f64,
    },

    /// A step gave numbers that are not finite, and the layer is known.
    #[error(
        "step {step} at a learning rate of {rate} gave numbers that are not finite, first the {fault}; a smaller rate or \
        clipping mends it"
    )]
    NotFinite {
        /// Which step, from 1.
        step: u64,
        /// Its learning rate.
        rate: f64,
        /// Where.
        fault: Fault,
    },

    /// Images that cannot be had or do not fit.
    #[error(transparent)]
    Data(#[from] DataError),

    /// A network or numbers that the engine cannot take.
    #[error(transparent)]
    Engine(#[from] EngineError),

    /// Weights that do not fit, or cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}
