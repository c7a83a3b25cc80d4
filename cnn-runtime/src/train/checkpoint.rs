//! How far a training came: one file with everything that the next steps depend on.
//!
//! The file is a safetensors file of the trainer's state; the position is in its header. Weights and position are written
//! together or not at all.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::early::Gains;
use super::error::TrainError;
use super::metrics::EpochRecord;

/// Measured on some images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Images.
    pub images: usize,
    /// Sum of their losses.
    pub loss: f64,
    /// How many were classified correctly.
    pub correct: usize,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Sums {
    pub(super) fn add(&mut self, images: usize, mean_loss: f64, correct: usize, seconds: f64) {
        self.images += images;
        self.loss += mean_loss * images as f64;
        self.correct += correct;
        self.seconds += seconds;
    }

    /// Mean loss.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    /// Share of images that were classified correctly.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }

    /// Images in a second.
    pub fn images_per_second(&self) -> f64 {
        self.images as f64 / self.seconds.max(1e-9)
    }
}

/// The epoch with the best test accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Which one, from 1.
    pub epoch: usize,
    /// Its test accuracy.
    pub accuracy: f64,
}

/// Where a training stands between two steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs that are complete, their evaluation too.
    pub epochs: usize,
    /// Steps of the next epoch that are done.
    pub batches: usize,
    /// Steps in all.
    pub steps: u64,
    /// Seconds so far.
    pub seconds: f64,
    /// Of the epoch.
    pub epoch: Sums,
    /// Since the last line of the metrics.
    pub line: Sums,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// The last complete epoch.
    pub last: Option<EpochRecord>,
    /// What was gained, where it may stop early.
    #[serde(default)]
    pub gains: Gains,
    /// Steps that were skipped because a gradient was not finite, where that is asked for.
    #[serde(default)]
    pub skipped: u64,
    /// Bytes of the metrics that belong to it.
    pub metrics: u64,
}

const METADATA: &str = "__metadata__";
const PROGRESS: &str = "progress";

/// Puts the position into the header of a safetensors file.
pub(super) fn encode(state: &[u8], progress: &Progress) -> Result<Vec<u8>, String> {
    let (mut header, data) = split(state)?;
    let progress = serde_json::to_string(progress).map_err(|error| error.to_string())?;
    let metadata = serde_json::json!({ PROGRESS: progress }).to_string();
    header.insert(METADATA.into(), RawValue::from_string(metadata).map_err(|error| error.to_string())?);
    let mut json = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    // The format wants the numbers aligned.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + json.len() + data.len());
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json);
    bytes.extend(data);
    Ok(bytes)
}

/// The position in the header of what [`encode`] wrote; the trainer reads the rest.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Progress, TrainError> {
    let damaged = |reason: String| TrainError::Damaged { path: path.to_owned(), reason };
    let (header, _) = split(bytes).map_err(damaged)?;
    let metadata = header.get(METADATA).ok_or_else(|| damaged("it has no position".into()))?;
    let metadata: HashMap<String, String> =
        serde_json::from_str(metadata.get()).map_err(|error| damaged(error.to_string()))?;
    let progress = metadata.get(PROGRESS).ok_or_else(|| damaged("it has no position".into()))?;
    serde_json::from_str(progress).map_err(|error| damaged(error.to_string()))
}

type Header = std::collections::BTreeMap<String, Box<RawValue>>;

/// Header and numbers.
fn split(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or("it is cut off")?;
    let len = usize::try_from(u64::from_le_bytes(*len)).unwrap_or(usize::MAX);
    let (header, data) = rest.split_at_checked(len).ok_or("it is cut off")?;
    let header = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    Ok((header, data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{NamedTensor, from_file, to_file};

    fn state() -> (Vec<NamedTensor<f32>>, Vec<u8>) {
        let tensor = |name: &str, data: Vec<f32>| NamedTensor { name: name.into(), shape: vec![data.len()], data };
        let tensors = vec![tensor("b", vec![0.1, -2.5e-30]), tensor("a", vec![7.0])];
        let bytes = to_file(&tensors).unwrap();
        (tensors, bytes)
    }

    #[test]
    fn the_file_holds_the_state_and_the_position_to_the_bit() {
        let (tensors, state) = state();
        let epoch = Sums { images: 3, loss: 0.1 + 0.2, correct: 2, seconds: 1e-7 / 3.0 };
        let best = Some(Best { epoch: 1, accuracy: 1.0 / 3.0 });
        let progress =
            Progress { epochs: 1, batches: 2, steps: 1 << 60, epoch, best, metrics: 99, ..Progress::default() };
        let bytes = encode(&state, &progress).unwrap();
        assert_eq!(decode(Path::new("x"), &bytes).unwrap(), progress);
        let values = from_file("x", &bytes, &tensors).unwrap();
        assert_eq!(values, tensors.iter().map(|tensor| tensor.data.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_is_cut_off_or_another_one_is_damaged() {
        let (_, state) = state();
        let bytes = encode(&state, &Progress::default()).unwrap();
        let reason = |bytes: &[u8]| decode(Path::new("x"), bytes).unwrap_err().to_string();
        for len in [0, 7, 8, 40] {
            assert_eq!(reason(&bytes[..len]), "x is damaged (it is cut off); begin a new run");
        }
        assert_eq!(reason(&state), "x is damaged (it has no position); begin a new run");
    }
}
