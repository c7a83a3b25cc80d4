//! Images with labels in memory, and mini-batches of them.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::DataError;

/// Labelled images of one size, all in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Every image after the other, each channels x height x width; in [0, 1] until [`normalize`](Self::normalize)d.
    pub images: Vec<f32>,
    /// The class of each image, less than `classes`.
    pub labels: Vec<usize>,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// How many classes there are.
    pub classes: usize,
}

impl Dataset {
    /// A data set of `labels.len()` images.
    ///
    /// # Errors
    /// If `images` is not `labels.len()` times the shape's size, or a label is not less than `classes`.
    pub fn new(images: Vec<f32>, labels: Vec<usize>, shape: [usize; 3], classes: usize) -> Result<Self, DataError> {
        let expected = shape.iter().try_fold(labels.len(), |n, &side| n.checked_mul(side)).unwrap_or(usize::MAX);
        if images.len() != expected {
            return Err(DataError::Length { labels: labels.len(), shape, expected, got: images.len() });
        }
        if let Some(index) = labels.iter().position(|&label| label >= classes) {
            return Err(DataError::Label { place: "data set".into(), index, label: labels[index], classes });
        }
        Ok(Self { images, labels, shape, classes })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values of one image: channels x height x width.
    pub fn image_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Image `i`, channels x height x width. Panics like a slice if there is none.
    pub fn image(&self, i: usize) -> &[f32] {
        let n = self.image_len();
        &self.images[i * n..(i + 1) * n]
    }

    /// The first `count` items (all, if there are fewer) and the rest.
    pub fn split(mut self, count: usize) -> (Self, Self) {
        let count = count.min(self.len());
        let rest = Self {
            images: self.images.split_off(count * self.image_len()),
            labels: self.labels.split_off(count),
            ..self
        };
        (self, rest)
    }

    /// Mean and standard deviation of every channel over all images: what [`normalize`](Self::normalize) takes.
    pub fn channel_statistics(&self) -> (Vec<f32>, Vec<f32>) {
        let [channels, height, width] = self.shape;
        let plane = (height * width).max(1);
        let count = (self.len() * plane).max(1) as f64;
        let mut sums = vec![(0.0f64, 0.0f64); channels];
        for (i, values) in self.images.chunks(plane).enumerate() {
            let (sum, squares) = &mut sums[i % channels];
            for &value in values {
                *sum += f64::from(value);
                *squares += f64::from(value) * f64::from(value);
            }
        }
        let moments = sums.into_iter().map(|(sum, squares)| {
            let mean = sum / count;
            let variance = (squares / count - mean * mean).max(0.0);
            (mean as f32, variance.sqrt() as f32)
        });
        moments.unzip()
    }

    /// Replaces every value `x` of channel `c` by `(x - mean[c]) / std[c]`.
    ///
    /// Test images take the statistics of the training images.
    ///
    /// # Errors
    /// If there is not one finite mean and one positive deviation per channel; nothing is changed then.
    pub fn normalize(&mut self, mean: &[f32], std: &[f32]) -> Result<(), DataError> {
        let [channels, height, width] = self.shape;
        let fits = mean.len() == channels && std.len() == channels;
        let positive = std.iter().all(|&s| s.is_finite() && s > 0.0);
        if !fits || !positive || !mean.iter().all(|m| m.is_finite()) {
            return Err(DataError::Normalization { channels, mean: mean.to_vec(), std: std.to_vec() });
        }
        for (i, values) in self.images.chunks_mut((height * width).max(1)).enumerate() {
            let (mean, scale) = (mean[i % channels], 1.0 / std[i % channels]);
            values.iter_mut().for_each(|x| *x = (*x - mean) * scale);
        }
        Ok(())
    }

    /// All items once, in an order drawn from `seed`, `batch_size` (at least 1) at a time; the last batch holds what
    /// is left. Give every epoch its own seed.
    pub fn batches(&self, batch_size: usize, seed: u64) -> Batches<'_> {
        let mut batches = self.batches_in_order(batch_size);
        batches.order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        batches
    }

    /// All items once, first to last, `batch_size` (at least 1) at a time; the last batch holds what is left.
    pub fn batches_in_order(&self, batch_size: usize) -> Batches<'_> {
        Batches { dataset: self, order: (0..self.len()).collect(), next: 0, batch_size: batch_size.max(1) }
    }
}

/// A mini-batch: copies of some images with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Every image after the other, each channels x height x width.
    pub images: Vec<f32>,
    /// The class of each image.
    pub labels: Vec<usize>,
    /// Which images they are.
    pub items: Vec<usize>,
}

impl Batch {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Targets for cross entropy: a row of `classes` per image, 1 at its label and 0 elsewhere. The row of a label
    /// that is not less than `classes` is all 0.
    pub fn one_hot(&self, classes: usize) -> Vec<f32> {
        let mut rows = vec![0.0; self.len() * classes];
        for (i, &label) in self.labels.iter().enumerate() {
            if label < classes {
                rows[i * classes + label] = 1.0;
            }
        }
        rows
    }
}

/// Iterator over the mini-batches of one epoch, from [`Dataset::batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    dataset: &'a Dataset,
    order: Vec<usize>,
    next: usize,
    batch_size: usize,
}

impl Iterator for Batches<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let end = self.order.len().min(self.next.saturating_add(self.batch_size));
        let items = &self.order[self.next..end];
        if items.is_empty() {
            return None;
        }
        self.next = end;
        let mut images = Vec::with_capacity(items.len() * self.dataset.image_len());
        for &i in items {
            images.extend_from_slice(self.dataset.image(i));
        }
        let labels = items.iter().map(|&i| self.dataset.labels[i]).collect();
        Some(Batch { images, labels, items: items.to_vec() })
    }

    /// Copies no image of the batches before.
    fn nth(&mut self, n: usize) -> Option<Batch> {
        self.next = self.order.len().min(self.next.saturating_add(n.saturating_mul(self.batch_size)));
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.next).div_ceil(self.batch_size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Image `i` holds `10 i, 10 i + 1, …`.
    fn counting(count: usize) -> Dataset {
        let images = (0..count).flat_map(|i| (0..8).map(move |k| (10 * i + k) as f32));
        let labels = (0..count).map(|i| i % 3).collect();
        Dataset::new(images.collect(), labels, [2, 2, 2], 3).unwrap()
    }

    #[test]
    fn shuffled_batches_hold_every_item_once_and_keep_labels_with_images() {
        let data = counting(10);
        let batches: Vec<Batch> = data.batches(4, 7).collect();
        assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(data.batches(4, 7).len(), 3);

        let mut seen = Vec::new();
        for batch in &batches {
            for (image, &label) in batch.images.chunks(8).zip(&batch.labels) {
                let i = image[0] as usize / 10;
                assert_eq!(image, data.image(i));
                assert_eq!(label, data.labels[i]);
                seen.push(i);
            }
        }
        assert_ne!(seen, (0..10).collect::<Vec<_>>());
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_seed_is_an_order() {
        let data = counting(50);
        let order = |seed| -> Vec<Batch> { data.batches(8, seed).collect() };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn batches_can_be_skipped() {
        let data = counting(10);
        let all: Vec<Batch> = data.batches(3, 5).collect();
        for n in 0..6 {
            assert_eq!(data.batches(3, 5).nth(n), all.get(n).cloned());
            assert_eq!(data.batches(3, 5).skip(n).collect::<Vec<_>>(), all[n.min(4)..]);
        }
        assert_eq!(data.batches(3, 5).nth(usize::MAX), None);
    }

    #[test]
    fn batches_in_order_are_the_data_set() {
        let data = counting(7);
        let joined: Vec<f32> = data.batches_in_order(3).flat_map(|b| b.images).collect();
        assert_eq!(joined, data.images);
        assert_eq!(data.batches_in_order(0).len(), 7);
        assert_eq!(data.batches_in_order(usize::MAX).len(), 1);
    }

    #[test]
    fn split_keeps_order_and_takes_at_most_all() {
        let (head, tail) = counting(5).split(2);
        assert_eq!((head.len(), tail.len()), (2, 3));
        assert_eq!(tail.image(0), counting(5).image(2));
        assert_eq!(counting(5).split(9).1.len(), 0);
    }

    #[test]
    fn one_hot_marks_the_label() {
        let batch = Batch { images: vec![0.0; 3], labels: vec![2, 0, 5], items: vec![0, 1, 2] };
        assert_eq!(batch.one_hot(3), [0., 0., 1., 1., 0., 0., 0., 0., 0.]);
    }

    #[test]
    fn normalised_channels_have_mean_0_and_deviation_1() {
        let mut data = counting(20);
        let (mean, std) = data.channel_statistics();
        data.normalize(&mean, &std).unwrap();
        let (mean, std) = data.channel_statistics();
        for c in 0..2 {
            assert!(mean[c].abs() < 1e-5, "{mean:?}");
            assert!((std[c] - 1.0).abs() < 1e-5, "{std:?}");
        }
        let error = data.normalize(&[0.5], &[0.0]).unwrap_err().to_string();
        assert!(error.contains("2 channels"), "{error}");
    }

    #[test]
    fn a_data_set_that_does_not_add_up_is_refused() {
        let short = Dataset::new(vec![0.0; 7], vec![0], [2, 2, 2], 3);
        assert_eq!(short.unwrap_err().to_string(), "1 labels and images of 2x2x2 need 8 values, got 7");
        let label = Dataset::new(vec![0.0; 8], vec![3], [2, 2, 2], 3);
        assert_eq!(label.unwrap_err().to_string(), "data set: label 3 of item 0 is not one of the 3 classes 0 to 2");
    }
}
