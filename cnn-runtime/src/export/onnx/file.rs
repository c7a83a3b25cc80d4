//! A model as bytes: all in one file, or with its weights in one beside it.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use prost::Message;

use super::Options;
use super::builder::Model;
use super::error::OnnxError;
use super::proto::{DataLocation, ModelProto, StringStringEntryProto, TensorProto};
use super::tensors::{Data, Initializer, dims, float_bytes};
use crate::weights::{replace, temporary};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The file of the weights, if they are not in the model.
    pub weights: Option<PathBuf>,
    /// Operations of the model.
    pub nodes: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Weights start at multiples of this in a file of their own, so that readers can map them into memory.
const PAGE: u64 = 4096;

/// Smaller constants stay in the model: readers look at sizes and axes before they open another file.
const SMALL: u64 = 1024;

impl Model<'_> {
    /// Bytes of all constants.
    fn weight_bytes(&self) -> u64 {
        self.initializers.iter().fold(0, |sum, initializer| sum.saturating_add(initializer.bytes()))
    }

    /// The bytes of a constant.
    fn data(&self, initializer: &Initializer) -> Vec<u8> {
        match &initializer.data {
            Data::Constant(index) => {
                let count = self.constants.count(*index, self.weights);
                let Ok(numbers) = self.constants.evaluate(*index, 0..count, self.weights);
                float_bytes(&numbers)
            }
            Data::Floats(bits) => bits.iter().flat_map(|bits| bits.to_le_bytes()).collect(),
            Data::Ints(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    /// The model with these constants.
    fn with(&self, initializer: Vec<TensorProto>) -> ModelProto {
        let mut proto = self.proto.clone();
        if let Some(graph) = &mut proto.graph {
            graph.initializer = initializer;
        }
        proto
    }

    fn whole(&self) -> ModelProto {
        let tensors = self.initializers.iter().map(|initializer| inside(initializer, self.data(initializer)));
        self.with(tensors.collect())
    }

    /// The model, its weights written to `file`, which is called `location`.
    fn divided(&self, location: &str, file: &mut impl Write) -> io::Result<ModelProto> {
        let mut tensors = Vec::with_capacity(self.initializers.len());
        let mut end = 0;
        for initializer in &self.initializers {
            let data = self.data(initializer);
            if initializer.bytes() < SMALL {
                tensors.push(inside(initializer, data));
                continue;
            }
            let start = u64::next_multiple_of(end, PAGE);
            file.write_all(&[0; PAGE as usize][..(start - end) as usize])?;
            file.write_all(&data)?;
            end = start + data.len() as u64;
            let entries =
                [("location", location.to_owned()), ("offset", start.to_string()), ("length", data.len().to_string())];
            let entries = entries.map(|(key, value)| StringStringEntryProto { key: key.into(), value });
            tensors.push(TensorProto {
                external_data: entries.into(),
                data_location: DataLocation::External.into(),
                ..inside(initializer, Vec::new())
            });
        }
        Ok(self.with(tensors))
    }
}

/// A constant in the model.
fn inside(initializer: &Initializer, raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: dims(&initializer.dims),
        data_type: initializer.data_type().into(),
        name: initializer.name.clone(),
        raw_data,
        ..Default::default()
    }
}

/// The whole model, if its weights are not too large for that.
pub(super) fn encode(model: &Model<'_>, inline: u64) -> Result<Vec<u8>, OnnxError> {
    let (bytes, limit) = (model.weight_bytes(), inline.min(Options::INLINE));
    if bytes > limit {
        let network = model.proto.graph.as_ref().map_or_else(String::new, |graph| graph.name.clone());
        return Err(OnnxError::TooLarge { network, bytes, limit });
    }
    Ok(model.whole().encode_to_vec())
}

/// Writes the model, with weights of more than `inline` bytes beside it.
pub(super) fn save(model: &Model<'_>, inline: u64, path: &Path) -> Result<Saved, OnnxError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OnnxError::Io { path, source }
    };
    let nodes = model.proto.graph.as_ref().map_or(0, |graph| graph.node.len());
    if model.weight_bytes() <= inline.min(Options::INLINE) {
        let bytes = model.whole().encode_to_vec();
        replace(path, &bytes).map_err(failed(path))?;
        return Ok(Saved { weights: None, nodes, bytes: bytes.len() as u64 });
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let location = format!("{}.data", name.ok_or_else(|| OnnxError::FileName { path: path.into() })?);
    let beside = path.with_file_name(&location);
    let write = || -> io::Result<_> {
        let mut file = temporary(&beside)?;
        let mut buffer = BufWriter::new(file.as_file_mut());
        let proto = model.divided(&location, &mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        file.as_file().sync_all()?;
        Ok((file, proto))
    };
    let (file, proto) = write().map_err(failed(&beside))?;
    let weight_bytes = file.as_file().metadata().map_err(failed(&beside))?.len();
    let bytes = proto.encode_to_vec();
    // A model of earlier must not meet the weights of this one.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path)(error)),
        Ok(()) | Err(_) => {}
    }
    file.persist(&beside).map_err(|error| failed(&beside)(error.error))?;
    replace(path, &bytes).map_err(failed(path))?;
    Ok(Saved { weights: Some(beside), nodes, bytes: bytes.len() as u64 + weight_bytes })
}
