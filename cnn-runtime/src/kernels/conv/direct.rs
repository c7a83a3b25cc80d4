//! Depthwise convolution by loops: every output channel sees one input channel, number `o / out_group`.

use super::Conv;
use super::strip::{BLOCK, MOST_TAPS, SPACE, Strip};
use crate::kernels::wide::wide;
use crate::kernels::window::{Axis, gather, scatter};
use crate::kernels::{Float, parallel};

/// The expression with `$copy` bound to zeros on the stack, this many of them: small maps shall not pay for large ones.
macro_rules! with_space {
    ($len:expr, |$copy:ident| $body:expr) => {
        match $len {
            len @ ..=512 => {
                let $copy = &mut [E::ZERO; 512][..len];
                $body
            }
            len @ ..=1536 => {
                let $copy = &mut [E::ZERO; 1536][..len];
                $body
            }
            len => {
                let $copy = &mut [E::ZERO; SPACE][..len];
                $body
            }
        }
    };
}

/// `y += weight * x` for one map; the weight's taps in reverse order if `turned`.
fn correlate<E: Float>([rows, cols]: [&Axis; 2], x: &[E], weight: &[E], turned: bool, y: &mut [E]) {
    let at = |tap: usize| weight[if turned { weight.len() - 1 - tap } else { tap }];
    match Strip::new(rows, cols) {
        Some(strip) => {
            let mut weights = [E::ZERO; MOST_TAPS];
            let weights = &mut weights[..weight.len()];
            weights.iter_mut().enumerate().for_each(|(tap, to)| *to = at(tap));
            with_space!(strip.len(), |copy| wide(|| by_blocks(&strip, x, weights, copy, y, cols.output)));
        }
        None => by_taps([rows, cols], x, at, y),
    }
}

/// All taps of a block of outputs at once.
#[inline(always)]
fn by_blocks<E: Float>(strip: &Strip, x: &[E], weights: &[E], copy: &mut [E], y: &mut [E], width: usize) {
    for (n, y) in y.chunks_mut(strip.outputs * width).enumerate() {
        strip.fill(x, n * strip.outputs, copy);
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            for (n, y) in y.chunks_mut(BLOCK).enumerate() {
                let mut sums = [E::ZERO; BLOCK];
                for (tap, &w) in weights.iter().enumerate() {
                    let x = strip.block(copy, tap, i, n * BLOCK);
                    sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += w * x);
                }
                y.iter_mut().zip(&sums).for_each(|(y, &sum)| *y += sum);
            }
        }
    }
}

/// Tap by tap along each row of outputs, for windows and maps of any size.
fn by_taps<E: Float>([rows, cols]: [&Axis; 2], x: &[E], weight: impl Fn(usize) -> E, y: &mut [E]) {
    for (i, y) in y.chunks_exact_mut(cols.output).enumerate() {
        for u in rows.taps(i) {
            let line = &x[rows.at(i, u) * cols.input..][..cols.input];
            for v in 0..cols.kernel {
                let (hit, w) = (cols.outputs(v), weight(u * cols.kernel + v));
                if !hit.is_empty() {
                    let x = &line[cols.at(hit.start, v)..];
                    gather(&mut y[hit], x, cols.stride, |y, &x| *y += w * x);
                }
            }
        }
    }
}

/// `y += weight * x`
pub(super) fn forward<E: Float>(conv: &Conv, x: &[E], weight: &[E], y: &mut [E]) {
    parallel::rows(y, conv.out_plane(), |plane, y| {
        let (b, o) = (plane / conv.outputs, plane % conv.outputs);
        let weight = &weight[o * conv.taps()..][..conv.taps()];
        correlate([&conv.rows, &conv.cols], input_plane(conv, x, b, o), weight, false, y);
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
                Some((rows, cols)) => correlate([rows, cols], dy, weight, true, dx),
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
    let strip = Strip::new(&conv.rows, &conv.cols);
    parallel::channels(dweight, conv.taps(), |o, dweight| match &strip {
        Some(strip) => with_space!(strip.len(), |copy| wide(|| sums_by_blocks(conv, strip, x, dy, o, copy, dweight))),
        None => {
            for (tap, dw) in dweight.iter_mut().enumerate() {
                *dw += tap_sum(conv, x, dy, o, tap / conv.cols.kernel, tap % conv.cols.kernel);
            }
        }
    });
}

/// The gradients of one channel's weights, all taps at once for a block of outputs.
#[inline(always)]
fn sums_by_blocks<E: Float>(
    conv: &Conv,
    strip: &Strip,
    x: &[E],
    dy: &[E],
    o: usize,
    copy: &mut [E],
    dweight: &mut [E],
) {
    let width = conv.cols.output;
    let mut totals = [0.0; MOST_TAPS];
    for b in 0..conv.batch {
        let mut sums = [[E::ZERO; BLOCK]; MOST_TAPS];
        let sums = &mut sums[..dweight.len()];
        let x = input_plane(conv, x, b, o);
        let dy = &dy[(b * conv.outputs + o) * conv.out_plane()..][..conv.out_plane()];
        for (n, dy) in dy.chunks(strip.outputs * width).enumerate() {
            strip.fill(x, n * strip.outputs, copy);
            for (i, dy) in dy.chunks_exact(width).enumerate() {
                for (n, dy) in dy.chunks(BLOCK).enumerate() {
                    let mut block = [E::ZERO; BLOCK];
                    block[..dy.len()].copy_from_slice(dy);
                    for (tap, sums) in sums.iter_mut().enumerate() {
                        let x = strip.block(copy, tap, i, n * BLOCK);
                        sums.iter_mut().zip(block.iter().zip(x)).for_each(|(sum, (&dy, &x))| *sum += dy * x);
                    }
                }
            }
        }
        for (total, sums) in totals.iter_mut().zip(&*sums) {
            *total += sums.iter().map(|sum| sum.double()).sum::<f64>();
        }
    }
    dweight.iter_mut().zip(totals).for_each(|(dw, total)| *dw += E::of(total));
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
