//! A paper's recipe from the library: a rate to begin with, then the recipe of He et al. 2015, section 4.2, cut down to drawn digits,
//! in a folder that a second call goes on with.
//!
//! ```text
//! cargo run --release --example recipe -- --epochs 4
//! ```

use std::path::Path;

use clap::Parser;
use cnn_examples::{Args, Failure};
use cnn_runtime::train::{EpochRecord, Observer, Outcome, Recipe, Run, Settings, Sweep, fit, lr_find};
use cnn_runtime::zoo;

/// Tells of every epoch.
struct Lines;

impl Observer for Lines {
    fn epoch(&mut self, epoch: &EpochRecord) {
        let [train, test] = [epoch.accuracy, epoch.test_accuracy()].map(|share| 100.0 * share);
        println!("epoch {}: rate {:.4}, training {train:.2} %, test {test:.2} %", epoch.epoch, epoch.rate);
    }
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let images = 2_000;
    let usual = Settings { digits: [images, 500], seed: args.seed, ..Settings::new("resnet20_cifar") };
    let paper = Recipe::ResNetCifar.settings(usual, images);
    println!("{}, {}: {} epochs, {}", Recipe::ResNetCifar, Recipe::ResNetCifar.paper(), paper.epochs, paper.schedule);

    // A smaller batch, its rate in proportion; the paper's way of falling, in as many epochs as there is time for.
    let epochs = args.epochs.unwrap_or(4) as usize;
    let falls = format!("multistep:{},{}:0.1", epochs as f64 / 2.0, epochs as f64 * 0.75);
    let settings = Settings { batch: 32, learning_rate: 0.1 * 32.0 / 128.0, epochs, schedule: falls.parse()?, ..paper };

    let run = Run::create_numbered(Path::new("runs"), "recipe", settings, zoo::ResNet20Cifar)?;
    let (settings, graph) = (run.settings(), run.graph()?);
    let sweep = Sweep { steps: 60, ..Sweep::default() };
    let found = lr_find(settings, &graph, &run.initial(&graph)?, sweep, &mut |_| true)?;
    let suggestion = found.suggestion.unwrap_or(f64::NAN);
    println!("the loss falls fastest at a rate of {suggestion:.3}; the recipe's is {:.3}", settings.learning_rate);

    match fit(&run, &mut Lines)? {
        Outcome::Done(last) => println!("{}: test accuracy {:.2} %", run.dir().display(), 100.0 * last.test_accuracy()),
        Outcome::Stopped(progress) => println!("stopped after {} steps", progress.steps),
    }
    Ok(())
}
