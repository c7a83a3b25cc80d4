//! Networks for readers and for other programs.

pub mod onnx;

mod dot;
mod picture;

pub use dot::dot;
pub use picture::{Stage, stages, svg};
