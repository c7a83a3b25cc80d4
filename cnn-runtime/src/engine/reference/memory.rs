//! The memory of a run, and tensors in it.
//!
//! A plan's operands are addresses in one arena that overlap in time, not in space. Rust cannot see that, so slices are made
//! from raw pointers here, and nowhere else. [`verify`](crate::engine::verify) has shown for every step that its operands lie
//! inside of their memory and that its outputs meet neither each other nor its workspace nor an input, except the one that the
//! plan names: that one kernels take from the output.

use std::marker::PhantomData;
use std::sync::Arc;

use rayon::prelude::*;

use super::Number;
use crate::engine::error::EngineError;
use crate::engine::memory::ALIGNMENT;
use crate::engine::plan::{Operand, Plan, Source};
use crate::engine::program::Extent;
use crate::engine::session::elements;
use crate::kernels::bn_act::Samples;

/// Zeros on whole cache lines.
pub(super) struct Block<E> {
    /// Longer than `len`, so that a cache line begins in it early enough.
    numbers: Vec<E>,
    first: usize,
    len: usize,
}

impl<E: Number> Block<E> {
    pub fn new(what: &'static str, len: usize) -> Result<Self, EngineError> {
        let slack = ALIGNMENT / size_of::<E>();
        let failed = || EngineError::Memory { what, bytes: len.saturating_mul(size_of::<E>()) };
        let padded = if len == 0 { 0 } else { len.checked_add(slack).ok_or_else(failed)? };
        // Asked for first, because `vec!` knows no failure; taken as zeros by `vec!`, which leaves pages untouched until they
        // are used.
        Vec::<E>::new().try_reserve_exact(padded).map_err(|_| failed())?;
        let numbers = vec![E::ZERO; padded];
        let first = numbers.as_ptr().align_offset(ALIGNMENT).min(padded - len);
        Ok(Block { numbers, first, len })
    }

    fn get(&self) -> &[E] {
        &self.numbers[self.first..self.first + self.len]
    }

    fn get_mut(&mut self) -> &mut [E] {
        &mut self.numbers[self.first..self.first + self.len]
    }
}

/// Many tensors one behind the other, each on its own cache lines.
pub(super) struct Tensors<E> {
    block: Block<E>,
    /// Where each begins, and where the last one ends.
    at: Vec<usize>,
    lens: Vec<usize>,
}

impl<E: Number> Tensors<E> {
    pub fn new(what: &'static str, lens: Vec<usize>) -> Result<Self, EngineError> {
        let mut at = vec![0];
        for len in &lens {
            let bytes = (len * size_of::<E>()).next_multiple_of(ALIGNMENT);
            at.push(at[at.len() - 1] + bytes / size_of::<E>());
        }
        Ok(Tensors { block: Block::new(what, at[at.len() - 1])?, at, lens })
    }

    /// The numbers of constants, in order.
    pub fn of(what: &'static str, values: Vec<Vec<E>>) -> Result<Self, EngineError> {
        let mut tensors = Tensors::new(what, values.iter().map(Vec::len).collect())?;
        for (index, values) in values.into_iter().enumerate() {
            tensors.get_mut(index).copy_from_slice(&values);
        }
        Ok(tensors)
    }

    pub fn get(&self, index: usize) -> &[E] {
        &self.block.get()[self.at[index]..][..self.lens[index]]
    }

    pub fn get_mut(&mut self, index: usize) -> &mut [E] {
        &mut self.block.get_mut()[self.at[index]..][..self.lens[index]]
    }
}

/// Everything that operands may point into.
pub(super) struct Memory<E> {
    arena: Block<E>,
    pub states: Tensors<E>,
    pub constants: Arc<Tensors<E>>,
}

impl<E: Number> Memory<E> {
    pub fn new(plan: &Plan, constants: Arc<Tensors<E>>) -> Result<Self, EngineError> {
        let arena = Block::new("the arena of a plan", plan.arena / size_of::<E>())?;
        let lens = plan.states.iter().map(|state| state.elements).collect();
        Ok(Memory { arena, states: Tensors::new("the state of a training", lens)?, constants })
    }

    /// Bytes in use; the part of a line that alignment may cost is not counted.
    pub fn bytes(&self) -> usize {
        (self.arena.len + self.states.block.len + self.constants.block.len) * size_of::<E>()
    }

    /// What steps work on, for so many samples.
    pub fn access<'a>(&'a mut self, images: &'a [E], samples: usize) -> Access<'a, E> {
        Access {
            arena: self.arena.get_mut().as_mut_ptr(),
            states: self.states.block.get_mut().as_mut_ptr(),
            state_at: &self.states.at,
            state_lens: &self.states.lens,
            constants: &self.constants,
            images,
            samples,
        }
    }

    /// An operand of the arena after a run.
    pub fn read(&self, operand: Operand, samples: usize, values: &mut [E]) {
        let len = elements(operand.extent);
        let source = match operand.source {
            Source::Arena(byte) => &self.arena.get()[byte / size_of::<E>()..],
            Source::State(index) => self.states.get(index),
            Source::Constant(index) => self.constants.get(index),
            Source::Input => return,
        };
        let samples = if matches!(operand.extent, Extent::Batch(_)) { samples } else { 1 };
        for (sample, values) in values.chunks_exact_mut(len.max(1)).take(samples).enumerate() {
            let at = sample * operand.stride + operand.offset;
            values.copy_from_slice(&source[at..at + len]);
        }
    }
}

/// Pointers into a [`Memory`] that nobody else can reach meanwhile.
pub(super) struct Access<'a, E> {
    arena: *mut E,
    states: *mut E,
    state_at: &'a [usize],
    state_lens: &'a [usize],
    constants: &'a Tensors<E>,
    images: &'a [E],
    pub samples: usize,
}

// SAFETY: the memory behind the pointers is borrowed for 'a, as if the slices themselves were here.
unsafe impl<E: Send> Send for Access<'_, E> {}

impl<'a, E: Number> Access<'a, E> {
    fn start(&self, operand: Operand) -> *mut E {
        // SAFETY: `verify` has shown that the operand lies inside of its memory.
        unsafe {
            match operand.source {
                Source::Arena(byte) => self.arena.add(byte / size_of::<E>() + operand.offset),
                Source::State(index) => self.states.add(self.state_at[index] + operand.offset),
                Source::Constant(index) => self.constants.get(index).as_ptr().cast_mut().add(operand.offset),
                Source::Input => self.images.as_ptr().cast_mut().add(operand.offset),
            }
        }
    }

    fn samples_of(&self, operand: Operand) -> usize {
        if matches!(operand.extent, Extent::Batch(_)) { self.samples } else { 1 }
    }

    /// A tensor to read.
    pub fn view(&self, operand: Operand) -> View<'a, E> {
        let (start, samples) = (self.start(operand), self.samples_of(operand));
        View { start, stride: operand.stride, len: elements(operand.extent), samples, life: PhantomData }
    }

    /// A tensor to write. Of a step, outputs only.
    pub fn view_mut(&self, operand: Operand) -> ViewMut<'a, E> {
        ViewMut(self.view(operand))
    }

    /// A state to change. Of a step, each of its changes once.
    pub fn state(&self, index: usize) -> &'a mut [E] {
        // SAFETY: states lie apart; a step changes each of them once and reads it only through this slice.
        unsafe { std::slice::from_raw_parts_mut(self.states.add(self.state_at[index]), self.state_lens[index]) }
    }

    /// Scratch, if the step has any. Once for each step.
    pub fn workspace(&self, workspace: Option<(usize, usize)>) -> &'a mut [E] {
        let Some((byte, len)) = workspace else { return &mut [] };
        // SAFETY: `verify` has shown that it lies inside of the arena and meets no operand of the step.
        unsafe { std::slice::from_raw_parts_mut(self.arena.add(byte / size_of::<E>()), len / size_of::<E>()) }
    }
}

/// A tensor to read: samples of `len` numbers each, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct View<'a, E> {
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
pub(super) struct ViewMut<'a, E>(View<'a, E>);

impl<'a, E: Number> ViewMut<'a, E> {
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
