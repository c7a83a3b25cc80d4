//! The memory of a run, and the addresses in it.
//!
//! A plan's operands are addresses in one arena that overlap in time, not in space. Rust cannot see that, so slices are made
//! from raw pointers here and in `view`, and nowhere else. [`verify`](crate::engine::verify) has shown for every step that its operands lie
//! inside of their memory and that its outputs meet neither each other nor its workspace nor an input, except those that the
//! plan says they replace. Kernels take these from the output, or have read them before they write.

use std::sync::Arc;

use super::view::{View, ViewMut};
use crate::engine::error::EngineError;
use crate::engine::memory::ALIGNMENT;
use crate::engine::plan::{Operand, Plan, Source};
use crate::engine::program::Extent;
use crate::engine::reference::Number;
use crate::engine::session::elements;

/// Zeros on whole cache lines.
pub(in crate::engine) struct Block<E> {
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
        want_large_pages(numbers.as_ptr().addr(), padded * size_of::<E>());
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

/// A large page of memory.
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

/// Asks the system for large pages where there is room for them: weights and activations are read from end to end, and every
/// page is a look-up.
fn want_large_pages(start: usize, bytes: usize) {
    #[cfg(target_os = "linux")]
    {
        let first = start.next_multiple_of(LARGE_PAGE);
        let len = (start + bytes).saturating_sub(first) / LARGE_PAGE * LARGE_PAGE;
        if len > 0 && !cfg!(miri) {
            // SAFETY: advice about whole pages within an allocation; it changes no contents, and no answer is needed.
            unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(first), len, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}

/// Many tensors one behind the other, each on its own cache lines.
pub(in crate::engine) struct Tensors<E> {
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

    pub fn get(&self, index: usize) -> &[E] {
        &self.block.get()[self.at[index]..][..self.lens[index]]
    }

    pub fn get_mut(&mut self, index: usize) -> &mut [E] {
        &mut self.block.get_mut()[self.at[index]..][..self.lens[index]]
    }
}

/// Everything that operands may point into.
pub(in crate::engine) struct Memory<E> {
    arena: Block<E>,
    pub states: Tensors<E>,
    pub constants: Arc<Tensors<E>>,
}

impl<E: Number> Memory<E> {
    /// All of it zeros.
    pub fn new(plan: &Plan) -> Result<Self, EngineError> {
        Memory::sharing(plan, Arc::new(Memory::no_constants(plan)?))
    }

    /// Zeros as well, with these constants.
    pub fn sharing(plan: &Plan, constants: Arc<Tensors<E>>) -> Result<Self, EngineError> {
        let arena = Block::new("the arena (a smaller batch has a smaller one)", plan.arena / size_of::<E>())?;
        let lens = plan.states.iter().map(|state| state.elements).collect();
        Ok(Memory { arena, states: Tensors::new("the state of a training", lens)?, constants })
    }

    /// Room for the constants of a plan.
    fn no_constants(plan: &Plan) -> Result<Tensors<E>, EngineError> {
        Tensors::new("the weights of a session", plan.constants.iter().map(|constant| constant.stored).collect())
    }

    /// Lets `fill` set constant after constant: in place unless another memory has them too.
    pub fn set_constants(
        &mut self,
        plan: &Plan,
        mut fill: impl FnMut(usize, &mut [E]) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let mut all = |constants: &mut Tensors<E>| {
            (0..plan.constants.len()).try_for_each(|index| fill(index, constants.get_mut(index)))
        };
        if let Some(own) = Arc::get_mut(&mut self.constants) {
            return all(own);
        }
        let mut others = Memory::no_constants(plan)?;
        all(&mut others)?;
        self.constants = Arc::new(others);
        Ok(())
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

    /// Where an operand begins after a run.
    pub fn address(&self, operand: Operand) -> *mut E {
        let start = match operand.source {
            Source::Arena(byte) => &self.arena.get()[byte / size_of::<E>()..],
            Source::State(index) => self.states.get(index),
            Source::Constant(index) => self.constants.get(index),
            Source::Input => &[],
        };
        start[operand.offset..].as_ptr().cast_mut()
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
pub(in crate::engine) struct Access<'a, E> {
    arena: *mut E,
    states: *mut E,
    state_at: &'a [usize],
    state_lens: &'a [usize],
    constants: &'a Tensors<E>,
    images: &'a [E],
    pub samples: usize,
}

// SAFETY: the memory behind the pointers is borrowed for 'a, as if the slices themselves were here.
unsafe impl<E: Send + Sync> Send for Access<'_, E> {}

impl<'a, E: Number> Access<'a, E> {
    /// The address of a tensor's first number.
    pub fn start(&self, operand: Operand) -> *mut E {
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

    /// How many samples it has now.
    pub fn samples_of(&self, operand: Operand) -> usize {
        if matches!(operand.extent, Extent::Batch(_)) { self.samples } else { 1 }
    }

    /// A tensor to read.
    pub fn view(&self, operand: Operand) -> View<'a, E> {
        let (start, samples) = (self.start(operand), self.samples_of(operand));
        // SAFETY: `verify` has shown that the samples lie inside of their memory, and which outputs may meet them.
        unsafe { View::new(start, operand.stride, elements(operand.extent), samples) }
    }

    /// A tensor to write. Of a step, outputs only.
    pub fn view_mut(&self, operand: Operand) -> ViewMut<'a, E> {
        ViewMut::of(self.view(operand))
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
