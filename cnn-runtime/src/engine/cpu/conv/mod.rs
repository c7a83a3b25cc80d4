//! Convolution: inputs packed on the fly, filters packed once, everything else in registers.
//!
//! Maps lie pixel by pixel ([`Grid`](super::grid::Grid)). A task takes some rows of a sample, copies what lies under their windows
//! into the thread's scratch, 16 channels of a pixel together and zeros around (`pack`), and runs `tile` over it: there every
//! address is a constant step from the last. The copy costs one move for each number, against as many multiply-adds as there
//! are filters, and does away with borders, strides and odd numbers of channels.
//!
//! The gradient of the input is the same computation with other taps (`line`), once for each phase of the stride; that of
//! the weights has a tile of its own (`weight_gradient`). One filter for each channel is `depthwise`
//! and `depthwise_weight_gradient`.

pub(super) mod depthwise;
pub(super) mod depthwise_weight_gradient;
pub(super) mod direct;
mod filters;
mod line;
mod pack;
mod tile;
pub(super) mod weight_gradient;

#[cfg(test)]
mod tests;
