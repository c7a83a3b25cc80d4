//! The back end for NVIDIA graphics processors: maps pixel by pixel, in f32, bf16 or f16, the whole plan on the device.
//!
//! | file | what it does |
//! |---|---|
//! | `device` | what is asked of a device: memory, copies, launches |
//! | `gpu` | an NVIDIA graphics processor; nothing is needed to build |
//! | `gpu/libraries`, `gpu/compile`, `gpu/nvrtc` | libraries are found, and kernels compiled, at run time |
//! | `gpu/aside` | copies while it works |
//! | `cudnn/` | NVIDIA's library for convolutions |
//! | `emulator`, `emulator/plain` | the same kernels on an ordinary processor, and what stands for the library there: for tests |
//! | `kernels/`, `source` | the kernels, in CUDA's C++ |
//! | `words` | a kernel's arguments |
//! | `lower` | a step of a plan as work: launches, and convolutions of the library |
//! | `lower/conv`, `lanes`, `layers`, `neighbours`, `products`, `sets`, `weight_forms`, `training` | the steps of a kind |
//! | `lower/library`, `fused` | convolutions that the library computes, and what it computes with them |
//! | `memory` | a plan's memory on the device |
//! | `memory/room`, `filters`, `images`, `reading` | whether it is to be had; weights in the library's form; images of this run and the next; what a run left |
//! | `executor` | runs |

mod cudnn;
mod device;
mod emulator;
mod executor;
mod gpu;
mod lower;
mod memory;
mod source;
mod words;

use std::sync::Arc;

use device::{Device, Failure};
use emulator::Emulator;
use executor::Machine;
use gpu::Gpu;
use lower::Convolution;
use words::Number;

use super::backend::{Backend, Executor, Use};
use super::constant_reader::ConstantReader;
use super::error::EngineError;
use super::operation::Operation;
use super::plan::{Plan, Step};
use super::precision::Precision;
use super::program::Extent;
use super::storage::{Layout, Order};

/// The back end for an NVIDIA graphics processor.
#[derive(Clone, Debug)]
pub struct Cuda {
    device: Arc<dyn Device>,
    precision: Precision,
}

impl Cuda {
    /// Graphics processor number `ordinal` of this machine, from 0.
    ///
    /// # Errors
    /// If there is none, or the driver or a library is missing.
    pub fn new(ordinal: usize) -> Result<Cuda, EngineError> {
        let device = Gpu::new(ordinal).map_err(|failure| unusable(format!("cuda:{ordinal}"), failure))?;
        Ok(Cuda { device: Arc::new(device), precision: Precision::Full })
    }

    /// The same on this machine's processor, with plain loops in place of the library: for tests where there is no graphics
    /// processor, slowly.
    ///
    /// # Errors
    /// If there is no C++ compiler, which compiles the kernels.
    pub fn emulated() -> Result<Cuda, EngineError> {
        Cuda::emulation(true)
    }

    /// The same without a library: kernels alone, which compute what the library has no way for.
    ///
    /// # Errors
    /// If there is no C++ compiler, which compiles the kernels.
    pub fn emulated_kernels() -> Result<Cuda, EngineError> {
        Cuda::emulation(false)
    }

    fn emulation(has_library: bool) -> Result<Cuda, EngineError> {
        let device = Emulator::new(has_library).map_err(|failure| unusable("emulated CUDA".into(), failure))?;
        Ok(Cuda { device: Arc::new(device), precision: Precision::Full })
    }

    /// Emulated where there is a compiler.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Option<Cuda> {
        Emulator::for_tests(true).map(|device| Cuda { device: Arc::new(device), precision: Precision::Full })
    }

    /// With this precision. In bf16 or f16 maps and their gradients lie in memory as such; weights, their gradients, statistics and the
    /// optimizer are f32 always.
    pub fn with_precision(self, precision: Precision) -> Cuda {
        Cuda { precision, ..self }
    }

    /// What maps are of.
    fn number(&self) -> Number {
        Number::of(self.precision)
    }

    fn tf32(&self) -> bool {
        self.precision == Precision::Tf32
    }

    /// Whether steps have as much workspace as kernels want. The library takes what there is.
    fn check(&self, plan: &Plan) -> Result<(), String> {
        let by_library = |step: &Step| Convolution::of(&step.operation).is_some_and(|of| !of.is_depthwise());
        for (index, step) in plan.steps.iter().enumerate().filter(|(_, step)| !by_library(step)) {
            let inputs: Vec<Extent> = step.inputs.iter().map(|input| input.extent).collect();
            let of = Use { operation: &step.operation, inputs: &inputs, constant: false, batch: plan.batch };
            let (wanted, got) = (self.workspace(&of), step.workspace.map_or(0, |(_, len)| len));
            if got < wanted {
                return Err(format!("step {index}: a workspace of {got} bytes, {wanted} wanted"));
            }
        }
        Ok(())
    }
}

fn unusable(device: String, failure: Failure) -> EngineError {
    EngineError::Device { device, failure }
}

impl Backend<f32> for Cuda {
    fn layout(&self) -> Layout {
        let sums_in_place = !self.device.has_library();
        let (activation, alignment) = (self.number().bytes(), self.number().pack());
        let uniform = Layout::uniform(size_of::<f32>(), Order::ChannelsLast);
        Layout { activation, sums_in_place, alignment, ..uniform }
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn workspace(&self, of: &Use<'_>) -> usize {
        let (number, block) = (self.number(), self.device.block());
        let Some(convolution) = Convolution::of(of.operation) else { return lower::workspace(number, block, of) };
        if convolution.is_depthwise() {
            return lower::depthwise_scratch(number, block, &convolution, of) * size_of::<f64>();
        }
        if !self.device.has_library() || !convolution.is_for_library(number) {
            return 0;
        }
        convolution.workspace(&*self.device, number, self.tf32(), of.batch)
    }

    fn stored(&self, operation: &Operation, input: usize) -> Option<usize> {
        let convolution = Convolution::of(operation).filter(|of| self.device.has_library() && !of.is_depthwise())?;
        let bytes = convolution.filter_bytes(self.number());
        (convolution.weight() == Some(input)).then(|| bytes.div_ceil(size_of::<f32>()))
    }

    fn updates_together(&self) -> bool {
        true
    }

    fn beside(&self, steps: &[Step]) -> usize {
        if self.device.has_library() { memory::filter_bytes(steps, self.number()) } else { 0 }
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        constants: &mut ConstantReader<'_, f32>,
    ) -> Result<Box<dyn Executor<f32>>, EngineError> {
        Ok(Box::new(Machine::new(plan, self, constants)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ConstantReader, TrainerOptions, plan_training};
    use crate::weights::InitialWeights;

    #[test]
    fn a_plan_with_too_little_workspace_is_refused() {
        let Some(cuda) = Cuda::for_tests() else { return };
        let graph = cnn_lang::load(
            "Small: 3x9x9 -> 3; stem conv(8, 3) -> bn -> conv(8, 3, groups = 8); head gap -> linear(3);",
            None,
        );
        let graph = graph.unwrap_or_else(|errors| panic!("{}", errors[0]));
        let (plan, _) = plan_training(&cuda, &graph, &TrainerOptions { batch: 3, ..Default::default() }).unwrap();
        let with_workspace: Vec<usize> =
            (0..plan.steps.len()).filter(|&index| plan.steps[index].workspace.is_some()).collect();
        let mut refused = 0;
        for index in with_workspace {
            let mut harmed = plan.clone();
            harmed.steps[index].workspace = None;
            let harmed = Arc::new(harmed);
            let mut weights = InitialWeights::<f32>::new(&graph, 1).unwrap();
            let mut constants = ConstantReader::new(&harmed, &mut weights).unwrap();
            let error = cuda.prepare(harmed.clone(), &mut constants).err().map(|error| error.to_string());
            refused += usize::from(error.is_some_and(|error| error.contains("a workspace of 0 bytes")));
        }
        println!("{refused} plans without a workspace are refused");
        assert!(refused >= 4, "{refused}");
    }
}
