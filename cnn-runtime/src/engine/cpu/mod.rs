//! The fast back end for processors: f32, maps pixel by pixel, kernels for the vectors that the processor has.
//!
//! | file | what it does |
//! |---|---|
//! | `simd` | kinds of vectors, chosen at run time |
//! | `team` | threads that share the tasks of a run |
//! | `grid`, `rows`, `lanes` | where pixels lie, loops over them and over their channels |
//! | `curve` | activations on vectors |
//! | `kernel` | which kernel computes an operation, and its scratch |
//! | `conv/` | convolutions and fully connected layers, forward and back |
//! | `norm/`, `lrn`, `affine`, `moves`, `pointwise`, `pool`, `bias`, `weight_form` | everything that works at the speed of memory |
//! | `fallback` | layers that the reference kernels compute |
//! | `check` | whether a plan has the scratch that kernels want |
//! | `executor` | runs the steps of a plan |

mod affine;
mod bias;
mod check;
mod conv;
mod curve;
mod executor;
mod fallback;
mod grid;
mod kernel;
mod lanes;
mod lrn;
mod moves;
mod norm;
mod pointwise;
mod pool;
mod rows;
mod simd;
mod steps;
mod team;
mod weight_form;

use std::sync::Arc;

use executor::Machine;
use kernel::Kernel;
pub use simd::Isa;

use super::backend::{Backend, Executor, Use};
use super::constant_reader::ConstantReader;
use super::error::EngineError;
use super::operation::Operation;
use super::plan::Plan;
use super::precision::Precision;
use super::storage::{Layout, Order};

/// The fast back end: rayon's threads, and the widest vectors that the processor has.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    lanes: usize,
    isa: Isa,
    precision: Precision,
}

impl Default for Cpu {
    fn default() -> Self {
        Cpu { lanes: rayon::current_num_threads(), isa: Isa::best(), precision: Precision::Full }
    }
}

impl Cpu {
    /// With this kind of vectors, or the next narrower one that the processor has.
    pub fn with_isa(isa: Isa) -> Cpu {
        Cpu { isa: isa.min(Isa::best()), ..Cpu::default() }
    }

    /// With this precision. Bf16 is faster where the processor has AVX512-BF16; elsewhere it gives the same numbers, up to the
    /// rounding of sums, at the speed of f32. Depthwise convolutions and gradients of weights multiply in f32.
    /// There is no TF32 here: who asks for it has f32.
    pub fn with_precision(self, precision: Precision) -> Cpu {
        let precision = if precision == Precision::Bf16 { precision } else { Precision::Full };
        Cpu { precision, ..self }
    }

    /// The vectors that kernels use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The kernel of an operation on so many samples.
    fn kernel(&self, operation: &Operation, batch: usize) -> Kernel {
        Kernel::of(self.isa, self.precision, operation, batch)
    }
}

impl Backend<f32> for Cpu {
    fn layout(&self) -> Layout {
        Layout::uniform(size_of::<f32>(), Order::ChannelsLast)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn workspace(&self, of: &Use<'_>) -> usize {
        self.kernel(of.operation, of.batch).scratch(of, self.lanes) * size_of::<f32>()
    }

    fn stored(&self, operation: &Operation, input: usize) -> Option<usize> {
        // The batch does not matter to filters.
        if input == 1 { self.kernel(operation, 1).filters() } else { None }
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        constants: &mut ConstantReader<'_, f32>,
    ) -> Result<Box<dyn Executor<f32>>, EngineError> {
        Ok(Box::new(Machine::new(plan, self, constants)?))
    }
}
