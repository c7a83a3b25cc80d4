//! The images of a batch mixed with each other, with their classes.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};

/// Parameters of mixup and cutmix, where they are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mixing {
    pub mixup: Option<f64>,
    pub cutmix: Option<f64>,
}

/// What a batch draws.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mix {
    /// With which image each is mixed.
    partners: Vec<usize>,
    /// What each keeps of itself.
    share: f32,
    /// Top, left, height, width of what comes from the partner; everything is mixed where there is none.
    window: Option<[usize; 4]>,
}

impl Mix {
    pub fn draw(mixing: Mixing, count: usize, shape: [usize; 3], rng: &mut ChaCha8Rng) -> Mix {
        let mut partners: Vec<usize> = (0..count).collect();
        partners.shuffle(rng);
        let cut = match (mixing.mixup, mixing.cutmix) {
            (Some(_), Some(_)) => rng.r#gen::<bool>(),
            (_, cutmix) => cutmix.is_some(),
        };
        let alpha = if cut { mixing.cutmix } else { mixing.mixup };
        // The text of an augmentation has none that the distribution refuses.
        let share = alpha.and_then(|alpha| Beta::new(alpha, alpha).ok()).map_or(1.0, |beta| beta.sample(rng));
        let share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
        if !cut {
            return Mix { partners, share: share as f32, window: None };
        }
        // A rectangle of the image's own sides, around any pixel; what lies outside counts for nothing.
        let part = (1.0 - share).sqrt();
        let mut range = |len: usize| {
            let (middle, half) = (rng.gen_range(0..len.max(1)), (len as f64 * part) as usize / 2);
            let (from, end) = (middle.saturating_sub(half), (middle + half).min(len));
            (from, end - from)
        };
        let ((top, height), (left, width)) = (range(shape[1]), range(shape[2]));
        let share = 1.0 - (height * width) as f64 / (shape[1] * shape[2]).max(1) as f64;
        Mix { partners, share: share as f32, window: Some([top, left, height, width]) }
    }

    /// What each image keeps of itself.
    pub fn share(&self) -> f32 {
        self.share
    }

    /// The image that one is mixed with.
    pub fn partner(&self, place: usize) -> usize {
        self.partners[place]
    }

    pub fn images(&self, images: &mut [f32], [channels, rows, columns]: [usize; 3]) {
        let len = channels * rows * columns;
        let old = images.to_vec();
        for (image, &partner) in images.chunks_exact_mut(len.max(1)).zip(&self.partners) {
            let other = &old[partner * len..][..len];
            let Some([top, left, height, width]) = self.window else {
                image.iter_mut().zip(other).for_each(|(x, y)| *x = self.share * *x + (1.0 - self.share) * y);
                continue;
            };
            for row in (0..channels).flat_map(|channel| (top..top + height).map(move |y| channel * rows + y)) {
                let place = row * columns + left;
                image[place..][..width].copy_from_slice(&other[place..][..width]);
            }
        }
    }
}
