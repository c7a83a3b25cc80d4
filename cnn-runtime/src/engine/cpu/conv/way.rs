//! Which kernel computes a convolution, forward or back to its input.

use std::ops::Range;

use super::bf16::Form;
use super::direct::Direct;
use super::planar::Planar;
use super::view::View;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::operation::{Activation, ConvShape};

/// What a result is added to.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu) enum Onto {
    Nothing,
    /// What is there.
    Itself,
    Other(Grid),
}

impl Onto {
    /// Whether there is anything to add to.
    pub fn is_some(self) -> bool {
        !matches!(self, Onto::Nothing)
    }

    /// Where it lies, `y` being the output.
    pub(super) fn grid(self, y: Grid) -> Option<Grid> {
        match self {
            Onto::Nothing => None,
            Onto::Itself => Some(y),
            Onto::Other(other) => Some(other),
        }
    }
}

/// A convolution, or one phase of the way back to its input.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) enum Conv {
    /// Vectors of filters.
    Direct(Direct),
    /// Vectors of pixels, where filters are few.
    Planar(Planar),
}

impl Conv {
    /// The convolution itself.
    pub fn forward(isa: Isa, form: Form, shape: &ConvShape) -> Conv {
        Conv::new(isa, form, View::forward(shape))
    }

    /// From gradients of the output to those of the input: one convolution for each phase of the strides.
    pub fn backward(isa: Isa, form: Form, shape: &ConvShape) -> Vec<Conv> {
        View::backward(shape).into_iter().map(|view| Conv::new(isa, form, view)).collect()
    }

    /// A fully connected layer on so many samples: each is a pixel.
    pub fn linear(isa: Isa, form: Form, channels: [usize; 2], batch: usize, backward: bool) -> Conv {
        Conv::Direct(Direct::new(isa, form, View::linear(channels, batch, backward)))
    }

    fn new(isa: Isa, form: Form, view: View) -> Conv {
        match Planar::new(isa, &view) {
            // Its factors are f32.
            Some(planar) if form == Form::Number => Conv::Planar(planar),
            _ => Conv::Direct(Direct::new(isa, form, view)),
        }
    }

    /// Numbers of the packed filters.
    pub fn filters(&self) -> usize {
        match self {
            Conv::Direct(direct) => direct.filters(),
            Conv::Planar(planar) => planar.filters(),
        }
    }

    /// Parts in which filters may be packed.
    pub fn chunks(&self) -> Range<usize> {
        match self {
            Conv::Direct(direct) => direct.chunks(),
            Conv::Planar(_) => 0..1,
        }
    }

    /// Parts in which a weight can be packed one after the other, about so many numbers of it each: tiles of filters, and the
    /// weight's numbers that they hold.
    pub fn parts(&self, most: usize) -> Vec<(Range<usize>, Range<usize>)> {
        match self {
            Conv::Direct(direct) => direct.parts(most),
            Conv::Planar(planar) => vec![(0..1, 0..planar.weights())],
        }
    }

    /// Packs one of the [parts](Self::parts) of a weight, which is all that `weight` holds, to its place in `to`.
    pub fn pack_part(&self, team: &Team, weight: &[f32], chunks: Range<usize>, to: &mut [f32]) {
        match self {
            Conv::Direct(direct) => direct.pack_part(team, weight, chunks, to),
            Conv::Planar(planar) => planar.pack(weight, to),
        }
    }

    /// How many parts of the filters are packed at a time so that they take about so many numbers, and how many they take.
    pub fn filters_at_once(&self, most: usize) -> (usize, usize) {
        match self {
            Conv::Direct(direct) => direct.filters_at_once(most),
            Conv::Planar(planar) => (1, planar.filters()),
        }
    }

    /// Packs some parts of the filters.
    pub fn pack(&self, team: &Team, weight: &[f32], chunks: Range<usize>, to: &mut [f32]) {
        match self {
            Conv::Direct(direct) => direct.pack(team, weight, chunks, to),
            Conv::Planar(planar) => planar.pack(weight, to),
        }
    }

    /// Numbers of scratch that a thread wants.
    pub fn scratch(&self) -> usize {
        match self {
            Conv::Direct(direct) => direct.scratch(),
            Conv::Planar(planar) => planar.scratch(),
        }
    }

    /// Computes the outputs of some parts of the filters. `scratch` has [`Self::scratch`] numbers for each thread, one after the
    /// other.
    ///
    /// # Safety
    /// Grids have the sizes that the convolution was made for, filters are what [`Self::pack`] made, bias has a number for each
    /// filter or is null, and no other thread touches outputs and scratch meanwhile.
    #[allow(clippy::too_many_arguments, reason = "operands of one computation")]
    pub unsafe fn run(
        &self,
        team: &Team,
        x: Grid,
        filters: *const f32,
        chunks: Range<usize>,
        bias: *const f32,
        onto: Onto,
        y: Grid,
        activation: Option<Activation>,
        scratch: *mut f32,
    ) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Conv::Direct(direct) => direct.run(team, x, filters, chunks, bias, onto, y, activation, scratch),
                Conv::Planar(planar) => planar.run(team, x, filters, bias, onto, y, activation, scratch),
            }
        }
    }
}
