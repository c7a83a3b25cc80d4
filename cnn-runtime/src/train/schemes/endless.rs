//! Batches of a part, epoch after epoch.

use crate::data::{DataError, Labels, Loader, Part, Prepared};

/// Where the order of an epoch begins: no two epochs of neighbouring seeds, nor of two streams, share one.
pub(super) fn epoch_seed(seed: u64, stream: u64, epoch: u64) -> u64 {
    let mix = |number: u64| {
        // The finalizer of SplitMix64: <https://doi.org/10.1145/2660193.2660195>.
        let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    };
    mix(mix(mix(seed).wrapping_add(stream)).wrapping_add(epoch))
}

/// Batches of a part without end: an epoch follows the other, each in an order of its own.
pub(super) struct Endless {
    part: Part,
    batch: usize,
    seed: u64,
    stream: u64,
    threads: usize,
    epoch: u64,
    loader: Loader,
}

impl Endless {
    /// The part must not be empty.
    pub fn new(part: &Part, batch: usize, seed: u64, stream: u64, threads: Option<usize>) -> Endless {
        // A thread for each batch of a few images would live shorter than it takes to start it.
        let few = part.len() < 16 * batch;
        let threads = threads.unwrap_or(if few && !part.is_files() { 0 } else { part.threads() });
        let loader = Loader::training(part, batch, epoch_seed(seed, stream, 0), 0, threads);
        Endless { part: part.clone(), batch, seed, stream, threads, epoch: 0, loader }
    }

    /// The next batch; the last of an epoch has what is left.
    pub fn next(&mut self) -> Result<Prepared, DataError> {
        if let Some(batch) = self.loader.next() {
            return batch;
        }
        self.epoch += 1;
        let seed = epoch_seed(self.seed, self.stream, self.epoch);
        self.loader = Loader::training(&self.part, self.batch, seed, 0, self.threads);
        self.loader.next().unwrap_or_else(|| Err(DataError::Worker { reason: "an epoch without a batch".into() }))
    }
}

/// Probabilities of labelled images: a row of 1 at its class for each, or what mixing and weights made of it.
pub(super) fn rows(labels: &Labels, classes: usize) -> Vec<f32> {
    match labels {
        Labels::Soft(rows) => rows.clone(),
        Labels::Classes(labels) => {
            let mut rows = vec![0.0; labels.len() * classes];
            labels.iter().enumerate().for_each(|(i, &label)| rows[i * classes + label] = 1.0);
            rows
        }
    }
}
