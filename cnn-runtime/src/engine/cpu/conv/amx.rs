//! Intel's matrix unit (AMX): 16 x 16 sums of products of pairs in bf16. A tile of a convolution is 16 pixels with 32 channels times as
//! many channels of 16 filters; a square of a weight gradient 16 channels times 16 filters, with 16 pixels of two samples between them.
//!
//! Packed operands are what [`Form::Pair`](super::bf16::Form) packs, in whole blocks of 16 words: a block of channels of 16 pixels
//! is a tile as it lies there, and so are its weights. The instructions come through `asm!`, since rustc's own names for them are
//! unstable. Everything that knows the matrix unit is in this folder.

#[cfg(target_arch = "x86_64")]
mod products;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod turned;
#[cfg(target_arch = "x86_64")]
mod unit;

#[cfg(target_arch = "x86_64")]
pub(super) use {
    tiles::{SLACK, tiles},
    turned::copy_turned,
    unit::{Unit, is_here},
};

#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(not(target_arch = "x86_64"))]
pub(super) use none::{SLACK, Unit, copy_turned, is_here, tiles};

/// Rows of a matrix register, and words of each.
pub(super) const ROWS: usize = 16;

/// Squares of sums to which the products of packed inputs and gradients are added.
pub(super) struct Product {
    /// Words of 16 channels: pixels follow each other.
    pub x: *const f32,
    /// Words from a channel to the next.
    pub x_pitch: usize,
    /// Words from the end of a sequence to the next one's start; it may lie in front.
    pub jump: isize,
    /// Words of pixels, 16 filters each, sequence behind sequence.
    pub dy: *const f32,
    /// Words from 16 filters to the next 16.
    pub dy_pitch: usize,
    pub sequences: usize,
    /// Of 16 pixels, of a sequence.
    pub steps: usize,
    /// How many times 16 channels and 16 filters, one or two.
    pub squares: [usize; 2],
    /// Squares of 16 channels times 16 filters.
    pub sums: *mut f32,
    /// Numbers from 16 filters to the next 16; channels lie together.
    pub sums_pitch: usize,
}
