//! Loops over all threads whose results do not depend on how the work was shared out.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::Float;
use super::wide::wide;

/// Below this many elements a loop is not worth waking a thread for.
const GRAIN: usize = 1 << 14;

/// `f(&mut y[i], x[i])` for every i.
pub(super) fn zip<E: Float>(y: &mut [E], x: &[E], f: impl Fn(&mut E, E) + Sync) {
    let part = |y: &mut [E], x: &[E]| wide(|| y.iter_mut().zip(x).for_each(|(y, &x)| f(y, x)));
    if y.len() <= GRAIN {
        return part(y, x);
    }
    y.par_chunks_mut(GRAIN).zip(x.par_chunks(GRAIN)).for_each(|(y, x)| part(y, x));
}

/// `f(&mut y[i], a[i], b[i])` for every i.
pub(super) fn zip2<E: Float>(y: &mut [E], a: &[E], b: &[E], f: impl Fn(&mut E, E, E) + Sync) {
    let part = |y: &mut [E], a: &[E], b: &[E]| {
        wide(|| y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| f(y, a, b)));
    };
    if y.len() <= GRAIN {
        return part(y, a, b);
    }
    y.par_chunks_mut(GRAIN).zip(a.par_chunks(GRAIN)).zip(b.par_chunks(GRAIN)).for_each(|((y, a), b)| part(y, a, b));
}

/// `f(i, part)` for the i-th run of `len` elements of `y`.
pub(super) fn rows<E: Send>(y: &mut [E], len: usize, f: impl Fn(usize, &mut [E]) + Sync) {
    let len = len.max(1);
    if y.len() <= GRAIN / 4 {
        y.chunks_mut(len).enumerate().for_each(|(i, y)| f(i, y));
    } else {
        y.par_chunks_mut(len).enumerate().with_min_len((GRAIN / 4).div_ceil(len)).for_each(|(i, y)| f(i, y));
    }
}

/// `f(first, part)` for runs of elements of `y`, the first of them number `first`, each element made of `cost` others.
pub(super) fn groups<E: Send>(y: &mut [E], cost: usize, f: impl Fn(usize, &mut [E]) + Sync) {
    let len = (GRAIN / 2).div_ceil(cost.max(1));
    if y.len() <= len {
        f(0, y);
    } else {
        y.par_chunks_mut(len).enumerate().for_each(|(i, y)| f(i * len, y));
    }
}

/// The sum in f64, of sixteen sums that need not wait for one another.
pub(crate) fn sum<E: Float>(x: &[E]) -> f64 {
    sum_of(x, x, |x, _| x.double())
}

/// The sum of `f(a[i], b[i])`, as [`sum`]'s.
pub(crate) fn sum_of<E: Float>(a: &[E], b: &[E], f: impl Fn(E, E) -> f64) -> f64 {
    const LANES: usize = 16;
    wide(|| {
        let mut sums = [0.0; LANES];
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
        }
        sums.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
        sums.iter().sum()
    })
}

/// `f(i, part)` for the i-th run of `len` elements, each of them worth a thread's time.
pub(super) fn channels<E: Send>(y: &mut [E], len: usize, f: impl Fn(usize, &mut [E]) + Sync) {
    y.par_chunks_mut(len.max(1)).enumerate().for_each(|(i, y)| f(i, y));
}

/// Runs `f(task, buffer)` for every task below `count`, each thread with a buffer of its own: `lane` elements of
/// `workspace`, which holds at least one. Which thread takes which task is left to chance, so no result may depend on it.
pub(super) fn tasks<E: Float>(count: usize, lane: usize, workspace: &mut [E], f: impl Fn(usize, &mut [E]) + Sync) {
    assert!(
        workspace.len() >= lane,
        "the workspace has {} elements, {lane} are the least; this is a bug in the calling code",
        workspace.len()
    );
    let next = AtomicUsize::new(0);
    let work = |buffer: &mut [E]| {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= count {
                break;
            }
            f(task, buffer);
        }
    };
    let lanes = (workspace.len() / lane).min(count);
    if lanes <= 1 {
        return work(&mut workspace[..lane]);
    }
    workspace[..lanes * lane].par_chunks_exact_mut(lane).with_max_len(1).for_each(work);
}

/// A slice that several threads write, each its own elements.
pub(super) struct Shared<'a, E> {
    start: *mut E,
    len: usize,
    slice: PhantomData<&'a mut [E]>,
}

// SAFETY: elements are reached through `part` alone, whose callers keep threads apart.
unsafe impl<E: Send> Sync for Shared<'_, E> {}

impl<'a, E> Shared<'a, E> {
    pub fn new(slice: &'a mut [E]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// These elements.
    ///
    /// # Safety
    /// While the part lives, no other one that shares an element with it does.
    #[allow(clippy::mut_from_ref, reason = "that parts are apart is the caller's promise")]
    pub unsafe fn part(&self, start: usize, len: usize) -> &mut [E] {
        assert!(start <= self.len && len <= self.len - start, "{start} and {len} more are not within {}", self.len);
        // SAFETY: the elements lie in the slice that `new` borrowed; the caller keeps parts apart.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
