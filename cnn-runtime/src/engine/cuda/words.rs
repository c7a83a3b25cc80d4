//! What a kernel is given, as words of 64 bits: the structures of `kernels/common.cu`.

use crate::engine::operation::Activation;
use crate::engine::plan::Operand;
use crate::engine::session::sizes_of_map;
use crate::kernels::window;

/// A tensor on the device: `Map` of the kernels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    /// Address of the first number.
    pub start: u64,
    pub samples: usize,
    /// Numbers from a sample to the next.
    pub stride: usize,
    pub height: usize,
    pub width: usize,
    /// Numbers from a pixel to the next.
    pub pitch: usize,
    pub channels: usize,
}

impl Map {
    /// An operand that begins at `start`.
    pub fn new(start: u64, samples: usize, operand: &Operand) -> Map {
        let Operand { stride, pitch, extent, .. } = *operand;
        let [channels, height, width] = sizes_of_map(extent);
        Map { start, samples, stride, height, width, pitch, channels }
    }

    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// All numbers.
    pub fn len(&self) -> usize {
        self.samples * self.plane() * self.channels
    }

    /// The same channels of each pixel from `first` on, so many.
    pub fn slice(self, first: usize, channels: usize) -> Map {
        Map { start: self.start + (first * size_of::<f32>()) as u64, channels, ..self }
    }

    /// Numbers from the first to behind the last, what lies between included.
    pub fn span(&self) -> usize {
        match self.len() {
            0 => 0,
            _ => (self.samples - 1) * self.stride + (self.plane() - 1) * self.pitch + self.channels,
        }
    }

    /// Where a number lies within the span.
    pub fn at(&self, sample: usize, pixel: usize, channel: usize) -> usize {
        sample * self.stride + pixel * self.pitch + channel
    }
}

/// A kernel's arguments, in the order of its structure.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(Vec<u64>);

impl Words {
    pub fn new() -> Words {
        Words::default()
    }

    /// An address; 0 is none.
    pub fn address(mut self, address: u64) -> Words {
        self.0.push(address);
        self
    }

    pub fn size(self, size: usize) -> Words {
        self.address(size as u64)
    }

    pub fn signed(self, number: isize) -> Words {
        self.address(number as i64 as u64)
    }

    pub fn flag(self, flag: bool) -> Words {
        self.address(u64::from(flag))
    }

    pub fn double(self, number: f64) -> Words {
        self.address(number.to_bits())
    }

    pub fn map(self, map: &Map) -> Words {
        let Map { start, samples, stride, height, width, pitch, channels } = *map;
        let words = self.address(start).size(samples).size(stride);
        words.size(height).size(width).size(pitch).size(channels)
    }

    /// A tensor and whether there is one.
    pub fn optional(self, map: Option<&Map>) -> Words {
        match map {
            Some(map) => self.map(map).flag(true),
            None => (0..7).fold(self, |words, _| words.address(0)).flag(false),
        }
    }

    pub fn axis(self, axis: &window::Axis) -> Words {
        let window::Axis { input, output, kernel, stride, before, after, dilation } = *axis;
        self.size(input).size(output).size(kernel).size(stride).size(before).size(after).size(dilation)
    }

    pub fn curve(self, activation: Option<Activation>) -> Words {
        let (kind, slope) = match activation {
            None => (0, 0.0),
            Some(Activation::Relu) => (1, 0.0),
            Some(Activation::Relu6) => (2, 0.0),
            Some(Activation::Leaky(slope)) => (3, slope),
            Some(Activation::Sigmoid) => (4, 0.0),
            Some(Activation::Tanh) => (5, 0.0),
            Some(Activation::Silu) => (6, 0.0),
            Some(Activation::Hswish) => (7, 0.0),
            Some(Activation::Hsigmoid) => (8, 0.0),
            Some(Activation::Gelu) => (9, 0.0),
        };
        self.size(kind).double(slope)
    }

    pub fn get(&self) -> &[u64] {
        &self.0
    }
}
