//! What a scheme refuses, or what stopped it.

use super::Phase;
use crate::data::DataError;
use crate::engine::EngineError;
use crate::train::TrainError;

/// What a scheme refuses, or what stopped it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemeError {
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

    /// No image to learn from.
    #[error("there are no {what} images, expected at least 1")]
    NoImages {
        /// Labelled or unlabelled ones.
        what: &'static str,
    },

    /// The network takes other images.
    #[error("{network} takes {expected}, the {what} images are prepared as {}x{}x{}: prepare them for it", got[0], got[1], got[2])]
    Shape {
        /// The network.
        network: String,
        /// What it takes.
        expected: String,
        /// Labelled or unlabelled ones.
        what: &'static str,
        /// Channels, height, width of the images.
        got: [usize; 3],
    },

    /// The network has another number of outputs than there are classes.
    #[error("{network} has {outputs} outputs but the labelled images have {classes} classes; give it as many")]
    Classes {
        /// The network.
        network: String,
        /// Its outputs.
        outputs: usize,
        /// Classes of the images.
        classes: usize,
    },

    /// Unlabelled images that are mixed with each other, whose classes nobody knows then.
    #[error("unlabelled images cannot be mixed (`{step}`): their pseudo-labels belong to single images; leave it out")]
    Mixed {
        /// What mixes them.
        step: String,
    },

    /// The teacher is sure of nothing.
    #[error(
        "no unlabelled image has a confidence of {threshold}, the surest has {best:.3}: a lower one, or a better teacher"
    )]
    NothingConfident {
        /// What is asked for.
        threshold: f64,
        /// What the surest image has.
        best: f64,
    },

    /// Pseudo-labels of other images.
    #[error("pseudo-labels name image {item} but there are {images} unlabelled images: label these")]
    OtherImages {
        /// The largest number of an image.
        item: usize,
        /// How many there are.
        images: usize,
    },

    /// The loss, or a gradient, grew beyond all bounds.
    #[error(
        "the {loss} of the {phase} is {got} at step {step}, expected a finite number; a learning rate below {rate} or clipping mends it"
    )]
    Diverged {
        /// Who learned.
        phase: Phase,
        /// What grew.
        loss: &'static str,
        /// What it is.
        got: f64,
        /// Steps so far.
        step: u64,
        /// The learning rate.
        rate: f64,
    },

    /// Images that cannot be had.
    #[error(transparent)]
    Data(#[from] DataError),

    /// What the engine cannot take.
    #[error(transparent)]
    Engine(#[from] EngineError),

    /// What an evaluation refuses.
    #[error(transparent)]
    Train(#[from] TrainError),
}
