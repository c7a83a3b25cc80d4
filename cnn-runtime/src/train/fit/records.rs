//! What a training notes: lines of metrics, the end of an epoch, checkpoints.

use std::time::Instant;

use super::Fit;
use crate::train::checkpoint::{Best, Progress, Sums};
use crate::train::error::TrainError;
use crate::train::evaluate::{Evaluation, evaluate};
use crate::train::metrics::{EpochRecord, Record, StepRecord};
use crate::weights::StateDict;

impl Fit<'_> {
    pub(super) fn line(&mut self, rate: f64) -> Result<(), TrainError> {
        let line = std::mem::take(&mut self.progress.line);
        let Progress { epochs, steps, seconds, .. } = self.progress;
        self.metrics.append(&Record::Step(StepRecord {
            epoch: epochs + 1,
            step: steps,
            loss: line.mean_loss(),
            main_loss: line.main_loss(),
            auxiliary_losses: line.auxiliary_losses(),
            accuracy: line.accuracy(),
            rate,
            images_per_second: line.images_per_second(),
            seconds,
            data_seconds: line.data_seconds,
        }))
    }

    /// Evaluation, metrics, weights, and the checkpoint last: killed before, all this comes again to the same.
    pub(super) fn end_of_epoch(&mut self) -> Result<EpochRecord, TrainError> {
        if self.progress.epoch.images == 0 {
            // Every step was skipped.
            let (step, rate) = (self.progress.steps, self.last_rate());
            return Err(TrainError::Diverged { loss: "loss", got: f64::NAN, step, rate });
        }
        let began = Instant::now();
        let plain = self.trainer.weights();
        let averages = self.trainer.averages();
        let evaluation = self.evaluate(&plain)?;
        let averaged = averages.as_ref().map(|averages| self.evaluate(averages)).transpose()?;
        self.progress.seconds += began.elapsed().as_secs_f64();
        let kept = averaged.as_ref().unwrap_or(&evaluation);
        let Progress { epochs, steps, seconds, ref epoch, .. } = self.progress;
        let record = EpochRecord {
            epoch: epochs + 1,
            step: steps,
            loss: epoch.mean_loss(),
            main_loss: epoch.main_loss(),
            auxiliary_losses: epoch.auxiliary_losses(),
            accuracy: epoch.accuracy(),
            eval_loss: evaluation.loss,
            eval_accuracy: evaluation.accuracy,
            average_loss: averaged.as_ref().map(|averaged| averaged.loss),
            average_accuracy: averaged.as_ref().map(|averaged| averaged.accuracy),
            top5: kept.top5,
            calibration_error: kept.calibration.error(),
            rate: self.last_rate(),
            images_per_second: epoch.images_per_second(),
            seconds,
            data_seconds: epoch.data_seconds,
        };
        self.metrics.append(&Record::Epoch(record.clone()))?;
        self.run.keep_assessment(record.epoch, kept, self.images.judged(), &self.images.facts)?;
        let weights = averages.unwrap_or(plain).to_bytes()?;
        self.run.replace("weights.safetensors", &weights)?;
        let accuracy = record.test_accuracy();
        if self.progress.best.is_none_or(|best| accuracy > best.accuracy) {
            self.run.replace("best.safetensors", &weights)?;
            self.progress.best = Some(Best { epoch: record.epoch, accuracy });
        }
        #[cfg(feature = "program")]
        crate::train::curve::draw(self.run)?;
        self.run.report()?;
        let progress = &mut self.progress;
        if let Some(early) = &self.settings.early_stop {
            progress.gains = early.after(progress.gains, &record);
        }
        progress.epochs += 1;
        progress.batches = 0;
        (progress.epoch, progress.line) = (Sums::default(), Sums::default());
        progress.last = Some(record.clone());
        self.checkpoint()?;
        Ok(record)
    }

    fn last_rate(&self) -> f64 {
        self.rate(self.progress.steps.saturating_sub(1)) * self.progress.rate_factor
    }

    fn evaluate(&mut self, weights: &StateDict<f32>) -> Result<Evaluation, TrainError> {
        self.session.set_weights(weights)?;
        let evaluation = evaluate(&mut self.session, self.images.judged())?;
        match evaluation.loss.is_finite() {
            true => Ok(evaluation),
            false => {
                let (step, rate) = (self.progress.steps, self.last_rate());
                Err(TrainError::Diverged { loss: "test loss", got: evaluation.loss, step, rate })
            }
        }
    }

    /// Refuses to keep weights that are not finite: a step spoilt them whose loss was.
    pub(in crate::train) fn checkpoint(&mut self) -> Result<(), TrainError> {
        let weights = self.trainer.weights();
        let numbers = || weights.tensors().iter().flat_map(|tensor| &tensor.data);
        if let Some(&got) = numbers().find(|number| !number.is_finite()) {
            let (step, rate, got) = (self.progress.steps, self.last_rate(), f64::from(got));
            return Err(TrainError::Diverged { loss: "weight", got, step, rate });
        }
        (self.progress.metrics, self.progress.metrics_checksum) = self.metrics.sync()?;
        self.run.keep_checkpoint(&self.trainer.checkpoint()?, &self.progress, self.keep)?;
        self.saved = Instant::now();
        Ok(())
    }
}
