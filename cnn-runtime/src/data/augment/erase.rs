//! Parts of a normalised image that become 0, the mean of all images.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::engine::pixels::Rectangle;

/// A square around a random pixel; what is outside of the image is lost. DeVries & Taylor 2017.
pub(super) fn cutout([_, height, width]: [usize; 3], side: usize, rng: &mut ChaCha8Rng) -> Rectangle {
    let mut range = |len: usize| {
        let (from, half) = (rng.gen_range(0..len.max(1)), side / 2);
        let (first, end) = (from.saturating_sub(half), from.saturating_add(side).saturating_sub(half).min(len));
        (first, end.saturating_sub(first))
    };
    let ((top, height), (left, width)) = (range(height), range(width));
    Rectangle { top, left, height, width }
}

/// A rectangle within the image of 2 % to 33 % of its area, sides as 3:10 to 10:3. Zhong et al. 2017.
pub(super) fn random([_, height, width]: [usize; 3], chance: f64, rng: &mut ChaCha8Rng) -> Option<Rectangle> {
    if rng.r#gen::<f64>() >= chance {
        return None;
    }
    let limit = (10.0f64 / 3.0).ln();
    for _ in 0..10 {
        let area = (height * width) as f64 * rng.gen_range(0.02..=0.33);
        let ratio = rng.gen_range(-limit..=limit).exp();
        let sides = [(area * ratio).sqrt(), (area / ratio).sqrt()].map(|side| side.round() as usize);
        if (1..height).contains(&sides[0]) && (1..width).contains(&sides[1]) {
            let [top, left] = [rng.gen_range(0..=height - sides[0]), rng.gen_range(0..=width - sides[1])];
            return Some(Rectangle { top, left, height: sides[0], width: sides[1] });
        }
    }
    None
}
