//! Convolutions by NVIDIA's cuDNN, through its graph interface.
//!
//! cuDNN has many ways to compute the same convolution and estimates which are fast. The first few are timed here,
//! once; which one won is kept in the user's cache.
//!
//! | file | what it does |
//! |---|---|
//! | `descriptor` | cuDNN's descriptors |
//! | `problem` | what is asked for |
//! | `graph`, `epilogue`, `ways` | a convolution as a graph, with what follows it, and the ways to compute it |
//! | `timing` | which way is the fastest |
//! | `kept` | the choice, from one process to the next |

mod descriptor;
mod epilogue;
mod graph;
mod kept;
mod problem;
#[cfg(test)]
mod tests;
mod timing;
mod ways;

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::cudnn::sys;
use cudarc::driver::{CudaContext, CudaStream, DriverError};

use super::device::Failure;
use super::gpu::{compile, libraries};
use super::words::Number;
use descriptor::check;
use graph::{Graph, Target};
use kept::{Choice, Kept};
use ways::Way;

pub(super) use problem::{Addresses, Curve, Epilogue, Pass, Problem};

/// What the addresses of maps and filters must be multiples of: bytes.
pub(super) const ALIGNMENT: u64 = 16;
/// Multiply-adds from which on it is worth the time to find the fastest way.
const WORTH_TIMING: u64 = 1 << 20;
/// Set to 0 in the environment: cuDNN's own estimate is taken without a try.
const TUNE: &str = "CNN_CUDA_TUNE";
/// The oldest version that has what is used here.
const OLDEST: usize = 90000;

/// cuDNN on a stream.
pub(super) struct Cudnn {
    handle: Arc<Mutex<Handle>>,
    kept: Kept,
    known: Mutex<HashMap<Problem, Known>>,
}

/// What was found for a problem.
struct Known {
    /// Bytes of workspace that were allowed.
    limit: usize,
    plan: Option<Arc<ConvPlan>>,
}

/// cuDNN's handle, which one thread may use at a time.
struct Handle {
    raw: sys::cudnnHandle_t,
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
}

// SAFETY: cuDNN lets any thread use a handle, one at a time, on which its context is current: see `bind`.
unsafe impl Send for Handle {}

impl Handle {
    fn bind(&self) -> Result<(), Failure> {
        self.context.bind_to_thread().map_err(driver)
    }

    /// From now on work goes to a stream.
    fn follow(&self, stream: &CudaStream) -> Result<(), Failure> {
        // SAFETY: the stream is of the handle's context, and lives until another is followed.
        Ok(check(unsafe { sys::cudnnSetStream(self.raw, stream.cu_stream().cast()) }, "cudnnSetStream")?)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.bind();
        // SAFETY: made by cudnnCreate, and nobody has it any more. Nobody is left to be told of a failure either.
        let _ = unsafe { sys::cudnnDestroy(self.raw) };
    }
}

fn driver(error: DriverError) -> Failure {
    error.to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads the library; its version.
fn load() -> Result<usize, Failure> {
    // SAFETY: only looks whether the library can be loaded.
    let present = || unsafe { sys::is_culib_present() };
    if !(present() || libraries::load_from_packages("libcudnn") && present()) {
        return Err("libcudnn is missing: install cuDNN 9, or `pip install nvidia-cudnn-cu13` (cu12 for a driver of \
                    CUDA 12) and set LD_LIBRARY_PATH to its folder"
            .into());
    }
    // SAFETY: takes nothing, returns a number.
    let version = unsafe { sys::cudnnGetVersion() };
    if version < OLDEST {
        return Err(format!("libcudnn is version {version}, too old: install cuDNN 9"));
    }
    Ok(version)
}

impl Cudnn {
    /// cuDNN for work in the order of a stream.
    ///
    /// # Errors
    /// If the library is missing, too old, or of no use with this driver or processor.
    pub fn new(context: Arc<CudaContext>, stream: Arc<CudaStream>) -> Result<Cudnn, Failure> {
        Cudnn::with_cache(context, stream, compile::cache())
    }

    fn with_cache(
        context: Arc<CudaContext>,
        stream: Arc<CudaStream>,
        folder: Option<PathBuf>,
    ) -> Result<Cudnn, Failure> {
        let version = load()?;
        context.bind_to_thread().map_err(driver)?;
        let kept = Kept::new(folder, &context.name().map_err(driver)?, version);
        let mut raw = ptr::null_mut();
        // SAFETY: writes one pointer; the context is current.
        check(unsafe { sys::cudnnCreate(&mut raw) }, "cudnnCreate")?;
        let handle = Handle { raw, context, stream };
        handle.follow(&handle.stream)?;
        Ok(Cudnn { handle: Arc::new(Mutex::new(handle)), kept, known: Mutex::default() })
    }

    /// The fastest way to compute it within `most` bytes of workspace, if there is one. The first time, some are tried:
    /// that waits for the stream and takes memory for maps and filter, if it is to be had. Not while the stream is
    /// captured.
    ///
    /// # Errors
    /// If cuDNN or the processor fails; not if there merely is no way.
    pub fn plan(&self, problem: &Problem, most: Option<usize>, timed: bool) -> Result<Option<Arc<ConvPlan>>, Failure> {
        let limit = most.unwrap_or(usize::MAX);
        let mut known = lock(&self.known);
        // What won under a higher limit also wins under a lower one, if it fits; the other way round others might.
        if let Some(Known { limit: allowed, plan }) = known.get(problem)
            && limit <= *allowed
            && plan.as_ref().is_none_or(|plan| plan.workspace() <= limit)
        {
            return Ok(plan.clone());
        }
        let plan = self.choose(problem, limit, timed)?.map(Arc::new);
        known.insert(*problem, Known { limit, plan: plan.clone() });
        Ok(plan)
    }

    /// How long the fastest way took when it was timed, if that is known without planning it anew, which may take a
    /// second.
    pub fn known_milliseconds(&self, problem: &Problem, most: Option<usize>) -> Option<f32> {
        let limit = most.unwrap_or(usize::MAX);
        let choice = self.kept.get(&problem.to_string()).filter(|choice| limit <= choice.limit);
        choice.map(|choice| choice.milliseconds)
    }

    fn choose(&self, problem: &Problem, limit: usize, timed: bool) -> Result<Option<ConvPlan>, Failure> {
        let handle = lock(&self.handle);
        handle.bind()?;
        let target = Target::Handle(handle.raw);
        let Some(graph) = Graph::new(problem, &target)? else { return Ok(None) };
        let graph = Arc::new(graph);
        let plan = |way: Way, milliseconds: Option<f32>| ConvPlan {
            way,
            milliseconds,
            graph: graph.clone(),
            handle: self.handle.clone(),
        };
        let key = problem.to_string();
        let kept = self.kept.get(&key).filter(|choice| limit <= choice.limit);
        if let Some(Choice { mode, index, milliseconds, .. }) = kept
            && let Some(way) = graph.way(&target, problem, mode, index)?
            && way.workspace <= limit
        {
            return Ok(Some(plan(way, Some(milliseconds))));
        }
        let timed = timed && problem.macs() >= WORTH_TIMING && env::var(TUNE).map_or(true, |tune| tune != "0");
        let tried = if timed { ways::TRIED } else { 1 };
        let ways = graph.ways(&target, problem, limit, tried)?;
        let mut plans: Vec<ConvPlan> = ways.into_iter().map(|way| plan(way, None)).collect();
        if plans.is_empty() {
            return Ok(None);
        }
        let best = if timed { timing::fastest(&handle, problem, &plans)? } else { None };
        // Where there is no time or no memory to try them: cuDNN's estimate, until the next time.
        let mut chosen = plans.swap_remove(best.map_or(0, |(best, _)| best));
        if let Some((_, milliseconds)) = best {
            let Way { mode, index, .. } = chosen.way;
            self.kept.put(&key, Choice { mode, index, limit, milliseconds });
            chosen.milliseconds = Some(milliseconds);
        }
        Ok(Some(chosen))
    }
}

/// A way to compute a convolution.
pub(super) struct ConvPlan {
    way: Way,
    milliseconds: Option<f32>,
    graph: Arc<Graph>,
    handle: Arc<Mutex<Handle>>,
}

impl fmt::Debug for ConvPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Way { mode, index, workspace, .. } = &self.way;
        write!(f, "way {index} of the {} ones, with {workspace} bytes", mode.name())
    }
}

impl ConvPlan {
    /// Bytes of workspace, wherever they begin.
    pub fn workspace(&self) -> usize {
        self.way.workspace
    }

    /// How long a run took when it was timed, if it was.
    pub fn milliseconds(&self) -> Option<f32> {
        self.milliseconds
    }

    /// Lets it run, after the work that the stream has. Does not wait, and takes no memory of the device, so that a
    /// stream may be captured. The result is written over what was there: y forward, else x or the filter, whose
    /// gradient it is.
    ///
    /// # Errors
    /// If an address is no multiple of [`ALIGNMENT`], if there is none for what the problem has or one for what it has
    /// not, or if cuDNN fails.
    ///
    /// # Safety
    /// Tensors of the problem's sizes begin at `addresses`, and [`ConvPlan::workspace`] bytes that nobody else uses at
    /// `workspace`, all of them on the device until this work is done; the result overlaps with nothing.
    pub unsafe fn run(&self, stream: &CudaStream, addresses: &Addresses, workspace: u64) -> Result<(), Failure> {
        let handle = lock(&self.handle);
        handle.bind()?;
        handle.follow(stream)?;
        // SAFETY: the caller's.
        let done = unsafe { self.execute(&handle, addresses, workspace) };
        handle.follow(&handle.stream)?;
        done
    }

    /// `run` under the lock.
    ///
    /// # Safety
    /// As above.
    unsafe fn execute(&self, handle: &Handle, addresses: &Addresses, workspace: u64) -> Result<(), Failure> {
        let tensors = self.graph.tensors(addresses).ok_or("what follows a convolution has addresses of its own")?;
        if let Some((_, address)) = tensors.iter().find(|(_, address)| !address.is_multiple_of(ALIGNMENT)) {
            return Err(format!("cuDNN wants addresses that are multiples of {ALIGNMENT}, which {address:#x} is not"));
        }
        let pack = self.way.pack(&tensors, workspace)?;
        // SAFETY: the caller's; the context is current.
        let status = unsafe { sys::cudnnBackendExecute(handle.raw, self.way.plan.raw(), pack.raw()) };
        Ok(check(status, "cudnnBackendExecute")?)
    }
}
