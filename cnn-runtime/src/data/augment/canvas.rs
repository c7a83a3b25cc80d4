//! An image that is changed in its place.

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

    /// Fills a rectangle, as far as it is on the image, with 0.
    pub fn clear(&mut self, top: isize, left: isize, size: [usize; 2]) {
        let [_, height, width] = self.shape;
        let range = |from: isize, len: usize, most: usize| {
            let end = from.saturating_add(len as isize).clamp(0, most as isize) as usize;
            (from.clamp(0, most as isize) as usize).min(end)..end
        };
        let (rows, columns) = (range(top, size[0], height), range(left, size[1], width));
        for (index, row) in self.rows().enumerate() {
            if rows.contains(&(index % height)) {
                row[columns.clone()].fill(0.0);
            }
        }
    }
}
