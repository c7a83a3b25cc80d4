//! The portable back end: plans on the reference kernels, f32 or f64, on all cores.

pub(super) mod backward;
mod executor;
pub(super) mod forward;
mod norm;
pub(super) mod update;

use std::sync::Arc;

use executor::Machine;

use super::backend::{Backend, Executor, Use};
use super::constant_reader::ConstantReader;
use super::device::Device;
use super::error::EngineError;
use super::operation::{ConvShape, LinearShape, Operation};
use super::plan::Plan;
use super::precision::Precision;
use super::program::Extent;
use super::session::elements;
use super::storage::{Layout, Order};
use crate::kernels::Float;
use crate::kernels::conv::Conv;
use crate::kernels::linear::Linear;
use crate::weights::Element;

/// A type of numbers that the engine runs in: f32 or f64.
pub trait Number: Float + Element {
    /// A machine of the portable back end.
    #[doc(hidden)]
    fn machine(
        plan: Arc<Plan>,
        constants: &mut ConstantReader<'_, Self>,
    ) -> Result<Box<dyn Executor<Self>>, EngineError>;

    /// The fastest back end that runs on this processor: [`Cpu`](super::Cpu) in f32, [`Reference`] in f64.
    fn backend() -> Box<dyn Backend<Self>> {
        Self::backend_in(Precision::Full)
    }

    /// The same, one that multiplies in this precision if there is any.
    #[doc(hidden)]
    fn backend_in(precision: Precision) -> Box<dyn Backend<Self>>;

    /// The fastest back end of a device.
    #[doc(hidden)]
    fn backend_on(device: Device, precision: Precision) -> Result<Box<dyn Backend<Self>>, EngineError>;
}

/// Not one implementation for all: this one is compiled here, with this crate's optimisations. A generic one would be
/// compiled where it is used, unoptimised in a debug build.
macro_rules! number {
    ($type:ident, $backend:expr, $cuda:expr) => {
        impl Number for $type {
            fn machine(
                plan: Arc<Plan>,
                constants: &mut ConstantReader<'_, Self>,
            ) -> Result<Box<dyn Executor<Self>>, EngineError> {
                Ok(Box::new(Machine::new(plan, constants)?))
            }

            fn backend_in(precision: Precision) -> Box<dyn Backend<Self>> {
                Box::new($backend(precision))
            }

            fn backend_on(device: Device, precision: Precision) -> Result<Box<dyn Backend<Self>>, EngineError> {
                match device {
                    Device::Cpu => Ok(Self::backend_in(precision)),
                    Device::Cuda(ordinal) => $cuda(ordinal, precision),
                }
            }
        }
    };
}

number!(f32, |precision| super::Cpu::default().with_precision(precision), Device::cuda);
number!(f64, |_| Reference::default(), |ordinal, _| Device::unusable(
    ordinal,
    "computes in f32; networks in f64 run on the cpu"
));

/// The back end of [`kernels`](crate::kernels): channels one behind the other, every processor, clarity over speed.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// Threads that share the work: those of rayon's pool.
    lanes: usize,
}

impl Default for Reference {
    fn default() -> Self {
        Reference { lanes: rayon::current_num_threads() }
    }
}

/// The kernel of a convolution for so many samples.
fn conv(shape: &ConvShape, batch: usize) -> Conv {
    let ConvShape { inputs, outputs, groups, rows, cols } = *shape;
    Conv { batch, inputs, outputs, groups, rows, cols, bias: false }
}

/// The kernel of a fully connected layer for so many samples.
fn linear(shape: &LinearShape, batch: usize) -> Linear {
    Linear { batch, inputs: shape.inputs, outputs: shape.outputs, bias: false }
}

impl<E: Number> Backend<E> for Reference {
    fn layout(&self) -> Layout {
        Layout::uniform(size_of::<E>(), Order::ChannelsFirst)
    }

    fn workspace(&self, of: &Use<'_>) -> usize {
        let Use { operation, batch, .. } = *of;
        let numbers = match operation {
            Operation::Conv { shape, .. }
            | Operation::ConvInputGradient(shape)
            | Operation::ConvWeightGradient(shape) => {
                let samples = [1, batch].map(|batch| conv(shape, batch).workspace(self.lanes));
                samples[0].max(samples[1])
            }
            Operation::Linear { shape, .. } => linear(shape, batch).forward_workspace(self.lanes),
            Operation::LinearInputGradient(shape) | Operation::LinearWeightGradient(shape) => {
                linear(shape, batch).workspace(self.lanes)
            }
            // Kernels write all gradients; those that nobody wants go here.
            Operation::LayerGradient(gradient) => {
                let inputs = gradient.layer.inputs.iter().map(|&shape| batch * elements(Extent::Batch(shape)));
                let all = inputs.chain(gradient.parameters.iter().copied());
                all.zip(&gradient.wanted).filter(|(_, wanted)| !**wanted).map(|(elements, _)| elements).sum()
            }
            _ => 0,
        };
        numbers * size_of::<E>()
    }

    fn stored(&self, _: &Operation, _: usize) -> Option<usize> {
        None
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        constants: &mut ConstantReader<'_, E>,
    ) -> Result<Box<dyn Executor<E>>, EngineError> {
        E::machine(plan, constants)
    }
}
