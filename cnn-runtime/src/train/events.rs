//! Metrics as TensorBoard reads them: `events.out.tfevents.cnn` of a run's folder.
//!
//! The file follows from `metrics.jsonl`. It is written anew when a training goes on, so that nothing in it is of steps that
//! are done again.

mod proto;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use prost::Message;

use super::error::TrainError;
use super::metrics::Record;
use proto::{Event, PluginData, Summary, SummaryMetadata, TensorProto, TensorShape, Value};

/// TensorBoard takes files with `tfevents` in their names.
const NAME: &str = "events.out.tfevents.cnn";
/// The data type of texts.
const DT_STRING: i32 = 7;

/// The file, to append to.
pub(super) struct Events {
    path: PathBuf,
    file: File,
    /// When the run began, in seconds since 1970.
    began: f64,
}

impl Events {
    /// Writes what has been measured so far.
    pub fn open(dir: &Path, records: &[Record]) -> Result<Events, TrainError> {
        let path = dir.join(NAME);
        let failed = |source| TrainError::Io { action: "write", path: path.clone(), source };
        let began = fs::metadata(dir.join("settings.json")).and_then(|settings| settings.modified());
        let began =
            began.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0.0, |time| time.as_secs_f64());
        let mut bytes =
            frame(&Event { wall_time: began, file_version: Some("brain.Event:2".into()), ..Event::default() });
        for (tag, name) in [("settings", "settings.json"), ("network", "network.cnn")] {
            // Without them there is no run.
            let text = fs::read_to_string(dir.join(name)).map_err(failed)?;
            bytes.extend(frame(&text_event(began, tag, &text)));
        }
        for record in records {
            bytes.extend(event(began, record).iter().flat_map(frame));
        }
        let unfinished = dir.join(format!("{NAME}.tmp"));
        let file = fs::write(&unfinished, &bytes)
            .and_then(|()| fs::rename(&unfinished, &path))
            .and_then(|()| OpenOptions::new().append(true).open(&path));
        if file.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        Ok(Events { file: file.map_err(failed)?, began, path })
    }

    pub fn append(&mut self, record: &Record) -> Result<(), TrainError> {
        let Some(event) = event(self.began, record) else { return Ok(()) };
        let written = self.file.write_all(&frame(&event));
        written.map_err(|source| TrainError::Io { action: "write", path: self.path.clone(), source })
    }
}

/// A record of a TFRecord file: length, its checksum, data, their checksum.
fn frame(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let len = (data.len() as u64).to_le_bytes();
    [&len[..], &masked(&len), &data, &masked(&data)].concat()
}

/// CRC32C, turned and moved, because checksums of data that hold checksums are bad ones.
fn masked(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The scalars of a record.
fn event(began: f64, record: &Record) -> Option<Event> {
    let (step, seconds, scalars): (u64, f64, Vec<(String, f64)>) = match record {
        Record::Step(r) => (
            r.step,
            r.seconds,
            named([
                ("train/loss", r.loss),
                ("train/accuracy", r.accuracy),
                ("train/rate", r.rate),
                ("train/images_per_second", r.images_per_second),
            ])
            .chain(parts("train", r.main_loss, &r.auxiliary_losses))
            .collect(),
        ),
        Record::Epoch(r) => {
            let scalars = named([
                ("epoch/loss", r.loss),
                ("epoch/accuracy", r.accuracy),
                ("test/loss", r.test_loss()),
                ("test/accuracy", r.test_accuracy()),
                ("test/calibration_error", r.calibration_error),
            ]);
            let top5 = r.top5.map(|top5| ("test/top5".to_owned(), top5));
            (r.step, r.seconds, scalars.chain(top5).chain(parts("epoch", r.main_loss, &r.auxiliary_losses)).collect())
        }
        Record::Rollback(_) => return None,
    };
    let value = |(tag, value): (String, f64)| Value { tag, simple_value: Some(value as f32), ..Value::default() };
    let summary = Summary { value: scalars.into_iter().map(value).collect() };
    Some(Event { wall_time: began + seconds, step: step as i64, summary: Some(summary), ..Event::default() })
}

fn named<const N: usize>(scalars: [(&str, f64); N]) -> impl Iterator<Item = (String, f64)> {
    scalars.map(|(tag, value)| (tag.to_owned(), value)).into_iter()
}

/// What the loss is made of, where the network has auxiliary outputs; they are counted from 1.
fn parts(group: &str, main: Option<f64>, auxiliary: &[f64]) -> impl Iterator<Item = (String, f64)> {
    let main = main.map(|loss| (format!("{group}/main_loss"), loss));
    main.into_iter().chain((1..).zip(auxiliary).map(move |(i, &loss)| (format!("{group}/auxiliary_loss_{i}"), loss)))
}

/// A text, which TensorBoard takes as Markdown: indented it stands as it is.
fn text_event(began: f64, tag: &str, text: &str) -> Event {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    let plugin_data = Some(PluginData { plugin_name: "text".into(), content: Vec::new() });
    let tensor =
        TensorProto { dtype: DT_STRING, tensor_shape: Some(TensorShape {}), string_val: vec![indented.into_bytes()] };
    let value = Value {
        tag: tag.to_owned(),
        tensor: Some(tensor),
        metadata: Some(SummaryMetadata { plugin_data }),
        ..Value::default()
    };
    Event { wall_time: began, summary: Some(Summary { value: vec![value] }), ..Event::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the format's own tests have it: 32 zeros have the CRC32C 8a9136aa (RFC 3720, B.4).
    #[test]
    fn checksums_are_those_of_the_format() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked(&[0; 32]), 0x8a91_36aau32.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
    }

    #[test]
    fn frames_are_read_back() {
        let event = text_event(1.5, "settings", "{}\n");
        let bytes = frame(&event);
        let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert_eq!(bytes.len(), len + 16);
        assert_eq!(bytes[8..12], masked(&bytes[..8]));
        assert_eq!(bytes[12 + len..], masked(&bytes[12..12 + len]));
        assert_eq!(Event::decode(&bytes[12..12 + len]).unwrap(), event);
    }
}
