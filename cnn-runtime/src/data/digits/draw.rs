//! Draws one digit: a glyph, the hand that wrote it, the paper and the light.
//!
//! Sums, products and square roots only: they give the same bits on every machine, sines and logarithms do not.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Digits;
use super::glyphs::{GLYPHS, Stroke};

/// Half the side of a pixel: where a stroke's edge crosses a pixel, its ink fades over this distance to either side.
const SOFT: f32 = 0.5;

/// Draws digit `label` into `image`, channels x height x width.
pub(super) fn digit(image: &mut [f32], label: usize, style: &Digits, rng: &mut ChaCha8Rng) {
    let [_, height, width] = style.shape;
    let pose = Pose::draw(style, rng);
    let variants = GLYPHS[label];
    // Drawn as u32: the range of a usize takes other random bits on 32-bit machines.
    let glyph = variants[rng.gen_range(0..variants.len() as u32) as usize];

    let mut ink = Ink::new(height, width);
    let radius = (pose.height * rng.gen_range(0.045..0.085)).max(0.45);
    for stroke in glyph {
        let points = pose.place(stroke, style.pose, rng);
        ink.curve(&points, radius, 1.0);
    }
    clutter(&mut ink, style, rng);
    develop(image, &ink.coverage, style, rng);
}

/// Where the glyph's box lands in the image and how it is bent: an affine map and a smooth bend.
struct Pose {
    /// Pixels per unit of the glyph's x and y, as columns of the map's matrix.
    x: [f32; 2],
    y: [f32; 2],
    centre: [f32; 2],
    height: f32,
    /// How far the middle bows out, in units of the box, along x and y.
    bow: [f32; 2],
}

impl Pose {
    fn draw(style: &Digits, rng: &mut ChaCha8Rng) -> Self {
        let [_, height, width] = style.shape.map(|side| side as f32);
        let mut spread = |most: f32| style.pose * most * rng.gen_range(-1.0f32..1.0);

        let size = height.min(width) * (0.62 + spread(0.09));
        let aspect = 0.66 + spread(0.1);
        // (cos, sin) up to about 18 degrees by the rational parametrisation of the circle.
        let t = spread(0.16);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let shear = spread(0.22);
        let x = [size * aspect * cos, size * aspect * sin];
        let y = [size * (-sin - shear * cos), size * (cos - shear * sin)];

        // Shift by what is left beside the digit's box, less where that would cut it off.
        let room = |side: f32, a: f32, b: f32| (0.5 * (side - a.abs() - b.abs())).max(0.05 * side);
        let centre = [
            0.5 * width + spread(0.52) * room(width, x[0], y[0]),
            0.5 * height + spread(0.52) * room(height, x[1], y[1]),
        ];
        let bow = [spread(0.08), spread(0.05)];
        Self { x, y, centre, height: size, bow }
    }

    /// The stroke's points in pixels, each moved a little as a hand would.
    fn place(&self, stroke: Stroke, jitter: f32, rng: &mut ChaCha8Rng) -> Vec<[f32; 2]> {
        let mut points: Vec<[f32; 2]> = Vec::with_capacity(stroke.len());
        for (i, &[x, y]) in stroke.iter().enumerate() {
            // The two points of a corner move together.
            if i > 0 && stroke[i - 1] == [x, y] {
                points.push(points[i - 1]);
                continue;
            }
            let (u, v) = (x - 0.5, y - 0.5);
            let shake = 0.04 * jitter;
            let u = u + self.bow[0] * (1.0 - 4.0 * v * v) + shake * rng.gen_range(-1.0f32..1.0);
            let v = v + self.bow[1] * (1.0 - 4.0 * u * u) + 0.7 * shake * rng.gen_range(-1.0f32..1.0);
            points
                .push([self.centre[0] + u * self.x[0] + v * self.y[0], self.centre[1] + u * self.x[1] + v * self.y[1]]);
        }
        points
    }
}

/// How much of each pixel ink covers, 0 to 1.
struct Ink {
    height: usize,
    width: usize,
    coverage: Vec<f32>,
}

impl Ink {
    fn new(height: usize, width: usize) -> Self {
        Self { height, width, coverage: vec![0.0; height * width] }
    }

    /// A smooth curve through the points (Catmull & Rom 1974), as straight pieces of about three pixels.
    fn curve(&mut self, points: &[[f32; 2]], radius: f32, strength: f32) {
        let at = |i: usize| points[i.min(points.len() - 1)];
        for i in 0..points.len().saturating_sub(1) {
            let [p0, p1, p2, p3] = [at(i.saturating_sub(1)), at(i), at(i + 1), at(i + 2)];
            let chord = distance(p1, p2);
            if chord == 0.0 {
                continue;
            }
            let pieces = (chord / 3.0).ceil().clamp(2.0, 24.0);
            let mut from = p1;
            for k in 1..=pieces as usize {
                let t = k as f32 / pieces;
                let to = [0, 1].map(|axis| {
                    let [a, b, c, d] = [p0[axis], p1[axis], p2[axis], p3[axis]];
                    let linear = c - a;
                    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
                    let cube = 3.0 * (b - c) + d - a;
                    b + 0.5 * t * (linear + t * (square + t * cube))
                });
                self.line(from, to, radius, strength);
                from = to;
            }
        }
    }

    /// A straight piece with round ends: every pixel by its distance to it.
    fn line(&mut self, from: [f32; 2], to: [f32; 2], radius: f32, strength: f32) {
        let reach = radius + SOFT;
        let range = |axis: usize, side: usize| {
            let (low, high) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
            // Casting clamps to 0, so pieces outside the image give empty ranges.
            let first = (low - reach).floor() as usize;
            (first, ((high + reach).ceil() as usize).min(side))
        };
        let ((left, right), (top, bottom)) = (range(0, self.width), range(1, self.height));
        if left >= right {
            return;
        }
        let along = [to[0] - from[0], to[1] - from[1]];
        let scale = 1.0 / (along[0] * along[0] + along[1] * along[1]).max(1e-12);
        for y in top..bottom {
            let row = &mut self.coverage[y * self.width..][left..right];
            let dy = y as f32 + 0.5 - from[1];
            for (x, covered) in (left..right).zip(row) {
                let dx = x as f32 + 0.5 - from[0];
                let t = ((dx * along[0] + dy * along[1]) * scale).clamp(0.0, 1.0);
                let (dx, dy) = (dx - t * along[0], dy - t * along[1]);
                let square = dx * dx + dy * dy;
                if square < reach * reach {
                    let full = ((reach - square.sqrt()) / (2.0 * SOFT)).min(1.0);
                    *covered = covered.max(strength * full);
                }
            }
        }
    }
}

/// Up to three faint short strokes anywhere: ruled lines, neighbours, dirt.
fn clutter(ink: &mut Ink, style: &Digits, rng: &mut ChaCha8Rng) {
    let (height, width) = (ink.height as f32, ink.width as f32);
    let side = height.min(width);
    let count = (style.clutter * rng.gen_range(0.0f32..4.0)) as usize;
    for _ in 0..count.min(64) {
        let from = [width * rng.gen_range(0.0f32..1.0), height * rng.gen_range(0.0f32..1.0)];
        let to = from.map(|at| at + side * rng.gen_range(-0.16f32..0.16));
        let radius = (side * rng.gen_range(0.01f32..0.03)).max(0.4);
        ink.line(from, to, radius, rng.gen_range(0.25..0.65));
    }
}

/// Turns coverage into pixels: paper, ink, a slope of light and noise. Grey images show light ink on dark paper, as
/// MNIST does; in others paper and ink have a random colour.
fn develop(image: &mut [f32], coverage: &[f32], style: &Digits, rng: &mut ChaCha8Rng) {
    let [channels, height, width] = style.shape;
    let grain = style.noise * rng.gen_range(0.03f32..0.12);
    let slope = [0.0; 2].map(|_: f32| style.noise * rng.gen_range(-0.1f32..0.1));
    let mut random = vec![[0u8; 4]; width];
    for plane in image.chunks_exact_mut(height * width) {
        let (paper, ink) = match channels {
            1 => (rng.gen_range(0.0f32..0.25), rng.gen_range(0.55f32..1.0)),
            _ => {
                let paper = rng.gen_range(0.0f32..1.0);
                let contrast = rng.gen_range(0.35f32..0.5);
                let sign = if paper < 0.5 { 1.0 } else { -1.0 };
                (paper, paper + sign * contrast)
            }
        };
        let rows = plane.chunks_exact_mut(width);
        for (y, (row, covered)) in rows.zip(coverage.chunks_exact(width)).enumerate() {
            rng.fill(random.as_flattened_mut());
            let light = slope[1] * (y as f32 / height as f32 - 0.5);
            for (x, (pixel, &covered)) in row.iter_mut().zip(covered).enumerate() {
                let light = light + slope[0] * (x as f32 / width as f32 - 0.5);
                let value = paper + covered * (ink - paper) + light + grain * normal(random[x]);
                *pixel = value.clamp(0.0, 1.0);
            }
        }
    }
}

/// Nearly normal with mean 0 and deviation 1: four uniform bytes added (Irwin-Hall).
fn normal(bytes: [u8; 4]) -> f32 {
    let sum: u32 = bytes.iter().map(|&b| u32::from(b)).sum();
    (sum as f32 - 510.0) * (1.0 / 147.8)
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    (dx * dx + dy * dy).sqrt()
}
