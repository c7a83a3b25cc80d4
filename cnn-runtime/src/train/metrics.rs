//! What a training measured: `metrics.jsonl`, a JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::TrainError;

/// A line of the metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// Every so many steps.
    Step(StepRecord),
    /// At the end of every epoch.
    Epoch(EpochRecord),
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
}

impl Metrics {
    /// Cuts the file back to what the checkpoint knows of: what follows will be measured again.
    pub fn open(path: PathBuf, len: u64) -> Result<Metrics, TrainError> {
        let failed = |source| TrainError::Io { action: "open", path: path.clone(), source };
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path).map_err(failed)?;
        let got = file.metadata().map_err(failed)?.len();
        if got < len {
            let reason = format!("the checkpoint knows of {len} bytes, it has {got}");
            return Err(TrainError::Damaged { path, reason });
        }
        file.set_len(len).map_err(failed)?;
        file.seek(SeekFrom::Start(len)).map_err(failed)?;
        Ok(Metrics { path, file, len })
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
        Ok(())
    }

    /// Brings the lines to the disk and says how many bytes they are.
    pub fn sync(&self) -> Result<u64, TrainError> {
        let synced = self.file.sync_all();
        synced.map_err(|source| TrainError::Io { action: "write", path: self.path.clone(), source })?;
        Ok(self.len)
    }
}

/// The epochs of a file of metrics.
#[cfg_attr(not(feature = "program"), expect(dead_code, reason = "the curve is drawn from them"))]
pub(super) fn epochs(path: &Path) -> Result<Vec<EpochRecord>, TrainError> {
    let text = std::fs::read_to_string(path).map_err(|source| TrainError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let mut epochs = Vec::new();
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Record::Epoch(epoch)) => epochs.push(epoch),
            Ok(Record::Step(_)) => {}
            Err(error) => return Err(TrainError::Damaged { path: path.to_owned(), reason: error.to_string() }),
        }
    }
    Ok(epochs)
}
