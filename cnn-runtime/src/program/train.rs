//! `cnn train NET`: a run from its beginning, or from where it stands.

mod choices;
mod images;
mod lr_find;
mod recipe;
mod running;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Output;
use super::failure::Failure;
use super::progress::Progress;
use super::text::json;
use super::weights::Names;
use crate::train::{Outcome, Run, TrainError, fit};
use choices::Choices;
pub(super) use choices::counts;
use images::ImageChoices;
pub(super) use lr_find::LrFind;
use recipe::Recipes;
use running::Running;
pub(super) use running::interrupts;

/// Trains a network and keeps everything in a folder
#[derive(Args)]
pub(super) struct Train {
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    images: ImageChoices,
    #[command(flatten)]
    recipes: Recipes,
    #[command(flatten)]
    names: Names,
    /// Goes on with the run in this folder, with its settings
    #[arg(long, value_name = "DIR", conflicts_with_all = ["Choices", "ImageChoices", "Recipes", "Names"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    running: Running,
    /// Write JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// The output of `cnn train --json`.
#[derive(Serialize)]
struct Trained {
    network: String,
    run: String,
    stopped: bool,
    epochs: usize,
    steps: u64,
    test_loss: Option<f64>,
    test_accuracy: Option<f64>,
    best_epoch: Option<usize>,
    best_accuracy: Option<f64>,
    seconds: f64,
    weights: String,
}

impl Train {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        if self.recipes.lists() {
            return recipe::list(self.json, output);
        }
        let made = self.choices.missing();
        let run = match &self.resume {
            Some(dir) => Run::open(dir)?,
            None => self.choices.begin(&self.images, &self.recipes, &self.names, self.json, output)?,
        };
        let mut progress = Progress::new(run.settings(), output, interrupts()?);
        progress.quiet = self.json;
        self.running.apply(&mut progress);
        let ended = fit(&run, &mut progress);
        progress.end()?;
        let ended = match (ended, run.checkpoint()) {
            // Nothing was trained that a folder would keep.
            (Err(error), Ok(None)) if self.resume.is_none() => {
                let _ = std::fs::remove_dir_all(run.dir());
                // Those that hold nothing else.
                let _ = made.iter().try_for_each(std::fs::remove_dir);
                return Err(error.into());
            }
            (Err(error), Ok(Some(_))) => return Err(went_wrong(error, &run)),
            (ended, _) => ended?,
        };
        let stopped = matches!(ended, Outcome::Stopped(_));
        if self.json {
            json(output.out, &trained(&run, stopped)?)?;
        } else {
            lines(&run, stopped, output)?;
        }
        output.out.flush()?;
        if stopped { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

/// What stopped a run that has come somewhere: what is kept is intact, and waits for the machine to be mended.
fn went_wrong(error: TrainError, run: &Run) -> Failure {
    let mended = matches!(error, TrainError::Io { .. } | TrainError::Data(_) | TrainError::Weights(_));
    let failure = Failure::from(error);
    match mended {
        true => failure.help(format!("when that is mended, go on with: cnn train --resume {}", shown(run.dir()))),
        false => failure,
    }
}

fn lines(run: &Run, stopped: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let dir = shown(run.dir());
    let Trained { epochs, steps, test_accuracy, best_epoch, best_accuracy, .. } = trained(run, stopped)?;
    if stopped {
        return Ok(writeln!(output.out, "stopped after {steps} steps; go on with: cnn train --resume {dir}")?);
    }
    if let Some(early) = run.settings().early_stop.filter(|_| epochs < run.settings().epochs) {
        writeln!(output.out, "ended after {epochs} epochs: the last {} gained nothing", early.patience)?;
    }
    let skipped = run.checkpoint()?.map_or(0, |(progress, _)| progress.skipped);
    if skipped > 0 {
        writeln!(output.out, "skipped {skipped} of {steps} steps: a gradient was not finite")?;
    }
    let percent = |share: Option<f64>| format!("{:.2} %", 100.0 * share.unwrap_or_default());
    let best = match (best_epoch, best_accuracy) {
        (Some(epoch), best) if best > test_accuracy => format!(" (best: {} in epoch {epoch})", percent(best)),
        _ => String::new(),
    };
    writeln!(output.out, "test accuracy: {}{best}", percent(test_accuracy))?;
    writeln!(output.out, "run: {dir}")?;
    let files = "--input X.safetensors --output Y.safetensors";
    Ok(writeln!(output.out, "predict: cnn predict {dir} --normalize {files}")?)
}

/// As a shell takes it.
pub(super) fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/_-.:=+,@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn trained(run: &Run, stopped: bool) -> Result<Trained, Failure> {
    let progress = run.checkpoint()?.map(|(progress, _)| progress).unwrap_or_default();
    let last = progress.last.as_ref();
    Ok(Trained {
        network: run.settings().network.clone(),
        run: run.dir().display().to_string(),
        stopped,
        epochs: progress.epochs,
        steps: progress.steps,
        test_loss: last.map(|last| last.test_loss()),
        test_accuracy: last.map(|last| last.test_accuracy()),
        best_epoch: progress.best.map(|best| best.epoch),
        best_accuracy: progress.best.map(|best| best.accuracy),
        seconds: progress.seconds,
        weights: run.weights().display().to_string(),
    })
}
