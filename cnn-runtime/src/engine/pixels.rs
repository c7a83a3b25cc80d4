//! Images as stored bytes with what is to happen to them, for devices that make numbers of them by themselves.

mod canvas;
mod check;
mod given;
mod mix;

pub(crate) use canvas::Canvas;
pub use given::Given;
pub use mix::Mix;

/// What moves the pixels of an image: a shift, and behind it a flip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// What was so many pixels below and to the right comes here; black comes from outside.
    pub shift: [i32; 2],
    /// Whether left and right change places.
    pub flip: bool,
}

/// A part of an image, which may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rectangle {
    /// The first row.
    pub top: usize,
    /// The first column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A batch of images of stored bytes, and what makes numbers of them: they are moved, normalised, partly erased, and mixed with
/// each other, in this order. They are checked when they are put together.
///
/// ```
/// use cnn_runtime::engine::Pixels;
/// use cnn_runtime::engine::pixels::Move;
///
/// // Two grey images of one row: the second is flipped. 51 is 0.2 of white.
/// let pixels = Pixels::new([1, 1, 2], vec![0, 255, 51, 0], vec![0.2], vec![2.0])?;
/// let pixels = pixels.moved(vec![Move::default(), Move { flip: true, ..Move::default() }])?;
/// assert_eq!(pixels.numbers(), [-0.4, 1.6, -0.4, 0.0]);
/// # Ok::<(), cnn_runtime::engine::EngineError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    shape: [usize; 3],
    samples: usize,
    bytes: Vec<u8>,
    mean: Vec<f32>,
    scale: Vec<f32>,
    /// As many for each sample, one sample behind the other.
    moves: Vec<Move>,
    erased: Vec<Rectangle>,
    mix: Option<Mix>,
}

impl Pixels {
    /// Channels, height, width of an image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// How many images there are.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Numbers that they become.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: there is an image at least.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, each image channel by channel, row by row.
    #[cfg(feature = "cuda")]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Mean of each channel, which becomes 0, and what a distance of 1 from it becomes; bytes are from 0 to 1.
    #[cfg(feature = "cuda")]
    pub(super) fn normalization(&self) -> [&[f32]; 2] {
        [&self.mean, &self.scale]
    }

    /// What moves each image, as much for each.
    #[cfg(feature = "cuda")]
    pub(super) fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// What of each image becomes 0, as many rectangles for each.
    #[cfg(feature = "cuda")]
    pub(super) fn rectangles(&self) -> &[Rectangle] {
        &self.erased
    }

    /// How they are mixed.
    #[cfg(feature = "cuda")]
    pub(super) fn mix(&self) -> Option<&Mix> {
        self.mix.as_ref()
    }

    /// The images as a network takes them, computed on the processor.
    pub fn numbers(&self) -> Vec<f32> {
        let Pixels { shape, samples, bytes, mean, scale, moves, erased, mix } = self;
        let mut numbers: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let (moves_each, erased_each) = (moves.len() / samples, erased.len() / samples);
        for (sample, values) in numbers.chunks_exact_mut(bytes.len() / samples).enumerate() {
            let mut canvas = Canvas { shape: *shape, values };
            moves[sample * moves_each..][..moves_each].iter().for_each(|&step| canvas.apply(step));
            canvas.normalize(mean, scale);
            erased[sample * erased_each..][..erased_each].iter().for_each(|&part| canvas.clear(part));
        }
        if let Some(mix) = mix {
            mix.images(&mut numbers, *shape);
        }
        numbers
    }
}

#[cfg(test)]
mod tests;
