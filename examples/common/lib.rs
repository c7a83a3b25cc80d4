//! What the examples share: their command line, the progress bar, the measure of accuracy.

use std::error::Error;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use cnn_runtime::data::{Batch, DataError, Dataset, Source};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Any error of an example.
pub type Failure = Box<dyn Error>;

/// The command line of an example that trains.
#[derive(Parser, Debug)]
pub struct Args {
    /// Images: digits (drawn by the library), mnist:DIR or fashion-mnist:DIR
    #[arg(long, default_value = "digits")]
    pub data: Source,
    /// Passes over the training images
    #[arg(long)]
    pub epochs: Option<u64>,
    /// Where the weights go
    #[arg(long, default_value = "target/quickstart.safetensors")]
    pub weights: PathBuf,
    /// Everything random follows from it
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl Args {
    /// Training and test images of the network's size.
    pub fn images(&self, input: &[usize], counts: [usize; 2]) -> Result<(Dataset, Dataset), DataError> {
        let shape = [input[0], input[1], input[2]];
        self.data.load(shape, counts, self.seed)
    }
}

/// One epoch on the screen: a bar on a terminal, a line at the end everywhere else.
pub struct Progress {
    bar: ProgressBar,
    epoch: String,
    seen: usize,
    right: usize,
    loss: f64,
    begin: Instant,
}

impl Progress {
    /// Begins epoch `epoch` of `epochs`, over `batches` batches.
    pub fn new(epoch: u64, epochs: u64, batches: usize) -> Progress {
        let bar = ProgressBar::new(batches as u64);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{prefix} [{bar:32}] {pos}/{len}  {msg}  {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        let epoch = format!("epoch {epoch}/{epochs}");
        bar.set_prefix(epoch.clone());
        Progress { bar, epoch, seen: 0, right: 0, loss: 0.0, begin: Instant::now() }
    }

    /// Counts a batch.
    pub fn step(&mut self, batch: &Batch, loss: f32, logits: &[f32]) {
        self.seen += batch.len();
        self.right += right(batch, logits);
        self.loss += f64::from(loss) * batch.len() as f64;
        self.bar.set_message(self.figures());
        self.bar.inc(1);
    }

    /// Ends the epoch with a line; returns how long it took.
    pub fn end(self) -> Duration {
        self.bar.finish_and_clear();
        let took = self.begin.elapsed();
        println!("{}  {}  {:.1} s", self.epoch, self.figures(), took.as_secs_f64());
        took
    }

    fn figures(&self) -> String {
        let seen = self.seen.max(1) as f64;
        format!("loss {:.4}  accuracy {:.2} %", self.loss / seen, 100.0 * self.right as f64 / seen)
    }
}

/// Top-1 accuracy in percent; `logits` computes those of a batch.
pub fn accuracy(data: &Dataset, mut logits: impl FnMut(&Batch) -> Vec<f32>) -> f64 {
    let right: usize = data.batches_in_order(250).map(|batch| right(&batch, &logits(&batch))).sum();
    100.0 * right as f64 / data.len().max(1) as f64
}

/// How many images of a batch get their highest logit for their own class.
fn right(batch: &Batch, logits: &[f32]) -> usize {
    let classes = logits.len() / batch.len().max(1);
    let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    logits.chunks_exact(classes.max(1)).zip(&batch.labels).filter(|(row, label)| best(row) == Some(**label)).count()
}
