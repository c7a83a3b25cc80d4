//! Copies to a graphics processor while it works: by way of memory that does not move, on a stream of their own.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError, result};
use rayon::prelude::*;

use crate::engine::cuda::device::Failure;

/// Bytes that are on their way to the device while the next ones are brought together.
const SLICE: usize = 8 << 20;
/// Bytes that a thread copies at a time.
const SHARE: usize = 512 << 10;

/// The stream of copies, and where they start from.
pub(super) struct Aside {
    stream: Arc<CudaStream>,
    pinned: Pinned,
    /// All that was asked for has arrived.
    pub arrived: CudaEvent,
    /// What had arrived has been taken, and may be written over.
    pub taken: CudaEvent,
}

/// Memory that does not move, which devices read by themselves.
struct Pinned {
    start: *mut u8,
    bytes: usize,
}

// SAFETY: it is this process's memory like any other.
unsafe impl Send for Pinned {}

impl Pinned {
    fn new(bytes: usize) -> Result<Pinned, DriverError> {
        // SAFETY: freed once, when it is dropped.
        let start = unsafe { result::malloc_host(bytes.max(1), 0) }?;
        Ok(Pinned { start: start.cast(), bytes })
    }

    fn slice(&mut self) -> &mut [u8] {
        // SAFETY: so many bytes were allocated; nobody reads them while they are written: see `Aside::upload`.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.bytes) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: made by `new`. Nobody is left to be told of a failure.
        let _ = unsafe { result::free_host(self.start.cast()) };
    }
}

fn failed(error: DriverError) -> Failure {
    error.to_string()
}

impl Aside {
    pub fn new(context: &Arc<CudaContext>) -> Result<Aside, Failure> {
        let event = || context.new_event(None).map_err(failed);
        let stream = context.new_stream().map_err(failed)?;
        Ok(Aside { stream, pinned: Pinned::new(0).map_err(failed)?, arrived: event()?, taken: event()? })
    }

    /// Begins to copy; the bytes may change afterwards.
    ///
    /// # Safety
    /// The bytes from `to` on are within an allocation, which nobody reads before they have arrived.
    pub unsafe fn upload(&mut self, from: &[u8], to: u64) -> Result<(), Failure> {
        // The last copies start from the same memory.
        self.stream.synchronize().map_err(failed)?;
        if self.pinned.bytes < from.len() {
            self.pinned = Pinned::new(from.len()).map_err(failed)?;
        }
        self.stream.wait(&self.taken).map_err(failed)?;
        for (index, (pinned, from)) in self.pinned.slice().chunks_mut(SLICE).zip(from.chunks(SLICE)).enumerate() {
            let pinned = &mut pinned[..from.len()];
            let shares = pinned.par_chunks_mut(SHARE).zip(from.par_chunks(SHARE));
            shares.for_each(|(pinned, from)| pinned.copy_from_slice(from));
            // SAFETY: the caller's; the pinned memory stays until the stream is done with it.
            unsafe { result::memcpy_htod_async(to + (index * SLICE) as u64, pinned, self.stream.cu_stream()) }
                .map_err(failed)?;
        }
        self.arrived.record(&self.stream).map_err(failed)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Before the memory goes. Nobody is left to be told of a failure.
        let _ = self.stream.synchronize();
    }
}
