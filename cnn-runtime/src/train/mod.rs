//! Trainings that can be stopped at any moment: a folder, its files, and [`fit`], which goes on where the folder stands.
//!
//! ```text
//! Settings + source ─▶ Run (a folder) ─▶ fit: data ─▶ Trainer ─▶ metrics, weights, checkpoint
//! ```
//!
//! Everything that decides about the numbers is in the folder before the first step. A training that was killed and went
//! on gives the bits of one that was not: weights, and metrics apart from timings.
//!
//! ```
//! use cnn_runtime::train::{Outcome, Run, Settings, fit};
//! # let parent = tempfile::tempdir()?;
//! # let parent = parent.path();
//!
//! let settings = Settings { digits: [64, 32], epochs: 1, batch: 16, ..Settings::new("lenet5") };
//! let run = Run::create(&parent.join("first"), settings, cnn_runtime::zoo::LeNet5)?;
//! let Outcome::Done(last) = fit(&run, &mut ())? else { panic!("nobody stopped it") };
//! assert_eq!((last.epoch, last.step), (1, 4));
//! assert!(parent.join("first/weights.safetensors").is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;
mod assessment;
mod checkpoint;
mod checkpoints;
mod checksums;
#[cfg(feature = "program")]
mod curve;
mod diverged;
mod early;
mod error;
mod evaluate;
mod events;
mod fit;
mod folder;
mod image_settings;
mod images;
mod lr_find;
mod metrics;
mod observer;
mod quality;
mod ramp;
mod recipe;
mod report;
mod schedule;
pub mod schemes;
mod settings;

pub use assessment::{Assessment, Example};
pub use checkpoint::{Best, Progress, Sums};
pub use diverged::OnNan;
pub use early::{EarlyStop, Gains, Metric};
pub use error::TrainError;
pub use evaluate::{Evaluation, evaluate};
pub use fit::{Outcome, fit};
pub use folder::Run;
pub use image_settings::{ClassWeights, Damaged, ImageSettings, Normalize};
pub(crate) use images::targets;
pub use images::{Facts, Images};
pub use lr_find::{Found, Point, Sweep, lr_find};
pub use metrics::{EpochRecord, Record, RollbackRecord, StepRecord};
pub use observer::{Begin, Observer};
pub use quality::{BINS, Bin, Calibration, ClassQuality, Confusion, WORST, Worst};
pub use ramp::Ramp;
pub use recipe::{Recipe, RecipeError};
pub use schedule::{Schedule, ScheduleError};
pub use settings::{FreezeUntil, Settings};
