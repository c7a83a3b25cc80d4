//! What a kernel is given, as words of 64 bits: the structures of `kernels/common.cu`.

use half::{bf16, f16};

use crate::engine::operation::Activation;
use crate::engine::plan::Operand;
use crate::engine::precision::Precision;
use crate::engine::session::sizes_of_map;
use crate::kernels::window;

/// The type of a map's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Number {
    F32,
    Bf16,
    F16,
}

/// Bytes that a thread reads or writes at once.
const PACK: usize = 16;

impl Number {
    /// What maps are of where convolutions multiply so.
    pub fn of(precision: Precision) -> Number {
        match precision {
            Precision::Full | Precision::Tf32 => Number::F32,
            Precision::Bf16 => Number::Bf16,
            Precision::F16 => Number::F16,
        }
    }

    /// How kernels name it: `kernels/common.cu`.
    pub fn name(self) -> &'static str {
        match self {
            Number::F32 => "F32",
            Number::Bf16 => "BF16",
            Number::F16 => "F16",
        }
    }

    pub fn bytes(self) -> usize {
        match self {
            Number::F32 => 4,
            Number::Bf16 | Number::F16 => 2,
        }
    }

    /// Numbers that a thread reads or writes at once.
    pub fn pack(self) -> usize {
        PACK / self.bytes()
    }

    /// Numbers as they lie on a device.
    pub fn write(self, numbers: &[f32]) -> Vec<u8> {
        match self {
            Number::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Number::Bf16 => numbers.iter().flat_map(|&number| bf16::from_f32(number).to_le_bytes()).collect(),
            Number::F16 => numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect(),
        }
    }

    /// Numbers that lie so on a device.
    pub fn read(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Number::F32 => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Number::Bf16 => bytes.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            Number::F16 => bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        }
    }
}

/// What kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Variant {
    pub number: Number,
    /// Whether they read and write packs.
    pub wide: bool,
}

impl Variant {
    pub const ALL: [Variant; 6] = {
        const fn of(number: Number) -> [Variant; 2] {
            [Variant { number, wide: false }, Variant { number, wide: true }]
        }
        let ([a, b], [c, d], [e, f]) = (of(Number::F32), of(Number::Bf16), of(Number::F16));
        [a, b, c, d, e, f]
    };

    /// Numbers that a thread reads or writes at once.
    pub fn width(self) -> usize {
        if self.wide { self.number.pack() } else { 1 }
    }
}

/// A tensor on the device: `Map` of the kernels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    pub number: Number,
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
    pub fn new(number: Number, start: u64, samples: usize, operand: &Operand) -> Map {
        let Operand { stride, pitch, extent, .. } = *operand;
        let [channels, height, width] = sizes_of_map(extent);
        // Kernels count pixels through all samples.
        let even = samples == 1 || stride == height * width * pitch;
        assert!(even, "{operand:?}: something lies between samples; this is a bug in the engine");
        Map { number, start, samples, stride, height, width, pitch, channels }
    }

    /// Whether every pixel is packs.
    pub fn is_packs(&self) -> bool {
        let pack = self.number.pack();
        self.start.is_multiple_of(PACK as u64) && self.pitch.is_multiple_of(pack) && self.channels.is_multiple_of(pack)
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
        Map { start: self.start + (first * self.number.bytes()) as u64, channels, ..self }
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

/// Words of `Map`.
const MAP_WORDS: usize = 7;

/// A kernel's arguments, in the order of its structure.
#[derive(Clone, Debug)]
pub(super) struct Words {
    words: Vec<u64>,
    /// Of the maps among them: what suits them all.
    variant: Variant,
}

impl Words {
    pub fn new() -> Words {
        Words { words: Vec::new(), variant: Variant { number: Number::F32, wide: true } }
    }

    /// What suits all maps, f32 if there is none; packs only where the kernel takes them.
    pub fn variant_for(&self, packs: bool) -> Variant {
        Variant { wide: self.variant.wide && packs, ..self.variant }
    }

    /// For a kernel that must not take packs, whatever the maps.
    pub fn one_by_one(mut self) -> Words {
        self.variant.wide = false;
        self
    }

    /// A tensor whose channels threads share out side by side, and room for [`Self::set_lanes`].
    pub fn map_by_lanes(self, map: &Map) -> Words {
        self.map(map).size(0)
    }

    /// An address; 0 is none.
    pub fn address(mut self, address: u64) -> Words {
        self.words.push(address);
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
        let Map { number, start, samples, stride, height, width, pitch, channels } = *map;
        let mut words = self.address(start).size(samples).size(stride);
        words.variant = Variant { number, wide: words.variant.wide && map.is_packs() };
        words.size(height).size(width).size(pitch).size(channels)
    }

    /// A tensor and whether there is one.
    pub fn optional(self, map: Option<&Map>) -> Words {
        match map {
            Some(map) => self.map(map).flag(true),
            None => (0..MAP_WORDS).fold(self, |words, _| words.address(0)).flag(false),
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

    /// Sets the word behind the first map: how many threads stand side by side.
    pub fn set_lanes(&mut self, lanes: usize) {
        self.words[MAP_WORDS] = lanes as u64;
    }

    pub fn get(&self) -> &[u64] {
        &self.words
    }
}
