//! Fine-tuning: a network that knows some digits learns others from a handful of labels.
//!
//! ```text
//! cargo run --release --example finetune
//! cargo run --release --example finetune -- --weights resnet18.safetensors
//! ```
//!
//! The second takes torchvision's ResNet-18, saved by
//! `safetensors.torch.save_file(torchvision.models.resnet18(weights="DEFAULT").state_dict(), "resnet18.safetensors")`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use cnn_examples::{Failure, accuracy};
use cnn_runtime::data::{Dataset, Digits};
use cnn_runtime::engine::{Compile, Optimizer, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::network;
use cnn_runtime::prelude::*;
use cnn_runtime::weights::LoadOptions;

network! {
    /// Learns the digits 0 to 5.
    pub Source = cnn_runtime::zoo::ResNet20Cifar(classes = 6): 1x16x16;
    /// Learns 6 to 9: another head on the same trunk.
    pub Target = cnn_runtime::zoo::ResNet20Cifar(classes = 4): 1x16x16;
    /// The same task for weights of torchvision.
    pub Torchvision = cnn_runtime::zoo::ResNet18(classes = 4): 3x64x64;
}

#[derive(Parser)]
struct Args {
    /// Weights of torchvision's ResNet-18, a safetensors file [default: a ResNet-20 is trained on other digits first]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Labels of each class
    #[arg(long, default_value_t = 10)]
    labels: usize,
    /// Everything random follows from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// What ImageNet's images are normalised by.
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    if let Some(path) = &args.weights {
        let normalize = |data: &mut Dataset| data.normalize(&IMAGENET[0], &IMAGENET[1]);
        let [mut few, mut test] = digits(<Torchvision>::INPUT, 6..10, [10 * args.labels, 500], args.seed)?;
        normalize(&mut few).and(normalize(&mut test))?;
        return compare::<Torchvision>(path, &few, &test, args.seed);
    }

    // The source task, with labels in plenty.
    let begin = Instant::now();
    let [mut plenty, mut held_out] = digits(<Source>::INPUT, 0..6, [5_000, 500], args.seed)?;
    let (mean, std) = plenty.channel_statistics();
    plenty.normalize(&mean, &std).and(held_out.normalize(&mean, &std))?;
    let device = Cpu::seed_from_u64(args.seed);
    let mut net = device.build_module::<Source, f32>();
    train(&mut net, &plenty, &[], 4, 4e-3, args.seed)?;
    let (found, seconds) = (measure(&net, &held_out)?, begin.elapsed().as_secs_f64());
    println!(
        "source: {} images of digits 0 to 5, {found:.2} % of others are recognised  ({seconds:.0} s)",
        plenty.len()
    );
    let path = Path::new("target/finetune-source.safetensors");
    net.save(path)?;

    let [mut few, mut test] = digits(<Target>::INPUT, 6..10, [10 * args.labels, 2_500], args.seed + 1)?;
    few.normalize(&mean, &std).and(test.normalize(&mean, &std))?;
    compare::<Target>(path, &few, &test, args.seed)
}

/// The same few labels, from scratch and from weights that know other images.
fn compare<N: Pretrained + Compile<f32, Cpu>>(
    path: &Path,
    few: &Dataset,
    test: &Dataset,
    seed: u64,
) -> Result<(), Failure> {
    println!("target: {} labelled images of digits 6 to 9, {} to test on", few.len(), test.len());
    let begin = Instant::now();
    let mut scratch = Cpu::seed_from_u64(seed).build_module::<N, f32>();
    train(&mut scratch, few, &[], 60, 2e-3, seed)?;
    let from_scratch = measure(&scratch, test)?;
    println!("from scratch:                   {from_scratch:.2} %  ({:.0} s)", begin.elapsed().as_secs_f64());

    // All of the file but its head, which has other classes.
    let begin = Instant::now();
    let options = LoadOptions { skip: vec!["fc".into()], ..LoadOptions::default() };
    let (mut net, report) = N::load_with(path, &options)?;
    println!("{}: {report}", path.display());
    train(&mut net, few, &["!fc"], 60, 2e-2, seed)?;
    let head = measure(&net, test)?;
    println!("the head alone is trained:      {head:.2} %  ({:.0} s)", begin.elapsed().as_secs_f64());
    train(&mut net, few, &[], 30, 5e-4, seed)?;
    let tuned = measure(&net, test)?;
    println!("then all of it, gently:         {tuned:.2} %  ({:.0} s)", begin.elapsed().as_secs_f64());
    println!(
        "fine-tuning {} training from scratch by {:.2} points",
        if tuned > from_scratch { "beats" } else { "does not beat" },
        tuned - from_scratch
    );
    Ok(())
}

/// Trains what is not frozen; the rate falls along half a cosine.
fn train<N: Compile<f32, Cpu>>(
    net: &mut N,
    data: &Dataset,
    freeze: &[&str],
    epochs: u64,
    rate: f64,
    seed: u64,
) -> Result<(), Failure> {
    let freeze = freeze.iter().map(|&pattern| pattern.to_owned()).collect();
    let options = TrainerOptions {
        batch: 32,
        optimizer: Optimizer::ADAMW,
        weight_decay: 0.01,
        decay_matrices_only: true,
        freeze,
        seed,
        ..Default::default()
    };
    let mut trainer: Trainer = net.trainer(options)?;
    let steps = epochs as f64 * data.len().div_ceil(32) as f64;
    for epoch in 0..epochs {
        for batch in data.batches(32, seed + epoch) {
            let rate = rate * 0.5 * (1.0 + (std::f64::consts::PI * trainer.steps() as f64 / steps).cos());
            trainer.step(&batch.images, Targets::Labels(&batch.labels), rate)?;
        }
    }
    trainer.write_back(net)?;
    Ok(())
}

/// Percent of the images that are recognised.
fn measure<N: Compile<f32, Cpu>>(net: &N, data: &Dataset) -> Result<f64, Failure> {
    let mut session = net.compile(SessionOptions { batch: 250, ..Default::default() })?;
    Ok(accuracy(data, |batch| session.run(&batch.images).map(<[f32]>::to_vec).unwrap_or_default()))
}

/// Training and test images of some digits, which become the classes from 0 on; `counts` are of all ten digits.
fn digits(
    input: &[usize],
    classes: std::ops::Range<usize>,
    counts: [usize; 2],
    seed: u64,
) -> Result<[Dataset; 2], Failure> {
    let digits = Digits { seed, shape: [input[0], input[1], input[2]], ..Digits::default() };
    let (train, test) = digits.train_and_test(counts[0], counts[1])?;
    let only = |all: Dataset| {
        let chosen: Vec<usize> = (0..all.len()).filter(|&i| classes.contains(&all.labels[i])).collect();
        let images = chosen.iter().flat_map(|&i| all.image(i)).copied().collect();
        let labels = chosen.iter().map(|&i| all.labels[i] - classes.start).collect();
        Dataset::new(images, labels, all.shape, classes.len())
    };
    Ok([only(train)?, only(test)?])
}
