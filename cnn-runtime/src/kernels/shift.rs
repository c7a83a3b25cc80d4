//! Shift: groups of channels move by the offsets of a window. Wu et al. 2017, <https://arxiv.org/abs/1711.08141>.
//!
//! A window of `kh x kw` has `kh kw` offsets in row-major order; offset number j moves the channels from `j n` on,
//! `n = floor(C / (kh kw))`:
//!
//! ```text
//! y[c, h, w] = x[c, h + (j / kw - kh / 2) dilation, w + (j % kw - kw / 2) dilation], zero outside of the map
//! ```
//!
//! with integer divisions. The last channels, which remain, stay where they are.

use std::ops::Range;

use super::{Float, Kernel, Needs, expect_len, object, parallel};

/// Input and output: `[batch, channels, H, W]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Samples in the batch.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Height and width.
    pub size: [usize; 2],
    /// Window height and width.
    pub kernel: [usize; 2],
    /// Pixels from one offset to the next.
    pub dilation: [usize; 2],
}

impl Shift {
    fn check(&self, x: usize, y: usize) {
        expect_len("shift: x", x, self.batch * self.channels * self.plane());
        expect_len("shift: y", y, x);
    }

    fn plane(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Rows and columns between an output of the channel and its input.
    fn offset(&self, channel: usize) -> [isize; 2] {
        let [kh, kw] = self.kernel;
        let each = self.channels / (kh * kw);
        if channel >= each * kh * kw {
            return [0, 0];
        }
        let j = channel / each;
        let at = [j / kw, j % kw];
        [0, 1].map(|axis| (at[axis] as isize - (self.kernel[axis] / 2) as isize) * self.dilation[axis] as isize)
    }

    /// For every row of the channel with outputs that have an input: the outputs in their plane, and the first input.
    fn rows(&self, channel: usize) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let [dy, dx] = self.offset(channel);
        let width = self.size[1];
        let (rows, cols) = (reached(self.size[0], dy), reached(width, dx));
        let rows = if cols.is_empty() { 0..0 } else { rows };
        rows.map(move |h| {
            let from = h.wrapping_add_signed(dy) * width + cols.start.wrapping_add_signed(dx);
            (h * width + cols.start..h * width + cols.end, from)
        })
    }
}

/// The outputs of an axis whose input, so far away, exists.
fn reached(size: usize, offset: isize) -> Range<usize> {
    let away = offset.unsigned_abs().min(size);
    if offset < 0 { away..size } else { 0..size - away }
}

impl Kernel for Shift {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        parallel::rows(y, self.plane(), |plane, y| {
            let x = &inputs[0][plane * self.plane()..];
            y.fill(E::ZERO);
            for (out, from) in self.rows(plane % self.channels) {
                let len = out.len();
                y[out].copy_from_slice(&x[from..][..len]);
            }
        });
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        parallel::rows(grads[0], self.plane(), |plane, dx| {
            let dy = &dy[plane * self.plane()..];
            for (out, from) in self.rows(plane % self.channels) {
                dx[from..].iter_mut().zip(&dy[out]).for_each(|(dx, &dy)| *dx += dy);
            }
        });
    }
}

object!(Shift);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        // offsets -1, 0 and 1 along the row, two channels remain
        let shift = Shift { batch: 1, channels: 5, size: [1, 3], kernel: [1, 3], dilation: [1, 1] };
        let y = run(&shift, &[[1.0, 2.0, 3.0].repeat(5)], 15);
        let rows: Vec<_> = y.chunks(3).collect();
        assert_eq!(rows[..3], [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 0.0]]);
        assert_eq!(rows[3..], [[1.0, 2.0, 3.0]; 2]);
    }

    #[test]
    fn gradients() {
        for (channels, kernel, dilation) in
            [(10, [3, 3], [1, 2]), (7, [1, 5], [1, 1]), (5, [2, 2], [1, 3]), (3, [3, 3], [1, 1])]
        {
            let shift = Shift { batch: 2, channels, size: [3, 4], kernel, dilation };
            let len = 2 * channels * 12;
            check_gradients(&shift, &randoms(&[len]), len);
        }
    }
}
