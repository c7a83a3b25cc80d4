//! The training itself: epochs of shuffled batches, from where the folder stands to the end.

mod records;

use std::sync::Arc;
use std::time::Instant;

use cnn_lang::graph::Graph;

use super::ahead::Ahead;
use super::checkpoint::Progress;
use super::error::TrainError;
use super::folder::Run;
use super::images::{Images, targets};
use super::metrics::{EpochRecord, Metrics};
use super::observer::{Begin, Observer};
use super::settings::Settings;
use crate::data::{Loader, Prepared};
use crate::engine::{Device, Given, Session, StepReport, Trainer};

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All epochs are complete; this is the last.
    Done(EpochRecord),
    /// The observer stopped it here; [`fit`] goes on.
    Stopped(Box<Progress>),
}

/// Trains a run to its end, from its checkpoint on if it has one.
///
/// Each epoch has an order of its own, and trains on the smaller last batch too. Images are normalised by the statistics of
/// the training images.
///
/// # Errors
/// If another process trains the run, its files are damaged, the data cannot be had or have changed, the network does not
/// fit them, memory is not to be had, the loss is no longer finite, or a file cannot be written.
pub fn fit(run: &Run, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
    let _lock = run.lock()?;
    let graph = run.graph()?;
    let mut fit = Fit::new(run, &graph, observer)?;
    let Fit { progress, images, trainer, session, steps, .. } = &fit;
    let (training, evaluation, steps) = (&trainer.plan().report, &session.plan().report, *steps);
    observer.begin(&Begin { graph: &graph, facts: &images.facts, training, evaluation, steps, progress });
    while fit.progress.epochs < run.settings().epochs && !fit.gave_up() {
        match fit.epoch(observer) {
            Ok(false) => {}
            Ok(true) => return Ok(Outcome::Stopped(Box::new(fit.progress))),
            Err(error @ TrainError::Diverged { .. }) => fit.diverged(observer, error)?,
            Err(error) => return Err(error),
        }
    }
    match fit.progress.last {
        Some(last) => Ok(Outcome::Done(last)),
        None => Err(TrainError::Damaged { path: run.dir().to_owned(), reason: "no epoch, yet it is complete".into() }),
    }
}

pub(super) struct Fit<'a> {
    pub(super) run: &'a Run,
    pub(super) settings: &'a Settings,
    pub(super) images: Arc<Images>,
    pub(super) trainer: Trainer,
    pub(super) session: Session,
    pub(super) metrics: Metrics,
    pub(super) progress: Progress,
    /// Of an epoch.
    pub(super) steps: usize,
    /// Damaged images that the observer knows, of training, validation and test images.
    told: [usize; 3],
    /// How many checkpoints.
    pub(super) keep: usize,
    /// When the last checkpoint was written.
    pub(super) saved: Instant,
    /// Whether the device copies the images of a step while it computes the one before.
    looks_ahead: bool,
}

impl<'a> Fit<'a> {
    fn new(run: &'a Run, graph: &Graph, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        let settings = run.settings();
        let images = Arc::new(Images::load(settings, graph)?);
        run.keep_facts(&images.facts)?;
        let weights = run.initial(graph)?;
        let steps = images.train.len().div_ceil(settings.batch);
        let mut trainer = Trainer::new(graph, &weights, settings.trainer_options(steps))?;
        let options = settings.session_options(settings.batch.div_ceil(settings.accumulate));
        let session = Session::new(graph, &weights, options)?;
        let mut progress = Progress::default();
        let metrics = run.path("metrics.jsonl");
        if let Some(found) = run.newest(&|progress| Metrics::check(&metrics, progress))? {
            trainer.restore(&found.path.display().to_string(), &found.state)?;
            for (path, reason) in &found.passed {
                let (path, older) = (path.display(), found.path.display());
                observer.warn(&format!("{path} cannot be used ({reason}); goes on from {older}"));
            }
            run.set_aside(&found.passed)?;
            progress = found.progress;
        }
        let metrics = Metrics::open(metrics, progress.metrics)?;
        let (keep, saved) = (observer.keep(), Instant::now());
        let (told, looks_ahead) = ([0; 3], settings.device != Device::Cpu);
        Ok(Fit { run, settings, images, trainer, session, metrics, progress, steps, told, keep, saved, looks_ahead })
    }

    /// The rest of an epoch. Whether it was stopped.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<bool, TrainError> {
        let log_every = self.settings.log_every;
        let mut batches = Ahead::new(self.batches(&self.progress), self.looks_ahead);
        let mut stopped = false;
        loop {
            let (began, waited) = (Instant::now(), batches.waited());
            let Some((batch, first)) = batches.next() else { break };
            self.tell_skipped(observer);
            let batch = batch?;
            let data_seconds = (batches.waited() - waited).as_secs_f64();
            let (report, rate) = match self.looks_ahead {
                true => self.step_ahead(&batch, first, batches.following())?,
                false => self.step(&batch, self.progress.steps)?,
            };
            if let Some((loss, got)) = report.not_finite() {
                return Err(TrainError::Diverged { loss, got, step: self.progress.steps + 1, rate });
            }
            let progress = &mut self.progress;
            progress.batches += 1;
            progress.steps += 1;
            let seconds = began.elapsed().as_secs_f64();
            progress.seconds += seconds;
            progress.skipped += u64::from(report.skipped);
            let counts = !report.skipped || report.is_search_for_scale();
            for sums in [&mut progress.epoch, &mut progress.line].into_iter().filter(|_| counts) {
                sums.add(&report, [seconds, data_seconds]);
            }
            if progress.steps.is_multiple_of(log_every as u64) {
                self.line(rate)?;
            }
            observer.step(&self.progress, rate);
            stopped = observer.stop();
            if stopped || self.saved.elapsed() >= observer.checkpoint_every() {
                self.checkpoint()?;
            }
            if stopped {
                break;
            }
        }
        if !stopped {
            let record = self.end_of_epoch()?;
            self.tell_skipped(observer);
            observer.epoch(&record);
            stopped = observer.stop() && self.progress.epochs < self.settings.epochs && !self.gave_up();
        }
        Ok(stopped)
    }

    /// What is left of an epoch.
    pub(super) fn batches(&self, from: &Progress) -> Loader {
        let train = &self.images.train;
        let threads = self.settings.images.workers.unwrap_or(train.threads());
        Loader::training(train, self.settings.batch, self.settings.epoch_seed(from.epochs), from.batches, threads)
    }

    /// A step of the training, which is the same whenever it is done: what it measured, and its learning rate.
    pub(super) fn step(&mut self, batch: &Prepared, at: u64) -> Result<(StepReport, f64), TrainError> {
        let rate = self.begin_step(at)?;
        Ok((self.trainer.step(&batch.images, targets(&batch.labels), rate)?, rate))
    }

    /// The same for the step that is due, whose images the device has unless it is the `first`; it copies those of the `next`.
    fn step_ahead(
        &mut self,
        batch: &Prepared,
        first: bool,
        next: Option<Given<'_, f32>>,
    ) -> Result<(StepReport, f64), TrainError> {
        let rate = self.begin_step(self.progress.steps)?;
        if first {
            self.trainer.preload(&batch.images)?;
        }
        Ok((self.trainer.step_preloaded(targets(&batch.labels), rate, next)?, rate))
    }

    /// What a step depends on beside its batch: its learning rate, which is returned, and the share of the dropout.
    fn begin_step(&mut self, at: u64) -> Result<f64, TrainError> {
        if let Some(ramp) = &self.settings.dropout {
            self.trainer.set_dropout(ramp.share(at, self.steps as u64))?;
        }
        Ok(self.rate(at) * self.progress.rate_factor)
    }

    /// Whether nothing was gained for long enough.
    fn gave_up(&self) -> bool {
        self.settings.early_stop.is_some_and(|early| self.progress.gains.since >= early.patience)
    }

    /// Damaged images of which the observer does not know yet.
    fn tell_skipped(&mut self, observer: &mut dyn Observer) {
        let parts = [Some(&self.images.train), self.images.validation.as_ref(), Some(&self.images.test)];
        for (part, told) in parts.into_iter().zip(&mut self.told) {
            for image in part.map(|part| part.skipped(*told)).unwrap_or_default() {
                *told += 1;
                observer.skipped(&image);
            }
        }
    }

    /// The learning rate of a step, from 0.
    fn rate(&self, step: u64) -> f64 {
        let Settings { schedule, learning_rate, epochs, .. } = self.settings;
        schedule.rate(*learning_rate, step, self.steps as u64, *epochs)
    }
}

#[cfg(test)]
mod tests;
