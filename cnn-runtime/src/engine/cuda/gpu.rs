//! An NVIDIA graphics processor, by the driver's interface.

mod aside;
pub(super) mod compile;
pub(super) mod libraries;
mod nvrtc;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::{CudaContext, CudaFunction, CudaGraph, CudaStream, DriverError, result, sys};
use cudarc::nvrtc::Ptx;

use aside::Aside;

use super::cudnn::{Addresses, ConvPlan, Cudnn, Problem};
use super::device::{Device, Failure, Launch, Planned, Recording};
use super::source;
use super::source::BLOCK;
use super::words::Variant;

/// A graphics processor and one stream of work.
pub(super) struct Gpu {
    processor: Arc<Processor>,
    stream: Arc<CudaStream>,
    /// Once something is copied while other work goes on.
    aside: Mutex<Option<Aside>>,
}

/// A graphics processor, the kernels compiled for it, and its library.
struct Processor {
    name: String,
    context: Arc<CudaContext>,
    architecture: String,
    /// Of each variant that was wanted.
    kernels: Mutex<HashMap<Variant, Kernels>>,
    cudnn: Cudnn,
    /// Blocks that keep all of it busy.
    blocks: usize,
}

type Kernels = Arc<HashMap<&'static str, CudaFunction>>;

/// Blocks for each multiprocessor.
const WAVES: usize = 16;

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.processor.name)
    }
}

impl Gpu {
    /// Takes graphics processor number `ordinal` of this machine.
    pub fn new(ordinal: usize) -> Result<Gpu, Failure> {
        // SAFETY: only looks whether the library can be loaded.
        if !unsafe { sys::is_culib_present() } {
            return Err("there is no NVIDIA driver here: libcuda cannot be loaded; use the device cpu".into());
        }
        let failed = |error: DriverError| error.to_string();
        let count = result::init().and_then(|()| CudaContext::device_count()).map_err(failed)?;
        if ordinal >= count as usize {
            return Err(match count {
                0 => "the NVIDIA driver sees no graphics processor; use the device cpu".into(),
                1 => "there is one graphics processor, cuda:0".into(),
                _ => format!("there are {count} graphics processors, cuda:0 to cuda:{}", count - 1),
            });
        }
        let context = CudaContext::new(ordinal).map_err(failed)?;
        let (major, minor) = context.compute_capability().map_err(failed)?;
        let processors = context
            .attribute(sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .map_err(failed)?;
        let processor = Processor {
            name: format!("cuda:{ordinal} ({})", context.name().map_err(failed)?),
            architecture: format!("sm_{major}{minor}"),
            kernels: Mutex::default(),
            cudnn: Cudnn::new(context.clone(), context.new_stream().map_err(failed)?)?,
            context,
            blocks: processors.max(1) as usize * WAVES,
        };
        Gpu::of(Arc::new(processor))
    }

    fn of(processor: Arc<Processor>) -> Result<Gpu, Failure> {
        let stream = processor.context.new_stream().map_err(|error| error.to_string())?;
        Ok(Gpu { processor, stream, aside: Mutex::default() })
    }

    fn bind(&self) -> Result<(), Failure> {
        self.processor.context.bind_to_thread().map_err(|error| error.to_string())
    }
}

impl Processor {
    /// The kernels that are ready.
    fn kernels(&self) -> MutexGuard<'_, HashMap<Variant, Kernels>> {
        self.kernels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernels for a variant.
    fn kernels_for(&self, variant: Variant) -> Result<Kernels, Failure> {
        let known = || self.kernels().get(&variant).cloned();
        if let Some(kernels) = known() {
            return Ok(kernels);
        }
        self.ready(&BTreeSet::from([variant]))?;
        known().ok_or_else(|| format!("there are no kernels for {variant:?}"))
    }

    /// Compiles the kernels of these variants, or takes them out of the cache, unless they are there.
    fn ready(&self, variants: &BTreeSet<Variant>) -> Result<(), Failure> {
        let mut known = self.kernels();
        let missing: Vec<Variant> = variants.iter().copied().filter(|variant| !known.contains_key(variant)).collect();
        for (variant, code) in missing.iter().zip(compile::kernels(&self.architecture, &missing)?) {
            known.insert(*variant, self.load(*variant, code).map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    fn load(&self, variant: Variant, code: Vec<u8>) -> Result<Kernels, DriverError> {
        let module = self.context.load_module(Ptx::from_binary(code))?;
        let kernels = source::names(variant).into_iter().map(|name| Ok((name, module.load_function(name)?)));
        Ok(Arc::new(kernels.collect::<Result<_, _>>()?))
    }
}

impl Device for Gpu {
    fn name(&self) -> String {
        self.processor.name.clone()
    }

    fn grid(&self, numbers: usize) -> (u32, u32) {
        (numbers.div_ceil(BLOCK).clamp(1, self.processor.blocks) as u32, BLOCK as u32)
    }

    fn block(&self) -> usize {
        BLOCK
    }

    fn room(&self) -> Option<[usize; 2]> {
        self.processor.context.mem_get_info().ok().map(|(free, total)| [free, total])
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Failure> {
        self.bind()?;
        // SAFETY: the allocation is freed once, by `free`.
        let address =
            unsafe { result::malloc_sync(bytes) }.map_err(|error| match self.processor.context.mem_get_info() {
                Ok((free, total)) => format!("{free} of {total} bytes are free"),
                Err(_) => error.to_string(),
            })?;
        // SAFETY: just allocated, so many bytes.
        unsafe { result::memset_d8_async(address, 0, bytes, self.stream.cu_stream()) }
            .map_err(|error| error.to_string())?;
        Ok(address)
    }

    fn free(&self, address: u64) {
        // Work may be under way that reads it; nobody is left to be told of a failure.
        let _ = self.bind().and_then(|()| self.wait());
        // SAFETY: `allocate` gave it.
        let _ = unsafe { result::free_sync(address) };
    }

    unsafe fn upload(&self, from: &[u8], to: u64) -> Result<(), Failure> {
        self.bind()?;
        // SAFETY: the caller's. Memory that is not pinned is copied aside before the call returns.
        unsafe { result::memcpy_htod_async(to, from, self.stream.cu_stream()) }.map_err(|error| error.to_string())
    }

    unsafe fn upload_aside(&self, from: &[u8], to: u64) -> Result<(), Failure> {
        self.bind()?;
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        if aside.is_none() {
            *aside = Some(Aside::new(&self.processor.context)?);
        }
        let Some(aside) = aside.as_mut() else { unreachable!("just made") };
        // SAFETY: the caller's.
        unsafe { aside.upload(from, to) }
    }

    unsafe fn arrive(&self, from: u64, to: u64, bytes: usize) -> Result<(), Failure> {
        self.bind()?;
        let aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(aside) = &*aside else { return Err("nothing was uploaded aside".into()) };
        let failed = |error: DriverError| error.to_string();
        self.stream.wait(&aside.arrived).map_err(failed)?;
        // SAFETY: the caller's.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream.cu_stream()) }.map_err(failed)?;
        aside.taken.record(&self.stream).map_err(failed)
    }

    unsafe fn download(&self, from: u64, to: &mut [u8]) -> Result<(), Failure> {
        self.bind()?;
        // SAFETY: the caller's; `wait` keeps the slice borrowed until the copy is done.
        unsafe { result::memcpy_dtoh_async(to, from, self.stream.cu_stream()) }.map_err(|error| error.to_string())?;
        self.wait()
    }

    fn ready(&self, variants: &BTreeSet<Variant>) -> Result<(), Failure> {
        self.bind()?;
        self.processor.ready(variants)
    }

    unsafe fn launch(&self, launch: &Launch) -> Result<(), Failure> {
        let Launch { kernel, blocks, threads, words, variant } = launch;
        self.bind()?;
        let kernels = self.processor.kernels_for(*variant)?;
        let Some(code) = kernels.get(kernel) else { return Err(format!("there is no kernel `{kernel}`")) };
        let mut arguments = [words.get().as_ptr().cast_mut().cast()];
        let (grid, block) = ((blocks[0], blocks[1], 1), (*threads, 1, 1));
        // SAFETY: the caller's; the only argument is a structure of these words, which the driver copies.
        unsafe { result::launch_kernel(code.cu_function(), grid, block, 0, self.stream.cu_stream(), &mut arguments) }
            .map_err(|error| format!("{kernel}: {error}"))
    }

    fn wait(&self) -> Result<(), Failure> {
        self.stream.synchronize().map_err(|error| error.to_string())
    }

    fn apart(&self) -> Result<Arc<dyn Device>, Failure> {
        Ok(Arc::new(Gpu::of(self.processor.clone())?))
    }

    fn has_library(&self) -> bool {
        true
    }

    fn convolution(
        &self,
        problem: &Problem,
        most: Option<usize>,
        timed: bool,
    ) -> Result<Option<Arc<dyn Planned>>, Failure> {
        let plan = self.processor.cudnn.plan(problem, most, timed)?;
        Ok(plan.map(|plan| Arc::new(OnStream { plan, stream: self.stream.clone() }) as Arc<dyn Planned>))
    }

    fn known_milliseconds(&self, problem: &Problem, most: Option<usize>) -> Option<f32> {
        self.processor.cudnn.known_milliseconds(problem, most)
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), Failure>) -> Result<Option<Box<dyn Recording>>, Failure> {
        self.wait()?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        self.stream.begin_capture(mode).map_err(|error| error.to_string())?;
        let asked = work();
        let graph = self.stream.end_capture(sys::CUgraphInstantiate_flags(0));
        asked?;
        let graph = graph.map_err(|error| format!("a graph of a run: {error}"))?;
        Ok(graph.map(|graph| Box::new(Graph(graph)) as Box<dyn Recording>))
    }
}

/// A way of cuDNN's for the work of a stream.
#[derive(Debug)]
struct OnStream {
    plan: Arc<ConvPlan>,
    stream: Arc<CudaStream>,
}

impl Planned for OnStream {
    fn workspace(&self) -> usize {
        self.plan.workspace()
    }

    fn milliseconds(&self) -> Option<f32> {
        self.plan.milliseconds()
    }

    unsafe fn run(&self, addresses: &Addresses, workspace: u64) -> Result<(), Failure> {
        // SAFETY: the caller's.
        unsafe { self.plan.run(&self.stream, addresses, workspace) }
    }
}

/// A run as a graph of the driver.
struct Graph(CudaGraph);

// SAFETY: a graph may be used by any thread, by one at a time; `Recording` is not `Sync`.
unsafe impl Send for Graph {}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a graph of a run")
    }
}

impl Recording for Graph {
    fn replay(&self) -> Result<(), Failure> {
        self.0.launch().map_err(|error| format!("a graph of a run: {error}"))
    }
}
