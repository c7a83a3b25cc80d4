//! Tensors in a run's memory: samples of dense numbers, some way apart.

use std::marker::PhantomData;

use rayon::prelude::*;

use crate::engine::reference::Number;
use crate::kernels::bn_act::Samples;

/// A tensor to read: samples of `len` numbers each, `stride` apart.
#[derive(Clone, Copy)]
pub(in crate::engine) struct View<'a, E> {
    start: *mut E,
    stride: usize,
    pub len: usize,
    pub samples: usize,
    life: PhantomData<&'a E>,
}

// SAFETY: a view is a shared slice with gaps.
unsafe impl<E: Sync> Sync for View<'_, E> {}
// SAFETY: as above.
unsafe impl<E: Sync> Send for View<'_, E> {}

impl<'a, E: Number> View<'a, E> {
    /// `samples` runs of `len` numbers, the first at `start`, one every `stride`.
    ///
    /// # Safety
    /// They are numbers of a memory that is borrowed for `'a`; none of them is written while a slice of this view lives, but by
    /// a [`ViewMut`] made of it.
    pub unsafe fn new(start: *mut E, stride: usize, len: usize, samples: usize) -> Self {
        View { start, stride, len, samples, life: PhantomData }
    }

    pub fn is_dense(&self) -> bool {
        self.samples == 1 || self.stride == self.len
    }

    /// One sample.
    pub fn sample(&self, sample: usize) -> &'a [E] {
        assert!(sample < self.samples);
        // SAFETY: inside of its memory, and no step writes what it reads but through the output that replaces it.
        unsafe { std::slice::from_raw_parts(self.start.add(sample * self.stride), self.len) }
    }

    /// All of a dense one.
    pub fn all(&self) -> &'a [E] {
        assert!(self.is_dense());
        // SAFETY: as in `sample`; dense samples follow each other.
        unsafe { std::slice::from_raw_parts(self.start, self.samples * self.len) }
    }

    /// From the first number to the last, what lies between samples included. Of a step that takes whole spans only.
    pub fn span(&self) -> Samples<&'a [E]> {
        // SAFETY: as in `sample`; `verify` lets no output of such a step into the gaps.
        let data = unsafe { std::slice::from_raw_parts(self.start, self.reach()) };
        Samples { data, stride: self.stride }
    }

    fn reach(&self) -> usize {
        self.samples.saturating_sub(1) * self.stride + self.len
    }

    /// Numbers `index * len` and on of a sample.
    pub fn plane(&self, sample: usize, index: usize, len: usize) -> &'a [E] {
        &self.sample(sample)[index * len..(index + 1) * len]
    }
}

/// Below this many numbers a loop is not worth waking a thread for.
const GRAIN: usize = 1 << 14;

/// A tensor to write.
pub(in crate::engine) struct ViewMut<'a, E>(View<'a, E>);

impl<'a, E: Number> ViewMut<'a, E> {
    /// Of an output, which nothing else of its step meets.
    pub fn of(view: View<'a, E>) -> Self {
        ViewMut(view)
    }

    pub fn is_dense(&self) -> bool {
        self.0.is_dense()
    }

    pub fn samples(&self) -> usize {
        self.0.samples
    }

    pub fn len(&self) -> usize {
        self.0.len
    }

    pub fn sample(&mut self, sample: usize) -> &mut [E] {
        assert!(sample < self.0.samples);
        // SAFETY: inside of its memory; no other view of the step meets it, and `self` is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.0.start.add(sample * self.0.stride), self.0.len) }
    }

    pub fn all(&mut self) -> &mut [E] {
        assert!(self.is_dense());
        // SAFETY: as in `sample`; dense samples follow each other.
        unsafe { std::slice::from_raw_parts_mut(self.0.start, self.0.samples * self.0.len) }
    }

    /// From the first number to the last, what lies between samples included. Of a step that takes whole spans only.
    pub fn span(&mut self) -> Samples<&mut [E]> {
        // SAFETY: as in `sample`; `verify` lets no other operand of such a step into the gaps.
        let data = unsafe { std::slice::from_raw_parts_mut(self.0.start, self.0.reach()) };
        Samples { data, stride: self.0.stride }
    }

    /// `f(sample, index, numbers)` for every run of `len` numbers of every sample, on all threads.
    pub fn each(&mut self, len: usize, f: impl Fn(usize, usize, &mut [E]) + Sync) {
        let View { start, stride, len: all, samples, .. } = self.0;
        let len = len.clamp(1, all.max(1));
        let runs = all.div_ceil(len);
        let start = Start(start);
        let run = |i: usize| {
            let (sample, index) = (i / runs, i % runs);
            let at = index * len;
            // SAFETY: as in `sample`; different `i` give different numbers.
            let numbers =
                unsafe { std::slice::from_raw_parts_mut(start.get().add(sample * stride + at), len.min(all - at)) };
            f(sample, index, numbers);
        };
        if all * samples <= GRAIN {
            (0..samples * runs).for_each(run);
        } else {
            (0..samples * runs).into_par_iter().with_min_len((GRAIN / 4).div_ceil(len)).for_each(run);
        }
    }

    /// [`ViewMut::each`] in runs of a size that suits threads.
    pub fn each_run(&mut self, f: impl Fn(usize, std::ops::Range<usize>, &mut [E]) + Sync) {
        self.each(GRAIN, |sample, index, numbers| {
            f(sample, index * GRAIN..index * GRAIN + numbers.len(), numbers);
        });
    }

    /// Copies a tensor of the same size here.
    pub fn copy(&mut self, from: View<E>) {
        self.each_run(|sample, range, numbers| numbers.copy_from_slice(&from.sample(sample)[range]));
    }

    pub fn fill(&mut self, value: E) {
        self.each_run(|_, _, numbers| numbers.fill(value));
    }
}

/// A pointer that threads share; they write different numbers behind it.
#[derive(Clone, Copy)]
struct Start<E>(*mut E);

impl<E> Start<E> {
    fn get(self) -> *mut E {
        self.0
    }
}

// SAFETY: see `ViewMut::each`.
unsafe impl<E: Send> Sync for Start<E> {}
// SAFETY: see `ViewMut::each`.
unsafe impl<E: Send> Send for Start<E> {}
