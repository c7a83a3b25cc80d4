//! Convolution: inputs packed on the fly, filters packed once, everything else in registers.
//!
//! Maps lie pixel by pixel ([`Grid`](super::grid::Grid)). A task takes some rows of a sample, copies what lies under their windows
//! into the thread's scratch, 16 channels of a pixel together and zeros around (`pack`), and runs `tile` over it: there every
//! address is a constant step from the last. The copy costs one move for each number, against as many multiply-adds as there
//! are filters, and does away with borders, strides and odd numbers of channels.
//!
//! In [`Precision::Bf16`](crate::engine::Precision) packing rounds, and packs pairs of channels where the processor multiplies
//! such (`bf16`). Weight gradients, which copy nothing else, pack pairs of samples then (`bf16_weight_gradient`). Where there is a
//! matrix unit, it multiplies both (`amx`, `matrix_weight_gradient`).
//!
//! The gradient of the input is the same computation with other taps (`line`), once for each phase of the stride; that of
//! the weights has a tile of its own (`weight_gradient`, `weight_gradient_tile`). One filter for each channel is `depthwise`
//! and `depthwise_weight_gradient`.

mod amx;
pub(super) mod bf16;
mod bf16_weight_gradient;
pub(super) mod depthwise;
pub(super) mod depthwise_weight_gradient;
mod direct;
pub(super) mod dot;
mod filters;
mod line;
mod matrix_weight_gradient;
pub(super) mod outer;
mod pack;
mod planar;
mod planar_tile;
mod tile;
mod view;
pub(super) mod way;
mod weight_gradient;
mod weight_gradient_tile;
pub(super) mod weight_way;
mod window_weight_gradient;

#[cfg(test)]
mod bf16_tests;
#[cfg(test)]
mod linear_tests;
#[cfg(test)]
mod tests;
