//! Tensors of no network: what goes into one, what comes out of one.

use std::io::{Seek, SeekFrom};
use std::path::Path;

use super::file::{self, Source};
use super::{NamedTensor, WeightsError, check};

/// The largest tensor that is read: 4 GiB in the file. Taken from the header, before memory is.
const MAX_TENSOR: u64 = 4 << 30;

/// Shape and values of one tensor of a safetensors file, last dimension running fastest.
///
/// F64, F32, F16 and BF16 are converted to 32 bits. Only the header and the tensor's own bytes are read.
///
/// ```
/// use cnn_runtime::weights::{NamedTensor, read_tensor, write_tensors};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("batch.safetensors");
///
/// let image = NamedTensor { name: "image".into(), shape: vec![1, 2, 2], data: vec![0.0, 0.25, 0.5, 1.0] };
/// write_tensors(&path, &[image])?;
/// assert_eq!(read_tensor(&path, "image")?, (vec![1, 2, 2], vec![0.0, 0.25, 0.5, 1.0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read or is damaged; if it holds no tensor of the name (the error lists what it holds), or one of
/// integers, of numbers too large for 32 bits, or of more than 4 GiB.
pub fn read_tensor(path: impl AsRef<Path>, name: &str) -> Result<(Vec<usize>, Vec<f32>), WeightsError> {
    let mut source = Source::open(path.as_ref())?;
    let metadata = source.header()?;
    let infos = metadata.tensors();
    let Some(info) = infos.get(name) else {
        let mut held: Vec<String> = infos.into_keys().collect();
        held.sort_unstable();
        let names: Vec<&str> = held.iter().map(String::as_str).collect();
        let nearest = check::nearest(name, &names);
        return Err(WeightsError::Absent { place: source.place, name: name.into(), nearest, held });
    };

    let (start, end) = info.data_offsets;
    let bytes = (end - start) as u64;
    if bytes > MAX_TENSOR {
        return Err(WeightsError::Memory { name: name.into(), bytes, limit: "the 4 GiB that are read at once" });
    }
    let mut tensor = NamedTensor { name: name.into(), shape: info.shape.clone(), data: Vec::new() };
    if let Some(mismatch) = check::dtype(&tensor, info.dtype) {
        return Err(WeightsError::Unreadable { place: source.place, mismatch });
    }
    let skipped = source.bytes.seek(SeekFrom::Current(start as i64));
    skipped.map_err(|error| source.failed(error))?;
    tensor.data = check::convert(name, info.dtype, &source.exactly(bytes)?)
        .map_err(|mismatch| WeightsError::Unreadable { place: source.place, mismatch })?;
    Ok((tensor.shape, tensor.data))
}

/// Writes tensors of any names and shapes to a safetensors file.
///
/// An existing file is replaced only once the new one is complete. A scalar named as PyTorch names a batch normalisation's
/// counter (`num_batches_tracked`) is written as I64, all else as F32.
///
/// # Errors
/// If a tensor's data are not as many as its shape says, two tensors share a name, or the file cannot be written.
pub fn write_tensors(path: impl AsRef<Path>, tensors: &[NamedTensor<f32>]) -> Result<(), WeightsError> {
    for NamedTensor { name, shape, data } in tensors {
        // A product that overflows is the length of no data.
        let expected = shape.iter().try_fold(1, |count: usize, &n| count.checked_mul(n)).unwrap_or(usize::MAX);
        if expected != data.len() {
            let (name, shape) = (name.clone(), shape.clone());
            return Err(WeightsError::Length { name, shape, expected, got: data.len() });
        }
    }
    file::write_atomically(path.as_ref(), &file::encode(tensors)?)
}

#[cfg(test)]
mod tests;
