//! Size of a tensor.

use std::fmt;

/// Size of a tensor for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A feature map: channels × height × width.
    Map {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A vector.
    Vector(usize),
}

impl Shape {
    /// A feature map.
    pub fn map(channels: usize, height: usize, width: usize) -> Shape {
        Shape::Map { channels, height, width }
    }

    /// Channels of a map, length of a vector.
    pub fn channels(self) -> usize {
        match self {
            Shape::Map { channels, .. } => channels,
            Shape::Vector(length) => length,
        }
    }

    /// Height and width; a vector has neither.
    pub fn spatial(self) -> Option<[usize; 2]> {
        match self {
            Shape::Map { height, width, .. } => Some([height, width]),
            Shape::Vector(_) => None,
        }
    }

    /// Numbers in one sample.
    pub fn elements(self) -> usize {
        match self {
            Shape::Map { channels, height, width } => channels * height * width,
            Shape::Vector(length) => length,
        }
    }

    /// `[c, h, w]` or `[n]`.
    pub fn dims(self) -> Vec<usize> {
        match self {
            Shape::Map { channels, height, width } => vec![channels, height, width],
            Shape::Vector(length) => vec![length],
        }
    }

    pub(super) fn with_channels(self, channels: usize) -> Shape {
        match self {
            Shape::Map { height, width, .. } => Shape::Map { channels, height, width },
            Shape::Vector(_) => Shape::Vector(channels),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Map { channels, height, width } => write!(f, "{channels}x{height}x{width}"),
            Shape::Vector(length) => write!(f, "{length}"),
        }
    }
}

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeError {
    text: String,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(
            f,
            "expected channels x height x width as in 3x224x224, at least 1 each and 2^40 numbers at most, got `{text}`"
        )
    }
}

impl std::error::Error for ShapeError {}

impl std::str::FromStr for Shape {
    type Err = ShapeError;

    /// Reads `3x224x224`, or `784` for a vector.
    fn from_str(text: &str) -> Result<Shape, ShapeError> {
        let error = || ShapeError { text: text.to_owned() };
        let sizes: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
        let sizes = sizes.map_err(|_| error())?;
        let elements = sizes.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        match (elements, sizes.as_slice()) {
            (Some(1..=LARGEST_TENSOR), &[length]) => Ok(Shape::Vector(length)),
            (Some(1..=LARGEST_TENSOR), &[channels, height, width]) => Ok(Shape::map(channels, height, width)),
            _ => Err(error()),
        }
    }
}

/// Tensors larger than this for one sample are refused: no network is meant so.
pub const LARGEST_TENSOR: usize = 1 << 40;
