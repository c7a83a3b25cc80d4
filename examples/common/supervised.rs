//! A network that learns from labelled images, with errors by epoch: what the examples of experiments share.

use std::time::Instant;

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::data::{Augment, Batched, Labels, Loader, Part, Parts, Preparation, Source};
use cnn_runtime::engine::{Optimizer, Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::train::{Schedule, evaluate};
use cnn_runtime::weights::StateDict;

use crate::Failure;

/// A network of the zoo at other arguments and another input.
pub fn variant(source: &str, arguments: &str, input: [usize; 3]) -> Result<Graph, Failure> {
    let told = |errors: Vec<cnn_lang::diag::Diagnostic>| Failure::from(errors[0].to_string());
    let [channels, height, width] = input;
    let input = Some(Shape::Map { channels, height, width });
    let arguments = cnn_lang::arguments(arguments).map_err(told)?;
    cnn_lang::load_at(source, None, &arguments, input).map_err(told)
}

/// The part of a command line that says what is learned from, and how long.
#[derive(clap::Args, Clone, Debug)]
pub struct Setting {
    /// Images of ten classes: digits (drawn by the library), cifar10:DIR, mnist:DIR, …
    #[arg(long, default_value = "digits")]
    data: Source,
    /// Channels, height, width that the networks take; images are resized to it
    #[arg(long, value_delimiter = ',', num_args = 3, default_values_t = [1, 16, 16])]
    input: Vec<usize>,
    /// Training images
    #[arg(long, default_value_t = 2_000)]
    images: usize,
    /// Test images
    #[arg(long, default_value_t = 1_000)]
    test: usize,
    /// Passes over them
    #[arg(long, default_value_t = 12)]
    epochs: usize,
    /// The highest learning rate
    #[arg(long, default_value_t = 0.1)]
    rate: f64,
    /// What happens to training images
    #[arg(long, default_value = "crop:2")]
    augment: Augment,
    /// Everything random follows from it
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// What an experiment's networks learn from.
pub struct Experiment {
    setting: Setting,
    /// Channels, height, width.
    pub input: [usize; 3],
    training: Part,
    /// To test on.
    pub test: Part,
}

impl Setting {
    /// Training and test images, normalised; training images are augmented.
    ///
    /// # Errors
    /// If there are no such images, or one cannot be read.
    pub fn open(self) -> Result<Experiment, Failure> {
        let &[channels, height, width] = &self.input[..] else { return Err("--input takes three numbers".into()) };
        let input = [channels, height, width];
        let Parts { train, test } = self.data.open(input, [self.images, self.test], self.seed)?;
        train.fits(input, true).and(test.fits(input, true))?;
        // As many as asked for of larger data sets too, the classes in turn or shuffled as they come.
        let first = |len: usize, most: usize| (0..len.min(most)).collect::<Vec<_>>();
        let (chosen, tested) = (first(train.len(), self.images), first(test.len(), self.test));
        let (mean, std) = train.channel_statistics(&chosen, input, false)?;
        let augment = self.augment.clone();
        let preparation =
            std::sync::Arc::new(Preparation { shape: input, mean, std, augment, class_weights: None, skip: false });
        let part = |images: cnn_runtime::data::Collection, items| Part::new(images.into(), items, preparation.clone());
        Ok(Experiment { input, training: part(train, chosen), test: part(test, tested), setting: self })
    }
}

/// Units of a stage in a network of 6n + 2 layers.
///
/// # Errors
/// If there is no such network.
pub fn units(layers: usize) -> Result<usize, Failure> {
    match layers >= 8 && layers % 6 == 2 {
        true => Ok((layers - 2) / 6),
        false => Err(format!("--layers must be 6n + 2 from 8 on, as in 20 or 56, got {layers}").into()),
    }
}

/// Percent of errors after an epoch.
#[derive(Clone, Copy)]
pub struct Errors {
    /// In training, under augmentation, while the network changed.
    pub training: f64,
    /// On test images.
    pub test: f64,
}

impl Experiment {
    /// Classes of the images.
    pub fn classes(&self) -> usize {
        self.training.classes()
    }

    /// SGD as He et al. 2015 trained on CIFAR, the rate divided by 10 after a half and three quarters of the epochs; weights
    /// and errors of each epoch.
    ///
    /// # Errors
    /// If an image cannot be read, memory is not to be had, or the loss is no longer finite.
    pub fn train(&self, name: &str, graph: &Graph) -> Result<(StateDict<f32>, Vec<Errors>), Failure> {
        let Setting { epochs, rate, seed, .. } = self.setting;
        let batch = 64;
        let weights = StateDict::init(graph, seed)?;
        let options =
            TrainerOptions { batch, optimizer: Optimizer::SGD, weight_decay: 1e-4, seed, ..TrainerOptions::default() };
        let steps = epochs as f64;
        let schedule = Schedule::WarmUp {
            epochs: 1.0,
            from: 0.1,
            then: Box::new(Schedule::MultiStep { epochs: vec![0.5 * steps, 0.75 * steps], factor: 0.1 }),
        };
        let mut trainer = Trainer::new(graph, &weights, options)?;
        let mut session = Session::new(graph, &weights, SessionOptions { batch, ..SessionOptions::default() })?;
        let per_epoch = self.training.len().div_ceil(batch) as u64;
        let mut errors = Vec::new();
        for epoch in 0..epochs {
            let (begin, mut right) = (Instant::now(), 0);
            let threads = self.training.threads();
            for batch in Loader::training(&self.training, batch, seed * 1_000 + epoch as u64, 0, threads) {
                let batch = batch?;
                let targets = match &batch.labels {
                    Labels::Classes(labels) => Targets::Labels(labels),
                    Labels::Soft(rows) => Targets::Soft(rows),
                };
                let rate = schedule.rate(rate, trainer.steps(), per_epoch, epochs);
                let report = trainer.step(&batch.images, targets, rate)?;
                if !report.loss.is_finite() {
                    return Err(format!("{name}: the loss is {}; a lower --rate mends it", report.loss).into());
                }
                right += report.correct;
            }
            session.set_weights(&trainer.weights())?;
            let wrong = |right: f64| 100.0 * (1.0 - right);
            let training = wrong(right as f64 / self.training.count().max(1) as f64);
            let test = wrong(evaluate(&mut session, &self.test)?.accuracy);
            println!(
                "  {name} epoch {:>2}/{epochs}  training error {training:5.2} %  test error {test:5.2} %  {:.1} s",
                epoch + 1,
                begin.elapsed().as_secs_f64()
            );
            errors.push(Errors { training, test });
        }
        Ok((trainer.weights(), errors))
    }
}
