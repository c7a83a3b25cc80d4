//! The lesion study: residual units are deleted from a trained network, which hardly minds; layers of a plain network are not
//! missed so lightly. Veit, Wilber and Belongie 2016, figures 3 and 5 (a).
//!
//! ```text
//! cargo run --release --example lesion
//! cargo run --release --example lesion -- --data cifar10:DIR --input 3,32,32 --layers 56 --images 50000 --epochs 164
//! ```

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use cnn_examples::Failure;
use cnn_examples::figure::{Line, lines};
use cnn_examples::supervised::{Experiment, Setting, units, variant};
use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::train::evaluate;
use cnn_runtime::weights::StateDict;
use cnn_runtime::zoo;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The plain network of as many layers. Of a deleted pair of layers nothing remains, but where it changes the size, of which
/// pixels and channels are left out and added as in the residual network.
const PLAIN: &str = "
block pair(out, stride = 1, cut = false) {
    let changes = stride != 1 || in.channels != out;
    if cut {
        aux { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn }
        -> if changes { subsample(stride) -> pad_channels(out) }
    } else {
        conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
          -> conv2: conv(out, 3, pad = 1, bias = false)    -> bn2: bn -> relu
    }
}
block stage(out, stride, units, cut) {
    let bounds = [-1] + cut + [units];
    for k in 0..=len(cut) {
        for i in bounds[k] + 1..bounds[k + 1] { pair(out, if i == 0 { stride } else { 1 }) }
        -> if k < len(cut) { pair(out, if cut[k] == 0 { stride } else { 1 }, cut = true) }
    }
}
Plain(classes = 10, n = 3, cut = [[], [], []]): 3x32x32 -> classes;
stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu;
body layer1: stage(16, 1, n, cut[0]);
     layer2: stage(32, 2, n, cut[1]);
     layer3: stage(64, 2, n, cut[2]);
head gap -> fc: linear(classes);
";

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    setting: Setting,
    /// Layers of both networks, 6n + 2
    #[arg(long, default_value_t = 32)]
    layers: usize,
    /// How often so many units are drawn to be deleted
    #[arg(long, default_value_t = 5)]
    draws: usize,
    /// Where the figures go: FIGURE-single.svg and FIGURE-several.svg
    #[arg(long, default_value = "target/lesion")]
    figure: PathBuf,
}

/// A trained network whose units can be deleted.
struct Trained<'a> {
    source: &'a str,
    weights: StateDict<f32>,
    /// Units of a stage.
    n: usize,
    experiment: &'a Experiment,
}

impl Trained<'_> {
    /// Percent of errors without some units, counted through all stages.
    fn error(&self, cut: &[usize]) -> Result<f64, Failure> {
        let Experiment { input, test, .. } = self.experiment;
        let graph = variant(self.source, &arguments(self.experiment.classes(), self.n, cut), *input)?;
        let mut session = Session::new(&graph, &self.weights, SessionOptions { batch: 64, ..Default::default() })?;
        Ok(100.0 * (1.0 - evaluate(&mut session, test)?.accuracy))
    }
}

/// `cut` as each stage counts its units, ascending.
fn arguments(classes: usize, n: usize, cut: &[usize]) -> String {
    let stage = |stage: usize| {
        let mut of: Vec<usize> = cut.iter().filter(|&&unit| unit / n == stage).map(|unit| unit % n).collect();
        of.sort_unstable();
        format!("{of:?}")
    };
    format!("classes = {classes}, n = {n}, cut = [{}, {}, {}]", stage(0), stage(1), stage(2))
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let begin = Instant::now();
    let n = units(args.layers)?;
    let seed = args.setting.seed;
    let experiment = args.setting.open()?;
    let (mut singles, mut several) = (Vec::new(), Vec::new());
    for (colour, (kind, source)) in [("residual", zoo::ResNet56CifarLesion), ("plain", PLAIN)].into_iter().enumerate() {
        let graph = variant(source, &arguments(experiment.classes(), n, &[]), experiment.input)?;
        let (weights, _) = experiment.train(&format!("{kind}-{}", args.layers), &graph)?;
        let trained = Trained { source, weights, n, experiment: &experiment };
        let whole = trained.error(&[])?;
        let line = |name: &str, thin, points| Line { name: format!("{kind}{name}"), colour, thin, points };

        let single =
            (0..3 * n).map(|unit| Ok((unit as f64, trained.error(&[unit])?))).collect::<Result<Vec<_>, Failure>>()?;
        println!("{kind}-{}: {whole:.2} % errors; without unit", args.layers);
        for stage in single.chunks(n) {
            let told: Vec<String> = stage.iter().map(|(unit, error)| format!("{unit}: {error:.1}")).collect();
            println!("  {}", told.join("  "));
        }
        singles.push(line(", one unit deleted", false, single));
        singles.push(line(", whole", true, vec![(0.0, whole), (3.0 * n as f64 - 1.0, whole)]));

        // Units that change sizes are not drawn: figure 5 (a) is about how many, not which.
        let mut units: Vec<usize> = (0..3 * n).filter(|unit| unit % n != 0).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut means = vec![(0.0, whole)];
        for count in 1..=units.len() {
            let mut sum = 0.0;
            for _ in 0..args.draws.max(1) {
                units.shuffle(&mut rng);
                sum += trained.error(&units[..count])?;
            }
            means.push((count as f64, sum / args.draws.max(1) as f64));
        }
        let told: Vec<String> = means.iter().map(|(count, error)| format!("{count}: {error:.1}")).collect();
        println!("  without so many drawn units: {}", told.join("  "));
        several.push(line("", false, means));
    }
    let path = |what: &str| args.figure.with_file_name(format!("{}-{what}.svg", name(&args.figure)));
    lines(&path("single"), &[("A unit is deleted", singles)], ["deleted unit", "test error (%)"])?;
    lines(&path("several"), &[("Several units are deleted", several)], ["deleted units", "test error (%)"])?;
    println!("{} and -several.svg in {:.0} s", path("single").display(), begin.elapsed().as_secs_f64());
    Ok(())
}

fn name(path: &std::path::Path) -> String {
    path.file_name().map_or_else(|| "lesion".into(), |name| name.to_string_lossy().into_owned())
}
