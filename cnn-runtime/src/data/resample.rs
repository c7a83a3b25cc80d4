//! Parts of images at another size: bilinear where they grow, the mean under a triangle where they shrink, so that fine
//! patterns leave no false ones. The numbers of Pillow's `resize(…, BILINEAR, box=…)` without its rounding to bytes.

/// Values in rows and columns, by `strides` of channel, row and column; `white` of them is 1.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a, T> {
    pub values: &'a [T],
    /// Height, width.
    pub size: [usize; 2],
    pub strides: [usize; 3],
    pub white: f32,
}

/// A part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Top, left.
    pub corner: [f64; 2],
    /// Height, width.
    pub size: [f64; 2],
    /// Whether nothing beside the part shows: cut out first, then resized.
    pub cut: bool,
}

impl Window {
    pub fn whole([height, width]: [usize; 2]) -> Window {
        Window { corner: [0.0; 2], size: [height as f64, width as f64], cut: false }
    }

    pub fn is_whole(&self, size: [usize; 2]) -> bool {
        self.corner == [0.0; 2] && self.size == [size[0] as f64, size[1] as f64]
    }

    /// What remains when the image is resized so that it covers `shape / share`, as an image of whole pixels, and `shape`
    /// is cut out of its centre.
    pub fn centre(size: [usize; 2], shape: [usize; 3], share: f64) -> Window {
        let out = [shape[1], shape[2]];
        let scale = |axis: usize| (out[axis] as f64 / share).round() / size[axis].max(1) as f64;
        let scale = scale(0).max(scale(1));
        let mut window = Window::whole(size);
        for axis in 0..2 {
            // At least the part that is cut out.
            let resized = (size[axis] as f64 * scale + 1e-9).floor().max(out[axis] as f64);
            let pixel = size[axis] as f64 / resized;
            window.corner[axis] = ((resized - out[axis] as f64) / 2.0).round() * pixel;
            window.size[axis] = out[axis] as f64 * pixel;
        }
        window
    }
}

/// Writes the window of an image at `shape`, plane by plane.
pub(super) fn resample<T: Copy + Into<f32>>(grid: Grid<'_, T>, window: Window, shape: [usize; 3], out: &mut [f32]) {
    let [channels, height, width] = shape;
    let rows = taps(&window, 0, grid.size[0], height);
    let columns = taps(&window, 1, grid.size[1], width);
    let used = rows.iter().map(|row| row.first).min().unwrap_or(0)..rows.iter().map(Taps::end).max().unwrap_or(0);
    let mut narrow = vec![0.0f32; used.len() * width];
    for channel in 0..channels {
        for (y, line) in used.clone().zip(narrow.chunks_exact_mut(width)) {
            let row = &grid.values[channel * grid.strides[0] + y * grid.strides[1]..];
            for (value, taps) in line.iter_mut().zip(&columns) {
                let pixels = row[taps.first * grid.strides[2]..].iter().step_by(grid.strides[2]);
                *value = taps.weights.iter().zip(pixels).map(|(&weight, &pixel)| weight * pixel.into()).sum();
            }
        }
        let plane = &mut out[channel * height * width..][..height * width];
        for (line, taps) in plane.chunks_exact_mut(width).zip(&rows) {
            line.fill(0.0);
            for (&weight, from) in taps.weights.iter().zip(narrow.chunks_exact(width).skip(taps.first - used.start)) {
                line.iter_mut().zip(from).for_each(|(value, from)| *value += weight * from);
            }
            line.iter_mut().for_each(|value| *value /= grid.white);
        }
    }
}

/// Pixels in a row, and what each counts.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn end(&self) -> usize {
        self.first + self.weights.len()
    }
}

fn taps(window: &Window, axis: usize, size: usize, out: usize) -> Vec<Taps> {
    let (corner, extent) = (window.corner[axis], window.size[axis]);
    let (least, most) = match window.cut {
        true => (corner.max(0.0) as usize, ((corner + extent).round() as usize).min(size)),
        false => (0, size),
    };
    let scale = extent / out as f64;
    let support = scale.max(1.0);
    let taps = (0..out).map(|place| {
        let centre = corner + (place as f64 + 0.5) * scale;
        let first = ((centre - support + 0.5).max(0.0) as usize).clamp(least, most - 1);
        let end = ((centre + support + 0.5).max(0.0) as usize).clamp(first + 1, most);
        let weight = |pixel: usize| (1.0 - ((pixel as f64 + 0.5 - centre) / support).abs()).max(0.0);
        let sum: f64 = (first..end).map(weight).sum();
        match sum > 0.0 {
            true => Taps { first, weights: (first..end).map(|pixel| (weight(pixel) / sum) as f32).collect() },
            // The nearest pixel, where the window ends on the image's edge.
            false => Taps { first, weights: vec![1.0] },
        }
    });
    taps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[u8], size: [usize; 2], window: Window, out: [usize; 2]) -> Vec<f32> {
        let mut result = vec![0.0; out[0] * out[1]];
        let grid = Grid { values, size, strides: [0, size[1], 1], white: 1.0 };
        resample(grid, window, [1, out[0], out[1]], &mut result);
        result
    }

    #[test]
    fn an_image_at_its_own_size_is_itself() {
        let values: Vec<u8> = (0..12).collect();
        let same: Vec<f32> = values.iter().map(|&x| f32::from(x)).collect();
        assert_eq!(run(&values, [3, 4], Window::whole([3, 4]), [3, 4]), same);
    }

    #[test]
    fn a_cut_shows_nothing_beside_it() {
        let values = [0, 0, 255, 255, 0, 0, 255, 255];
        let window = Window { corner: [0.0, 0.0], size: [2.0, 2.0], cut: true };
        assert_eq!(run(&values, [2, 4], window, [2, 4]), [0.0; 8]);
        let open = run(&values, [2, 4], Window { cut: false, ..window }, [2, 4]);
        assert!(open[3] > 0.0, "{open:?}");
    }

    #[test]
    fn growing_is_bilinear_and_shrinking_a_triangle() {
        // Centres of the result at -0.25, 0.25, 0.75, 1.25 pixels.
        assert_eq!(run(&[0, 100], [1, 2], Window::whole([1, 2]), [1, 4]), [0.0, 25.0, 75.0, 100.0]);
        // Under triangles of half width 2 around 1 and 3: weights 1.5, 1.5, 0.5 of 3.5 in four pixels.
        let half = run(&[10, 20, 30, 40], [1, 4], Window::whole([1, 4]), [1, 2]);
        let left = (0.75 * 10.0 + 0.75 * 20.0 + 0.25 * 30.0) / 1.75;
        assert!((half[0] - left).abs() < 1e-4 && (half[1] - (50.0 - left)).abs() < 1e-4, "{half:?}");
    }

    #[test]
    fn the_centre_is_that_of_the_resized_image() {
        // 500 x 375 at 256 on the short side is 341 x 256; 224 of it leave 58.5 and 16.
        let window = Window::centre([375, 500], [3, 224, 224], 0.875);
        assert_eq!(window.corner, [16.0 * 375.0 / 256.0, 59.0 * 500.0 / 341.0]);
        assert_eq!(window.size, [224.0 * 375.0 / 256.0, 224.0 * 500.0 / 341.0]);
        assert!(Window::centre([32, 32], [3, 32, 32], 1.0).is_whole([32, 32]));
    }
}
