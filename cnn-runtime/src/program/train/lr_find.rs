//! `cnn lr-find NET`: a learning rate to begin with.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::choices::{Asked, Choices, RUNS};
use super::images::ImageChoices;
use super::recipe::Recipes;
use super::shown;
use crate::program::Output;
use crate::program::count::count;
use crate::program::failure::Failure;
use crate::program::text::json;
use crate::program::weights::Names;
use crate::train::{Found, Point, Sweep, lr_find};
use crate::weights::StateDict;

/// Finds a learning rate to begin with: a short training whose rate rises. Takes the options of `cnn train`
#[derive(Args)]
pub(in crate::program) struct LrFind {
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    images: ImageChoices,
    #[command(flatten)]
    recipes: Recipes,
    #[command(flatten)]
    names: Names,
    /// The first rate
    #[arg(long, value_name = "RATE", default_value_t = Sweep::default().from)]
    from: f64,
    /// The last rate
    #[arg(long, value_name = "RATE", default_value_t = Sweep::default().to)]
    to: f64,
    /// Steps from the first to the last
    #[arg(long, default_value_t = Sweep::default().steps, value_parser = count::<usize>(10..=100_000))]
    steps: usize,
    /// Write JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// `lr_find.json`, and the output of `cnn lr-find --json`.
#[derive(Serialize)]
struct Report {
    network: String,
    curve: String,
    #[serde(flatten)]
    found: Found,
}

impl LrFind {
    pub(in crate::program) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        if self.recipes.lists() {
            return super::recipe::list(self.json, output);
        }
        let Asked { name, graph, settings, weights, .. } =
            self.choices.asked(&self.images, &self.recipes, &self.names)?;
        let weights = match weights {
            Some((weights, report)) => {
                if !self.json {
                    writeln!(output.out, "{report}")?;
                }
                weights
            }
            None => StateDict::init(&graph, settings.seed)?,
        };
        let sweep = Sweep { from: self.from, to: self.to, steps: self.steps };
        let out = &mut output.out;
        let (mut step, mut failed) = (0, None);
        let mut watch = |point: &Point| {
            step += 1;
            let tenth = (sweep.steps / 10).max(1);
            if !self.json && (step % tenth == 1 || tenth == 1) {
                let Point { rate, smoothed, .. } = point;
                let line = writeln!(out, "step {step}/{}  rate {rate:.2e}  loss {smoothed:.4}", sweep.steps);
                failed = line.and_then(|()| out.flush()).err();
            }
            failed.is_none()
        };
        let found = lr_find(&settings, &graph, &weights, sweep, &mut watch)?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let dir = self.choices.out.clone().unwrap_or_else(|| PathBuf::from(RUNS).join(format!("{name}-lr-find")));
        let network = settings.network.clone();
        self.write(&dir, Report { network, curve: dir.join("lr_find.svg").display().to_string(), found }, output)
    }

    fn write(&self, dir: &Path, report: Report, output: &mut Output<'_>) -> Result<(), Failure> {
        let failed = |path: &Path, error: std::io::Error| {
            Failure::mistake(format!("cannot write {}: {error}", path.display())).help("another folder: `--out DIR`")
        };
        std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
        let svg = report.found.svg(&report.network)?;
        let text = serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?;
        for (name, bytes) in [("lr_find.svg", svg), ("lr_find.json", text)] {
            let path = dir.join(name);
            std::fs::write(&path, bytes).map_err(|error| failed(&path, error))?;
        }
        if self.json {
            return json(output.out, &report);
        }
        let Found { suggestion, lowest, diverged, points } = &report.found;
        if *diverged {
            writeln!(output.out, "the loss grew beyond bounds after {} steps", points.len())?;
        }
        match suggestion {
            Some(rate) => writeln!(output.out, "suggested: --lr {rate:.2e} (lowest loss at {lowest:.2e})")?,
            None => writeln!(
                output.out,
                "the loss fell no more than the noise of its batches; more steps: --steps, larger batches: --batch, other rates: --from, --to"
            )?,
        }
        Ok(writeln!(output.out, "curve: {}", shown(&dir.join("lr_find.svg")))?)
    }
}
