//! The engine: a graph becomes a plan before the first batch, and the plan runs.
//!
//! ```text
//! Graph ─▶ lower ─▶ Program ─▶ fuse ─▶ (gradients) ─▶ storage ─▶ memory ─▶ Plan ─▶ back end ─▶ run
//! ```
//!
//! [`Session`] infers, [`Trainer`] trains; both take a graph and a [`StateDict`](crate::weights::StateDict), no Rust type. They
//! give the numbers of the eager path. A [`Plan`] is instructions on addresses: it knows no back end, a [`Backend`] knows no
//! graph.

pub mod backend;
mod constant_reader;
mod constants;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod error;
mod fuse;
mod gradients;
mod host;
mod layers;
mod lower;
mod memory;
pub mod operation;
mod optimizer;
pub mod pixels;
pub mod plan;
mod precision;
mod probe;
pub mod program;
pub mod reference;
mod report;
mod session;
mod sizes;
mod storage;
mod trainer;
mod typed;
mod verify;

pub use backend::{Backend, Measure, Targets, Use};
pub use constant_reader::ConstantReader;
pub(crate) use constants::Entries;
pub use constants::{Constants, Recipe};
pub use cpu::{Cpu, Isa};
#[cfg(feature = "cuda")]
pub use cuda::Cuda;
pub use device::Device;
pub use error::EngineError;
pub(crate) use lower::first_tensors;
pub use optimizer::{Clip, Optimizer, Rule};
pub(crate) use pixels::Canvas;
pub use pixels::{Given, Pixels};
pub use plan::Plan;
pub use precision::Precision;
pub use probe::{Probe, Probed};
pub use reference::{Number, Reference};
pub use report::Report;
pub(crate) use session::fits;
pub use session::{Session, SessionOptions, plan_inference};
pub use storage::{Layout, Order};
pub(crate) use trainer::LossScale;
pub use trainer::{Fault, FaultKind, Group, StepReport, Thaw, Trainer, TrainerOptions, plan_training};
pub use typed::{Compile, CompileError};
