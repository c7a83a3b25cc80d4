//! How the images of a batch are mixed with each other, with their classes.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};

use crate::engine::pixels::{Mix, Rectangle};

/// Parameters of mixup and cutmix, where they are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mixing {
    pub mixup: Option<f64>,
    pub cutmix: Option<f64>,
}

impl Mixing {
    /// What a batch of so many images draws.
    pub fn draw(self, count: usize, shape: [usize; 3], rng: &mut ChaCha8Rng) -> Mix {
        let mut partners: Vec<usize> = (0..count).collect();
        partners.shuffle(rng);
        let cut = match (self.mixup, self.cutmix) {
            (Some(_), Some(_)) => rng.r#gen::<bool>(),
            (_, cutmix) => cutmix.is_some(),
        };
        let alpha = if cut { self.cutmix } else { self.mixup };
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
        Mix { partners, share: share as f32, window: Some(Rectangle { top, left, height, width }) }
    }
}
