//! Pixels are checked when they are put together: kernels compute addresses from them.

use super::{Mix, Move, Pixels, Rectangle};
use crate::engine::error::EngineError;

fn fault<T>(what: &'static str, expected: String, got: String) -> Result<T, EngineError> {
    Err(EngineError::Pixels { what, expected, got })
}

impl Rectangle {
    /// Whether it is on an image.
    fn is_within(self, [_, rows, columns]: [usize; 3]) -> bool {
        let within = |from: usize, len: usize, most: usize| from.checked_add(len).is_some_and(|end| end <= most);
        within(self.top, self.height, rows) && within(self.left, self.width, columns)
    }

    fn check(self, what: &'static str, shape: [usize; 3]) -> Result<(), EngineError> {
        let Rectangle { top, left, height, width } = self;
        if self.is_within(shape) {
            return Ok(());
        }
        fault(what, format!("within {}x{}", shape[1], shape[2]), format!("{height}x{width} from {top}, {left}"))
    }
}

impl Pixels {
    /// Images of this shape, channels x height x width, one behind the other; of each channel the mean of values from 0 to 1,
    /// which becomes 0, and what a distance of 1 from it becomes.
    ///
    /// # Errors
    /// If the bytes are no whole number of images or more than 2 GiB, or there is not a mean and a scale for each channel.
    pub fn new(shape: [usize; 3], bytes: Vec<u8>, mean: Vec<f32>, scale: Vec<f32>) -> Result<Pixels, EngineError> {
        let [channels, rows, columns] = shape;
        let len = channels.checked_mul(rows).and_then(|len| len.checked_mul(columns)).unwrap_or(0);
        if len == 0 || bytes.is_empty() || !bytes.len().is_multiple_of(len) {
            let expected = format!("those of whole images of {channels}x{rows}x{columns}");
            return fault("bytes", expected, bytes.len().to_string());
        }
        // Kernels are told of images and pixels in 32 bits.
        if i32::try_from(bytes.len()).is_err() {
            return fault("bytes", format!("{} at most", i32::MAX), bytes.len().to_string());
        }
        for (what, numbers) in [("means", &mean), ("scales", &scale)] {
            if numbers.len() != channels {
                return fault(what, format!("one for each of {channels} channels"), numbers.len().to_string());
            }
        }
        let samples = bytes.len() / len;
        Ok(Pixels { shape, samples, bytes, mean, scale, moves: Vec::new(), erased: Vec::new(), mix: None })
    }

    /// As many for each image.
    fn each(&self, what: &'static str, got: usize) -> Result<(), EngineError> {
        if got.is_multiple_of(self.samples) {
            return Ok(());
        }
        fault(what, format!("as many for each of {} images", self.samples), got.to_string())
    }

    /// With these moves, as many for each image, those of an image one behind the other.
    ///
    /// # Errors
    /// If there are not as many for each.
    pub fn moved(self, moves: Vec<Move>) -> Result<Pixels, EngineError> {
        self.each("moves", moves.len())?;
        Ok(Pixels { moves, ..self })
    }

    /// With rectangles that become 0, as many for each image, those of an image one behind the other.
    ///
    /// # Errors
    /// If there are not as many for each, or one is not on the image.
    pub fn erased(self, erased: Vec<Rectangle>) -> Result<Pixels, EngineError> {
        self.each("erased rectangles", erased.len())?;
        erased.iter().try_for_each(|part| part.check("an erased rectangle", self.shape))?;
        Ok(Pixels { erased, ..self })
    }

    /// With images mixed.
    ///
    /// # Errors
    /// If there is not a partner for each, one is no image of the batch, the share is not from 0 to 1, or the window is not on
    /// the image.
    pub fn mixed(self, mix: Mix) -> Result<Pixels, EngineError> {
        let samples = self.samples;
        if mix.partners.len() != samples {
            return fault("partners", format!("one for each of {samples} images"), mix.partners.len().to_string());
        }
        if let Some(partner) = mix.partners.iter().find(|&&partner| partner >= samples) {
            return fault("a partner", format!("an image from 0 to {}", samples - 1), partner.to_string());
        }
        if !(0.0..=1.0).contains(&mix.share) {
            return fault("a share", "from 0 to 1".into(), mix.share.to_string());
        }
        mix.window.map_or(Ok(()), |window| window.check("a window", self.shape))?;
        Ok(Pixels { mix: Some(mix), ..self })
    }
}
