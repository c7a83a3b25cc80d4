//! An image that is changed in its place.

use super::{Move, Rectangle};

/// Planes of values.
pub(crate) struct Canvas<'a> {
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// Channel by channel, row by row.
    pub values: &'a mut [f32],
}

impl Canvas<'_> {
    pub fn rows(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.shape[2].max(1))
    }

    pub fn planes(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut((self.shape[1] * self.shape[2]).max(1))
    }

    pub fn apply(&mut self, Move { shift, flip }: Move) {
        self.shift(shift.map(|by| by as isize));
        if flip {
            self.flip();
        }
    }

    /// Left and right change places.
    pub fn flip(&mut self) {
        self.rows().for_each(<[f32]>::reverse);
    }

    /// What was `by` pixels below and to the right comes here; black comes from outside.
    pub fn shift(&mut self, by: [isize; 2]) {
        if by == [0, 0] {
            return;
        }
        let [_, height, width] = self.shape;
        let old = self.values.to_vec();
        for (index, row) in self.rows().enumerate() {
            let (plane, y) = (index / height, (index % height) as isize + by[0]);
            row.fill(0.0);
            if !(0..height as isize).contains(&y) {
                continue;
            }
            let from = &old[(plane * height + y as usize) * width..][..width];
            let shift = by[1].unsigned_abs().min(width);
            match by[1] >= 0 {
                true => row[..width - shift].copy_from_slice(&from[shift..]),
                false => row[shift..].copy_from_slice(&from[..width - shift]),
            }
        }
    }

    /// Every value becomes `change` of it, within [0, 1].
    pub fn map(&mut self, change: impl Fn(f32) -> f32) {
        self.values.iter_mut().for_each(|x| *x = change(*x).clamp(0.0, 1.0));
    }

    /// Each channel's values less its mean, times its scale.
    pub fn normalize(&mut self, mean: &[f32], scale: &[f32]) {
        let channels = self.shape[0].max(1);
        for (index, plane) in self.planes().enumerate() {
            let (mean, scale) = (mean[index % channels], scale[index % channels]);
            plane.iter_mut().for_each(|x| *x = (*x - mean) * scale);
        }
    }

    /// Fills a rectangle with 0.
    pub fn clear(&mut self, Rectangle { top, left, height, width }: Rectangle) {
        let rows = self.shape[1].max(1);
        for (index, row) in self.rows().enumerate() {
            if (top..top + height).contains(&(index % rows)) {
                row[left..left + width].fill(0.0);
            }
        }
    }
}
