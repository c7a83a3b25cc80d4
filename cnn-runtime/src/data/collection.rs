//! Labelled images as they are stored: in memory as numbers or bytes, or as files that are decoded when they are wanted.

use std::fmt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::resample::{Grid, Window, resample};
use super::split::stratified;
use super::{DataError, Dataset, decode};

/// Training or test images with their labels and the names of their classes.
#[derive(Clone, PartialEq)]
pub struct Collection {
    pub(super) items: Items,
    /// The class of each image.
    pub labels: Vec<usize>,
    /// What the classes are called.
    pub classes: Vec<String>,
}

/// Where the pixels are.
#[derive(Clone, PartialEq)]
pub(super) enum Items {
    /// Channels x height x width each, in [0, 1].
    Numbers { values: Vec<f32>, shape: [usize; 3] },
    /// The same as bytes.
    Bytes { values: Vec<u8>, shape: [usize; 3] },
    /// Images of any size.
    Files(Vec<PathBuf>),
}

/// Images of a folder that are decoded for its statistics.
const SAMPLE: usize = 1024;

impl From<Dataset> for Collection {
    fn from(data: Dataset) -> Collection {
        let Dataset { images, labels, shape, classes } = data;
        let classes = (0..classes).map(|class| class.to_string()).collect();
        Collection { items: Items::Numbers { values: images, shape }, labels, classes }
    }
}

/// Without the pixels.
impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images of {} classes", self.labels.len(), self.classes.len())
    }
}

impl Collection {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Channels, height, width of every image; nothing where they are files of any size.
    pub fn shape(&self) -> Option<[usize; 3]> {
        match self.items {
            Items::Numbers { shape, .. } | Items::Bytes { shape, .. } => Some(shape),
            Items::Files(_) => None,
        }
    }

    /// The file of an image that is one.
    pub fn path(&self, item: usize) -> Option<&Path> {
        match &self.items {
            Items::Files(paths) => paths.get(item).map(PathBuf::as_path),
            Items::Numbers { .. } | Items::Bytes { .. } => None,
        }
    }

    /// An image that is stored as bytes.
    pub(super) fn bytes_of(&self, item: usize) -> Option<&[u8]> {
        match &self.items {
            Items::Bytes { values, shape } => {
                let len = shape.iter().product::<usize>();
                values.get(item * len..(item + 1) * len)
            }
            Items::Numbers { .. } | Items::Files(_) => None,
        }
    }

    /// Bytes that the images hold in memory.
    pub fn bytes(&self) -> usize {
        match &self.items {
            Items::Numbers { values, .. } => size_of_val(values.as_slice()),
            Items::Bytes { values, .. } => values.len(),
            Items::Files(_) => 0,
        }
    }

    /// Refuses a network that takes other images: other channels, or another size where images are not to be resized.
    ///
    /// # Errors
    /// With both sizes.
    pub fn fits(&self, network: [usize; 3], resize: bool) -> Result<(), DataError> {
        match self.shape() {
            None if matches!(network[0], 1 | 3) => Ok(()),
            None => Err(DataError::Channels { data: "grey or colour files".into(), network: network[0] }),
            Some(data) if data == network => Ok(()),
            Some(data) if !resize => Err(DataError::InputShape { data, network }),
            Some([channels, ..]) if channels == network[0] || channels == 1 => Ok(()),
            Some([channels, ..]) => {
                Err(DataError::Channels { data: format!("images of {channels} channels"), network: network[0] })
            }
        }
    }

    /// The items without and with a share of each class, drawn from `seed`.
    pub fn divided(&self, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let all: Vec<usize> = (0..self.len()).collect();
        if share > 0.0 { stratified(&self.labels, &all, share, seed) } else { (all, Vec::new()) }
    }

    /// All images as numbers, at `shape`.
    pub(super) fn numbers(self, shape: [usize; 3]) -> Result<Dataset, DataError> {
        self.fits(shape, false)?;
        let Collection { items, labels, classes } = self;
        let images = match items {
            Items::Numbers { values, .. } => values,
            Items::Bytes { values, .. } => values.into_iter().map(|byte| f32::from(byte) / 255.0).collect(),
            Items::Files(_) => {
                let memory = || DataError::Memory { count: labels.len(), shape };
                let size = shape.iter().product::<usize>();
                let len = labels.len().checked_mul(size).ok_or_else(memory)?;
                let mut values = Vec::new();
                values.try_reserve_exact(len).map_err(|_| memory())?;
                values.resize(len, 0.0);
                let files = Collection { items, labels: Vec::new(), classes: Vec::new() };
                let view = |(item, out): (usize, &mut [f32])| {
                    files.view(item, shape, |size| Window::centre(size, shape, 1.0), out)
                };
                values.par_chunks_exact_mut(size).enumerate().try_for_each(view)?;
                values
            }
        };
        Dataset::new(images, labels, shape, classes.len())
    }

    /// The part of an image that `window` chooses by its height and width, at `shape`; planes of values in [0, 1]. One
    /// channel is repeated where more are wanted.
    pub(super) fn view(
        &self,
        item: usize,
        shape: [usize; 3],
        window: impl FnOnce([usize; 2]) -> Window,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let planes = |[channels, height, width]: [usize; 3]| {
            let plane = if channels == 1 { 0 } else { height * width };
            ([height, width], [plane, width, 1], channels * height * width)
        };
        match &self.items {
            Items::Numbers { values, shape: own } => {
                let (size, strides, len) = planes(*own);
                let values = &values[item * len..][..len];
                let window = window(size);
                if *own == shape && window.is_whole(size) {
                    out.copy_from_slice(values);
                } else {
                    resample(Grid { values, size, strides, white: 1.0 }, window, shape, out);
                }
            }
            Items::Bytes { values, shape: own } => {
                let (size, strides, len) = planes(*own);
                let values = &values[item * len..][..len];
                let window = window(size);
                if *own == shape && window.is_whole(size) {
                    out.iter_mut().zip(values).for_each(|(out, &byte)| *out = f32::from(byte) / 255.0);
                } else {
                    resample(Grid { values, size, strides, white: 255.0 }, window, shape, out);
                }
            }
            Items::Files(paths) => {
                let (values, size) = decode::pixels(&paths[item], shape[0])?;
                let strides = [1, size[1] * shape[0], shape[0]];
                resample(Grid { values: &values, size, strides, white: 255.0 }, window(size), shape, out);
            }
        }
        Ok(())
    }

    /// Mean and standard deviation of each of the network's channels over some images: all that are in memory, at their
    /// own size; of files at most 1,024, evenly spread, at the network's size.
    ///
    /// # Errors
    /// If a file cannot be read; those that are damaged are left out where `skip` says so.
    pub fn channel_statistics(
        &self,
        items: &[usize],
        shape: [usize; 3],
        skip: bool,
    ) -> Result<(Vec<f32>, Vec<f32>), DataError> {
        let sums: Vec<Option<Vec<Sums>>> = match self.shape() {
            Some(own) => items.par_chunks(256).map(|items| Some(self.sums(items, own))).collect(),
            None => {
                let step = items.len().div_ceil(SAMPLE).max(1);
                let sample: Vec<usize> = items.iter().copied().step_by(step).collect();
                let sums = sample.par_iter().map(|&item| {
                    let mut values = vec![0.0; shape.iter().product()];
                    match self.view(item, shape, |size| Window::centre(size, shape, 1.0), &mut values) {
                        Ok(()) => Ok(Some(values.chunks(shape[1] * shape[2]).map(Sums::of).collect())),
                        Err(DataError::Decode { .. }) if skip => Ok(None),
                        Err(error) => Err(error),
                    }
                });
                sums.collect::<Result<_, DataError>>()?
            }
        };
        let mut total: Vec<Sums> = Vec::new();
        for sums in sums.into_iter().flatten() {
            total.resize(sums.len(), Sums::default());
            total.iter_mut().zip(sums).for_each(|(total, sums)| total.add(sums));
        }
        // One channel that is repeated, or no image at all.
        let moments = (0..shape[0]).map(|channel| total.get(channel).or(total.first()).copied().unwrap_or_default());
        Ok(moments.map(Sums::moments).unzip())
    }

    fn sums(&self, items: &[usize], [channels, height, width]: [usize; 3]) -> Vec<Sums> {
        let plane = height * width;
        let mut sums = vec![Sums::default(); channels];
        for &item in items {
            for (channel, sums) in sums.iter_mut().enumerate() {
                let place = (item * channels + channel) * plane;
                sums.add(match &self.items {
                    Items::Numbers { values, .. } => Sums::of(&values[place..][..plane]),
                    Items::Bytes { values, .. } => Sums::of_bytes(&values[place..][..plane]),
                    Items::Files(_) => Sums::default(),
                });
            }
        }
        sums
    }
}

/// For mean and deviation.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn of(values: &[f32]) -> Sums {
        let squares = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        Sums { count: values.len() as f64, sum: values.iter().map(|&x| f64::from(x)).sum(), squares }
    }

    /// Whole numbers, so exact.
    fn of_bytes(values: &[u8]) -> Sums {
        let sum: u64 = values.iter().map(|&x| u64::from(x)).sum();
        let squares: u64 = values.iter().map(|&x| u64::from(x) * u64::from(x)).sum();
        Sums { count: values.len() as f64, sum: sum as f64 / 255.0, squares: squares as f64 / (255.0 * 255.0) }
    }

    fn add(&mut self, other: Sums) {
        let Sums { count, sum, squares } = other;
        (self.count, self.sum, self.squares) = (self.count + count, self.sum + sum, self.squares + squares);
    }

    /// Mean and deviation; a deviation of 1 where nothing varies.
    fn moments(self) -> (f32, f32) {
        let count = self.count.max(1.0);
        let mean = self.sum / count;
        let deviation = (self.squares / count - mean * mean).max(0.0).sqrt();
        // A constant channel's variance is what rounding leaves.
        (mean as f32, if deviation < 1e-6 { 1.0 } else { deviation as f32 })
    }
}
