//! Loops over pixels: whole rows of numbers where maps are dense, pixel by pixel where something lies between.

use std::ops::Range;

use super::grid::Grid;
use super::team::Team;
use crate::kernels::wide;

/// Numbers that are worth a task.
const GRAIN: usize = 1 << 14;

/// Rows of numbers that lie a step apart.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    start: *mut f32,
    step: usize,
}

impl Rows {
    /// The first row, and numbers from a row to the next.
    pub fn new(start: *mut f32, step: usize) -> Rows {
        Rows { start, step }
    }

    /// The address of row number `row`.
    ///
    /// # Safety
    /// There is such a row.
    #[inline(always)]
    pub unsafe fn at(&self, row: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.start.add(row * self.step) }
    }

    /// Row number `row`.
    ///
    /// # Safety
    /// It has `len` numbers, and nobody writes them while the slice lives.
    #[inline(always)]
    pub unsafe fn get<'a>(&self, row: usize, len: usize) -> &'a [f32] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts(self.at(row), len) }
    }

    /// Row number `row`, to write.
    ///
    /// # Safety
    /// It has `len` numbers, and nobody else touches them while the slice lives.
    #[inline(always)]
    pub unsafe fn get_mut<'a>(&self, row: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.at(row), len) }
    }
}

/// Rows of the same pixels in several maps.
pub(super) struct Part<const N: usize> {
    /// Of each map.
    pub rows: [Rows; N],
    /// How many.
    pub count: usize,
    /// Numbers in each.
    pub len: usize,
    /// The sample, and the pixel of the first row (of whole samples together the first).
    pub sample: usize,
    pub pixel: usize,
}

/// `f` for parts of maps of one size whose numbers are changed each by itself, whatever the channel.
pub(super) fn elements<const N: usize>(team: &Team, maps: [Grid; N], f: impl Fn(Part<N>) + Sync) {
    let len = maps[0].len();
    if maps.iter().all(Grid::is_dense) {
        let grain = GRAIN;
        team.each(len.div_ceil(grain), |task, _| {
            let first = task * grain;
            // SAFETY: within the maps.
            let rows = maps.map(|map| Rows { start: unsafe { map.start.add(first) }, step: 0 });
            f(Part { rows, count: 1, len: grain.min(len - first), sample: 0, pixel: 0 });
        });
    } else {
        pixels(team, maps, f);
    }
}

/// `f` for runs of pixels: every row is a pixel's channels.
pub(super) fn pixels<const N: usize>(team: &Team, maps: [Grid; N], f: impl Fn(Part<N>) + Sync) {
    let map = maps[0];
    let run = GRAIN.div_ceil(map.channels.max(1)).min(map.plane());
    // Samples of few numbers are taken several at a time.
    let together = (GRAIN / (map.plane() * map.channels).max(1)).clamp(1, map.samples);
    let runs = map.plane().div_ceil(run);
    team.each(map.samples.div_ceil(together) * runs, |task, _| {
        let (first, index) = (task / runs * together, task % runs);
        for sample in first..(first + together).min(map.samples) {
            let pixel = index * run;
            let count = run.min(map.plane() - pixel);
            // SAFETY: within the maps.
            let rows = maps.map(|map| Rows { start: unsafe { map.at(sample, pixel) }, step: map.pitch });
            f(Part { rows, count, len: map.channels, sample, pixel });
        }
    });
}

/// Pixels of a sample whose sums are made in one go.
pub(super) const CHUNK: usize = 64;

/// The chunks that a map's pixels are summed up in; they do not depend on the threads.
#[derive(Clone, Copy)]
pub(super) struct Chunks {
    map: Grid,
    each: usize,
    per_sample: usize,
}

impl Chunks {
    /// Of a map; vectors are the pixels of one sample.
    pub fn of(map: Grid) -> Chunks {
        let map = if map.plane() == 1 { map.as_row() } else { map };
        let each = CHUNK.min(map.plane());
        Chunks { map, each, per_sample: map.plane().div_ceil(each) }
    }

    /// How many there are at most for maps of so many samples and pixels.
    pub fn most(samples: usize, plane: usize) -> usize {
        let (samples, plane) = if plane == 1 { (1, samples) } else { (samples, plane) };
        samples * plane.div_ceil(CHUNK.min(plane))
    }

    pub fn count(&self) -> usize {
        self.map.samples * self.per_sample
    }

    /// Sample and pixels of a chunk.
    pub fn range(&self, chunk: usize) -> (usize, Range<usize>) {
        let first = chunk % self.per_sample * self.each;
        (chunk / self.per_sample, first..(first + self.each).min(self.map.plane()))
    }

    /// The rows of a map as large.
    pub fn rows(&self, map: Grid, chunk: usize) -> (Rows, usize) {
        let map = if map.plane() == 1 { map.as_row() } else { map };
        let (sample, pixels) = self.range(chunk);
        // SAFETY: within the map.
        (Rows { start: unsafe { map.at(sample, pixels.start) }, step: map.pitch }, pixels.len())
    }
}

/// Numbers that threads share, each writing its own.
#[derive(Clone, Copy)]
pub(super) struct Scratch(*mut f32);

// SAFETY: an address; `part`'s callers keep threads apart.
unsafe impl Send for Scratch {}
// SAFETY: as above.
unsafe impl Sync for Scratch {}

impl Scratch {
    pub fn of(numbers: &mut [f32]) -> Scratch {
        Scratch(numbers.as_mut_ptr())
    }

    /// # Safety
    /// There are so many numbers, and nobody else touches them while the slice lives.
    pub unsafe fn part<'a>(&self, at: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(at), len) }
    }
}

/// Sums over all pixels, in f64: `f` adds a chunk's to two rows of numbers, one for each channel, that begin as zeros; of these
/// `total` makes what is wanted, for a few channels at a time.
pub(super) fn sums(
    team: &Team,
    chunks: Chunks,
    channels: usize,
    scratch: &mut [f32],
    f: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) {
    let scratch = Scratch::of(scratch);
    team.each(chunks.count(), |chunk, _| {
        // SAFETY: chunks have parts of their own.
        let part = unsafe { scratch.part(chunk * 2 * channels, 2 * channels) };
        part.fill(0.0);
        let (first, second) = part.split_at_mut(channels);
        f(chunk, first, second);
    });
}

/// Adds up what [`sums`] left of channel `c` and the 15 behind it: the sums of the first rows, and of the second.
pub(super) fn total(scratch: &[f32], count: usize, channels: usize, c: usize) -> [[f64; 16]; 2] {
    let width = (channels - c).min(16);
    let mut totals = [[0.0f64; 16]; 2];
    wide(|| {
        for chunk in 0..count {
            for (which, totals) in totals.iter_mut().enumerate() {
                let from = &scratch[(2 * chunk + which) * channels + c..][..width];
                totals.iter_mut().zip(from).for_each(|(total, &x)| *total += f64::from(x));
            }
        }
    });
    totals
}
