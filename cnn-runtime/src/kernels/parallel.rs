//! Loops over all threads whose results do not depend on how the work was shared out.

use rayon::prelude::*;

use super::Float;

/// Below this many elements a loop is not worth waking a thread for.
const GRAIN: usize = 1 << 14;

/// `f(&mut y[i], x[i])` for every i.
pub(super) fn zip<E: Float>(y: &mut [E], x: &[E], f: impl Fn(&mut E, E) + Sync) {
    let part = |y: &mut [E], x: &[E]| y.iter_mut().zip(x).for_each(|(y, &x)| f(y, x));
    if y.len() <= GRAIN {
        return part(y, x);
    }
    y.par_chunks_mut(GRAIN).zip(x.par_chunks(GRAIN)).for_each(|(y, x)| part(y, x));
}

/// `f(&mut y[i], a[i], b[i])` for every i.
pub(super) fn zip2<E: Float>(y: &mut [E], a: &[E], b: &[E], f: impl Fn(&mut E, E, E) + Sync) {
    let part = |y: &mut [E], a: &[E], b: &[E]| {
        y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| f(y, a, b));
    };
    if y.len() <= GRAIN {
        return part(y, a, b);
    }
    y.par_chunks_mut(GRAIN).zip(a.par_chunks(GRAIN)).zip(b.par_chunks(GRAIN)).for_each(|((y, a), b)| part(y, a, b));
}

/// `f(i, part)` for the i-th run of `len` elements of `y`.
pub(super) fn rows<E: Send>(y: &mut [E], len: usize, f: impl Fn(usize, &mut [E]) + Sync) {
    if y.len() <= GRAIN / 4 {
        y.chunks_mut(len.max(1)).enumerate().for_each(|(i, y)| f(i, y));
    } else {
        y.par_chunks_mut(len.max(1)).enumerate().for_each(|(i, y)| f(i, y));
    }
}

/// The sum in f64.
pub(super) fn sum<E: Float>(x: &[E]) -> f64 {
    x.iter().map(|x| x.double()).sum()
}

/// `f(i, part)` for the i-th run of `len` elements, each of them worth a thread's time.
pub(super) fn channels<E: Send>(y: &mut [E], len: usize, f: impl Fn(usize, &mut [E]) + Sync) {
    y.par_chunks_mut(len.max(1)).enumerate().for_each(|(i, y)| f(i, y));
}
