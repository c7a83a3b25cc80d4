//! Data with few labels: what the examples of schemes learn from and report.

use std::sync::Arc;

use cnn_lang::graph::Graph;
use cnn_runtime::Architecture;
use cnn_runtime::data::{Augment, DataError, Digits, Part, Parts, Preparation, Source};
use cnn_runtime::engine::{Optimizer, TrainerOptions};
use cnn_runtime::train::schemes::{Learned, Learner};
use cnn_runtime::train::{Schedule, evaluate};
use cnn_runtime::weights::StateDict;

use crate::Failure;

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

impl Few {
    /// `labels` images of each class with their labels, `unlabelled` without, 2,000 to test on; all prepared for a network's
    /// input and augmented alike while something learns from them. Digits are drawn in grey, noise and clutter as `strength` says.
    pub fn open(
        source: &Source,
        input: &[usize],
        [labels, unlabelled]: [usize; 2],
        strength: f32,
        augment: &Augment,
        seed: u64,
    ) -> Result<Few, DataError> {
        let shape = [input[0], input[1], input[2]];
        let counts = [10 * labels + unlabelled, 2_000];
        let Parts { mut train, test } = match source {
            Source::Digits => {
                let shape = [1, shape[1], shape[2]];
                let digits = Digits { seed, shape, noise: strength, clutter: strength, ..Digits::default() };
                let (train, test) = digits.train_and_test(counts[0], counts[1])?;
                Parts { train: train.into(), test: test.into() }
            }
            other => other.open(shape, counts, seed)?,
        };
        train.fits(shape, true).and(test.fits(shape, true))?;
        let mut counts = vec![0; train.classes.len()];
        let (mut few, mut rest) = (Vec::new(), Vec::new());
        for (item, &label) in train.labels.iter().enumerate() {
            if counts[label] < labels {
                counts[label] += 1;
                few.push(item);
            } else if rest.len() < unlabelled {
                rest.push(item);
            }
        }
        let hidden = rest.iter().map(|&item| std::mem::take(&mut train.labels[item])).collect();
        let all: Vec<usize> = few.iter().chain(&rest).copied().collect();
        let (mean, std) = train.channel_statistics(&all, shape, false)?;
        let preparation =
            Arc::new(Preparation { shape, mean, std, augment: augment.clone(), class_weights: None, skip: false });
        let (train, count) = (Arc::new(train), test.len().min(2_000));
        Ok(Few {
            labelled: Part::new(train.clone(), few, preparation.clone()),
            unlabelled: Part::new(train, rest, preparation.clone()),
            hidden,
            test: Part::new(Arc::new(test), (0..count).collect(), preparation),
        })
    }
}

/// The graph of a network that the program holds.
pub fn graph<N: Architecture>() -> Result<Graph, Failure> {
    Ok(N::graph().map_err(|errors| errors[0].to_string())?)
}

/// A network that learns by AdamW along half a cosine.
pub fn learner<N: Architecture>(batch: usize, rate: f64, epochs: usize, seed: u64) -> Result<Learner, Failure> {
    let graph = graph::<N>()?;
    let weights = StateDict::init(&graph, seed)?;
    let options = TrainerOptions {
        batch,
        optimizer: Optimizer::ADAMW,
        weight_decay: 0.02,
        decay_matrices_only: true,
        seed,
        ..TrainerOptions::default()
    };
    let schedule = Schedule::Cosine { warm_up: 0.0, floor: 0.0 };
    Ok(Learner { graph, weights, options, learning_rate: rate, schedule, epochs })
}

/// Percent of the images that are recognised.
pub fn accuracy(network: &Learned, part: &Part) -> Result<f64, Failure> {
    Ok(100.0 * evaluate(&mut network.session(64)?, part)?.accuracy)
}

/// A line for each thing that was measured over some seeds: its mean, and from where to where it goes.
pub fn summary(names: &[&str], rows: &[Vec<f64>]) {
    println!("\nover {} seeds", rows.len());
    for (i, name) in names.iter().enumerate() {
        let column = || rows.iter().map(|row| row[i]);
        let mean = column().sum::<f64>() / rows.len().max(1) as f64;
        let (least, most) = (column().fold(f64::MAX, f64::min), column().fold(f64::MIN, f64::max));
        println!("  {name:<44} {mean:5.2} %  ({least:.2} to {most:.2})");
    }
}
