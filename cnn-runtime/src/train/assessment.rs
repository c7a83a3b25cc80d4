//! `evaluation.json` of a run's folder: the last epoch's evaluation in full, for the report and for other programs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::evaluate::Evaluation;
use super::folder::{Run, read};
use super::images::Facts;
use super::quality::{Calibration, ClassQuality, Confusion, Worst};
use crate::data::Part;

/// The longest side of a picture of an image.
const SIDE: usize = 96;

/// What an epoch's weights reach on the test images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Test images.
    pub images: usize,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of images whose class was found.
    pub accuracy: f64,
    /// Share of images whose class is among the five largest logits, where there are more than five classes.
    pub top5: Option<f64>,
    /// [`Calibration::error`].
    pub calibration_error: f64,
    /// Precision and recall of each class.
    pub classes: Vec<ClassQuality>,
    /// Which classes were taken for which.
    pub confusion: Confusion,
    /// How sure the network is where it is right.
    pub calibration: Calibration,
    /// The images of the highest losses, the highest first.
    pub worst: Vec<Example>,
}

/// A test image that was classified badly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Which, and how badly.
    #[serde(flatten)]
    pub of: Worst,
    /// The image as a PNG file in base64.
    pub png: Option<String>,
}

const NAME: &str = "evaluation.json";

impl Run {
    pub(super) fn keep_assessment(
        &self,
        epoch: usize,
        evaluation: &Evaluation,
        judged: &Part,
        facts: &Facts,
    ) -> Result<(), TrainError> {
        let mut image = vec![0.0; judged.image_len()];
        let worst = evaluation.worst.iter().map(|&of| {
            // What cannot be read is damaged, and has been told of.
            let read = judged.image(of.index, &mut image).ok();
            let png = read.and_then(|()| picture(&image, facts));
            Example { of, png: png.map(|png| STANDARD.encode(png)) }
        });
        let assessment = Assessment {
            epoch,
            images: evaluation.images,
            loss: evaluation.loss,
            accuracy: evaluation.accuracy,
            top5: evaluation.top5,
            calibration_error: evaluation.calibration.error(),
            classes: evaluation.confusion.classes(),
            confusion: evaluation.confusion.clone(),
            calibration: evaluation.calibration.clone(),
            worst: worst.collect(),
        };
        let mut bytes = serde_json::to_vec(&assessment).unwrap_or_default();
        bytes.push(b'\n');
        self.replace(NAME, &bytes)
    }

    /// The last epoch's evaluation in full; nothing before the first.
    ///
    /// # Errors
    /// If the file is damaged or cannot be read.
    pub fn assessment(&self) -> Result<Option<Assessment>, TrainError> {
        let path = self.path(NAME);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let assessment = serde_json::from_slice(&bytes);
        assessment.map(Some).map_err(|error| TrainError::Damaged { path, reason: error.to_string() })
    }
}

/// An image as it was before it was normalised, halved until it is small enough: grey, or in colours where there are three.
fn picture(image: &[f32], facts: &Facts) -> Option<Vec<u8>> {
    let [channels, height, width] = facts.shape;
    let shrink = height.max(width).div_ceil(SIDE);
    let [rows, columns] = [height / shrink, width / shrink];
    let shown = if channels == 3 { 3 } else { 1 };
    let mut pixels = Vec::with_capacity(rows * columns * shown);
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        for channel in 0..shown {
            let of = |y: usize, x: usize| image[(channel * height + row * shrink + y) * width + column * shrink + x];
            let sum: f32 = (0..shrink * shrink).map(|i| of(i / shrink, i % shrink)).sum();
            let (mean, std) = (facts.mean.get(channel)?, facts.std.get(channel)?);
            pixels.push((255.0 * (sum / (shrink * shrink) as f32 * std + mean)).round().clamp(0.0, 255.0) as u8);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, columns as u32, rows as u32);
    encoder.set_color(if shown == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    #[test]
    fn pictures_are_the_images_before_they_were_normalised() {
        let values: Vec<f32> = (0..3 * 4 * 200).map(|i| (i % 256) as f32 / 255.0).collect();
        let mut data = Dataset::new(values.clone(), vec![0], [3, 4, 200], 1).unwrap();
        let (mean, std) = (vec![0.4, 0.5, 0.6], vec![0.2, 0.3, 0.4]);
        data.normalize(&mean, &std).unwrap();
        let (names, shape) = (vec!["a".to_owned()], data.shape);
        let facts = Facts { shape, classes: 1, names, train: 1, validation: 0, test: 1, mean, std };
        let bytes = picture(data.image(0), &facts).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height, info.color_type), (66, 1, png::ColorType::Rgb));
        let mean: f32 = (0..9).map(|i| values[(i / 3) * 200 + i % 3]).sum::<f32>() / 9.0;
        assert!((f32::from(pixels[0]) - 255.0 * mean).abs() <= 1.0);
    }
}
