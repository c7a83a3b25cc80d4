//! Images of a collection on their way to the network: chosen, seen at its size, augmented, normalised.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rand::SeedableRng;
use rand::distributions::{Distribution, WeightedIndex};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::augment::Augment;
use super::resample::Window;
use super::{Collection, DataError};
use crate::engine::Canvas;
use crate::engine::pixels::{Move, Rectangle};

/// What images become.
#[derive(Clone, Debug, PartialEq)]
pub struct Preparation {
    /// Channels, height, width that the network takes.
    pub shape: [usize; 3],
    /// Mean of each channel, which becomes 0.
    pub mean: Vec<f32>,
    /// Deviation of each channel, which becomes 1.
    pub std: Vec<f32>,
    /// What is drawn anew in every epoch, and how images are seen in evaluation.
    pub augment: Augment,
    /// What the loss of each class counts, where not all count 1.
    pub class_weights: Option<Vec<f32>>,
    /// Whether damaged files are left out instead of ending the training.
    pub skip: bool,
}

/// Some images of a collection, prepared for a network. Copies share everything.
#[derive(Clone, Debug)]
pub struct Part {
    collection: Arc<Collection>,
    items: Arc<Vec<usize>>,
    pub(super) preparation: Arc<Preparation>,
    /// For each image how often it is drawn, relative to the others, where they are not just shuffled.
    sampling: Option<Arc<Vec<f64>>>,
    /// Whether batches are pixels where they can be.
    pixels: bool,
    skipped: Arc<Mutex<Vec<Skipped>>>,
}

/// An image file that was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Images and their preparation, not the form of batches nor what happened to them.
impl PartialEq for Part {
    fn eq(&self, other: &Part) -> bool {
        self.collection == other.collection
            && self.items == other.items
            && self.preparation == other.preparation
            && self.sampling == other.sampling
    }
}

impl Part {
    /// The images `items` of a collection. Mean and deviation are checked by `preparation`'s maker: see
    /// [`Preparation::check`].
    pub fn new(collection: Arc<Collection>, items: Vec<usize>, preparation: Arc<Preparation>) -> Part {
        Part { collection, items: items.into(), preparation, sampling: None, pixels: false, skipped: Arc::default() }
    }

    /// Draws images of class `c` with a chance in proportion to `weights[c]`, with replacement, as many in an epoch as there
    /// are.
    #[must_use]
    pub fn sampled(mut self, weights: &[f64]) -> Part {
        let chance = |&item: &usize| weights.get(self.collection.labels[item]).copied().unwrap_or(0.0);
        self.sampling = Some(Arc::new(self.items.iter().map(chance).collect()));
        self
    }

    /// Lets batches be [`Pixels`](crate::engine::Pixels) or not, for devices that make numbers of them: where images are stored as
    /// bytes at the network's size and training does no more than move, erase and mix them. The numbers are the same.
    #[must_use]
    pub fn as_pixels(mut self, pixels: bool) -> Part {
        self.pixels = pixels;
        self
    }

    /// Some of the images, in this order and as often as they are named; shuffled, even if these were drawn by weight. Panics
    /// like a slice if there is no such image.
    #[must_use]
    pub fn selected(&self, indices: &[usize]) -> Part {
        let items: Vec<usize> = indices.iter().map(|&index| self.items[index]).collect();
        Part { items: items.into(), sampling: None, ..self.clone() }
    }

    /// The same images, otherwise augmented.
    #[must_use]
    pub fn augmented_by(&self, augment: Augment) -> Part {
        let preparation = Preparation { augment, ..(*self.preparation).clone() };
        Part { preparation: Arc::new(preparation), ..self.clone() }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.collection.classes.len()
    }

    /// What the classes are called.
    pub fn class_names(&self) -> &[String] {
        &self.collection.classes
    }

    /// How images are prepared.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// Values of one image: channels x height x width.
    pub fn image_len(&self) -> usize {
        self.preparation.shape.iter().product()
    }

    /// The class of an image.
    pub fn label(&self, index: usize) -> usize {
        self.collection.labels[self.items[index]]
    }

    /// The file of an image that is one.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.collection.path(self.items[index])
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        (0..self.len()).for_each(|index| counts[self.label(index)] += 1);
        counts
    }

    /// Whether images are files, which take long to decode.
    pub fn is_files(&self) -> bool {
        self.collection.shape().is_none()
    }

    /// The images of an epoch in their order, which follows from the seed.
    pub fn order(&self, seed: u64) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let weighted = self.sampling.as_ref().and_then(|weights| WeightedIndex::new(weights.iter()).ok());
        if let Some(weighted) = weighted {
            return (0..self.len()).map(|_| weighted.sample(&mut rng)).collect();
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut rng);
        order
    }

    /// An image as evaluation sees it, normalised.
    ///
    /// # Errors
    /// If its file cannot be read or decoded.
    pub fn image(&self, index: usize, out: &mut [f32]) -> Result<(), DataError> {
        let Preparation { shape, augment, .. } = &*self.preparation;
        let share = augment.centre();
        self.collection.view(self.items[index], *shape, |size| Window::centre(size, *shape, share), out)?;
        let mut canvas = Canvas { shape: *shape, values: out };
        canvas.normalize(&self.preparation.mean, &self.preparation.scale());
        Ok(())
    }

    /// An image as training sees it, augmented and normalised; what is random is drawn from `rng`.
    ///
    /// # Errors
    /// As [`Part::image`].
    pub(super) fn augmented(&self, index: usize, rng: &mut ChaCha8Rng, out: &mut [f32]) -> Result<(), DataError> {
        let Preparation { shape, augment, .. } = &*self.preparation;
        self.collection.view(self.items[index], *shape, |size| augment.window(size, *shape, rng), out)?;
        let mut canvas = Canvas { shape: *shape, values: out };
        augment.pixels(&mut canvas, rng);
        canvas.normalize(&self.preparation.mean, &self.preparation.scale());
        augment.erased(*shape, rng).into_iter().for_each(|part| canvas.clear(part));
        Ok(())
    }

    /// Whether a batch is pixels, in training or in evaluation.
    pub(super) fn makes_pixels(&self, training: bool) -> bool {
        let Preparation { shape, augment, .. } = &*self.preparation;
        let size = [shape[1], shape[2]];
        self.pixels
            && self.collection.bytes_of(0).is_some()
            && self.collection.shape() == Some(*shape)
            && Window::centre(size, *shape, augment.centre()).is_whole(size)
            && !(training && augment.is_costly())
    }

    /// The bytes of an image that is stored as such.
    pub(super) fn bytes(&self, index: usize) -> Option<&[u8]> {
        self.collection.bytes_of(self.items[index])
    }

    /// What [`Part::augmented`] draws for an image that is just moved and erased.
    pub(super) fn drawn(&self, rng: &mut ChaCha8Rng) -> (Vec<Move>, Vec<Rectangle>) {
        let Preparation { shape, augment, .. } = &*self.preparation;
        let moves = augment.moves(rng);
        (moves, augment.erased(*shape, rng))
    }

    /// Notes a file that is left out.
    pub(super) fn skip(&self, path: PathBuf, reason: String) {
        let mut skipped = self.skipped.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !skipped.iter().any(|known| known.path == path) {
            skipped.push(Skipped { path, reason });
        }
    }

    /// The files that were left out so far, each once, without the first `known` of them.
    pub fn skipped(&self, known: usize) -> Vec<Skipped> {
        let skipped = self.skipped.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        skipped.get(known..).unwrap_or_default().to_vec()
    }

    /// Threads that suit the data: one for each processor where files are decoded or much is drawn, otherwise one.
    pub fn threads(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.is_files() || self.preparation.augment.is_costly() { processors.min(8) } else { 1 }
    }
}

impl Preparation {
    /// Refuses means and deviations that are not one for each channel, finite and positive.
    ///
    /// # Errors
    /// With the numbers.
    pub fn check(&self) -> Result<(), DataError> {
        let Preparation { shape: [channels, ..], mean, std, .. } = self;
        let fits = mean.len() == *channels && std.len() == *channels;
        let positive = std.iter().all(|std| std.is_finite() && *std > 0.0);
        match fits && positive && mean.iter().all(|mean| mean.is_finite()) {
            true => Ok(()),
            false => Err(DataError::Normalization { channels: *channels, mean: mean.clone(), std: std.clone() }),
        }
    }

    /// What a distance of 1 from each channel's mean becomes.
    pub(super) fn scale(&self) -> Vec<f32> {
        self.std.iter().map(|std| 1.0 / std).collect()
    }
}
