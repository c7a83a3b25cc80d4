//! Networks for other programs to run.

pub mod onnx;
