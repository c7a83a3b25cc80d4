//! A batch made: its images as numbers, or as pixels with what is drawn for them.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Shared;
use crate::data::{DataError, ImageBatch, Labels, Preparation, Prepared};
use crate::engine::Pixels;
use crate::engine::pixels::Mix;

impl Shared {
    pub(super) fn make(&self, number: usize) -> Result<Prepared, DataError> {
        let places = number * self.batch..self.order.len().min((number + 1) * self.batch);
        match self.part.makes_pixels(self.seed.is_some()) {
            true => self.pixels(number, places),
            false => self.numbers(number, places),
        }
    }

    fn numbers(&self, number: usize, places: Range<usize>) -> Result<Prepared, DataError> {
        let (len, count) = (self.part.image_len(), places.len());
        let mut images = vec![0.0; count * len];
        let mut items = Vec::with_capacity(count);
        let mut last = None;
        for place in places {
            let (item, out) = (self.order[place], &mut images[items.len() * len..][..len]);
            let seen = match self.seed {
                Some(seed) => self.part.augmented(item, &mut random(seed, place as u64), out),
                None => self.part.image(item, out),
            };
            match seen {
                Ok(()) => items.push(item),
                Err(DataError::Decode { path, reason }) if self.part.preparation().skip => {
                    last = Some(path.clone());
                    self.part.skip(path, reason);
                }
                Err(error) => return Err(error),
            }
        }
        images.truncate(items.len() * len);
        if let (true, Some(path)) = (items.is_empty(), last) {
            return Err(DataError::Unreadable { count, path });
        }
        let mix = self.mix(items.len(), number);
        if let Some(mix) = &mix {
            mix.images(&mut images, self.part.preparation().shape);
        }
        Ok(Prepared { images: ImageBatch::Numbers(images), labels: self.labels(&items, mix.as_ref()), items })
    }

    /// The same images as they are stored, and what is drawn for them.
    fn pixels(&self, number: usize, places: Range<usize>) -> Result<Prepared, DataError> {
        let items = self.order[places.clone()].to_vec();
        let bytes = items.iter().filter_map(|&item| self.part.bytes(item)).collect::<Vec<_>>().concat();
        let (mut moves, mut erased) = (Vec::new(), Vec::new());
        for (seed, place) in self.seed.into_iter().flat_map(|seed| places.clone().map(move |place| (seed, place))) {
            let drawn = self.part.drawn(&mut random(seed, place as u64));
            moves.extend(drawn.0);
            erased.extend(drawn.1);
        }
        let mix = self.mix(items.len(), number);
        let labels = self.labels(&items, mix.as_ref());
        let preparation = self.part.preparation();
        let pixels = Pixels::new(preparation.shape, bytes, preparation.mean.clone(), preparation.scale())
            .and_then(|pixels| pixels.moved(moves)?.erased(erased))
            .and_then(|pixels| match mix {
                Some(mix) => pixels.mixed(mix),
                None => Ok(pixels),
            });
        let pixels = pixels.map_err(|error| DataError::Worker { reason: error.to_string() })?;
        Ok(Prepared { images: ImageBatch::Pixels(pixels), labels, items })
    }

    /// How so many images of a batch are mixed, where they are.
    fn mix(&self, count: usize, number: usize) -> Option<Mix> {
        let (seed, Preparation { augment, shape, .. }) = (self.seed?, self.part.preparation());
        // Behind the places of any epoch.
        let mut rng = random(seed, (1 << 63) + number as u64);
        Some(augment.mix()?.draw(count, *shape, &mut rng))
    }

    /// The classes.
    fn labels(&self, items: &[usize], mix: Option<&Mix>) -> Labels {
        let classes: Vec<usize> = items.iter().map(|&item| self.part.label(item)).collect();
        let class_weights = self.part.preparation().class_weights.as_ref().filter(|_| self.seed.is_some());
        if mix.is_none() && class_weights.is_none() {
            return Labels::Classes(classes);
        }
        let width = self.part.classes();
        let mut rows = vec![0.0; items.len() * width];
        for (row, (place, &class)) in rows.chunks_mut(width).zip(classes.iter().enumerate()) {
            let (share, other) = mix.map_or((1.0, class), |mix| (mix.share, classes[mix.partners[place]]));
            let weight = |class: usize| class_weights.map_or(1.0, |weights| weights[class]);
            row[class] += share * weight(class);
            if share < 1.0 {
                row[other] += (1.0 - share) * weight(other);
            }
        }
        Labels::Soft(rows)
    }
}

/// What is drawn at a place of an epoch.
fn random(seed: u64, place: u64) -> ChaCha8Rng {
    // Not the numbers that make the order.
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xBB67_AE85_84CA_A73B);
    rng.set_stream(place);
    rng
}
