//! Labelled images: where they come from and how they reach the network.
//!
//! A [`Dataset`] holds all images in memory. [`digits::Digits`] draws one, [`idx::mnist`] reads one, and
//! [`Dataset::batches`] cuts it into shuffled mini-batches.

mod dataset;
mod error;

pub mod digits;
pub mod idx;

mod source;

pub use dataset::{Batch, Batches, Dataset};
pub use digits::Digits;
pub use error::DataError;
pub use source::Source;
