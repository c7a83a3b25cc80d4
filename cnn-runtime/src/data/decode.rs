//! Image files as bytes, pixel by pixel.

use std::io::{self, BufReader, Cursor};
use std::path::Path;

use image::{DynamicImage, ImageReader, Limits};

use super::DataError;

/// Longest side of an image file.
const SIDE: u32 = 16_384;

/// Most bytes that decoding an image file may take.
const BYTES: u64 = 512 << 20;

/// Endings of the files that are taken for images.
pub(super) const ENDINGS: [&str; 9] = ["jpg", "jpeg", "png", "bmp", "webp", "pnm", "ppm", "pgm", "pbm"];

/// A file in one channel (its brightness) or three, pixel by pixel, with height and width.
pub(super) fn pixels(path: &Path, channels: usize) -> Result<(Vec<u8>, [usize; 2]), DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::Io { path: path.into(), source })?;
    // Decoders meet files from anywhere: one that panics has met a damaged file.
    let decoded = std::panic::catch_unwind(|| decode(&bytes)).unwrap_or_else(|_| Err("its decoder gave up".into()));
    let image = decoded.map_err(|reason| DataError::Decode { path: path.into(), reason })?;
    let size = [image.height() as usize, image.width() as usize];
    let values = if channels == 1 { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() };
    Ok((values, size))
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string().replace('\n', " ");
    let reader = BufReader::new(Cursor::new(bytes));
    let mut reader = ImageReader::new(reader).with_guessed_format().map_err(|error: io::Error| told(&error))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(SIDE), Some(SIDE), Some(BYTES));
    reader.limits(limits);
    let image = reader.decode().map_err(|error| told(&error))?;
    if image.width() == 0 || image.height() == 0 { Err("it has no pixels".into()) } else { Ok(image) }
}
