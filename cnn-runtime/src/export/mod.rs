//! Networks for readers and for other programs.

mod dot;
mod picture;

pub use dot::dot;
pub use picture::{Stage, stages, svg};
