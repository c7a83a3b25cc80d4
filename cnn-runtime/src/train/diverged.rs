//! What happens where numbers are no longer finite: the layer is found, then the training ends or goes back.
//!
//! A step that went wrong has spoilt the weights. So it is done again from the newest checkpoint, with the same kernels and to
//! the same bits, looking at what every layer writes.

use std::time::Instant;

use super::checkpoint::{Progress, Sums};
use super::error::TrainError;
use super::fit::Fit;
use super::metrics::{Metrics, Record, RollbackRecord};
use super::observer::Observer;
use crate::engine::{Fault, Trainer};

/// What to do where the loss, a gradient or a weight is infinite or no number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum OnNan {
    /// The training ends with an error that names the layer; checkpoints are as they were.
    #[default]
    Stop,
    /// It goes back to the newest checkpoint and on with half the learning rate, at most eight times. Where checkpoints fall
    /// depends on a clock, so what comes out is not the same every time.
    Rollback,
}

/// After so many, a smaller rate is no help.
const MOST_ROLLBACKS: u32 = 8;

impl Fit<'_> {
    /// Finds the layer, then goes back if that is asked for.
    pub(super) fn diverged(&mut self, observer: &mut dyn Observer, error: TrainError) -> Result<(), TrainError> {
        let (from, state) = self.kept()?;
        let error = match self.replay(&from, state.as_deref())? {
            Some((step, rate, fault)) => TrainError::NotFinite { step, rate, fault },
            None => error,
        };
        if observer.on_nan() == OnNan::Stop || from.rollbacks >= MOST_ROLLBACKS {
            return Err(error);
        }
        let rate_factor = from.rate_factor / 2.0;
        observer
            .warn(&format!("{error}; goes back to step {} and on with {rate_factor} of the learning rate", from.steps));
        self.go_back(from, state.as_deref(), rate_factor, &error)
    }

    /// The newest checkpoint, or the beginning.
    fn kept(&self) -> Result<(Progress, Option<Vec<u8>>), TrainError> {
        Ok(match self.run.checkpoint()? {
            Some((progress, state)) => (progress, Some(state)),
            None => (Progress::default(), None),
        })
    }

    /// The trainer as it was then.
    fn restore(&mut self, state: Option<&[u8]>) -> Result<(), TrainError> {
        match state {
            Some(state) => Ok(self.trainer.restore("the newest checkpoint", state)?),
            None => {
                let graph = self.trainer.graph().clone();
                self.trainer =
                    Trainer::new(&graph, &self.run.initial(&graph)?, self.settings.trainer_options(self.steps))?;
                Ok(())
            }
        }
    }

    /// Does the steps again that followed, up to the first that gives something not finite: which one, its learning rate, where.
    fn replay(&mut self, from: &Progress, state: Option<&[u8]>) -> Result<Option<(u64, f64, Fault)>, TrainError> {
        self.restore(state)?;
        let mut found = None;
        for (step, batch) in (from.steps..).zip(self.batches(from)) {
            let batch = batch?;
            // Every time: a stage that something thaws in begins with another plan.
            self.trainer.audit(true);
            let (report, rate) = self.step(&batch, step)?;
            if let Some(fault) = self.trainer.fault().filter(|_| !report.skipped) {
                found = Some((step + 1, rate, fault));
                break;
            }
        }
        self.trainer.audit(false);
        Ok(found)
    }

    /// Everything is as the checkpoint knows it, but for the rate; which is kept at once, so that a killed run knows it too.
    fn go_back(
        &mut self,
        from: Progress,
        state: Option<&[u8]>,
        rate_factor: f64,
        error: &TrainError,
    ) -> Result<(), TrainError> {
        self.restore(state)?;
        let lost = self.progress.steps;
        self.progress = Progress { rate_factor, rollbacks: from.rollbacks + 1, ..from };
        self.metrics = Metrics::open(self.run.path("metrics.jsonl"), self.progress.metrics)?;
        let Progress { epochs, steps, seconds, .. } = self.progress;
        self.metrics.append(&Record::Rollback(RollbackRecord {
            epoch: epochs + 1,
            step: steps,
            from: lost,
            rate_factor,
            reason: error.to_string(),
            seconds,
        }))?;
        self.progress.line = Sums::default();
        self.saved = Instant::now();
        self.checkpoint()
    }
}
