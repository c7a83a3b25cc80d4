//! RandAugment: some of fourteen changes, each as likely, at one strength. Cubuk et al. 2020, <https://arxiv.org/abs/1909.13719>.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::colour;
use super::warp::{rotation, warp};
use crate::engine::Canvas;

/// At strength 10, as in AutoAugment: degrees, shear, share of the side that an image moves, and how far factors are from 1.
const ROTATE: f64 = 30.0;
const SHEAR: f64 = 0.3;
const TRANSLATE: f64 = 150.0 / 331.0;
const FACTOR: f64 = 0.9;

/// The changes.
pub(super) const CHANGES: usize = 14;

/// `count` changes, each drawn from all; `strength` is from 0 to 10, of which 10 is the most.
pub(super) fn apply(canvas: &mut Canvas<'_>, count: usize, strength: f64, rng: &mut ChaCha8Rng) {
    for _ in 0..count {
        let (change, negative) = (rng.gen_range(0..CHANGES), rng.r#gen::<bool>());
        one(canvas, change, strength / 10.0, if negative { -1.0 } else { 1.0 });
    }
}

/// The change of a number at a strength from 0 to 1, in the direction of the sign where it has two.
pub(super) fn one(canvas: &mut Canvas<'_>, change: usize, strength: f64, sign: f64) {
    let [_, height, width] = canvas.shape;
    let signed = strength * sign;
    let factor = (1.0 + FACTOR * signed) as f32;
    match change {
        0 => {}
        1 => colour::auto_contrast(canvas),
        2 => colour::equalize(canvas),
        3 => warp(canvas, rotation(ROTATE * signed)),
        // At the most everything becomes its negative.
        4 => colour::solarize(canvas, (1.0 - strength) as f32),
        5 => colour::saturation(canvas, factor),
        6 => colour::posterize(canvas, 8 - (4.0 * strength).round() as u32),
        7 => colour::contrast(canvas, factor),
        8 => colour::brightness(canvas, factor),
        9 => colour::sharpness(canvas, factor),
        10 => warp(canvas, [1.0, SHEAR * signed, 0.0, 0.0, 1.0, 0.0]),
        11 => warp(canvas, [1.0, 0.0, 0.0, SHEAR * signed, 1.0, 0.0]),
        12 => warp(canvas, [1.0, 0.0, (TRANSLATE * signed * width as f64).trunc(), 0.0, 1.0, 0.0]),
        _ => warp(canvas, [1.0, 0.0, 0.0, 0.0, 1.0, (TRANSLATE * signed * height as f64).trunc()]),
    }
}
