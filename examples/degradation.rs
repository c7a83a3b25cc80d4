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
use cnn_examples::supervised::{Errors, Setting, units, variant};
use cnn_runtime::zoo;

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    setting: Setting,
    /// Depths, 6n + 2
    #[arg(long, value_delimiter = ',', default_values_t = [20, 56])]
    layers: Vec<usize>,
    /// Where the figure goes
    #[arg(long, default_value = "target/degradation.svg")]
    figure: PathBuf,
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let begin = Instant::now();
    let depths: Vec<(usize, usize)> =
        args.layers.iter().map(|&layers| Ok((layers, units(layers)?))).collect::<Result<_, Failure>>()?;
    let experiment = args.setting.open()?;
    let classes = experiment.classes();
    let mut panels = Vec::new();
    let mut last = Vec::new();
    for (kind, source) in [("plain", zoo::Plain20Cifar), ("residual", zoo::ResNet20Cifar)] {
        let mut curves = Vec::new();
        for (colour, (layers, n)) in depths.iter().enumerate() {
            let graph = variant(source, &format!("classes = {classes}, n = {n}"), experiment.input)?;
            let (_, errors) = experiment.train(&format!("{kind}-{layers}"), &graph)?;
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
