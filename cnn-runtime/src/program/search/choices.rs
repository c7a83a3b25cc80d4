//! What a new study is asked to be.

use clap::Args;
use cnn_lang::graph::{Graph, Shape};

use crate::data::Source;
use crate::engine::{Device, Precision};
use crate::program::count::count;
use crate::program::failure::Failure;
use crate::program::train::counts;
use crate::search::evaluate::Evaluation;
use crate::search::{Networks, Objective, PrunerSettings, Reward, SamplerSettings, Spec, digest};
use crate::train::{ImageSettings, Settings};

/// What a new study is.
#[derive(Args)]
#[group(multiple = true)]
pub(super) struct Choices {
    /// A space: a predefined one (`cifar-small`), the last one of a file (`my.cnn`) or another one of it (`my.cnn:Name`);
    /// without it the study in --study goes on as it began
    #[arg(value_name = "SPACE")]
    pub space: Option<String>,
    /// Another input than the definition's: channels, height, width
    #[arg(long, value_name = "CxHxW", requires = "space")]
    pub input: Option<Shape>,
    /// Images as in `cnn train`: digits (drawn at the networks' size), mnist:DIR, cifar10:DIR, folder:DIR … [default: digits]
    #[arg(long, value_name = "DATA", requires = "space")]
    data: Option<Source>,
    /// How many digits are drawn, to train on and to test on [default: 5000:2000]
    #[arg(long, value_name = "TRAIN:TEST", value_parser = counts, requires = "space")]
    digits: Option<[usize; 2]>,
    /// Share of the training images that is held out to judge members by [default: 0.2]
    #[arg(long, value_name = "SHARE", requires = "space")]
    validation: Option<f64>,
    /// Passes over the training images [default: 5]
    #[arg(long, value_parser = count::<usize>(1..=1 << 32), requires = "space")]
    epochs: Option<usize>,
    /// Images of a step [default: 32]
    #[arg(long, value_parser = count::<usize>(1..=1 << 32), requires = "space")]
    batch: Option<usize>,
    /// The learning rate at its highest [default: 0.004, 0.001 for spaces of more than a million parameters]
    #[arg(long, value_name = "RATE", requires = "space")]
    lr: Option<f64>,
    /// What is wanted: max:accuracy, min:loss, min:latency, min:predicted_latency, min:params, min:macs, min:activations, or
    /// without training max:synflow, max:grad_norm, max:jacob_cov; may be repeated, pruners follow the first [default: max:accuracy]
    #[arg(long, value_name = "OBJECTIVE", requires = "space")]
    objective: Vec<Objective>,
    /// MnasNet's reward, one number of two objectives: soft:COST:TARGET or hard:COST:TARGET
    #[arg(long, value_name = "REWARD", requires = "space")]
    reward: Option<Reward>,
    /// random, grid, evolution, nsga2, tpe, reinforce or local, with figures as in evolution:population=20,sample=5
    /// [default: evolution, with several objectives nsga2]
    #[arg(long, value_name = "SAMPLER", requires = "space")]
    sampler: Option<SamplerSettings>,
    /// none, median, asha or hyperband, with figures as in asha:least=1,eta=4 [default: none]
    #[arg(long, value_name = "PRUNER", requires = "space")]
    pruner: Option<PrunerSettings>,
    /// How convolutions and fully connected layers multiply: f32, bf16, or on a GPU tf32 or f16 [default: f32]
    #[arg(long, requires = "space")]
    precision: Option<Precision>,
    /// Where members are trained, judged and timed: cpu, cuda or cuda:N [default: cpu]
    #[arg(long, requires = "space")]
    device: Option<Device>,
    /// What is tried, initial weights and the order of images follow from it [default: 0]
    #[arg(long, value_parser = count::<u64>(0..), requires = "space")]
    seed: Option<u64>,
}

impl Choices {
    /// What was chosen, and the rest as usual.
    pub fn spec(&self, name: &str, networks: &Networks, graph: &Graph) -> Result<Spec, Failure> {
        let largest = networks.space().range()[1].params;
        let usual = Settings::suggested(name, graph);
        // The study goes on from any folder.
        let data = self.data.clone().unwrap_or(Source::Digits).absolute()?;
        let digits = self.digits.unwrap_or([5000, 2000]);
        let seed = self.seed.unwrap_or(0);
        let training = Settings {
            digits,
            epochs: self.epochs.unwrap_or(5),
            batch: self.batch.unwrap_or(usual.batch),
            learning_rate: self.lr.unwrap_or(if largest < 1_000_000 { 4e-3 } else { 1e-3 }),
            precision: self.precision.unwrap_or(usual.precision),
            device: self.device.unwrap_or(usual.device),
            seed,
            data,
            images: ImageSettings { validation: self.validation.unwrap_or(0.2), ..ImageSettings::default() },
            ..usual
        };
        let definition = networks.space().definition().to_owned();
        let evaluation = serde_json::to_value(Evaluation { training, definition })
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let objectives = match self.objective.is_empty() {
            true => vec![Objective::maximise("accuracy")],
            false => self.objective.clone(),
        };
        let several = objectives.len() > 1 && self.reward.is_none();
        let usual: &str = if several { "nsga2" } else { "evolution" };
        let sampler = match &self.sampler {
            Some(sampler) => sampler.clone(),
            None => usual.parse()?,
        };
        let spec = Spec {
            space: name.to_owned(),
            genes: digest(networks),
            objectives,
            reward: self.reward.clone(),
            sampler,
            pruner: self.pruner.clone().unwrap_or(PrunerSettings::None),
            seed,
            evaluation,
        };
        spec.check()?;
        Ok(spec)
    }
}
