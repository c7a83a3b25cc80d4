//! The images of a run, and those of the next.

use std::sync::Arc;

use crate::engine::backend::Images as Fed;
use crate::engine::cuda::device::{Device, Launch, Region, bytes_of, failed};
use crate::engine::cuda::words::{Number, Variant, Words};
use crate::engine::error::EngineError;
use crate::engine::pixels::{Given, Mix, Move, Pixels, Rectangle};

/// Where images are before a run and during it.
#[derive(Debug)]
pub(in crate::engine::cuda) struct Images {
    device: Arc<dyn Device>,
    /// What maps are of, so that kernels are of the variant that is there.
    number: Number,
    /// The numbers of this run.
    numbers: Region,
    /// The numbers of the next run, once some are given ahead.
    next_numbers: Option<Region>,
    /// The pixels of this run and of the next, once there are some.
    pixels: Option<Region>,
    next_pixels: Option<Region>,
    /// What was given ahead.
    waiting: Option<Waiting>,
}

/// What the next run begins with, and its bytes.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Numbers(usize),
    /// And how many numbers they become.
    Pixels(usize, usize),
}

impl Images {
    /// Room for so many numbers.
    pub fn new(device: &Arc<dyn Device>, number: Number, len: usize) -> Result<Images, EngineError> {
        let numbers = Region::new(device, "the images of a run", len * size_of::<f32>())?;
        let (next_numbers, pixels, next_pixels, waiting) = (None, None, None, None);
        Ok(Images { device: device.clone(), number, numbers, next_numbers, pixels, next_pixels, waiting })
    }

    /// The numbers of this run, channels first.
    pub fn numbers(&self) -> &Region {
        &self.numbers
    }

    /// Brings the numbers of this run to their place.
    pub fn feed(&mut self, images: Fed<'_, f32>) -> Result<(), EngineError> {
        match images {
            Fed::Here(images) => self.numbers.upload(0, bytes_of(images)),
            Fed::Pixels(pixels) => {
                let bytes = packed(pixels);
                self.room(bytes.len())?.upload(0, &bytes)?;
                self.augment(pixels.len())
            }
            Fed::Preloaded => self.arrive(),
        }
    }

    /// Copies the images of the next run while other work goes on.
    pub fn preload(&mut self, images: Given<'_, f32>) -> Result<(), EngineError> {
        self.waiting = Some(match images {
            Given::Numbers(images) => {
                let bytes = bytes_of(images);
                aside(&self.device, &mut self.next_numbers, bytes, self.numbers.bytes())?;
                Waiting::Numbers(bytes.len())
            }
            Given::Pixels(pixels) => {
                let bytes = packed(pixels);
                aside(&self.device, &mut self.next_pixels, &bytes, bytes.len())?;
                Waiting::Pixels(bytes.len(), pixels.len())
            }
        });
        Ok(())
    }

    /// Takes what was given ahead.
    fn arrive(&mut self) -> Result<(), EngineError> {
        let bug = "nothing was preloaded; this is a bug in the calling code";
        match self.waiting.take().unwrap_or_else(|| panic!("{bug}")) {
            Waiting::Numbers(bytes) => {
                let Some(next) = &self.next_numbers else { unreachable!("numbers wait there") };
                next.arrive_in(&self.numbers, bytes)
            }
            Waiting::Pixels(bytes, numbers) => {
                self.room(bytes)?;
                let (Some(next), Some(here)) = (&self.next_pixels, &self.pixels) else {
                    unreachable!("pixels wait there, and there is room")
                };
                next.arrive_in(here, bytes)?;
                self.augment(numbers)
            }
        }
    }

    /// Room for the pixels of this run.
    fn room(&mut self, bytes: usize) -> Result<&Region, EngineError> {
        match self.pixels.take().filter(|region| region.bytes() >= bytes) {
            Some(region) => Ok(self.pixels.insert(region)),
            None => Ok(self.pixels.insert(Region::new(&self.device, PIXELS, bytes)?)),
        }
    }

    /// Makes so many numbers of this run's pixels.
    fn augment(&self, numbers: usize) -> Result<(), EngineError> {
        let Some(pixels) = &self.pixels else { unreachable!("pixels are there") };
        assert!(numbers * size_of::<f32>() <= self.numbers.bytes(), "this is a bug in the calling code");
        let words = Words::new().address(pixels.at(0)).address(self.numbers.at(0));
        let (blocks, threads) = self.device.grid(numbers);
        let variant = Variant { number: self.number, wide: false };
        let launch = Launch { kernel: "augment", blocks: [blocks, 1], threads, words, variant };
        // SAFETY: `Pixels` are sound: moves end where the image does, rectangles are compared with alone, partners are images of
        // the batch; `packed` wrote all that their head says; and there is room for as many numbers.
        unsafe { self.device.launch(&launch) }.map_err(|failure| failed(&*self.device, failure))
    }
}

/// What errors call it.
const PIXELS: &str = "the pixels of a run";

/// Copies to a region while other work goes on; there is another one if it is too small.
fn aside(device: &Arc<dyn Device>, region: &mut Option<Region>, bytes: &[u8], room: usize) -> Result<(), EngineError> {
    if let Some(region) = region.as_ref().filter(|region| region.bytes() >= bytes.len()) {
        return region.upload_aside(bytes);
    }
    let larger = Region::new(device, "the images of the next run", room)?;
    // Its zeros are in the order of work, which copies aside do not wait for.
    device.wait().map_err(|failure| failed(&**device, failure))?;
    larger.upload_aside(bytes)?;
    // The one before goes now: the last copy to it is done.
    *region = Some(larger);
    Ok(())
}

/// Pixels as `augment` reads them: `BatchHead` and what follows it in `kernels/augment.cu`.
fn packed(pixels: &Pixels) -> Vec<u8> {
    let ([channels, height, width], samples) = (pixels.shape(), pixels.samples());
    let (moves, erased, mix) = (pixels.moves(), pixels.rectangles(), pixels.mix());
    let (share, window) = mix.map_or((1.0, None), |mix| (mix.share, mix.window));
    let Rectangle { top, left, height: rows, width: columns } = window.unwrap_or_default();
    let sizes = [samples, channels, height, width, moves.len() / samples, erased.len() / samples];
    let mut head: Vec<u64> = sizes.map(|size| size as u64).into();
    head.extend([u64::from(mix.is_some()), f64::from(share).to_bits(), f64::from(1.0 - share).to_bits()]);
    head.extend([u64::from(window.is_some()), top as u64, left as u64, rows as u64, columns as u64]);
    let mut bytes: Vec<u8> = head.into_iter().flat_map(u64::to_le_bytes).collect();
    let mut integers = |numbers: &[i32]| bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    for &Move { shift: [y, x], flip } in moves {
        integers(&[y, x, i32::from(flip)]);
    }
    for part in erased {
        integers(&[part.top, part.left, part.height, part.width].map(|size| size as i32));
    }
    for &partner in mix.iter().flat_map(|Mix { partners, .. }| partners) {
        integers(&[partner as i32]);
    }
    bytes.extend(pixels.normalization().iter().flat_map(|numbers| bytes_of(numbers)));
    bytes.extend(pixels.bytes());
    bytes
}

#[cfg(test)]
mod tests;
