//! Which of several ways is the fastest.

use cudarc::driver::{result, sys};

use super::{Addresses, ConvPlan, Handle, Problem, driver};
use crate::engine::cuda::device::Failure;

/// Runs of a way that are timed; the shortest counts.
const RUNS: usize = 3;
/// Bytes that are filled before the runs. It keeps the processor busy while they are queued, else short ones would be
/// timed at the speed at which they can be queued.
const FILLED: usize = 1 << 29;
/// The least memory for that.
const LEAST: usize = 1 << 26;
/// What the memory is filled with: small ordinary numbers as f32, bf16 and f16. With zeros processors are faster.
const PATTERN: u8 = 0x3c;
/// What parts of the memory are aligned to.
const PART: usize = 256;

/// Memory on which ways run for the sake of timing.
pub(super) struct Scratch<'a> {
    handle: &'a Handle,
    start: u64,
    bytes: usize,
    addresses: Addresses,
    workspace: u64,
}

impl<'a> Scratch<'a> {
    /// None where there is not enough memory.
    pub fn new(handle: &'a Handle, problem: &Problem, workspace: usize) -> Result<Option<Scratch<'a>>, Failure> {
        handle.bind()?;
        let mut bytes = 0;
        let mut place = |part: usize| {
            let at = bytes as u64;
            bytes += part.next_multiple_of(PART);
            at
        };
        let [x, filter, y] = problem.bytes().map(&mut place);
        let [bias, onto] = problem.bytes_beside().map(|part| part.map(&mut place));
        let workspace_at = place(workspace);
        let bytes = bytes.max(LEAST);
        // SAFETY: freed once, when it is dropped.
        let Ok(start) = (unsafe { result::malloc_sync(bytes) }) else { return Ok(None) };
        let [bias, onto] = [bias, onto].map(|at| at.map(|at| start + at));
        let addresses = Addresses { x: start + x, filter: start + filter, y: start + y, bias, onto };
        Ok(Some(Scratch { handle, start, bytes, addresses, workspace: start + workspace_at }))
    }

    fn fill(&self) -> Result<(), Failure> {
        for _ in 0..FILLED.div_ceil(self.bytes) {
            // SAFETY: so many bytes are there.
            unsafe { result::memset_d8_async(self.start, PATTERN, self.bytes, self.handle.stream.cu_stream()) }
                .map_err(driver)?;
        }
        Ok(())
    }

    /// Milliseconds of one run of a way of the problem that needs no more workspace than was said.
    pub fn time(&self, plan: &ConvPlan) -> Result<f32, Failure> {
        let Handle { context, stream, .. } = self.handle;
        // SAFETY: all tensors and the workspace lie within this memory, one behind the other.
        let run = || unsafe { plan.execute(self.handle, &self.addresses, self.workspace) };
        let event = || context.new_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT)).map_err(driver);
        let events = (0..=RUNS).map(|_| event()).collect::<Result<Vec<_>, _>>()?;
        // The first run loads the kernels.
        self.fill()?;
        run()?;
        stream.synchronize().map_err(driver)?;
        self.fill()?;
        events[0].record(stream).map_err(driver)?;
        for event in &events[1..] {
            run()?;
            event.record(stream).map_err(driver)?;
        }
        stream.synchronize().map_err(driver)?;
        let mut least = f32::INFINITY;
        for pair in events.windows(2) {
            least = least.min(pair[0].elapsed_ms(&pair[1]).map_err(driver)?);
        }
        Ok(least)
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        // Work may be under way that uses it; nobody is left to be told of a failure.
        let _ = self.handle.stream.synchronize();
        // SAFETY: allocated by `new`.
        let _ = unsafe { result::free_sync(self.start) };
    }
}

/// The fastest of some ways of a problem, with its milliseconds; none if there is no memory to try them.
pub(super) fn fastest(handle: &Handle, problem: &Problem, plans: &[ConvPlan]) -> Result<Option<(usize, f32)>, Failure> {
    let workspace = plans.iter().map(ConvPlan::workspace).max().unwrap_or(0);
    let Some(scratch) = Scratch::new(handle, problem, workspace)? else { return Ok(None) };
    let mut best = None;
    let mut failed = String::new();
    for (index, plan) in plans.iter().enumerate() {
        match scratch.time(plan) {
            Ok(time) if best.is_none_or(|(_, least)| time < least) => best = Some((index, time)),
            Ok(_) => {}
            // One that fails is one less, unless all do.
            Err(failure) => failed = failure,
        }
    }
    match best {
        Some(best) => Ok(Some(best)),
        None => Err(failed),
    }
}
