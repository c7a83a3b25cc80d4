//! Rotation, shear and translation.

use crate::engine::Canvas;

/// What comes from outside of the image: grey.
const OUTSIDE: f32 = 128.0 / 255.0;

/// Where a pixel comes from, both counted from the centre: `x' = a x + b y + c`, `y' = d x + e y + f`.
pub(super) type Map = [f64; 6];

pub(super) fn rotation(degrees: f64) -> Map {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [cos, sin, 0.0, -sin, cos, 0.0]
}

/// Bilinear between pixels.
pub(super) fn warp(canvas: &mut Canvas<'_>, [a, b, c, d, e, f]: Map) {
    let [_, height, width] = canvas.shape;
    let old = canvas.values.to_vec();
    let centre = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
    for (plane, values) in canvas.planes().enumerate() {
        let old = &old[plane * height * width..][..height * width];
        let pixel = |x: i64, y: i64| match (0..width as i64).contains(&x) && (0..height as i64).contains(&y) {
            true => old[y as usize * width + x as usize],
            false => OUTSIDE,
        };
        for (place, value) in values.iter_mut().enumerate() {
            let (x, y) = ((place % width) as f64 - centre[0], (place / width) as f64 - centre[1]);
            let (from_x, from_y) = (a * x + b * y + c + centre[0], d * x + e * y + f + centre[1]);
            let (left, top) = (from_x.floor(), from_y.floor());
            let (right, low) = ((from_x - left) as f32, (from_y - top) as f32);
            let (left, top) = (left as i64, top as i64);
            let mix = |a: f32, b: f32, share: f32| if share == 0.0 { a } else { a + (b - a) * share };
            let upper = mix(pixel(left, top), pixel(left + 1, top), right);
            *value = match low == 0.0 {
                true => upper,
                false => mix(upper, mix(pixel(left, top + 1), pixel(left + 1, top + 1), right), low),
            };
        }
    }
}
