//! Images as an engine is given them.

use std::borrow::Cow;

use cnn_lang::graph::Shape;

use super::Pixels;
use crate::engine::error::EngineError;
use crate::engine::reference::Number;
use crate::engine::session::samples;

/// The images of a step or a run: numbers, one image behind the other, each channels x height x width; or [`Pixels`], of which
/// a device makes numbers that can, or the processor.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a, E> {
    /// Numbers.
    Numbers(&'a [E]),
    /// Stored bytes and what is to happen to them.
    Pixels(&'a Pixels),
}

impl<'a, E: Number> Given<'a, E> {
    /// How many samples they are for a network of this input that takes `batch` at most.
    pub(in crate::engine) fn samples(self, input: Shape, batch: usize) -> Result<usize, EngineError> {
        let pixels = match self {
            Given::Numbers(numbers) => return samples(numbers.len(), input, batch),
            Given::Pixels(pixels) => pixels,
        };
        let [channels, height, width] = pixels.shape();
        if matches!(input, Shape::Map { .. }) && input != (Shape::Map { channels, height, width }) {
            let (expected, got) = (input.to_string(), format!("{channels}x{height}x{width}"));
            return Err(EngineError::Pixels { what: "images", expected, got });
        }
        samples(pixels.len(), input, batch)
    }

    /// As numbers, computed here if they are pixels.
    pub fn numbers(self) -> Cow<'a, [E]> {
        match self {
            Given::Numbers(numbers) => numbers.into(),
            Given::Pixels(pixels) => pixels.numbers().into_iter().map(|number| E::of(f64::from(number))).collect(),
        }
    }
}

impl<'a, E> From<&'a [E]> for Given<'a, E> {
    fn from(numbers: &'a [E]) -> Self {
        Given::Numbers(numbers)
    }
}

impl<'a, E> From<&'a Vec<E>> for Given<'a, E> {
    fn from(numbers: &'a Vec<E>) -> Self {
        Given::Numbers(numbers)
    }
}

impl<'a, E, const N: usize> From<&'a [E; N]> for Given<'a, E> {
    fn from(numbers: &'a [E; N]) -> Self {
        Given::Numbers(numbers)
    }
}

impl<'a, E> From<&'a Pixels> for Given<'a, E> {
    fn from(pixels: &'a Pixels) -> Self {
        Given::Pixels(pixels)
    }
}
