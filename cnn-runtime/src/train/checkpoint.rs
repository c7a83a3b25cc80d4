//! How far a training came: one file with everything that the next steps depend on.
//!
//! The file is a safetensors file of the trainer's state; the position is in its header, with whose it is and a checksum of
//! the whole file. Weights and position are written together or not at all.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::checksums;
use super::early::Gains;
use super::metrics::EpochRecord;
use crate::engine::StepReport;

/// Measured on some images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Images.
    pub images: usize,
    /// Sum of their losses.
    pub loss: f64,
    /// The same of the logits alone, then of each auxiliary output, none times its share; nothing where no output is auxiliary.
    #[serde(default)]
    pub parts: Vec<f64>,
    /// How many were classified correctly.
    pub correct: usize,
    /// Seconds that it took.
    pub seconds: f64,
    /// Seconds of them that were spent waiting for data.
    #[serde(default)]
    pub data_seconds: f64,
}

impl Sums {
    pub(super) fn add(&mut self, report: &StepReport, [seconds, data_seconds]: [f64; 2]) {
        let images = report.samples as f64;
        self.images += report.samples;
        self.loss += report.loss * images;
        self.correct += report.correct;
        if !report.auxiliary_losses.is_empty() {
            self.parts.resize(1 + report.auxiliary_losses.len(), 0.0);
            let losses = std::iter::once(&report.main_loss).chain(&report.auxiliary_losses);
            self.parts.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss * images);
        }
        self.seconds += seconds;
        self.data_seconds += data_seconds;
    }

    /// Mean loss.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    /// Mean loss of the logits alone, where an output is auxiliary.
    pub fn main_loss(&self) -> Option<f64> {
        self.parts.first().map(|sum| sum / self.images.max(1) as f64)
    }

    /// Mean loss of each auxiliary output.
    pub fn auxiliary_losses(&self) -> Vec<f64> {
        self.parts.iter().skip(1).map(|sum| sum / self.images.max(1) as f64).collect()
    }

    /// Share of images that were classified correctly.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }

    /// Images in a second.
    pub fn images_per_second(&self) -> f64 {
        self.images as f64 / self.seconds.max(1e-9)
    }

    /// Share of the time in which the engine waited for data.
    pub fn waited(&self) -> f64 {
        self.data_seconds / self.seconds.max(1e-9)
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Their checksum.
    pub metrics_checksum: String,
    /// What learning rates are multiplied with: 1 until numbers are not finite and the training [goes back](super::OnNan).
    pub rate_factor: f64,
    /// How often it went back.
    pub rollbacks: u32,
}

/// The beginning.
impl Default for Progress {
    fn default() -> Progress {
        Progress {
            epochs: 0,
            batches: 0,
            steps: 0,
            seconds: 0.0,
            epoch: Sums::default(),
            line: Sums::default(),
            best: None,
            last: None,
            gains: Gains::default(),
            skipped: 0,
            metrics: 0,
            metrics_checksum: String::new(),
            rate_factor: 1.0,
            rollbacks: 0,
        }
    }
}

const METADATA: &str = "__metadata__";

/// How every checkpoint goes on behind the length of its header; 32 digits of its checksum follow.
const LEAD: &[u8] = br#"{"__metadata__":{"checksum":""#;
const DIGITS: std::ops::Range<usize> = 8 + LEAD.len()..8 + LEAD.len() + 32;

/// What the header holds beside the tensors.
#[derive(Serialize, Deserialize)]
struct Metadata {
    /// XXH3 (128 bits) of the whole file with zeros in its own place.
    checksum: String,
    /// [`Progress`].
    progress: String,
    /// Whose it is: the checksum of the run's [checksums](super::checksums).
    run: String,
}

/// Puts position, owner and checksum into the header of a safetensors file.
pub(super) fn encode(state: &[u8], progress: &Progress, run: &str) -> Result<Vec<u8>, String> {
    let (mut header, data) = split(state)?;
    let progress = serde_json::to_string(progress).map_err(|error| error.to_string())?;
    let metadata = Metadata { checksum: "0".repeat(DIGITS.len()), progress, run: run.to_owned() };
    let metadata = serde_json::value::to_raw_value(&metadata).map_err(|error| error.to_string())?;
    header.insert(METADATA.into(), metadata);
    let mut json = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    // The format wants the numbers aligned.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + json.len() + data.len());
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json);
    bytes.extend(data);
    if bytes[8..].starts_with(LEAD) {
        let sum = checksums::hex(&[&bytes]);
        bytes[DIGITS].copy_from_slice(sum.as_bytes());
        return Ok(bytes);
    }
    Err("a tensor's name stands before the metadata".into())
}

/// The position in the header of what [`encode`] wrote for this run; the trainer reads the rest. Whatever else the bytes
/// are, it says what.
pub(super) fn decode(bytes: &[u8], run: &str) -> Result<Progress, String> {
    const CHANGED: &str = "it is cut off or was changed: its checksum does not fit";
    let lead = bytes.get(8..).unwrap_or_default();
    if lead.len() < LEAD.len() && LEAD.starts_with(lead) {
        return Err("it is cut off".into());
    }
    if !lead.starts_with(LEAD) {
        return Err("it is no checkpoint of a run".into());
    }
    let (Some(digits), Some(rest)) = (bytes.get(DIGITS), bytes.get(DIGITS.end..)) else {
        return Err("it is cut off".into());
    };
    let sum = checksums::hex(&[&bytes[..DIGITS.start], &[b'0'; DIGITS.end - DIGITS.start], rest]);
    if sum.as_bytes() != digits {
        return Err(CHANGED.into());
    }
    let (header, _) = split(bytes)?;
    let metadata = header.get(METADATA).ok_or("it has no position")?;
    let metadata: Metadata = serde_json::from_str(metadata.get()).map_err(|error| error.to_string())?;
    if metadata.run != run {
        return Err("it belongs to another run".into());
    }
    serde_json::from_str(&metadata.progress).map_err(|error| error.to_string())
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
        let parts = vec![0.1 / 7.0, 2.0 / 3.0];
        let (loss, seconds, data_seconds) = (0.1 + 0.2, 1e-7 / 3.0, 0.1 / 3.0);
        let epoch = Sums { images: 3, loss, parts, correct: 2, seconds, data_seconds };
        let best = Some(Best { epoch: 1, accuracy: 1.0 / 3.0 });
        let progress =
            Progress { epochs: 1, batches: 2, steps: 1 << 60, epoch, best, metrics: 99, ..Progress::default() };
        let bytes = encode(&state, &progress, "mine").unwrap();
        assert_eq!(decode(&bytes, "mine").unwrap(), progress);
        let values = from_file("x", &bytes, &tensors).unwrap();
        assert_eq!(values, tensors.iter().map(|tensor| tensor.data.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn whatever_is_no_intact_checkpoint_of_the_run_is_refused() {
        let (_, state) = state();
        let bytes = encode(&state, &Progress::default(), "mine").unwrap();
        let reason = |bytes: &[u8]| decode(bytes, "mine").unwrap_err();
        for len in 0..bytes.len() {
            assert!(reason(&bytes[..len]).starts_with("it is cut off"), "{len}: {}", reason(&bytes[..len]));
        }
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&changed, "mine").is_err(), "bit {bit}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(reason(&longer).ends_with("its checksum does not fit"));
        assert_eq!(reason(&state), "it is no checkpoint of a run");
        assert_eq!(decode(&bytes, "another").unwrap_err(), "it belongs to another run");
    }
}
