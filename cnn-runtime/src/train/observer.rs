//! Who watches a training.

use std::time::Duration;

use cnn_lang::graph::Graph;

use super::checkpoint::Progress;
use super::diverged::OnNan;
use super::images::Facts;
use super::metrics::EpochRecord;
use crate::data::Skipped;
use crate::engine::Report;

/// What a training is about to do.
#[derive(Clone, Debug)]
pub struct Begin<'a> {
    /// The network.
    pub graph: &'a Graph,
    /// The data.
    pub facts: &'a Facts,
    /// Memory of the training.
    pub training: &'a Report,
    /// Memory of the evaluation, beside it.
    pub evaluation: &'a Report,
    /// Steps of an epoch.
    pub steps: usize,
    /// Where it goes on.
    pub progress: &'a Progress,
}

/// Who watches a training. Nothing of this changes its numbers.
pub trait Observer {
    /// Before the first step.
    fn begin(&mut self, _begin: &Begin<'_>) {}

    /// After every step: where the training stands, and its learning rate.
    fn step(&mut self, _progress: &Progress, _rate: f64) {}

    /// After every epoch, when its files are written.
    fn epoch(&mut self, _record: &EpochRecord) {}

    /// A damaged image was left out.
    fn skipped(&mut self, _image: &Skipped) {}

    /// Whether to stop after this step, with a checkpoint.
    fn stop(&mut self) -> bool {
        false
    }

    /// Something that mends itself but should be known: a damaged checkpoint that was passed over.
    fn warn(&mut self, _warning: &str) {}

    /// What to do where numbers are no longer finite.
    fn on_nan(&self) -> OnNan {
        OnNan::Stop
    }

    /// How many checkpoints are kept, at least 1: the newest.
    fn keep(&self) -> usize {
        3
    }

    /// The longest time between two checkpoints; there is always one at the end of an epoch.
    fn checkpoint_every(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// Nobody watches.
impl Observer for () {}
