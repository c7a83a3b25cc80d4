//! Which kernel computes the gradient of a convolution's weights.

use super::bf16::Form;
use super::matrix_weight_gradient::MatrixGradient;
use super::outer::FewWeights;
use super::weight_gradient::WeightGradient;
use super::window_weight_gradient::WindowGradient;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::operation::ConvShape;

/// The gradient with respect to a convolution's weights.
#[derive(Clone, Debug)]
pub(in crate::engine::cpu) enum ConvWeight {
    /// Channels times vectors of filters.
    Channels(WeightGradient),
    /// Numbers under a window times vectors of filters, where channels are few.
    Window(WindowGradient),
    /// Squares of a matrix unit.
    Matrix(MatrixGradient),
    /// Of a fully connected layer on few samples.
    Few(FewWeights),
}

impl ConvWeight {
    /// For batches of so many samples.
    pub fn new(isa: Isa, form: Form, shape: &ConvShape, batch: usize) -> ConvWeight {
        match WindowGradient::new(isa, shape, batch) {
            // Its factors are f32.
            Some(window) if form == Form::Number => ConvWeight::Window(window),
            _ if form == Form::Matrix => ConvWeight::Matrix(MatrixGradient::new(shape, batch)),
            _ => ConvWeight::Channels(WeightGradient::new(isa, form, shape, batch)),
        }
    }

    /// Of a fully connected layer.
    pub fn linear(isa: Isa, inputs: usize, outputs: usize, batch: usize) -> ConvWeight {
        match FewWeights::new(isa, inputs, outputs, batch) {
            Some(few) => ConvWeight::Few(few),
            None => ConvWeight::Channels(WeightGradient::linear(isa, inputs, outputs, batch)),
        }
    }

    /// Numbers of scratch for so many threads.
    pub fn scratch(&self, lanes: usize) -> usize {
        match self {
            ConvWeight::Channels(gradient) => gradient.scratch(lanes),
            ConvWeight::Window(gradient) => gradient.scratch(lanes),
            ConvWeight::Matrix(gradient) => gradient.scratch(lanes),
            ConvWeight::Few(_) => 0,
        }
    }

    /// Adds to `dweight`, or sets it. `scratch` has [`Self::scratch`] numbers for the team.
    ///
    /// # Safety
    /// Grids have the sizes that it was made for, and no other thread touches `dweight` and `scratch` meanwhile.
    pub unsafe fn run(&self, team: &Team, x: Grid, dy: Grid, dweight: &mut [f32], onto: bool, scratch: *mut f32) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                ConvWeight::Channels(gradient) => gradient.run(team, x, dy, dweight, onto, scratch),
                ConvWeight::Window(gradient) => gradient.run(team, x, dy, dweight, onto, scratch),
                ConvWeight::Matrix(gradient) => gradient.run(team, x, dy, dweight, onto, scratch),
                ConvWeight::Few(gradient) => gradient.run(team, x, dy, dweight, onto),
            }
        }
    }
}
