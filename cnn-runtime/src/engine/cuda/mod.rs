//! The back end for NVIDIA graphics processors: f32, maps pixel by pixel, the whole plan on the device.
//!
//! | file | what it does |
//! |---|---|
//! | `device` | what is asked of a device: memory, copies, launches |
//! | `gpu`, `libraries` | an NVIDIA graphics processor; kernels are compiled by NVRTC at run time, nothing is needed to build |
//! | `emulator` | the same kernels on an ordinary processor, for tests |
//! | `kernels/`, `source` | the kernels, in CUDA's C++ |
//! | `words` | a kernel's arguments |
//! | `lower`, `layers` | a step of a plan as launches |
//! | `host` | steps that have no kernel yet |
//! | `memory`, `executor` | a plan's memory on the device, and its runs |

mod device;
mod emulator;
mod executor;
mod gpu;
mod host;
mod layers;
mod libraries;
mod lower;
mod memory;
mod source;
mod words;

use std::sync::Arc;

use device::{Device, Failure};
use emulator::Emulator;
use executor::Machine;
use gpu::Gpu;

use super::backend::{Backend, Executor, Use};
use super::constant_reader::ConstantReader;
use super::error::EngineError;
use super::operation::Operation;
use super::plan::Plan;
use super::storage::{Layout, Order};

/// The back end for an NVIDIA graphics processor.
#[derive(Clone, Debug)]
pub struct Cuda {
    device: Arc<dyn Device>,
}

impl Cuda {
    /// Graphics processor number `ordinal` of this machine, from 0.
    ///
    /// # Errors
    /// If there is none, or the driver or a library is missing.
    pub fn new(ordinal: usize) -> Result<Cuda, EngineError> {
        let device = Gpu::new(ordinal).map_err(|failure| unusable(format!("cuda:{ordinal}"), failure))?;
        Ok(Cuda { device: Arc::new(device) })
    }

    /// The same kernels on this machine's processor: for tests where there is no graphics processor, slowly.
    ///
    /// # Errors
    /// If there is no C++ compiler, which compiles them.
    pub fn emulated() -> Result<Cuda, EngineError> {
        let device = Emulator::shared().map_err(|failure| unusable("emulated CUDA".into(), failure))?;
        Ok(Cuda { device })
    }
}

fn unusable(device: String, failure: Failure) -> EngineError {
    EngineError::Device { device, failure }
}

impl Backend<f32> for Cuda {
    fn layout(&self) -> Layout {
        Layout { element: size_of::<f32>(), order: Order::ChannelsLast }
    }

    fn workspace(&self, of: &Use<'_>) -> usize {
        lower::workspace(of)
    }

    fn stored(&self, _: &Operation, _: usize) -> Option<usize> {
        None
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        constants: &mut ConstantReader<'_, f32>,
    ) -> Result<Box<dyn Executor<f32>>, EngineError> {
        Ok(Box::new(Machine::new(plan, self.device.clone(), constants)?))
    }
}
