//! `cnn eval NET` or `cnn eval RUN`: loss and accuracy on test images.

use std::path::{Path, PathBuf};

use clap::Args;
use cnn_lang::graph::Shape;
use serde::Serialize;

use super::Output;
use super::count::count;
use super::failure::Failure;
use super::network::{Network, Wanted};
use super::text::{json, table};
use super::train::counts;
use super::weights::Names;
use crate::data::Source;
use crate::engine::{Device, Precision, Session, SessionOptions};
use crate::train::{ClassQuality, ImageSettings, Images, Normalize, Run, Settings, TrainError, evaluate};

/// Evaluates weights on test images: mean cross-entropy, top-1 accuracy, top-5 beyond five classes
#[derive(Args)]
pub(super) struct Eval {
    /// A network as in `cnn show`, or the folder of a run
    #[arg(value_name = "NET|RUN")]
    net: String,
    /// Another input than the definition's: channels, height, width
    #[arg(long, value_name = "CxHxW")]
    input: Option<Shape>,
    /// The weights, a safetensors file [default: the best of the run]
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    names: Names,
    /// Images as in `cnn train` [default: the run's, or digits]
    #[arg(long, value_name = "DATA")]
    data: Option<Source>,
    /// How many digits are drawn, to normalise by and to test on [default: the run's, or as in `cnn train`]
    #[arg(long, value_name = "TRAIN:TEST", value_parser = counts)]
    digits: Option<[usize; 2]>,
    /// Mean and deviation as in `cnn train` [default: the run's, or those of the training images]
    #[arg(long, value_name = "NUMBERS")]
    normalize: Option<Normalize>,
    /// Resizes images to the network's input; those of a folder always are
    #[arg(long)]
    resize: bool,
    /// Resizes images to this part more and cuts out the centre: 0.875 [default: the run's, or 1]
    #[arg(long, value_name = "SHARE")]
    center: Option<f64>,
    /// How convolutions and fully connected layers multiply: f32, bf16, or on a GPU tf32 or f16 [default: the run's, or f32]
    #[arg(long)]
    precision: Option<Precision>,
    /// Where it runs: cpu, cuda or cuda:N [default: the run's, or cpu]
    #[arg(long)]
    device: Option<Device>,
    /// Images that run at a time
    #[arg(long, default_value_t = 64, value_parser = count::<usize>(1..))]
    batch: usize,
    /// Precision and recall of each class too
    #[arg(long)]
    classes: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// The output of `cnn eval --json`.
#[derive(Serialize)]
struct Evaluated {
    network: String,
    weights: String,
    data: String,
    images: usize,
    loss: f64,
    accuracy: f64,
    top5: Option<f64>,
    calibration_error: f64,
    names: Vec<String>,
    classes: Vec<ClassQuality>,
    confusion: Vec<[usize; 3]>,
}

impl Eval {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let run = Run::is_at(Path::new(&self.net)).then(|| Run::open(Path::new(&self.net))).transpose()?;
        let (graph, mut settings) = match &run {
            Some(_) if self.input.is_some() => {
                return Err(Failure::mistake("a run has its own input").help("leave --input out, or name its network"));
            }
            Some(run) => (run.graph()?, run.settings().clone()),
            None => {
                let Network { graph, .. } = Wanted { net: &self.net, input: self.input }.load()?;
                let settings = Settings::suggested(&self.net, &graph);
                (graph, settings)
            }
        };
        let weights = match (&self.weights, &run) {
            (Some(weights), _) => weights.clone(),
            (None, Some(run)) => run.weights(),
            (None, None) => {
                let failure = Failure::mistake(format!("no weights for {}", self.net));
                return Err(failure.help("give --weights W.safetensors, or the folder of a run"));
            }
        };
        let stored = self.names.open(&graph, &weights)?;
        let precision = self.precision.unwrap_or(settings.precision);
        let device = self.device.unwrap_or(settings.device);
        let options = SessionOptions { batch: self.batch, precision, device, ..Default::default() };
        let mut session = Session::new(&graph, stored, options)?;
        settings.data = self.data.clone().unwrap_or(settings.data);
        settings.digits = self.digits.unwrap_or(settings.digits);
        let ImageSettings { normalize, resize, augment, .. } = &mut settings.images;
        *resize |= self.resize;
        if let Some(share) = self.center {
            *augment = augment.centred(share).map_err(TrainError::from)?;
        }
        // A run's images are normalised as those that it was trained on, whatever they are.
        let mut facts = run.as_ref().map(Run::facts).transpose()?.flatten();
        if let Some(known) = &self.normalize {
            normalize.clone_from(known);
            facts = None;
        }
        let images = Images::load_as(&settings, &graph, facts.as_ref())?;
        let evaluation = evaluate(&mut session, &images.test)?;
        let evaluated = Evaluated {
            network: settings.network,
            weights: weights.display().to_string(),
            data: settings.data.to_string(),
            images: evaluation.images,
            loss: evaluation.loss,
            accuracy: evaluation.accuracy,
            top5: evaluation.top5,
            calibration_error: evaluation.calibration.error(),
            names: (0..evaluation.confusion.classes).map(|class| images.facts.name(class)).collect(),
            classes: evaluation.confusion.classes(),
            confusion: evaluation.confusion.cells,
        };
        if self.json {
            return json(output.out, &evaluated);
        }
        let Evaluated { images, loss, accuracy, top5, calibration_error, names, classes, .. } = evaluated;
        writeln!(output.out, "images: {images}")?;
        writeln!(output.out, "loss: {loss:.4}")?;
        writeln!(output.out, "accuracy: {:.2} %", 100.0 * accuracy)?;
        if let Some(top5) = top5 {
            writeln!(output.out, "top-5 accuracy: {:.2} %", 100.0 * top5)?;
        }
        writeln!(output.out, "calibration error: {:.2} %", 100.0 * calibration_error)?;
        if self.classes {
            let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1} %", 100.0 * share));
            let row = |c: &ClassQuality| {
                [names[c.class].clone(), c.images.to_string(), percent(c.precision), percent(c.recall), percent(c.f1())]
            };
            let rows: Vec<_> = classes.iter().map(row).collect();
            write!(output.out, "{}", table(["class", "images", "precision", "recall", "F1"], &rows, 1))?;
        }
        Ok(())
    }
}
