//! What a search shows: a line for each trial, a bar on a terminal.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::{Device, Precision};
use crate::program::Output;
use crate::program::failure::Failure;
use crate::program::study::Opened;
use crate::search::evaluate::{Evaluation, Evaluator};
use crate::search::report::duration;
use crate::search::{Objective, State, Study, Trial};
use crate::train::Settings;

/// Shows a search.
pub(super) struct Progress<'o, 'w> {
    /// A view of its own.
    study: Study,
    output: &'o mut Output<'w>,
    quiet: bool,
    bar: ProgressBar,
    /// Told trials that were shown.
    shown: usize,
    trials: u64,
    workers: u16,
    began: Instant,
    /// Told trials when this process began.
    before: usize,
}

impl<'o, 'w> Progress<'o, 'w> {
    pub(super) fn new(
        opened: &Opened,
        trials: u64,
        workers: u16,
        quiet: bool,
        output: &'o mut Output<'w>,
    ) -> Result<Self, Failure> {
        let study = Study::new(opened.networks.clone(), opened.study.storage()?)?;
        let bar = ProgressBar::new(trials);
        if quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("[{bar:30}] {pos}/{len}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        let before = study.history().told_len();
        let mut progress =
            Progress { study, output, quiet, bar, shown: before, trials, workers, began: Instant::now(), before };
        progress.begin(opened)?;
        Ok(progress)
    }

    fn begin(&mut self, opened: &Opened) -> Result<(), Failure> {
        let spec = self.study.spec().clone();
        let space = opened.networks.space();
        let size = match space.size() {
            Some(size) if size < 10_000_000 => size.to_string(),
            _ => format!("2^{:.1}", space.log2_size()),
        };
        let genes = space.genes().len();
        let list = |objectives: &[Objective]| objectives.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.say(&format!(
            "{}: {size} members, {genes} genes, {} -> {}",
            spec.space,
            space.input_shape(),
            space.output_shape()
        ))?;
        let reward = spec.reward.as_ref().map_or(String::new(), |reward| format!(" by {reward}"));
        self.say(&format!(
            "{}{reward}, {}, pruner {}, seed {}",
            list(&spec.objectives),
            spec.sampler,
            spec.pruner,
            spec.seed
        ))?;
        let Settings { device, precision, .. } = Evaluation::of(&spec)?.training;
        if (device, precision) != (Device::Cpu, Precision::Full) {
            self.say(&format!("on {device}, {precision}"))?;
        }
        if self.before > 0 {
            let best = self.study.best().map_or(String::new(), |best| format!("; best trial {}", best.number));
            self.say(&format!("goes on after {} trials{best}", self.before))?;
        }
        Ok(())
    }

    fn say(&mut self, line: &str) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        let Output { out, .. } = &mut *self.output;
        Ok(self.bar.suspend(|| writeln!(out, "{line}").and_then(|()| out.flush()))?)
    }

    /// Shows what was told meanwhile.
    pub(super) fn refresh(&mut self, evaluator: &Evaluator) -> Result<(), Failure> {
        self.study.refresh()?;
        let told: Vec<Trial> = self.study.history().told_from(self.shown).cloned().collect();
        if !told.is_empty() {
            evaluator.tidy(&self.study);
        }
        for trial in told {
            self.shown += 1;
            let line = self.line(&trial);
            self.say(&line)?;
        }
        let history = self.study.history();
        let running = history.count(State::Running);
        let best = self.study.best().and_then(|best| Some((best.number, *best.values.first()?)));
        let best = match (best, self.study.spec().objectives.first()) {
            (Some((number, best)), Some(objective)) => format!("best {} (trial {number})", value(objective, best)),
            _ => "nothing complete yet".to_owned(),
        };
        let front = match self.study.spec().objectives.len() {
            0 | 1 => String::new(),
            _ => format!("  front {}", self.study.front().len()),
        };
        self.bar.set_position(history.told_len() as u64);
        self.bar.set_message(format!("{best}{front}  {running} running  {}", self.left()));
        self.bar.tick();
        Ok(())
    }

    /// How long it will take, by what the trials so far took.
    fn left(&self) -> String {
        let told = self.study.history().told_len();
        let here = told.saturating_sub(self.before);
        if here < usize::from(self.workers) {
            return String::new();
        }
        let each = self.began.elapsed().as_secs_f64() / here as f64;
        format!("{} left", duration(each * (self.trials as usize).saturating_sub(told) as f64))
    }

    fn line(&self, trial: &Trial) -> String {
        let spec = self.study.spec();
        let what = match trial.state {
            State::Complete => {
                spec.objectives.iter().zip(&trial.values).map(|(o, v)| value(o, *v)).collect::<Vec<_>>().join("  ")
            }
            State::Pruned => match (trial.reports.last(), spec.objectives.first()) {
                (Some(&(step, last)), Some(objective)) => format!("pruned at step {step}, {}", value(objective, last)),
                _ => "pruned".to_owned(),
            },
            _ => format!("{}: {}", trial.state, trial.note.as_deref().unwrap_or_default()),
        };
        let best = match self.study.best() {
            Some(best) if best.number == trial.number => "  *",
            _ => "",
        };
        let seconds = trial.seconds().map_or(String::new(), duration);
        let (told, trials) = (self.shown, self.trials);
        format!("{told}/{trials}  trial {}  {what}  {}  {seconds}  {}{best}", trial.number, trial.origin, trial.genome)
    }

    /// Clears the bar.
    pub(super) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// A value with its name and unit.
pub(in crate::program) fn value(objective: &Objective, value: f64) -> String {
    let name = &objective.name;
    match name.as_str() {
        "accuracy" => format!("{name} {:.2} %", 100.0 * value),
        "latency" | "predicted_latency" => format!("{name} {value:.3} ms"),
        "params" | "macs" | "activations" => format!("{name} {value:.0}"),
        _ => format!("{name} {value:.4}"),
    }
}
