//! What a training shows: its memory, a bar on a terminal, a line for each epoch.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;
use super::failure::Failure;
use crate::data::Skipped;
use crate::train::{self, Begin, EpochRecord, Observer, OnNan, Settings};

/// Between two lines where there is no bar.
const LINES: Duration = Duration::from_secs(30);

/// `3 h 20 min`
fn time(seconds: f64) -> String {
    match seconds as u64 {
        s @ ..120 => format!("{s} s"),
        s @ ..7200 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

/// Shows a training and stops it at a signal.
pub(super) struct Progress<'o, 'w> {
    settings: Settings,
    output: &'o mut Output<'w>,
    /// Standard output is for the result alone.
    pub(super) quiet: bool,
    /// The longest time between two checkpoints.
    pub(super) checkpoint_every: Duration,
    /// How many of them are kept.
    pub(super) keep: usize,
    /// What to do where numbers are not finite.
    pub(super) on_nan: OnNan,
    stop: Arc<AtomicBool>,
    bar: ProgressBar,
    /// When the last line was written; lines stand in for the bar where there is no terminal.
    said: Instant,
    /// Steps of an epoch.
    steps: usize,
    /// What there is to say of waiting for data in this epoch.
    waited: String,
    /// When the training went on, and after which step.
    began: (Instant, u64),
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
        let (settings, now) = (settings.clone(), Instant::now());
        Progress {
            settings,
            output,
            quiet: false,
            checkpoint_every,
            keep: 3,
            on_nan: OnNan::Stop,
            stop,
            bar,
            said: now,
            steps: 0,
            waited: String::new(),
            began: (now, 0),
            failed: None,
        }
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
        self.said = Instant::now();
        self.failed = written.err();
    }

    /// How long the rest takes at the pace since the training began or went on.
    fn left(&self, step: u64) -> String {
        let (since, first) = self.began;
        let all = (self.steps * self.settings.epochs) as u64;
        let pace = since.elapsed().as_secs_f64() / step.saturating_sub(first).max(1) as f64;
        time(pace * all.saturating_sub(step) as f64)
    }

    fn begin_epoch(&mut self, epoch: usize) {
        self.bar.set_prefix(format!("epoch {}/{}", epoch + 1, self.settings.epochs));
    }
}

/// That the engine waited for data, where it is worth a thought: more workers, smaller files.
fn waited(share: f64) -> String {
    if share < 0.03 { String::new() } else { format!(" ({:.0} % of the time waiting for data)", 100.0 * share) }
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
        (self.steps, self.began) = (*steps, (Instant::now(), progress.steps));
        self.bar.set_length((steps * self.settings.epochs) as u64);
        self.bar.set_position(progress.steps);
        self.bar.reset_eta();
        self.begin_epoch(progress.epochs);
    }

    fn step(&mut self, progress: &train::Progress, _rate: f64) {
        let sums = &progress.epoch;
        let (loss, percent) = (sums.mean_loss(), 100.0 * sums.accuracy());
        self.waited = waited(sums.waited());
        let (images, waited) = (sums.images_per_second(), &self.waited);
        self.bar.set_message(format!("loss {loss:.4}  accuracy {percent:.2} %  {images:.0} images/s{waited}"));
        self.bar.set_position(progress.steps);
        // In a file a bar would be control codes: a line now and then, so that long epochs can be followed.
        if self.bar.is_hidden() && self.said.elapsed() >= LINES {
            let (epoch, epochs) = (progress.epochs + 1, self.settings.epochs);
            let (step, steps) = (progress.batches, self.steps);
            let left = self.left(progress.steps);
            self.say(&format!(
                "epoch {epoch}/{epochs}  step {step}/{steps}  loss {loss:.4}  accuracy {percent:.2} %  {images:.0} \
                 images/s{waited}  {left} left"
            ));
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        let EpochRecord { epoch, loss, accuracy, images_per_second, seconds, .. } = record;
        let epochs = self.settings.epochs;
        let (test_loss, test) = (record.test_loss(), 100.0 * record.test_accuracy());
        self.say(&format!(
            "epoch {epoch}/{epochs}  loss {loss:.4}  accuracy {:.2} %  test loss {test_loss:.4}  test accuracy {test:.2} %  \
             {images_per_second:.0} images/s{}  {seconds:.1} s",
            100.0 * accuracy, self.waited
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

    fn warn(&mut self, warning: &str) {
        let Output { err, .. } = &mut *self.output;
        // Nobody is left to be told that standard error cannot be written.
        let _ = self.bar.suspend(|| writeln!(err, "warning: {warning}"));
    }

    fn on_nan(&self) -> OnNan {
        self.on_nan
    }

    fn keep(&self) -> usize {
        self.keep
    }

    fn checkpoint_every(&self) -> Duration {
        self.checkpoint_every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!([0.4, 119.0, 120.0, 7199.0, 12_000.0].map(time), ["0 s", "119 s", "2 min", "119 min", "3 h 20 min"]);
    }
}
