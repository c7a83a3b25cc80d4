//! Weights in a file, which stay there until they are asked for.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cnn_lang::graph::Graph;
use safetensors::Dtype;

use super::file::Source;
use super::{Element, LoadOptions, NamedTensor, StateDict, WeightSource, WeightsError, check};

/// The tensors of a network in a safetensors file, of which nothing but the header has been read: what [`StateDict::load`] takes into
/// memory at once, a [`Session`](crate::engine::Session) takes from here a part at a time.
#[derive(Debug)]
pub struct StoredWeights<E> {
    /// Reads are a step to a place and a read there.
    source: Mutex<Source<File>>,
    /// Without data.
    layout: Vec<NamedTensor<E>>,
    /// For each tensor the file's type and first byte; none of a counter that the file does not hold.
    held: Vec<Option<(Dtype, u64)>>,
}

impl<E: Element> StoredWeights<E> {
    /// Reads the header. Names are matched as the options say; whatever they say, every tensor has to be in the file, and no other.
    ///
    /// # Errors
    /// As [`StateDict::load`]. A number that is too large for `E` is found when it is read.
    pub fn open(graph: &Graph, path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, WeightsError> {
        let layout = StateDict::layout(graph)?.into_tensors();
        let mut source = Source::open(path.as_ref())?;
        let metadata = source.header()?;
        let data = source.bytes.stream_position().map_err(|error| source.failed(error))?;
        let options = LoadOptions { strict: true, skip: Vec::new(), misshapen: Vec::new(), ..options.clone() };
        let infos = metadata.tensors();
        let found = check::header(&source.place, &layout, &infos, &options)?.found;
        let held = found.into_iter().map(|info| info.map(|info| (info.dtype, data + info.data_offsets.0 as u64)));
        Ok(StoredWeights { held: held.collect(), layout, source: Mutex::new(source) })
    }
}

impl<E: Element> WeightSource for StoredWeights<E> {
    type Element = E;

    fn layout(&self) -> &[NamedTensor<E>] {
        &self.layout
    }

    fn read(&self, index: usize, range: Range<usize>) -> Result<Cow<'_, [E]>, WeightsError> {
        let Some((dtype, start)) = self.held[index] else { return Ok(vec![E::default(); range.len()].into()) };
        let bytes = |numbers: usize| (numbers * dtype.bitsize() / 8) as u64;
        // A panic elsewhere leaves nothing half done: every read begins with a step.
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let found = source.bytes.seek(SeekFrom::Start(start + bytes(range.start)));
        found.map_err(|error| source.failed(error))?;
        let data = source.exactly(bytes(range.len()))?;
        let values = check::convert(&self.layout[index].name, dtype, &data);
        Ok(values.map_err(|mismatch| check::differ(&source.place, vec![mismatch]))?.into())
    }
}

#[cfg(test)]
mod tests;
