//! What a training measured: `metrics.jsonl`, a JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::checkpoint::Progress;
use super::checksums;
use super::error::TrainError;
use super::events::Events;

/// A line of the metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// Every so many steps.
    Step(StepRecord),
    /// At the end of every epoch.
    Epoch(EpochRecord),
    /// Where numbers were no longer finite and the training went back.
    Rollback(RollbackRecord),
}

/// A way back to a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackRecord {
    /// The epoch that goes on, from 1.
    pub epoch: usize,
    /// Steps of the checkpoint.
    pub step: u64,
    /// Steps that had been done.
    pub from: u64,
    /// What learning rates are multiplied with from now on.
    pub rate_factor: f64,
    /// What was not finite.
    pub reason: String,
    /// Seconds of training so far, over all resumptions.
    pub seconds: f64,
}

/// The steps since the last such line, or since the epoch began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Steps since the training began.
    pub step: u64,
    /// Mean of what was minimised.
    pub loss: f64,
    /// Mean cross-entropy of the logits alone, where the network has auxiliary outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_loss: Option<f64>,
    /// Mean cross-entropy of each auxiliary output, not yet times its share in the loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auxiliary_losses: Vec<f64>,
    /// Share of training images whose class was found, while it was trained on them.
    pub accuracy: f64,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Images trained on in a second.
    pub images_per_second: f64,
    /// Seconds of training so far, over all resumptions.
    pub seconds: f64,
    /// Seconds that these steps waited for data.
    #[serde(default)]
    pub data_seconds: f64,
}

/// An epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Steps since the training began.
    pub step: u64,
    /// Mean of what was minimised.
    pub loss: f64,
    /// Mean cross-entropy of the logits alone, where the network has auxiliary outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_loss: Option<f64>,
    /// Mean cross-entropy of each auxiliary output, not yet times its share in the loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auxiliary_losses: Vec<f64>,
    /// Share of training images whose class was found, while it was trained on them.
    pub accuracy: f64,
    /// Mean cross-entropy of the test images.
    pub eval_loss: f64,
    /// Share of test images whose class was found.
    pub eval_accuracy: f64,
    /// The same with the averaged weights, where an average is kept.
    pub average_loss: Option<f64>,
    /// The same with the averaged weights, where an average is kept.
    pub average_accuracy: Option<f64>,
    /// Share of test images whose class is among the five largest logits of the weights that are kept, where there are more
    /// than five classes.
    pub top5: Option<f64>,
    /// [`Calibration::error`](super::Calibration::error) of the weights that are kept.
    pub calibration_error: f64,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Images trained on in a second, without evaluation.
    pub images_per_second: f64,
    /// Seconds of training so far, over all resumptions.
    pub seconds: f64,
    /// Seconds that these steps waited for data.
    #[serde(default)]
    pub data_seconds: f64,
}

impl EpochRecord {
    /// Test accuracy of the weights that are kept: the averaged ones, where there are.
    pub fn test_accuracy(&self) -> f64 {
        self.average_accuracy.unwrap_or(self.eval_accuracy)
    }

    /// Test loss of the weights that are kept.
    pub fn test_loss(&self) -> f64 {
        self.average_loss.unwrap_or(self.eval_loss)
    }
}

/// The file, to append to.
pub(super) struct Metrics {
    path: PathBuf,
    file: File,
    len: u64,
    /// Of so many bytes.
    hash: Xxh3,
    /// The same for TensorBoard.
    events: Events,
}

impl Metrics {
    /// What is wrong with the lines that a checkpoint knows of.
    pub fn check(path: &Path, progress: &Progress) -> Result<(), String> {
        let name = path.display();
        match hash(path, progress.metrics).map_err(|error| format!("{name}: {error}"))? {
            (got, _) if got < progress.metrics => Err(format!(
                "{name} is damaged: {} bytes of it belong to the checkpoint, it has {got}",
                progress.metrics
            )),
            (_, hash) if progress.metrics > 0 && checksums::finish(&hash) != progress.metrics_checksum => {
                Err(format!("{name} is damaged: what belongs to the checkpoint was changed"))
            }
            _ => Ok(()),
        }
    }

    /// Cuts the file back to what the checkpoint knows of: what follows will be measured again.
    pub fn open(path: PathBuf, len: u64) -> Result<Metrics, TrainError> {
        let failed = |source| TrainError::Io { action: "open", path: path.clone(), source };
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path).map_err(failed)?;
        let (_, hash) = hash(&path, len).map_err(failed)?;
        file.set_len(len).map_err(failed)?;
        file.seek(SeekFrom::Start(len)).map_err(failed)?;
        let events = Events::open(path.parent().unwrap_or(Path::new("")), &records(&path)?)?;
        Ok(Metrics { path, file, len, hash, events })
    }

    /// Appends a line.
    pub fn append(&mut self, record: &Record) -> Result<(), TrainError> {
        let mut line = serde_json::to_vec(record).map_err(|error| TrainError::Io {
            action: "write",
            path: self.path.clone(),
            source: error.into(),
        })?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        written.map_err(|source| TrainError::Io { action: "write", path: self.path.clone(), source })?;
        self.len += line.len() as u64;
        self.hash.update(&line);
        self.events.append(record)
    }

    /// Brings the lines to the disk and says how many bytes they are, and their checksum.
    pub fn sync(&self) -> Result<(u64, String), TrainError> {
        let synced = self.file.sync_all();
        synced.map_err(|source| TrainError::Io { action: "write", path: self.path.clone(), source })?;
        Ok((self.len, checksums::finish(&self.hash)))
    }
}

/// Of the first bytes of a file: how many of `len` there are, and their hash. A file that is not there has none.
fn hash(path: &Path, len: u64) -> io::Result<(u64, Xxh3)> {
    let mut hash = Xxh3::new();
    let mut file = match File::open(path) {
        Ok(file) => file.take(len),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, hash)),
        Err(error) => return Err(error),
    };
    let (mut buffer, mut got) = (vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((got, hash)),
            Ok(count) => {
                hash.update(&buffer[..count]);
                got += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The lines of a file of metrics.
pub(super) fn records(path: &Path) -> Result<Vec<Record>, TrainError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(TrainError::Io { action: "read", path: path.to_owned(), source }),
    };
    let read = |line| {
        serde_json::from_str(line)
            .map_err(|error| TrainError::Damaged { path: path.to_owned(), reason: error.to_string() })
    };
    text.lines().map(read).collect()
}

/// The epochs among them.
#[cfg(feature = "program")]
pub(super) fn epochs(path: &Path) -> Result<Vec<EpochRecord>, TrainError> {
    let epoch = |record| if let Record::Epoch(epoch) = record { Some(epoch) } else { None };
    Ok(records(path)?.into_iter().filter_map(epoch).collect())
}
