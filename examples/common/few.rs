//! Data with few labels: what the examples of schemes learn from, what they learn with, and what they report.

use std::sync::Arc;
use std::time::Instant;

use cnn_runtime::data::{Augment, DataError, Digits, Part, Parts, Preparation, Source};
use cnn_runtime::engine::{Optimizer, TrainerOptions};
use cnn_runtime::train::schemes::{Learned, Learner};
use cnn_runtime::train::{Schedule, evaluate};
use cnn_runtime::weights::StateDict;
use cnn_runtime::{Architecture, network};

use crate::Failure;

network! {
    block unit(out, stride = 1, drop = 0.0) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn -> drop_path(drop) };
            { if stride != 1 || in.channels != out { shortcut: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// A small residual network, without noise of its own.
    pub Small(classes = 10, width = 16, drop = 0.0, dropout = 0.0): 3x16x16 -> classes;
    stem conv1: conv(width, 3, pad = 1, bias = false) -> bn1: bn -> relu;
    body stage1: unit(width, 1, drop);
         stage2: unit(2 * width, 2, drop);
         stage3: unit(4 * width, 2, drop);
    head gap -> dropout(dropout) -> fc: linear(classes);
}

/// The part of a command line that says what is known.
#[derive(clap::Args, Clone, Debug)]
pub struct Setting {
    /// Images of ten classes: digits (drawn by the library), mnist:DIR, cifar10:DIR, …
    #[arg(long, default_value = "digits")]
    pub data: Source,
    /// Labelled images of each class
    #[arg(long, default_value_t = 4)]
    pub labels: usize,
    /// Images without labels
    #[arg(long, default_value_t = 3_000)]
    pub unlabelled: usize,
    /// How often all of it is done, with other images and weights
    #[arg(long, default_value_t = 3)]
    pub seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Noise and stray strokes of drawn digits, from 0 (none) to 4
    #[arg(long, default_value_t = 2.0)]
    pub strength: f32,
    /// What happens to images while something learns from them
    #[arg(long, default_value = "crop:2,randaugment:2:5")]
    pub augment: Augment,
    /// Steps of a network that learns from labelled images alone
    #[arg(long, default_value_t = 400)]
    pub steps: usize,
}

/// Images of which few have labels.
pub struct Few {
    /// The same number of each class.
    pub labelled: Part,
    /// The others of the training images; the classes in here are all 0.
    pub unlabelled: Part,
    /// What they are, for reports alone.
    pub hidden: Vec<usize>,
    /// To test on.
    pub test: Part,
}

impl Setting {
    /// Images with and without labels, and 2,000 to test on; all prepared for [`Small`] and augmented alike while something
    /// learns from them. Digits are drawn in grey, noise and clutter as strong as asked for.
    ///
    /// # Errors
    /// If there are no such images, or one cannot be read.
    pub fn open(&self, seed: u64) -> Result<Few, DataError> {
        let shape: [usize; 3] = <Small>::INPUT.try_into().unwrap_or_default();
        let counts = [10 * self.labels + self.unlabelled, 2_000];
        let Parts { mut train, test } = match &self.data {
            Source::Digits => {
                let (noise, clutter) = (self.strength, self.strength);
                let digits = Digits { seed, shape: [1, shape[1], shape[2]], noise, clutter, ..Digits::default() };
                let (train, test) = digits.train_and_test(counts[0], counts[1])?;
                Parts { train: train.into(), test: test.into() }
            }
            other => other.open(shape, counts, seed)?,
        };
        train.fits(shape, true).and(test.fits(shape, true))?;
        let mut counts = vec![0; train.classes.len()];
        let (mut few, mut rest) = (Vec::new(), Vec::new());
        for (item, &label) in train.labels.iter().enumerate() {
            if counts[label] < self.labels {
                counts[label] += 1;
                few.push(item);
            } else if rest.len() < self.unlabelled {
                rest.push(item);
            }
        }
        let hidden = rest.iter().map(|&item| std::mem::take(&mut train.labels[item])).collect();
        let all: Vec<usize> = few.iter().chain(&rest).copied().collect();
        let (mean, std) = train.channel_statistics(&all, shape, false)?;
        let augment = self.augment.clone();
        let preparation = Arc::new(Preparation { shape, mean, std, augment, class_weights: None, skip: false });
        let (train, count) = (Arc::new(train), test.len().min(2_000));
        Ok(Few {
            labelled: Part::new(train.clone(), few, preparation.clone()),
            unlabelled: Part::new(train, rest, preparation.clone()),
            hidden,
            test: Part::new(Arc::new(test), (0..count).collect(), preparation),
        })
    }

    /// A network that learns from the labelled images alone.
    ///
    /// # Errors
    /// As [`Learner::supervised`].
    pub fn alone<N: Architecture>(&self, few: &Few, seed: u64) -> Result<Learned, Failure> {
        let batch = 32.min(few.labelled.len().max(1));
        let epochs = self.steps.div_ceil(few.labelled.len().div_ceil(batch).max(1));
        Ok(learner::<N>(batch, epochs, seed)?.supervised(&few.labelled, &mut ())?)
    }

    /// Does something for each seed that comes to one accuracy, in percent, for each of the names; says what they are, and
    /// how they are spread.
    ///
    /// # Errors
    /// Those of the thing that is done, and of the data.
    pub fn for_each_seed(
        &self,
        names: &[&str],
        mut run: impl FnMut(u64, &Few) -> Result<Vec<f64>, Failure>,
    ) -> Result<Vec<Vec<f64>>, Failure> {
        println!("{} labelled images of each class, {} without labels", self.labels, self.unlabelled);
        let begin = Instant::now();
        let mut rows = Vec::new();
        for seed in self.seed..self.seed + self.seeds {
            println!("seed {seed}");
            rows.push(run(seed, &self.open(seed)?)?);
            println!("  {:.0} s so far", begin.elapsed().as_secs_f64());
        }
        println!("\nover {} seeds", rows.len());
        for (i, name) in names.iter().enumerate() {
            let column = || rows.iter().map(|row| row[i]);
            let mean = column().sum::<f64>() / rows.len().max(1) as f64;
            let (least, most) = (column().fold(f64::MAX, f64::min), column().fold(f64::MIN, f64::max));
            println!("  {name:<44} {mean:5.2} %  ({least:.2} to {most:.2})");
        }
        Ok(rows)
    }
}

/// A network that learns by AdamW along half a cosine; what comes of it is the moving average of its weights.
///
/// # Errors
/// If the network is too large.
pub fn learner<N: Architecture>(batch: usize, epochs: usize, seed: u64) -> Result<Learner, Failure> {
    let graph = N::graph().map_err(|errors| errors[0].to_string())?;
    let weights = StateDict::init(&graph, seed)?;
    let options = TrainerOptions {
        batch,
        optimizer: Optimizer::ADAMW,
        weight_decay: 0.02,
        decay_matrices_only: true,
        average: Some(0.99),
        average_warm_up: true,
        seed,
        ..TrainerOptions::default()
    };
    let schedule = Schedule::Cosine { warm_up: 0.0, floor: 0.0 };
    Ok(Learner { graph, weights, options, learning_rate: 4e-3, schedule, epochs })
}

/// Percent of the images that are recognised.
///
/// # Errors
/// If memory is not to be had, or an image cannot be read.
pub fn accuracy(network: &Learned, part: &Part) -> Result<f64, Failure> {
    Ok(100.0 * evaluate(&mut network.session(64)?, part)?.accuracy)
}
