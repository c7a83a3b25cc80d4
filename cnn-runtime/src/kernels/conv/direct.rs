//! Depthwise convolution by loops: every output channel sees one input channel, number `o / out_group`.

use std::ops::Range;

use super::Conv;
use crate::kernels::{Float, parallel};

/// One tap of the window, as it slides: where each row of outputs meets its row of inputs.
struct Tap<'a> {
    conv: &'a Conv,
    u: usize,
    v: usize,
}

impl Tap<'_> {
    /// For every row of outputs that the tap meets: the outputs in their map, and the first input in its map.
    fn rows(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        let (rows, cols) = (self.conv.rows, self.conv.cols);
        let hit = cols.outputs(self.v);
        let lines = if hit.is_empty() { 0..0 } else { rows.outputs(self.u) };
        let (u, v) = (self.u, self.v);
        lines.map(move |i| {
            let from = rows.at(i, u) * cols.input + cols.at(hit.start, v);
            (i * cols.output + hit.start..i * cols.output + hit.end, from)
        })
    }
}

/// The taps of the window in the order of the weights.
fn taps(conv: &Conv) -> impl Iterator<Item = Tap<'_>> {
    (0..conv.rows.kernel).flat_map(move |u| (0..conv.cols.kernel).map(move |v| Tap { conv, u, v }))
}

/// `y += weight * x`
pub(super) fn forward<E: Float>(conv: &Conv, x: &[E], weight: &[E], y: &mut [E]) {
    let stride = conv.cols.stride;
    parallel::rows(y, conv.out_plane(), |plane, y| {
        let (b, o) = (plane / conv.outputs, plane % conv.outputs);
        let x = input_plane(conv, x, b, o);
        for (tap, &w) in taps(conv).zip(&weight[o * conv.taps()..]) {
            for (out, from) in tap.rows() {
                let y = &mut y[out];
                if stride == 1 {
                    y.iter_mut().zip(&x[from..]).for_each(|(y, &x)| *y += w * x);
                } else {
                    y.iter_mut().zip(x[from..].iter().step_by(stride)).for_each(|(y, &x)| *y += w * x);
                }
            }
        }
    });
}

/// `dx += ` the convolution turned round.
pub(super) fn input_grad<E: Float>(conv: &Conv, weight: &[E], dy: &[E], dx: &mut [E]) {
    let stride = conv.cols.stride;
    parallel::rows(dx, conv.in_plane(), |plane, dx| {
        let (b, group) = (plane / conv.inputs, plane % conv.inputs);
        for o in group * conv.out_group()..(group + 1) * conv.out_group() {
            let dy = &dy[(b * conv.outputs + o) * conv.out_plane()..][..conv.out_plane()];
            for (tap, &w) in taps(conv).zip(&weight[o * conv.taps()..]) {
                for (out, from) in tap.rows() {
                    let dy = &dy[out];
                    if stride == 1 {
                        dx[from..].iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += w * dy);
                    } else {
                        dx[from..].iter_mut().step_by(stride).zip(dy).for_each(|(dx, &dy)| *dx += w * dy);
                    }
                }
            }
        }
    });
}

/// `dweight += sum over b, i, j of dy * x`
pub(super) fn weight_grad<E: Float>(conv: &Conv, x: &[E], dy: &[E], dweight: &mut [E]) {
    let stride = conv.cols.stride;
    let channel = |o: usize, dweight: &mut [E]| {
        for (tap, dw) in taps(conv).zip(dweight) {
            let mut sum = 0.0;
            for b in 0..conv.batch {
                let x = input_plane(conv, x, b, o);
                let dy = &dy[(b * conv.outputs + o) * conv.out_plane()..][..conv.out_plane()];
                let mut sums = [E::ZERO; LANES];
                for (out, from) in tap.rows() {
                    dot(&mut sums, &dy[out], &x[from..], stride);
                }
                sum += parallel::sum(&sums);
            }
            *dw += E::of(sum);
        }
    };
    parallel::channels(dweight, conv.taps(), channel);
}

/// Sums that need not wait for one another.
const LANES: usize = 8;

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
