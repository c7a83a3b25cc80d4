//! Convolution as a product of matrices: the inputs under the window at one output become a column, and the weights of
//! a group times all columns are its outputs. Chellapilla et al. 2006, <https://inria.hal.science/inria-00112631>.

use std::ops::Range;

use rayon::prelude::*;

use super::Conv;
use crate::kernels::Float;
use crate::kernels::matmul::{Into, Mat, matmul};

/// The most elements that columns take at a time; a product works on as many whole rows of outputs as fit.
const COLUMNS: usize = 1 << 20;

/// The weight gradient is summed over so many parts of the batch, each in its own buffer, whatever the threads.
const PARTS: usize = 4;

/// One group of channels in one sample, some whole rows of its outputs at a time.
struct Tile<'a> {
    conv: &'a Conv,
    group: usize,
    lines: Range<usize>,
}

/// Every tile of a sample, in order.
fn tiles(conv: &Conv) -> impl Iterator<Item = Tile<'_>> {
    let height = (COLUMNS / (conv.taps() * conv.cols.output).max(1)).max(1);
    let lines = conv.rows.output;
    (0..conv.groups).flat_map(move |group| {
        (0..lines).step_by(height).map(move |start| Tile { conv, group, lines: start..(start + height).min(lines) })
    })
}

impl Tile<'_> {
    /// The number of outputs per channel, which is that of columns.
    fn len(&self) -> usize {
        self.lines.len() * self.conv.cols.output
    }

    /// Where the group's input channels lie in a sample.
    fn inputs(&self) -> Range<usize> {
        let len = self.conv.in_group() * self.conv.in_plane();
        self.group * len..(self.group + 1) * len
    }

    /// Where the group's weights lie.
    fn weights(&self) -> Range<usize> {
        let len = self.conv.out_group() * self.conv.taps();
        self.group * len..(self.group + 1) * len
    }

    /// The group's weights, `[out_group, taps]`.
    fn weight_matrix<S>(&self, weight: S) -> Mat<S> {
        Mat::new(weight, self.conv.out_group(), self.conv.taps(), self.conv.taps())
    }

    /// Where the tile's first output lies in a sample.
    fn output(&self) -> usize {
        self.group * self.conv.out_group() * self.conv.out_plane() + self.lines.start * self.conv.cols.output
    }

    /// The tile's outputs, `[out_group, len]`.
    fn output_matrix<S>(&self, y: S) -> Mat<S> {
        Mat::new(y, self.conv.out_group(), self.len(), self.conv.out_plane())
    }

    /// With a 1x1 window that skips nothing the columns are the input itself.
    fn is_plain(&self) -> bool {
        [self.conv.rows, self.conv.cols]
            .iter()
            .all(|axis| axis.kernel == 1 && axis.stride == 1 && axis.before == 0 && axis.after == 0)
    }

    /// The columns, `[taps, len]`: the group's inputs themselves, or copies of them in `buffer`.
    fn columns<'a, E: Float>(&self, x: &'a [E], buffer: &'a mut Vec<E>) -> Mat<&'a [E]> {
        let (taps, len) = (self.conv.taps(), self.len());
        if self.is_plain() {
            let x = &x[self.inputs()][self.lines.start * self.conv.cols.input..];
            return Mat::new(x, taps, len, self.conv.in_plane());
        }
        buffer.clear();
        buffer.resize(taps * len, E::ZERO);
        let x = &x[self.inputs()];
        let stride = self.conv.cols.stride;
        self.visit(|columns, inputs| {
            let (columns, x) = (&mut buffer[columns], &x[inputs]);
            if stride == 1 {
                columns.copy_from_slice(&x[..columns.len()]);
            } else {
                columns.iter_mut().zip(x.iter().step_by(stride)).for_each(|(c, &x)| *c = x);
            }
        });
        Mat::new(buffer, taps, len, len)
    }

    /// Adds columns back to the inputs that they were copied from.
    fn add_columns<E: Float>(&self, columns: &[E], dx: &mut [E]) {
        let dx = &mut dx[self.inputs()];
        let stride = self.conv.cols.stride;
        self.visit(|from, inputs| {
            let (columns, dx) = (&columns[from], &mut dx[inputs]);
            if stride == 1 {
                dx.iter_mut().zip(columns).for_each(|(dx, &c)| *dx += c);
            } else {
                dx.iter_mut().step_by(stride).zip(columns).for_each(|(dx, &c)| *dx += c);
            }
        });
    }

    /// Calls `f(columns, inputs)` for every tap and row of outputs: the run of columns that lies on inputs, and those
    /// inputs from the first to the last, of which every `stride`-th one counts.
    fn visit(&self, mut f: impl FnMut(Range<usize>, Range<usize>)) {
        let (rows, cols) = (self.conv.rows, self.conv.cols);
        let mut line = 0; // of one tap and one row of outputs
        for c in 0..self.conv.in_group() {
            for u in 0..rows.kernel {
                let met = rows.outputs(u);
                for v in 0..cols.kernel {
                    let hit = cols.outputs(v);
                    for i in self.lines.clone() {
                        if met.contains(&i) && !hit.is_empty() {
                            let from = c * self.conv.in_plane() + rows.at(i, u) * cols.input;
                            f(
                                line + hit.start..line + hit.end,
                                from + cols.at(hit.start, v)..from + cols.at(hit.end - 1, v) + 1,
                            );
                        }
                        line += cols.output;
                    }
                }
            }
        }
    }
}

/// `y += weight * x`
pub(super) fn forward<E: Float>(conv: &Conv, x: &[E], weight: &[E], y: &mut [E]) {
    let sample = |buffer: &mut Vec<E>, (x, y): (&[E], &mut [E])| {
        for tile in tiles(conv) {
            matmul(
                Into::Add,
                tile.output_matrix(&mut y[tile.output()..]),
                tile.weight_matrix(&weight[tile.weights()]),
                tile.columns(x, buffer),
                conv.batch == 1,
            );
        }
    };
    let x = x.par_chunks(conv.inputs * conv.in_plane());
    let y = y.par_chunks_mut(conv.outputs * conv.out_plane());
    x.zip(y).for_each_init(Vec::new, sample);
}

/// `dx += weight^T * dy`
pub(super) fn input_grad<E: Float>(conv: &Conv, weight: &[E], dy: &[E], dx: &mut [E]) {
    let sample = |buffer: &mut Vec<E>, (dy, dx): (&[E], &mut [E])| {
        for tile in tiles(conv) {
            let dy = tile.output_matrix(&dy[tile.output()..]);
            let weight = tile.weight_matrix(&weight[tile.weights()]).t();
            let (taps, len) = (conv.taps(), tile.len());
            if tile.is_plain() {
                let dx = &mut dx[tile.inputs()][tile.lines.start * conv.cols.input..];
                let dx = Mat::new(dx, taps, len, conv.in_plane());
                matmul(Into::Add, dx, weight, dy, conv.batch == 1);
            } else {
                buffer.resize(taps * len, E::ZERO);
                let columns = Mat::new(&mut buffer[..], taps, len, len);
                matmul(Into::Replace, columns, weight, dy, conv.batch == 1);
                tile.add_columns(buffer, dx);
            }
        }
    };
    let dy = dy.par_chunks(conv.outputs * conv.out_plane());
    let dx = dx.par_chunks_mut(conv.inputs * conv.in_plane());
    dy.zip(dx).for_each_init(Vec::new, sample);
}

/// `dweight += dy * x^T`
pub(super) fn weight_grad<E: Float>(conv: &Conv, x: &[E], dy: &[E], dweight: &mut [E]) {
    let sum = |samples: Range<usize>, dweight: &mut [E]| {
        let mut buffer = Vec::new();
        for b in samples {
            let x = &x[b * conv.inputs * conv.in_plane()..];
            let dy = &dy[b * conv.outputs * conv.out_plane()..];
            for tile in tiles(conv) {
                matmul(
                    Into::Add,
                    tile.weight_matrix(&mut dweight[tile.weights()]),
                    tile.output_matrix(&dy[tile.output()..]),
                    tile.columns(x, &mut buffer).t(),
                    conv.batch == 1,
                );
            }
        }
    };
    if conv.batch == 1 {
        return sum(0..1, dweight);
    }
    let parts = PARTS.min(conv.batch);
    let partial: Vec<Vec<E>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let mut dweight = vec![E::ZERO; dweight.len()];
            sum(part * conv.batch / parts..(part + 1) * conv.batch / parts, &mut dweight);
            dweight
        })
        .collect();
    for partial in partial {
        dweight.iter_mut().zip(partial).for_each(|(dw, part)| *dw += part);
    }
}
