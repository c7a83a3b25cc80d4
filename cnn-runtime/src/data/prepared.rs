//! A batch on its way to the network.

use std::borrow::Cow;

use crate::engine::{Given, Pixels};

/// The classes of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The class of each image.
    Classes(Vec<usize>),
    /// Images x classes: what each image should be taken for, times what its class counts.
    Soft(Vec<f32>),
}

/// The images of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageBatch {
    /// Every image after the other, each channels x height x width.
    Numbers(Vec<f32>),
    /// Stored bytes, for a device to make these numbers of: where [`Part::as_pixels`](super::Part::as_pixels) asks for them.
    Pixels(Pixels),
}

impl ImageBatch {
    /// Every image after the other, each channels x height x width; computed here if they are pixels.
    pub fn numbers(&self) -> Cow<'_, [f32]> {
        Given::from(self).numbers()
    }
}

impl<'a> From<&'a ImageBatch> for Given<'a, f32> {
    fn from(images: &'a ImageBatch) -> Self {
        match images {
            ImageBatch::Numbers(numbers) => Given::Numbers(numbers),
            ImageBatch::Pixels(pixels) => Given::Pixels(pixels),
        }
    }
}

/// A batch as the network takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Its images.
    pub images: ImageBatch,
    /// Their classes.
    pub labels: Labels,
    /// Which images of the part they are.
    pub items: Vec<usize>,
}
