//! `cnn train NET`: a run from its beginning, or from where it stands.

mod images;
mod lr_find;
mod recipe;
mod running;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cnn_lang::graph::{Graph, Shape};
use serde::Serialize;

use super::Output;
use super::count::count;
use super::failure::Failure;
use super::network::{Network, Recipe, Wanted};
use super::progress::Progress;
use super::text::json;
use super::weights::Names;
use crate::data::Source;
use crate::engine::{Clip, Device, Optimizer, Precision};
use crate::train::{Images, Outcome, Run, Schedule, Settings, TrainError, fit};
use crate::weights::{LoadOptions, StateDict};
use images::ImageChoices;
use running::Running;
pub(super) use running::interrupts;

pub(super) use lr_find::LrFind;
use recipe::Recipes;

/// Where the folders of runs are that have no name.
const RUNS: &str = "runs";

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

/// What a new run is. Nothing is flattened into it, or clap would not know it as a group.
#[derive(Args)]
struct Choices {
    /// A network as in `cnn show`
    #[arg(value_name = "NET")]
    net: Option<String>,
    /// Another input than the definition's: channels, height, width
    #[arg(long, value_name = "CxHxW")]
    input: Option<Shape>,
    /// Images: digits (drawn at the network's size), mnist:DIR, fashion-mnist:DIR, cifar10:DIR,
    /// cifar100:DIR or folder:DIR (a folder for each class) [default: digits]
    #[arg(long, value_name = "DATA")]
    data: Option<Source>,
    /// How many digits are drawn, to train on and to test on [default: 10000:2000, fewer if large]
    #[arg(long, value_name = "TRAIN:TEST", value_parser = counts)]
    digits: Option<[usize; 2]>,
    /// Passes over the training images [default: 10, or the recipe's, as all of these]
    #[arg(long, value_parser = count::<usize>(1..=1 << 32))]
    epochs: Option<usize>,
    /// Images of a step [default: 32]
    #[arg(long, value_parser = count::<usize>(1..=1 << 32))]
    batch: Option<usize>,
    /// The optimizer [default: adamw]
    #[arg(long)]
    optimizer: Option<OptimizerArg>,
    /// The learning rate at its highest [default: adamw 0.004, from a million parameters
    /// on 0.001; sgd 0.05; rmsprop 0.001]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// constant, step:EVERY:FACTOR, multistep:E1,E2:FACTOR, exponential:EVERY:FACTOR,
    /// cosine:WARM_UP:FLOOR, polynomial:POWER:FLOOR or onecycle:RISE:DIVISOR:LAST, with
    /// warmup:EPOCHS:FROM+ in front or not [default: cosine:0.5:0]
    #[arg(long)]
    schedule: Option<Schedule>,
    /// Weight decay of weights, not of norms and biases [default: adamw 0.01, otherwise 0.0005]
    #[arg(long)]
    weight_decay: Option<f64>,
    /// Label smoothing [default: 0]
    #[arg(long)]
    label_smoothing: Option<f64>,
    /// Keeps a moving average of the weights with this decay, and evaluates it
    #[arg(long, value_name = "DECAY")]
    ema: Option<f64>,
    /// Scales gradients down to this norm
    #[arg(long, value_name = "NORM")]
    clip_norm: Option<f64>,
    /// Begins with the weights of a safetensors file
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,
    /// Tensors that begin anew, whatever the file holds: fc; may be repeated
    #[arg(long, value_name = "PATTERN", requires = "weights")]
    head: Vec<String>,
    /// What the file lacks begins anew, and what it holds besides is left out
    #[arg(long, requires = "weights")]
    partial: bool,
    /// Tensors that are not trained, with a ! all others: !fc; may be repeated
    #[arg(long, value_name = "PATTERN")]
    freeze: Vec<String>,
    /// How convolutions and fully connected layers multiply: f32, bf16, or on a GPU tf32 or f16 [default: f32]
    #[arg(long)]
    precision: Option<Precision>,
    /// Where it runs: cpu, cuda or cuda:N [default: cpu]
    #[arg(long)]
    device: Option<Device>,
    /// Initial weights, order of images and dropout follow from it [default: 0]
    #[arg(long, value_parser = count::<u64>(0..))]
    seed: Option<u64>,
    /// The folder of the run [default: runs/NAME-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimizerArg {
    Sgd,
    Adamw,
    Rmsprop,
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

/// A training that was asked for, before anything is written.
struct Asked {
    name: String,
    graph: Graph,
    source: String,
    settings: Settings,
    /// What it begins with, where that is a file, and what was read of it.
    weights: Option<(StateDict<f32>, String)>,
}

impl Choices {
    /// Folders that a new run brings into being around its own, the innermost first.
    fn missing(&self) -> Vec<PathBuf> {
        let around = self.out.as_deref().map_or(Some(Path::new(RUNS)), Path::parent);
        let folders = around.into_iter().flat_map(Path::ancestors);
        folders.take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).map(Path::to_owned).collect()
    }

    /// A new run in a new folder.
    fn begin(
        &self,
        images: &ImageChoices,
        recipes: &Recipes,
        names: &Names,
        quiet: bool,
        output: &mut Output<'_>,
    ) -> Result<Run, Failure> {
        let Asked { name, source, settings, weights, .. } = self.asked(images, recipes, names)?;
        let Some((weights, report)) = weights else {
            return Ok(match &self.out {
                Some(dir) => Run::create(dir, settings, &source)?,
                None => Run::create_numbered(Path::new(RUNS), &name, settings, &source)?,
            });
        };
        let run = match &self.out {
            Some(dir) => Run::create_from(dir, settings, &source, &weights)?,
            None => Run::create_numbered_from(Path::new(RUNS), &name, settings, &source, &weights)?,
        };
        if !quiet {
            writeln!(output.out, "{report}")?;
        }
        Ok(run)
    }

    /// The network, the settings, and the weights if they are a file's.
    fn asked(&self, images: &ImageChoices, recipes: &Recipes, names: &Names) -> Result<Asked, Failure> {
        let net = self.net.as_deref().ok_or_else(|| {
            Failure::mistake("a network is required").help("`cnn train NET`; `cnn list` names the networks")
        })?;
        let Network { name, graph, recipe, .. } = Wanted { net, input: self.input }.load()?;
        let usual = recipes.usual(Settings::suggested(net, &graph), |usual| {
            let settings = self.settings(usual, &recipe, images)?;
            Ok(Images::load(&settings, &graph)?.facts.train)
        })?;
        let usual = match self.batch {
            Some(batch) => recipes.scaled(usual, batch),
            None => usual,
        };
        let settings = recipes.apply(self.settings(usual, &recipe, images)?);
        let weights = match &self.weights {
            None => None,
            Some(path) => {
                let mut weights = StateDict::init(&graph, settings.seed)?;
                let options = LoadOptions { skip: self.head.clone(), strict: !self.partial, ..names.options() };
                let report = weights.load_with(path, &options)?;
                Some((weights, format!("{}: {report}", shown(path))))
            }
        };
        Ok(Asked { name, graph, source: recipe.source, settings, weights })
    }

    /// What was chosen, and the rest as usual.
    fn settings(&self, usual: Settings, recipe: &Recipe, images: &ImageChoices) -> Result<Settings, Failure> {
        let (optimizer, rate, decay) = match self.optimizer {
            None => (usual.optimizer, usual.learning_rate, usual.weight_decay),
            Some(OptimizerArg::Adamw) if usual.recipe.is_none() => {
                (Optimizer::ADAMW, usual.learning_rate, usual.weight_decay)
            }
            Some(OptimizerArg::Adamw) => (Optimizer::ADAMW, 1e-3, 0.01),
            Some(OptimizerArg::Sgd) => (Optimizer::SGD, 0.05, 5e-4),
            Some(OptimizerArg::Rmsprop) => (Optimizer::RMSPROP, 1e-3, 5e-4),
        };
        // The run goes on from any folder.
        let data = self.data.clone().unwrap_or(usual.data.clone()).absolute()?;
        Ok(Settings {
            definition: recipe.definition.clone(),
            arguments: recipe.arguments.clone(),
            input: image(recipe.input)?,
            data,
            images: images.apply(usual.images.clone()),
            digits: self.digits.unwrap_or(usual.digits),
            epochs: self.epochs.unwrap_or(usual.epochs),
            batch: self.batch.unwrap_or(usual.batch),
            optimizer,
            learning_rate: self.lr.unwrap_or(rate),
            schedule: self.schedule.clone().unwrap_or(usual.schedule),
            weight_decay: self.weight_decay.unwrap_or(decay),
            label_smoothing: self.label_smoothing.unwrap_or(usual.label_smoothing),
            clip: self.clip_norm.map(Clip::Norm).or(usual.clip),
            average: self.ema.or(usual.average),
            pretrained: self.weights.as_ref().map(|path| path.display().to_string()),
            freeze: self.freeze.clone(),
            precision: self.precision.unwrap_or(usual.precision),
            device: self.device.unwrap_or(usual.device),
            seed: self.seed.unwrap_or(usual.seed),
            ..usual
        })
    }
}

/// Channels, height, width of an input that was asked for.
fn image(input: Option<Shape>) -> Result<Option<[usize; 3]>, Failure> {
    match input {
        None => Ok(None),
        Some(Shape::Map { channels, height, width }) => Ok(Some([channels, height, width])),
        Some(Shape::Vector(length)) => {
            let failure = Failure::mistake(format!("images are channels x height x width, got {length}"));
            Err(failure.help("write --input 3x32x32"))
        }
    }
}

/// `10000:2000`
pub(super) fn counts(text: &str) -> Result<[usize; 2], String> {
    let pair = text.split_once(':').and_then(|(train, test)| Some([train.parse().ok()?, test.parse().ok()?]));
    pair.ok_or_else(|| "expected two numbers as in 10000:2000".to_owned())
}
