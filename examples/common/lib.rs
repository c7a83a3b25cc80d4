//! What the examples share: their command line, the progress bar, the measure of accuracy.

pub mod few;
pub mod figure;
pub mod supervised;

use std::error::Error;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use cnn_runtime::data::{Batch, Batches, DataError, Dataset, Source};
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
    #[arg(long, default_value = "target/weights.safetensors")]
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

/// Shuffled batches of all epochs, with progress on the screen: a bar on a terminal, and a line for each epoch.
pub struct Training<'d> {
    data: &'d Dataset,
    size: usize,
    epochs: u64,
    seed: u64,
    epoch: u64,
    batches: Option<Batches<'d>>,
    bar: ProgressBar,
    seen: usize,
    right: usize,
    loss: f64,
    begin: Instant,
}

impl<'d> Training<'d> {
    /// Batches of `size` images, each epoch in another order.
    pub fn new(data: &'d Dataset, size: usize, epochs: u64, seed: u64) -> Training<'d> {
        let bar = ProgressBar::new(data.len().div_ceil(size) as u64);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{prefix} [{bar:32}] {pos}/{len}  {msg}  {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        let begin = Instant::now();
        Training { data, size, epochs, seed, epoch: 0, batches: None, bar, seen: 0, right: 0, loss: 0.0, begin }
    }

    /// The next batch; `None` behind the last epoch.
    pub fn next_batch(&mut self) -> Option<Batch> {
        loop {
            if let Some(batch) = self.batches.as_mut().and_then(Iterator::next) {
                return Some(batch);
            }
            if self.batches.take().is_some() {
                self.bar.finish_and_clear();
                println!("{}  {}  {:.1} s", self.name(), self.figures(), self.begin.elapsed().as_secs_f64());
                self.epoch += 1;
            }
            if self.epoch == self.epochs {
                return None;
            }
            (self.seen, self.right, self.loss, self.begin) = (0, 0, 0.0, Instant::now());
            self.bar.reset();
            self.bar.set_prefix(self.name());
            self.batches = Some(self.data.batches(self.size, self.seed + self.epoch));
        }
    }

    /// Counts what a batch came to.
    pub fn record(&mut self, batch: &Batch, loss: f32, logits: &[f32]) {
        self.seen += batch.len();
        self.right += right(batch, logits);
        self.loss += f64::from(loss) * batch.len() as f64;
        self.bar.set_message(self.figures());
        self.bar.inc(1);
    }

    /// The learning rate for the next batch: it falls from `first` to 0 along half a cosine.
    pub fn cosine(&self, first: f64) -> f64 {
        let epoch = self.epoch as f64 + self.seen as f64 / self.data.len().max(1) as f64;
        first * 0.5 * (1.0 + (std::f64::consts::PI * epoch / self.epochs.max(1) as f64).cos())
    }

    fn name(&self) -> String {
        format!("epoch {}/{}", self.epoch + 1, self.epochs)
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
