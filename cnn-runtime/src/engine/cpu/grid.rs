//! Where the numbers of a map lie: pixels some way apart, the channels of each together.

use crate::engine::plan::Operand;
use crate::engine::session::sizes_of_map;

/// A tensor's address and sizes. Kernels compute addresses of pixels from it; that these lie inside of the memory, and which of
/// a step's tensors may meet, [`verify`](crate::engine::verify) has shown.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub start: *mut f32,
    pub samples: usize,
    /// Numbers from a sample to the next.
    pub stride: usize,
    pub height: usize,
    pub width: usize,
    /// Numbers from a pixel to the next.
    pub pitch: usize,
    pub channels: usize,
}

// SAFETY: an address; whoever follows it has the reasons above, and threads write different numbers.
unsafe impl Send for Grid {}
// SAFETY: as above.
unsafe impl Sync for Grid {}

impl Grid {
    pub fn new(start: *mut f32, samples: usize, operand: &Operand) -> Grid {
        let Operand { stride, pitch, extent, .. } = *operand;
        let [channels, height, width] = sizes_of_map(extent);
        Grid { start, samples, stride, height, width, pitch, channels }
    }

    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// All numbers.
    pub fn len(&self) -> usize {
        self.samples * self.plane() * self.channels
    }

    /// Whether they follow each other without a gap.
    pub fn is_dense(&self) -> bool {
        (self.plane() == 1 || self.pitch == self.channels)
            && (self.samples == 1 || self.stride == self.plane() * self.channels)
    }

    /// The pixel's first channel.
    ///
    /// # Safety
    /// There are such a sample and such a pixel.
    #[inline(always)]
    pub unsafe fn at(&self, sample: usize, pixel: usize) -> *mut f32 {
        debug_assert!(sample < self.samples && pixel < self.plane().max(1));
        // SAFETY: the caller's.
        unsafe { self.start.add(sample * self.stride + pixel * self.pitch) }
    }

    /// The same channels of each pixel from `first` on, so many.
    pub fn slice(self, first: usize, channels: usize) -> Grid {
        debug_assert!(first + channels <= self.channels);
        // SAFETY: within the first pixel.
        Grid { start: unsafe { self.start.add(first) }, channels, ..self }
    }

    /// Samples as the pixels of one: what a fully connected layer works on.
    pub fn as_row(self) -> Grid {
        debug_assert_eq!(self.plane(), 1);
        Grid { samples: 1, stride: 0, height: 1, width: self.samples, pitch: self.stride, ..self }
    }
}
