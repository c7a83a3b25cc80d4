//! What a new run is: the network, the data, the settings.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cnn_lang::graph::{Graph, Shape};

use super::images::ImageChoices;
use super::recipe::Recipes;
use super::shown;
use crate::data::Source;
use crate::engine::{Clip, Device, Optimizer, Precision};
use crate::program::Output;
use crate::program::count::count;
use crate::program::failure::Failure;
use crate::program::network::{Network, Recipe, Wanted};
use crate::program::weights::Names;
use crate::train::{Images, Run, Schedule, Settings};
use crate::weights::{LoadOptions, StateDict};

/// Where the folders of runs are that have no name.
pub(super) const RUNS: &str = "runs";

/// What a new run is. Nothing is flattened into it, or clap would not know it as a group.
#[derive(Args)]
pub(super) struct Choices {
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
    pub out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimizerArg {
    Sgd,
    Adamw,
    Rmsprop,
}

/// A training that was asked for, before anything is written.
pub(super) struct Asked {
    pub name: String,
    pub graph: Graph,
    pub source: String,
    pub settings: Settings,
    /// What it begins with, where that is a file, and what was read of it.
    pub weights: Option<(StateDict<f32>, String)>,
}

impl Choices {
    /// Folders that a new run brings into being around its own, the innermost first.
    pub fn missing(&self) -> Vec<PathBuf> {
        let around = self.out.as_deref().map_or(Some(Path::new(RUNS)), Path::parent);
        let folders = around.into_iter().flat_map(Path::ancestors);
        folders.take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).map(Path::to_owned).collect()
    }

    /// A new run in a new folder.
    pub fn begin(
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
    pub fn asked(&self, images: &ImageChoices, recipes: &Recipes, names: &Names) -> Result<Asked, Failure> {
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
pub(in crate::program) fn counts(text: &str) -> Result<[usize; 2], String> {
    let pair = text.split_once(':').and_then(|(train, test)| Some([train.parse().ok()?, test.parse().ok()?]));
    pair.ok_or_else(|| "expected two numbers as in 10000:2000".to_owned())
}
