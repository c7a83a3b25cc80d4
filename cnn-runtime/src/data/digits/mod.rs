//! The library's own data set: handwritten-looking digits, drawn on demand at any size.
//!
//! ```
//! use cnn_runtime::data::Digits;
//!
//! let digits = Digits { seed: 1, shape: [3, 32, 32], ..Digits::default() };
//! let (train, test) = digits.train_and_test(200, 50)?;
//! assert_eq!(train.image(0).len(), 3 * 32 * 32);
//! assert_eq!(test.classes, 10);
//! # Ok::<(), cnn_runtime::data::DataError>(())
//! ```

mod draw;
mod glyphs;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{DataError, Dataset};

/// Most channels, shortest side, longest side.
const LIMITS: [usize; 3] = [16, 12, 1024];

/// A source of digits 0 to 9, strokes of a pen in random pose on noisy paper; values in [0, 1].
///
/// One seed gives the same pixels on every machine. Item `i` is digit `i % 10` and depends on seed and shape alone, so a
/// longer data set begins with the shorter one. With one channel the ink is light on dark; with more, both colours are random.
///
/// As it is by default at 1x28x28, the best linear classifier of 10,000 images recognises fewer than 90 % of others, a
/// LeNet-5 more than 97 %.
#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    /// Which digits are drawn.
    pub seed: u64,
    /// Channels (1 to 16), height and width (12 to 1024 each).
    pub shape: [usize; 3],
    /// How far rotation, shear, size, place and hand vary: 0 not at all, 1 by default.
    pub pose: f32,
    /// How strong noise and uneven light are: 0 none, 1 by default.
    pub noise: f32,
    /// How many stray strokes there are: 0 none, 1 by default (up to three).
    pub clutter: f32,
}

impl Default for Digits {
    fn default() -> Self {
        Self { seed: 0, shape: [1, 28, 28], pose: 1.0, noise: 1.0, clutter: 1.0 }
    }
}

impl Digits {
    /// The first `count` training images.
    ///
    /// # Errors
    /// If the shape is outside the limits, or the images do not fit into memory.
    pub fn dataset(&self, count: usize) -> Result<Dataset, DataError> {
        self.draw(count, 0)
    }

    /// The first `train` training images and the first `test` held-out images; no image is in both.
    ///
    /// # Errors
    /// As [`dataset`](Self::dataset).
    pub fn train_and_test(&self, train: usize, test: usize) -> Result<(Dataset, Dataset), DataError> {
        Ok((self.draw(train, 0)?, self.draw(test, 1)?))
    }

    /// Item `i` of part 0 (training) or 1 (test) takes the generator's stream `2 i + part`: streams never meet.
    fn draw(&self, count: usize, part: u64) -> Result<Dataset, DataError> {
        let [channels, height, width] = self.shape;
        let [most, shortest, longest] = LIMITS;
        let sides = shortest..=longest;
        if !(1..=most).contains(&channels) || !sides.contains(&height) || !sides.contains(&width) {
            return Err(DataError::DigitShape { shape: self.shape, limits: LIMITS });
        }
        let memory = || DataError::Memory { count, shape: self.shape };
        let size = channels * height * width;
        let len = count.checked_mul(size).ok_or_else(memory)?;
        let mut images = Vec::new();
        images.try_reserve_exact(len).map_err(|_| memory())?;
        images.resize(len, 0.0);

        let style = Self {
            pose: strength(self.pose),
            noise: strength(self.noise),
            clutter: strength(self.clutter),
            ..self.clone()
        };
        let base = ChaCha8Rng::seed_from_u64(self.seed);
        images.par_chunks_exact_mut(size).enumerate().for_each(|(i, image)| {
            let mut rng = base.clone();
            rng.set_stream(2 * i as u64 + part);
            draw::digit(image, i % 10, &style, &mut rng);
        });
        let labels = (0..count).map(|i| i % 10).collect();
        Dataset::new(images, labels, self.shape, 10)
    }
}

/// A strength within reason: beyond 4 a digit is no longer one, and NaN is none.
fn strength(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 4.0) }
}

#[cfg(test)]
mod tests;
