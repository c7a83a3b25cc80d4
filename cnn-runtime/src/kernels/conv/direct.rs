//! Depthwise convolution by loops: every output channel sees one input channel, number `o / out_group`.

use std::ops::Range;

use super::Conv;
use crate::kernels::window::{Axis, gather, scatter};
use crate::kernels::{Float, parallel};

/// The windows of one channel, slid over a map.
struct Window<'a> {
    rows: &'a Axis,
    cols: &'a Axis,
}

impl Window<'_> {
    /// `y += weight * x` for one map, a row of outputs at a time so that it stays near; the weight's taps in reverse order
    /// if `turned`.
    fn correlate<E: Float>(&self, x: &[E], weight: &[E], turned: bool, y: &mut [E]) {
        for (i, y) in y.chunks_exact_mut(self.cols.output).enumerate() {
            for u in self.rows.taps(i) {
                let line = &x[self.rows.at(i, u) * self.cols.input..][..self.cols.input];
                let len = self.cols.kernel;
                match turned {
                    false => self.line(line, |v| weight[u * len + v], y),
                    true => self.line(line, |v| weight[weight.len() - 1 - u * len - v], y),
                }
            }
        }
    }

    /// One row of the window along one row of inputs.
    fn line<E: Float>(&self, x: &[E], weight: impl Fn(usize) -> E + Copy, y: &mut [E]) {
        match (self.cols.kernel, self.cols.stride, self.cols.dilation) {
            (3, 1, 1) => fused::<E, 3, 1>(self.cols, x, weight, y),
            (3, 2, 1) => fused::<E, 3, 2>(self.cols, x, weight, y),
            (5, 1, 1) => fused::<E, 5, 1>(self.cols, x, weight, y),
            (5, 2, 1) => fused::<E, 5, 2>(self.cols, x, weight, y),
            (7, 1, 1) => fused::<E, 7, 1>(self.cols, x, weight, y),
            _ => (0..self.cols.kernel).for_each(|v| tap(self.cols, self.cols.outputs(v), x, v, weight(v), y)),
        }
    }
}

/// `y[j] += w * x[..]` for the outputs that lie within `outputs`.
fn tap<E: Float>(cols: &Axis, outputs: Range<usize>, x: &[E], v: usize, w: E, y: &mut [E]) {
    if !outputs.is_empty() {
        let x = &x[cols.at(outputs.start, v)..];
        gather(&mut y[outputs], x, cols.stride, |y, &x| *y += w * x);
    }
}

/// All taps of a row at once where all of them lie on inputs, one by one at the edges.
fn fused<E: Float, const K: usize, const STRIDE: usize>(
    cols: &Axis,
    x: &[E],
    weight: impl Fn(usize) -> E,
    y: &mut [E],
) {
    let weights: [E; K] = std::array::from_fn(weight);
    let start = cols.outputs(0).start;
    let inner = start..cols.outputs(K - 1).end.max(start);
    for (v, &w) in weights.iter().enumerate() {
        let hit = cols.outputs(v);
        tap(cols, hit.start..hit.end.min(inner.start), x, v, w, y);
        tap(cols, hit.start.max(inner.end)..hit.end, x, v, w, y);
    }
    if inner.is_empty() {
        return;
    }
    let x = &x[cols.at(inner.start, 0)..];
    let inner = &mut y[inner];
    // blocks of outputs that stay in registers while the taps pass
    let (blocks, rest) = inner.as_chunks_mut::<BLOCK>();
    for (n, y) in blocks.iter_mut().enumerate() {
        let x = &x[n * BLOCK * STRIDE..][..(BLOCK - 1) * STRIDE + K];
        let mut sums = *y;
        for (v, &w) in weights.iter().enumerate() {
            if STRIDE == 1 {
                sums.iter_mut().zip(&x[v..v + BLOCK]).for_each(|(sum, &x)| *sum += w * x);
            } else {
                sums.iter_mut().zip(x[v..].iter().step_by(STRIDE)).for_each(|(sum, &x)| *sum += w * x);
            }
        }
        *y = sums;
    }
    for (j, y) in (blocks.len() * BLOCK..).zip(rest) {
        for (&w, &x) in weights.iter().zip(&x[j * STRIDE..]) {
            *y += w * x;
        }
    }
}

/// `y += weight * x`
pub(super) fn forward<E: Float>(conv: &Conv, x: &[E], weight: &[E], y: &mut [E]) {
    let window = Window { rows: &conv.rows, cols: &conv.cols };
    parallel::rows(y, conv.out_plane(), |plane, y| {
        let (b, o) = (plane / conv.outputs, plane % conv.outputs);
        let weight = &weight[o * conv.taps()..][..conv.taps()];
        window.correlate(input_plane(conv, x, b, o), weight, false, y);
    });
}

/// `dx += ` the convolution turned round.
pub(super) fn input_grad<E: Float>(conv: &Conv, weight: &[E], dy: &[E], dx: &mut [E]) {
    let turned = conv.rows.turned().zip(conv.cols.turned());
    parallel::rows(dx, conv.in_plane(), |plane, dx| {
        let (b, group) = (plane / conv.inputs, plane % conv.inputs);
        for o in group * conv.out_group()..(group + 1) * conv.out_group() {
            let dy = &dy[(b * conv.outputs + o) * conv.out_plane()..][..conv.out_plane()];
            let weight = &weight[o * conv.taps()..][..conv.taps()];
            match &turned {
                Some((rows, cols)) => Window { rows, cols }.correlate(dy, weight, true, dx),
                None => scatter_back(conv, weight, dy, dx),
            }
        }
    });
}

/// `dx += ` every output's gradient times the window, of one map and with any stride.
fn scatter_back<E: Float>(conv: &Conv, weight: &[E], dy: &[E], dx: &mut [E]) {
    let (rows, cols) = (&conv.rows, &conv.cols);
    for (i, dy) in dy.chunks_exact(cols.output).enumerate() {
        for u in rows.taps(i) {
            let dx = &mut dx[rows.at(i, u) * cols.input..][..cols.input];
            for (v, &w) in weight[u * cols.kernel..][..cols.kernel].iter().enumerate() {
                let hit = cols.outputs(v);
                if !hit.is_empty() {
                    scatter(&mut dx[cols.at(hit.start, v)..], &dy[hit], cols.stride, |dx, &dy| *dx += w * dy);
                }
            }
        }
    }
}

/// `dweight += sum over b, i, j of dy * x`
pub(super) fn weight_grad<E: Float>(conv: &Conv, x: &[E], dy: &[E], dweight: &mut [E]) {
    parallel::channels(dweight, conv.taps(), |o, dweight| {
        for (u, dweight) in dweight.chunks_exact_mut(conv.cols.kernel).enumerate() {
            match (conv.cols.kernel, conv.cols.stride, conv.cols.dilation) {
                (3, 1, 1) => fused_sums::<E, 3, 1>(conv, x, dy, o, u, dweight),
                (3, 2, 1) => fused_sums::<E, 3, 2>(conv, x, dy, o, u, dweight),
                (5, 1, 1) => fused_sums::<E, 5, 1>(conv, x, dy, o, u, dweight),
                (5, 2, 1) => fused_sums::<E, 5, 2>(conv, x, dy, o, u, dweight),
                (7, 1, 1) => fused_sums::<E, 7, 1>(conv, x, dy, o, u, dweight),
                _ => dweight.iter_mut().enumerate().for_each(|(v, dw)| *dw += tap_sum(conv, x, dy, o, u, v)),
            }
        }
    });
}

/// The gradient of one weight.
fn tap_sum<E: Float>(conv: &Conv, x: &[E], dy: &[E], o: usize, u: usize, v: usize) -> E {
    let hit = conv.cols.outputs(v);
    if hit.is_empty() {
        return E::ZERO;
    }
    let mut sum = 0.0;
    for b in 0..conv.batch {
        let mut sums = [E::ZERO; LANES];
        lines(conv, x, dy, b, o, u, |x, dy| {
            dot(&mut sums, &dy[hit.clone()], &x[conv.cols.at(hit.start, v)..], conv.cols.stride);
        });
        sum += parallel::sum(&sums);
    }
    E::of(sum)
}

/// The gradients of one row of the window: x and dy are read once for all its taps.
fn fused_sums<E: Float, const K: usize, const STRIDE: usize>(
    conv: &Conv,
    x: &[E],
    dy: &[E],
    o: usize,
    u: usize,
    dweight: &mut [E],
) {
    let cols = &conv.cols;
    let start = cols.outputs(0).start;
    let inner = start..cols.outputs(K - 1).end.max(start);
    let whole = inner.start + inner.len() / LANES * LANES;
    let mut totals = [0.0; K];
    for b in 0..conv.batch {
        let mut sums = [[E::ZERO; LANES]; K];
        lines(conv, x, dy, b, o, u, |x, dy| {
            let mut held = sums; // in registers
            for j in (inner.start..whole).step_by(LANES) {
                let x = &x[cols.at(j, 0)..][..(LANES - 1) * STRIDE + K];
                let dy = &dy[j..][..LANES];
                for (v, sums) in held.iter_mut().enumerate() {
                    let pairs = sums.iter_mut().zip(dy);
                    if STRIDE == 1 {
                        pairs.zip(&x[v..v + LANES]).for_each(|((sum, &dy), &x)| *sum += dy * x);
                    } else {
                        pairs.zip(x[v..].iter().step_by(STRIDE)).for_each(|((sum, &dy), &x)| *sum += dy * x);
                    }
                }
            }
            sums = held;
            for (v, sums) in sums.iter_mut().enumerate() {
                let hit = cols.outputs(v);
                for part in [hit.start..hit.end.min(inner.start), hit.start.max(whole)..hit.end] {
                    for j in part {
                        sums[j % LANES] += dy[j] * x[cols.at(j, v)];
                    }
                }
            }
        });
        totals.iter_mut().zip(&sums).for_each(|(total, sums)| *total += parallel::sum(sums));
    }
    dweight.iter_mut().zip(totals).for_each(|(dw, total)| *dw += E::of(total));
}

/// `f(row of x, row of dy)` for every row of outputs of a map that row `u` of the window meets.
fn lines<E: Float>(conv: &Conv, x: &[E], dy: &[E], b: usize, o: usize, u: usize, mut f: impl FnMut(&[E], &[E])) {
    let x = input_plane(conv, x, b, o);
    let dy = &dy[(b * conv.outputs + o) * conv.out_plane()..][..conv.out_plane()];
    for i in conv.rows.outputs(u) {
        let dy = &dy[i * conv.cols.output..][..conv.cols.output];
        f(&x[conv.rows.at(i, u) * conv.cols.input..][..conv.cols.input], dy);
    }
}

/// Sums that need not wait for one another.
const LANES: usize = 8;

/// Outputs that are computed together.
const BLOCK: usize = 16;

/// Adds the sum of `dy[i] * x[i stride]`, spread over the lanes.
fn dot<E: Float>(sums: &mut [E; LANES], dy: &[E], x: &[E], stride: usize) {
    let whole = if stride == 1 { dy.len() / LANES * LANES } else { 0 };
    for (dy, x) in dy[..whole].chunks_exact(LANES).zip(x.chunks_exact(LANES)) {
        for (sum, (&dy, &x)) in sums.iter_mut().zip(dy.iter().zip(x)) {
            *sum += dy * x;
        }
    }
    for (i, (&dy, &x)) in dy[whole..].iter().zip(x[whole..].iter().step_by(stride)).enumerate() {
        sums[i % LANES] += dy * x;
    }
}

/// The input map that output channel `o` of sample `b` sees.
fn input_plane<'a, E>(conv: &Conv, x: &'a [E], b: usize, o: usize) -> &'a [E] {
    let channel = b * conv.inputs + o / conv.out_group();
    &x[channel * conv.in_plane()..][..conv.in_plane()]
}
