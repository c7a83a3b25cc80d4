//! Labelled images: where they come from and how they reach the network.
//!
//! ```text
//! Source ─▶ Parts (train, test: Collections) ─▶ Part ─▶ Loader: decode, augment, normalise in the background ─▶ Batch
//! ```
//!
//! A [`Dataset`] holds small images in memory as numbers, for programs that do all this themselves: [`digits::Digits`] draws
//! one, [`idx::mnist`] reads one, and [`Dataset::batches`] cuts it into shuffled mini-batches.

mod dataset;
mod error;

pub mod cifar;
pub mod digits;
pub mod folder;
pub mod idx;

pub mod augment;
mod batched;
mod collection;
mod decode;
mod loader;
mod part;
mod prepared;
mod resample;
mod source;
mod split;

pub use augment::{Augment, Step};
pub use batched::Batched;
pub use collection::Collection;
pub use dataset::{Batch, Batches, Dataset};
pub use digits::Digits;
pub use error::DataError;
pub use loader::Loader;
pub use part::{Part, Preparation, Skipped};
pub use prepared::{ImageBatch, Labels, Prepared};
pub use source::{Parts, Source};
