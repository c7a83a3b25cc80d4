//! What a training shows: its memory, a bar on a terminal, a line for each epoch.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;
use super::failure::Failure;
use crate::data::Skipped;
use crate::train::{self, Begin, EpochRecord, Observer, Settings};

/// Shows a training and stops it at Ctrl-C.
pub(super) struct Progress<'o, 'w> {
    settings: Settings,
    output: &'o mut Output<'w>,
    /// Standard output is for the result alone.
    pub(super) quiet: bool,
    /// The longest time between two checkpoints.
    pub(super) checkpoint_every: Duration,
    stop: Arc<AtomicBool>,
    bar: ProgressBar,
    /// Why lines could not be written.
    failed: Option<std::io::Error>,
}

impl<'o, 'w> Progress<'o, 'w> {
    pub(super) fn new(settings: &Settings, output: &'o mut Output<'w>, stop: Arc<AtomicBool>) -> Self {
        let bar = ProgressBar::no_length();
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len}  {msg}  {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        let checkpoint_every = Duration::from_secs(60);
        Progress { settings: settings.clone(), output, quiet: false, checkpoint_every, stop, bar, failed: None }
    }

    /// Clears the bar.
    pub(super) fn end(self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        self.failed.map_or(Ok(()), |error| Err(error.into()))
    }

    fn say(&mut self, line: &str) {
        if self.quiet || self.failed.is_some() {
            return;
        }
        let Output { out, .. } = &mut *self.output;
        let written = self.bar.suspend(|| writeln!(out, "{line}").and_then(|()| out.flush()));
        self.failed = written.err();
    }

    fn begin_epoch(&mut self, epoch: usize) {
        self.bar.set_prefix(format!("epoch {}/{}", epoch + 1, self.settings.epochs));
    }
}

impl Observer for Progress<'_, '_> {
    fn begin(&mut self, begin: &Begin<'_>) {
        let Begin { facts, training, evaluation, steps, progress, graph } = begin;
        self.say(&format!("{}: {} -> {}", self.settings.network, graph.input_shape(), graph.output_shape()));
        self.say(&format!("{}: {} training and {} test images", self.settings.data, facts.train, facts.test));
        self.say(&format!("training takes {training}"));
        let mebibytes = evaluation.total() as f64 / f64::from(1 << 20);
        self.say(&format!("evaluation takes {mebibytes:.1} MiB"));
        if progress.steps > 0 {
            self.say(&format!("goes on after {} epochs and {} steps", progress.epochs, progress.batches));
        }
        self.bar.set_length((steps * self.settings.epochs) as u64);
        self.bar.set_position(progress.steps);
        self.bar.reset_eta();
        self.begin_epoch(progress.epochs);
    }

    fn step(&mut self, progress: &train::Progress, _rate: f64) {
        let sums = &progress.epoch;
        let (loss, percent) = (sums.mean_loss(), 100.0 * sums.accuracy());
        self.bar
            .set_message(format!("loss {loss:.4}  accuracy {percent:.2} %  {:.0} images/s", sums.images_per_second()));
        self.bar.set_position(progress.steps);
    }

    fn epoch(&mut self, record: &EpochRecord) {
        let EpochRecord { epoch, loss, accuracy, images_per_second, seconds, .. } = record;
        let epochs = self.settings.epochs;
        let (test_loss, test) = (record.test_loss(), 100.0 * record.test_accuracy());
        self.say(&format!(
            "epoch {epoch}/{epochs}  loss {loss:.4}  accuracy {:.2} %  test loss {test_loss:.4}  test accuracy {test:.2} %  \
             {images_per_second:.0} images/s  {seconds:.1} s",
            100.0 * accuracy
        ));
        self.begin_epoch(*epoch);
    }

    fn skipped(&mut self, image: &Skipped) {
        let Skipped { path, reason } = image;
        self.bar.suspend(|| eprintln!("left out: {} ({reason})", path.display()));
    }

    fn stop(&mut self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn checkpoint_every(&self) -> Duration {
        self.checkpoint_every
    }
}
