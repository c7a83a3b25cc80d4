//! The degradation experiment: plain networks get worse with depth, in training too; residual ones do not. He et al. 2015,
//! figure 6.
//!
//! ```text
//! cargo run --release --example degradation
//! cargo run --release --example degradation -- --data cifar10:DIR --input 3,32,32 --images 50000 --epochs 164 --rate 0.1
//! ```

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use cnn_examples::Failure;
use cnn_examples::figure::{Line, lines};
use cnn_examples::supervised::{Errors, images, train, variant};
use cnn_runtime::data::{Augment, Source};
use cnn_runtime::zoo;

#[derive(Parser)]
struct Args {
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
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// The highest learning rate
    #[arg(long, default_value_t = 0.1)]
    rate: f64,
    /// Depths, 6n + 2
    #[arg(long, value_delimiter = ',', default_values_t = [20, 56])]
    layers: Vec<usize>,
    /// What happens to training images
    #[arg(long, default_value = "crop:2")]
    augment: Augment,
    /// Everything random follows from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the figure goes
    #[arg(long, default_value = "target/degradation.svg")]
    figure: PathBuf,
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let begin = Instant::now();
    let &[channels, height, width] = &args.input[..] else { return Err("--input takes three numbers".into()) };
    let input = [channels, height, width];
    if let Some(wrong) = args.layers.iter().find(|&&layers| layers < 8 || layers % 6 != 2) {
        return Err(format!("--layers must be 6n + 2 from 8 on, as in 20,56, got {wrong}").into());
    }
    let data = images(&args.data, input, [args.images, args.test], &args.augment, args.seed)?;
    let classes = data[0].classes();
    let mut panels = Vec::new();
    let mut last = Vec::new();
    for (kind, source) in [("plain", zoo::Plain20Cifar), ("residual", zoo::ResNet20Cifar)] {
        let mut curves = Vec::new();
        for (colour, layers) in args.layers.iter().enumerate() {
            let graph = variant(source, &format!("classes = {classes}, n = {}", (layers - 2) / 6), input)?;
            let (_, errors) = train(&format!("{kind}-{layers}"), &graph, &data, args.epochs, args.rate, args.seed)?;
            let curve = |of: fn(&Errors) -> f64| {
                errors.iter().enumerate().map(|(epoch, errors)| (epoch as f64 + 1.0, of(errors))).collect::<Vec<_>>()
            };
            let line = |name: &str, thin, points| {
                let name = format!("{kind}-{layers} {name}");
                Line { name, colour, thin, points }
            };
            curves.push(line("training", true, curve(|errors| errors.training)));
            curves.push(line("test", false, curve(|errors| errors.test)));
            last.push((kind, *layers, errors[errors.len() - 1]));
        }
        panels.push((kind, curves));
    }
    lines(&args.figure, &panels, ["epoch", "error (%)"])?;
    println!("\n{:<10} {:>6}  training error  test error", "", "layers");
    for (kind, layers, Errors { training, test }) in &last {
        println!("{kind:<10} {layers:>6}  {training:12.2} %  {test:8.2} %");
    }
    println!("{} in {:.0} s", args.figure.display(), begin.elapsed().as_secs_f64());
    Ok(())
}
