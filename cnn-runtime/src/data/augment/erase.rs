//! Parts of a normalised image that become 0, the mean of all images.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::canvas::Canvas;

/// A square around a random pixel; what is outside of the image is lost. DeVries & Taylor 2017.
pub(super) fn cutout(canvas: &mut Canvas<'_>, side: usize, rng: &mut ChaCha8Rng) {
    let [_, height, width] = canvas.shape;
    let mut corner = |len: usize| rng.gen_range(0..len.max(1)) as isize - (side / 2) as isize;
    let (top, left) = (corner(height), corner(width));
    canvas.clear(top, left, [side, side]);
}

/// A rectangle within the image of 2 % to 33 % of its area, sides as 3:10 to 10:3. Zhong et al. 2017.
pub(super) fn random(canvas: &mut Canvas<'_>, chance: f64, rng: &mut ChaCha8Rng) {
    if rng.r#gen::<f64>() >= chance {
        return;
    }
    let [_, height, width] = canvas.shape;
    let limit = (10.0f64 / 3.0).ln();
    for _ in 0..10 {
        let area = (height * width) as f64 * rng.gen_range(0.02..=0.33);
        let ratio = rng.gen_range(-limit..=limit).exp();
        let sides = [(area * ratio).sqrt(), (area / ratio).sqrt()].map(|side| side.round() as usize);
        if (1..height).contains(&sides[0]) && (1..width).contains(&sides[1]) {
            let corner = [rng.gen_range(0..=height - sides[0]), rng.gen_range(0..=width - sides[1])];
            return canvas.clear(corner[0] as isize, corner[1] as isize, sides);
        }
    }
}
