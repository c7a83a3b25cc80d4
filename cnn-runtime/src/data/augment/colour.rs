//! Changes of colour. Brightness is the luma of Rec. 601, as Pillow's.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::engine::Canvas;

/// Brightness, contrast and saturation in a random order with random factors, the hue among them.
pub(super) fn jitter(canvas: &mut Canvas<'_>, ranges: [f64; 3], hue: f64, rng: &mut ChaCha8Rng) {
    let mut order = [0, 1, 2, 3];
    order.shuffle(rng);
    for change in order {
        let range = ranges.get(change).copied().unwrap_or(hue);
        if range == 0.0 {
            continue;
        }
        let drawn = rng.gen_range(-range..=range) as f32;
        match change {
            0 => brightness(canvas, 1.0 + drawn),
            1 => contrast(canvas, 1.0 + drawn),
            2 => saturation(canvas, 1.0 + drawn),
            _ => shift_hue(canvas, drawn),
        }
    }
}

pub(super) fn brightness(canvas: &mut Canvas<'_>, factor: f32) {
    canvas.map(|x| x * factor);
}

/// Away from the mean brightness, or towards it.
pub(super) fn contrast(canvas: &mut Canvas<'_>, factor: f32) {
    let luma = luma(canvas);
    let mean = (luma.iter().map(|&x| f64::from(x)).sum::<f64>() / luma.len().max(1) as f64) as f32;
    canvas.map(|x| mean + (x - mean) * factor);
}

/// Away from grey, or towards it.
pub(super) fn saturation(canvas: &mut Canvas<'_>, factor: f32) {
    let luma = luma(canvas);
    for plane in canvas.planes() {
        for (x, grey) in plane.iter_mut().zip(&luma) {
            *x = (grey + (*x - grey) * factor).clamp(0.0, 1.0);
        }
    }
}

/// Colours turn by a part of the circle, values and saturations stay.
pub(super) fn shift_hue(canvas: &mut Canvas<'_>, turn: f32) {
    let plane = canvas.shape[1] * canvas.shape[2];
    if canvas.shape[0] != 3 {
        return;
    }
    let (red, rest) = canvas.values.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let (most, least) = (r.max(*g).max(*b), r.min(*g).min(*b));
        let chroma = most - least;
        if chroma == 0.0 {
            continue;
        }
        let sixth = if most == *r {
            (*g - *b) / chroma
        } else if most == *g {
            2.0 + (*b - *r) / chroma
        } else {
            4.0 + (*r - *g) / chroma
        };
        let sixth = (sixth + 6.0 * turn).rem_euclid(6.0);
        // Each channel falls from `most` to `least` at its own place of the circle.
        let channel = |at: f32| {
            let away = (sixth - at).rem_euclid(6.0);
            least + chroma * (2.0 - away.min(6.0 - away)).clamp(0.0, 1.0)
        };
        (*r, *g, *b) = (channel(0.0), channel(2.0), channel(4.0));
    }
}

/// Away from a blur of 3x3, or towards it; the rim stays.
pub(super) fn sharpness(canvas: &mut Canvas<'_>, factor: f32) {
    let [_, height, width] = canvas.shape;
    if height < 3 || width < 3 {
        return;
    }
    let old = canvas.values.to_vec();
    for (plane, values) in canvas.planes().enumerate() {
        let old = &old[plane * height * width..][..height * width];
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                let around = (0..9).map(|k| old[(y + k / 3 - 1) * width + x + k % 3 - 1]).sum::<f32>();
                let own = old[y * width + x];
                let blur = (around + 4.0 * own) / 13.0;
                values[y * width + x] = (blur + (own - blur) * factor).clamp(0.0, 1.0);
            }
        }
    }
}

/// Each channel's values stretched over [0, 1].
pub(super) fn auto_contrast(canvas: &mut Canvas<'_>) {
    for plane in canvas.planes() {
        let (least, most) = plane.iter().fold((1.0f32, 0.0f32), |(least, most), &x| (least.min(x), most.max(x)));
        if most > least {
            plane.iter_mut().for_each(|x| *x = (*x - least) / (most - least));
        }
    }
}

/// Each channel's values spread so that each of 256 is as frequent as the others, as far as that goes.
pub(super) fn equalize(canvas: &mut Canvas<'_>) {
    for plane in canvas.planes() {
        let mut counts = [0usize; 256];
        plane.iter().for_each(|&x| counts[byte(x)] += 1);
        let last = counts.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
        let step = (plane.len() - last) / 255;
        if step == 0 {
            continue;
        }
        let mut sum = step / 2;
        let table = counts.map(|count| {
            let value = (sum / step).min(255);
            sum += count;
            value as f32 / 255.0
        });
        plane.iter_mut().for_each(|x| *x = table[byte(*x)]);
    }
}

/// The highest bits of eight.
pub(super) fn posterize(canvas: &mut Canvas<'_>, bits: u32) {
    let mask = !(0xFFusize >> bits.min(8));
    canvas.map(|x| (byte(x) & mask) as f32 / 255.0);
}

/// The negative of what is bright.
pub(super) fn solarize(canvas: &mut Canvas<'_>, from: f32) {
    canvas.map(|x| if x >= from { 1.0 - x } else { x });
}

fn byte(x: f32) -> usize {
    (x * 255.0).round().clamp(0.0, 255.0) as usize
}

fn luma(canvas: &Canvas<'_>) -> Vec<f32> {
    let plane = canvas.shape[1] * canvas.shape[2];
    if canvas.shape[0] != 3 {
        // Of other channels the mean.
        let share = 1.0 / canvas.shape[0].max(1) as f32;
        return (0..plane).map(|i| canvas.values.iter().skip(i).step_by(plane).sum::<f32>() * share).collect();
    }
    let (red, rest) = canvas.values.split_at(plane);
    let (green, blue) = rest.split_at(plane);
    red.iter().zip(green).zip(blue).map(|((r, g), b)| 0.299 * r + 0.587 * g + 0.114 * b).collect()
}
