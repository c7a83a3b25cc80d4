//! What the back end asks of a graphics processor: memory, copies, launches.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use super::cudnn::{Addresses, Problem};
use super::words::{Variant, Words};
use crate::engine::error::EngineError;

/// A kernel with its arguments, ready to go.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub kernel: &'static str,
    pub blocks: [u32; 2],
    /// Threads of a block.
    pub threads: u32,
    pub words: Words,
    pub variant: Variant,
}

/// A convolution that a library computes, ready to go.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    pub plan: Arc<dyn Planned>,
    pub addresses: Addresses,
    pub workspace: u64,
}

/// How a library computes a convolution.
pub(super) trait Planned: Send + Sync + Debug {
    /// Bytes of workspace, wherever they begin.
    fn workspace(&self) -> usize;

    /// How long it takes, if it was tried.
    fn milliseconds(&self) -> Option<f32>;

    /// Lets it run, after the work that the device has.
    ///
    /// # Safety
    /// The tensors of the problem are at the addresses, and so much workspace that nobody else uses.
    unsafe fn run(&self, addresses: &Addresses, workspace: u64) -> Result<(), Failure>;
}

/// Something that a device does.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Kernel(Launch),
    Library(Convolution),
}

/// Work that a device has learned by heart.
pub(super) trait Recording: Send + Debug {
    /// Does it all again.
    fn replay(&self) -> Result<(), Failure>;
}

/// What a device says when it fails.
pub(super) type Failure = String;

/// A graphics processor, or what stands for one. Work is done in the order in which it is asked for.
pub(super) trait Device: Send + Sync + Debug {
    /// As error messages name it.
    fn name(&self) -> String;

    /// Blocks and threads for a kernel that works on so many numbers, each by itself.
    fn grid(&self, numbers: usize) -> (u32, u32);

    /// Threads of a block whose threads work together, at most: a power of two.
    fn block(&self) -> usize;

    /// Bytes that are free and that there are, where that is known.
    fn room(&self) -> Option<[usize; 2]>;

    /// So many bytes of zeros, if they are to be had.
    fn allocate(&self, bytes: usize) -> Result<u64, Failure>;

    /// Gives back what `allocate` gave.
    fn free(&self, address: u64);

    /// Copies from here to an allocation; the bytes may change afterwards.
    ///
    /// # Safety
    /// The bytes from `to` on are within an allocation.
    unsafe fn upload(&self, from: &[u8], to: u64) -> Result<(), Failure>;

    /// Copies from here to an allocation while other work goes on; the bytes may change afterwards. Does not begin before the
    /// last [`Device::arrive`] is done.
    ///
    /// # Safety
    /// The bytes from `to` on are within an allocation, and only `arrive` reads them.
    unsafe fn upload_aside(&self, from: &[u8], to: u64) -> Result<(), Failure>;

    /// Copies what was uploaded aside, once it is there, from one allocation to another.
    ///
    /// # Safety
    /// So many bytes are within both.
    unsafe fn arrive(&self, from: u64, to: u64, bytes: usize) -> Result<(), Failure>;

    /// Waits for all work and copies from an allocation.
    ///
    /// # Safety
    /// The bytes from `from` on are within an allocation.
    unsafe fn download(&self, from: u64, to: &mut [u8]) -> Result<(), Failure>;

    /// Makes the kernels of these variants ready, all at once: whoever needs one of them need not wait for it then.
    fn ready(&self, _variants: &BTreeSet<Variant>) -> Result<(), Failure> {
        Ok(())
    }

    /// Lets a kernel run.
    ///
    /// # Safety
    /// It reads and writes within allocations only.
    unsafe fn launch(&self, launch: &Launch) -> Result<(), Failure>;

    /// Waits for all work.
    fn wait(&self) -> Result<(), Failure>;

    /// The same device, with an order of work of its own.
    fn apart(&self) -> Result<Arc<dyn Device>, Failure>;

    /// Whether there is a library for convolutions.
    fn has_library(&self) -> bool;

    /// How the library computes a convolution within so many bytes of workspace, if it can: the fastest way that was found by
    /// trying, where there is time for that.
    fn convolution(
        &self,
        problem: &Problem,
        most: Option<usize>,
        timed: bool,
    ) -> Result<Option<Arc<dyn Planned>>, Failure>;

    /// Milliseconds that [`Device::convolution`] would find, if they are known without the time that it takes.
    fn known_milliseconds(&self, problem: &Problem, most: Option<usize>) -> Option<f32>;

    /// Learns by heart what is asked for in `work`, which is not done; nothing if the device cannot.
    fn record(&self, work: &mut dyn FnMut() -> Result<(), Failure>) -> Result<Option<Box<dyn Recording>>, Failure>;
}

impl dyn Device + '_ {
    /// Does something.
    ///
    /// # Safety
    /// It reads and writes within allocations only.
    pub(super) unsafe fn work(&self, work: &Work) -> Result<(), Failure> {
        match work {
            // SAFETY: the caller's.
            Work::Kernel(launch) => unsafe { self.launch(launch) },
            // SAFETY: the caller's.
            Work::Library(Convolution { plan, addresses, workspace }) => unsafe { plan.run(addresses, *workspace) },
        }
    }
}

/// Memory on a device.
#[derive(Debug)]
pub(super) struct Region {
    device: Arc<dyn Device>,
    address: u64,
    bytes: usize,
}

impl Region {
    /// Zeros.
    pub fn new(device: &Arc<dyn Device>, what: &'static str, bytes: usize) -> Result<Region, EngineError> {
        // An allocation of nothing is none.
        let address = device.allocate(bytes.max(1)).map_err(|failure| EngineError::Device {
            device: device.name(),
            failure: format!("{what} needs {bytes} bytes: {failure}"),
        })?;
        Ok(Region { device: device.clone(), address, bytes })
    }

    /// The address of a byte.
    pub fn at(&self, byte: usize) -> u64 {
        assert!(byte <= self.bytes, "byte {byte} of {}; this is a bug in the engine", self.bytes);
        self.address + byte as u64
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets numbers from a byte on.
    pub fn upload(&self, byte: usize, from: &[u8]) -> Result<(), EngineError> {
        assert!(byte + from.len() <= self.bytes, "this is a bug in the engine");
        // SAFETY: within this allocation, as was just seen.
        unsafe { self.device.upload(from, self.address + byte as u64) }
            .map_err(|failure| failed(&*self.device, failure))
    }

    /// Sets numbers from the first byte on while other work goes on.
    pub fn upload_aside(&self, from: &[u8]) -> Result<(), EngineError> {
        assert!(from.len() <= self.bytes, "this is a bug in the engine");
        // SAFETY: within this allocation, as was just seen.
        unsafe { self.device.upload_aside(from, self.address) }.map_err(|failure| failed(&*self.device, failure))
    }

    /// Copies what was set so to the beginning of another one.
    pub fn arrive_in(&self, to: &Region, bytes: usize) -> Result<(), EngineError> {
        assert!(bytes <= self.bytes && bytes <= to.bytes, "this is a bug in the engine");
        // SAFETY: within both allocations, as was just seen.
        unsafe { self.device.arrive(self.address, to.address, bytes) }.map_err(|failure| failed(&*self.device, failure))
    }

    /// Reads numbers from a byte on.
    pub fn download(&self, byte: usize, to: &mut [u8]) -> Result<(), EngineError> {
        assert!(byte + to.len() <= self.bytes, "this is a bug in the engine");
        // SAFETY: within this allocation, as was just seen.
        unsafe { self.device.download(self.address + byte as u64, to) }
            .map_err(|failure| failed(&*self.device, failure))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.device.free(self.address);
    }
}

/// The error of a device.
pub(super) fn failed(device: &dyn Device, failure: Failure) -> EngineError {
    EngineError::Device { device: device.name(), failure }
}

/// Numbers as bytes.
pub(super) fn bytes_of(numbers: &[f32]) -> &[u8] {
    // SAFETY: an f32 is four bytes without a gap.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// Numbers as bytes to write.
pub(super) fn bytes_of_mut(numbers: &mut [f32]) -> &mut [u8] {
    // SAFETY: as above, and four bytes of any kind are an f32.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) }
}
