//! The images of a batch mixed with each other.

use super::Rectangle;

/// How the images of a batch are mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// With which image each is mixed.
    pub partners: Vec<usize>,
    /// What each keeps of itself.
    pub share: f32,
    /// What comes from the partner; everything is mixed where there is none.
    pub window: Option<Rectangle>,
}

impl Mix {
    /// Mixes images, one behind the other.
    pub(crate) fn images(&self, images: &mut [f32], [channels, rows, columns]: [usize; 3]) {
        let len = channels * rows * columns;
        let old = images.to_vec();
        for (image, &partner) in images.chunks_exact_mut(len.max(1)).zip(&self.partners) {
            let other = &old[partner * len..][..len];
            let Some(Rectangle { top, left, height, width }) = self.window else {
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
