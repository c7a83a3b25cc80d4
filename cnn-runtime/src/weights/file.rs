//! The safetensors format: bytes in, bytes out.
//!
//! Files come from outside. The header is read first, within a limit; the data are read once the header fits the module,
//! so no file makes us take more memory than the module's own size asks for.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use dfdx::dtypes::Dtype as DfdxDtype;
use safetensors::tensor::Metadata;
use safetensors::{Dtype, View};
use tempfile::NamedTempFile;

use super::check::{self, Matched};
use super::{LoadOptions, LoadReport, NamedTensor, WeightsError};

/// The longest header taken: 8 MiB, some 80,000 tensors. (JSON grows twentyfold on its way through the parser.)
const MAX_HEADER: u64 = 8 << 20;

/// A type of elements that has a name in safetensors files and a value as `f64`.
pub trait Element: DfdxDtype {
    /// The name of the type in files.
    const DTYPE: Dtype;

    /// The same value as `f64`.
    fn widen(self) -> f64;

    /// The nearest value to an `f64`; infinite beyond the largest.
    fn narrow(value: f64) -> Self;

    /// Appends the value in little-endian order.
    fn put(self, bytes: &mut Vec<u8>);
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;

    fn widen(self) -> f64 {
        self.into()
    }

    fn narrow(value: f64) -> Self {
        value as f32
    }

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;

    fn widen(self) -> f64 {
        self
    }

    fn narrow(value: f64) -> Self {
        value
    }

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

/// A tensor on its way into a file; its bytes are made when they are written.
impl<E: Element> View for &NamedTensor<E> {
    fn dtype(&self) -> Dtype {
        if self.is_counter() { Dtype::I64 } else { E::DTYPE }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        for &value in &self.data {
            match self.is_counter() {
                true => bytes.extend((value.widen().round() as i64).to_le_bytes()),
                false => value.put(&mut bytes),
            }
        }
        bytes.into()
    }

    fn data_len(&self) -> usize {
        self.data.len() * self.dtype().bitsize() / 8
    }
}

/// The file that holds these tensors.
pub(super) fn encode<E: Element>(tensors: &[NamedTensor<E>]) -> Result<Vec<u8>, WeightsError> {
    let mut names = HashSet::new();
    for NamedTensor { name, .. } in tensors {
        let reason = match name.as_str() {
            "__metadata__" => "a tensor of the reserved name",
            _ if !names.insert(name) => "two tensors of the name",
            _ => continue,
        };
        return Err(WeightsError::Name { name: name.clone(), reason });
    }
    let named = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor));
    safetensors::serialize(named, None)
        .map_err(|error| WeightsError::Format { place: "the module".into(), reason: error.to_string() })
}

/// Writes a file beside `path` and renames it, so that a crash leaves the old file or the new, never half of one.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), WeightsError> {
    replace(path, bytes).map_err(|source| WeightsError::Io { action: "write", path: path.into(), source })
}

/// [`write_atomically`], with the system's own error.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file beside `path` that is to take its place, and goes if it does not.
pub(crate) fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weights-").suffix(".tmp");
    // Temporary files are private by default; weights get the permissions of any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(parent.unwrap_or(Path::new(".")))
}

/// The values that a file gives to the tensors of `layout`; none for those that stay.
pub(super) type Values<E> = Vec<Option<Vec<E>>>;

/// What a file gives to `layout`.
pub(super) fn read_file<E: Element>(
    path: &Path,
    layout: &[NamedTensor<E>],
    options: &LoadOptions,
) -> Result<(Values<E>, LoadReport), WeightsError> {
    read(Source::open(path)?, layout, options)
}

/// What a file in memory gives to `layout`.
pub(super) fn decode<E: Element>(
    place: &str,
    bytes: &[u8],
    layout: &[NamedTensor<E>],
    options: &LoadOptions,
) -> Result<(Values<E>, LoadReport), WeightsError> {
    read(Source { place: place.into(), path: None, bytes, len: bytes.len() as u64 }, layout, options)
}

/// Header, check, then the wanted tensors one by one, as they lie in the file.
fn read<E: Element>(
    mut source: Source<impl Read>,
    layout: &[NamedTensor<E>],
    options: &LoadOptions,
) -> Result<(Values<E>, LoadReport), WeightsError> {
    let metadata = source.header()?;
    let infos = metadata.tensors();
    let Matched { found, report } = check::header(&source.place, layout, &infos, options)?;
    let mut wanted: Vec<_> = found.iter().enumerate().filter_map(|(at, info)| Some((at, (*info)?))).collect();
    wanted.sort_by_key(|(_, info)| info.data_offsets);
    let mut values: Values<E> = layout.iter().map(|_| None).collect();
    let mut mismatches = Vec::new();
    let mut position = 0;
    for (at, info) in wanted {
        let (start, end) = info.data_offsets;
        source.skip((start - position) as u64)?;
        let bytes = source.exactly((end - start) as u64)?;
        position = end;
        match check::convert(&layout[at].name, info.dtype, &bytes) {
            Ok(converted) => values[at] = Some(converted),
            Err(mismatch) => mismatches.push((at, mismatch)),
        }
    }
    mismatches.sort_by_key(|&(at, _)| at);
    check::fits(&source.place, mismatches.into_iter().map(|(_, mismatch)| mismatch).collect())?;
    Ok((values, report))
}

/// A file: eight bytes of length, JSON, then the tensors without gaps to the end.
#[derive(Debug)]
pub(super) struct Source<R> {
    /// What errors call it.
    pub place: String,
    /// If it is on disk.
    path: Option<PathBuf>,
    /// What has not been read yet.
    pub bytes: R,
    /// The length of all of it.
    len: u64,
}

impl Source<File> {
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let place = path.display().to_string();
        let failed = |source| WeightsError::Io { action: "read", path: path.into(), source };
        // Opening a pipe would block, so look first.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(format(&place, "no regular file"));
        }
        let bytes = File::open(path).map_err(failed)?;
        Ok(Self { place, path: Some(path.into()), bytes, len: metadata.len() })
    }
}

impl<R: Read> Source<R> {
    /// What every tensor is and where its bytes lie behind the header.
    pub fn header(&mut self) -> Result<Metadata, WeightsError> {
        let (len, header) = (self.len, self.exactly(8)?);
        let header = header.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
        if header > MAX_HEADER {
            let reason = format_args!("it claims a header of {header} bytes, the limit is {MAX_HEADER}");
            return Err(format(&self.place, reason));
        }
        if header > len.saturating_sub(8) {
            let reason = format_args!("cut off: it claims a header of {header} bytes and has {len} in all");
            return Err(format(&self.place, reason));
        }
        let json = self.exactly(header)?;
        // This checks that the tensors follow each other without gaps and that sizes are those of types and shapes.
        let metadata: Metadata =
            serde_json::from_slice(&json).map_err(|error| format(&self.place, format_args!("header: {error}")))?;
        let (expected, got) = (metadata.data_len() as u64, len - 8 - header);
        if expected != got {
            let reason = format_args!("its tensors take {expected} bytes, it holds {got}");
            return Err(format(&self.place, reason));
        }
        Ok(metadata)
    }

    /// The next bytes, exactly as many.
    pub fn exactly(&mut self, count: u64) -> Result<Vec<u8>, WeightsError> {
        let mut bytes = Vec::new();
        let read = self.bytes.by_ref().take(count).read_to_end(&mut bytes);
        match read.map_err(|error| self.failed(error))? as u64 {
            got if got == count => Ok(bytes),
            got => Err(format(&self.place, format_args!("cut off: {count} bytes expected, {got} found"))),
        }
    }

    /// Passes over the next bytes.
    fn skip(&mut self, count: u64) -> Result<(), WeightsError> {
        let passed = io::copy(&mut self.bytes.by_ref().take(count), &mut io::sink());
        match passed.map_err(|error| self.failed(error))? {
            got if got == count => Ok(()),
            got => Err(format(&self.place, format_args!("cut off: {count} bytes expected, {got} found"))),
        }
    }

    /// What to tell if the system refuses.
    pub fn failed(&self, source: io::Error) -> WeightsError {
        match &self.path {
            Some(path) => WeightsError::Io { action: "read", path: path.clone(), source },
            None => format(&self.place, source),
        }
    }
}

fn format(place: &str, reason: impl ToString) -> WeightsError {
    WeightsError::Format { place: place.into(), reason: reason.to_string() }
}
