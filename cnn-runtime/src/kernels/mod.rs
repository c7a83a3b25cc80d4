//! Reference arithmetic: slices in, slices out.
//!
//! One file or folder per operation, named as its keyword in the language. Each holds a descriptor (sizes and
//! arguments, no data) that implements [`Kernel`] for f32 and f64. Tensors are dense and row-major: maps are
//! `[batch, channel, row, column]`, vectors `[batch, channel]`. Clarity comes before speed, but the networks of
//! the zoo run at their real size. Sums of many terms are taken in f64 or by a matrix product, and their order
//! never depends on the threads: the same call on the same machine gives the same bits.
//!
//! A size that does not fit its descriptor is a mistake of the calling code, never of a user's data: it panics
//! with the operation's name and both numbers.

pub mod activation;
pub mod elementwise;
mod exp;
mod float;
mod norm;
mod parallel;
mod product;
mod wide;
pub mod window;

pub mod conv;
pub mod linear;

pub mod bn;
pub mod bn_act;
pub mod gn;
pub mod ln;
pub mod lrn;

pub mod gelu;
pub mod hsigmoid;
pub mod hswish;
pub mod leaky;
pub mod prelu;
pub mod relu;
pub mod relu6;
pub mod sigmoid;
pub mod silu;
pub mod softmax;
pub mod tanh;

pub mod cross_entropy;
pub mod optimizer;

pub mod adaptive_avgpool;
pub mod avgpool;
pub mod gap;
pub mod maxpool;

pub mod add;
pub mod affine;
pub mod concat;
pub mod drop_path;
pub mod dropout;
pub mod mul;
pub mod pad;
pub mod pad_channels;
pub mod scale;
pub mod select;
pub mod shift;
pub mod shuffle;
pub mod subsample;
pub mod upsample;
pub mod zero;

#[cfg(test)]
pub(crate) mod testing;

pub use float::Float;
pub(crate) use parallel::{sum, sum_of};
pub(crate) use wide::wide;

/// A differentiable operation `y = f(inputs)`; which inputs there are, in which order, its descriptor says.
pub trait Kernel {
    /// What [`Kernel::backward`] reads beside `dy`.
    const NEEDS: Needs;

    /// Writes every element of `y`.
    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]);

    /// Adds to `grads[i]`, as long as `inputs[i]`, the gradient of the loss with respect to that input, given `dy`,
    /// the one with respect to `y`. What [`Kernel::NEEDS`] does not name may be empty.
    fn backward<E: Float>(&self, inputs: &[&[E]], y: &[E], dy: &[E], grads: &mut [&mut [E]]);
}

/// What a backward pass reads, and therefore what has to be kept until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Only the gradient of the output.
    Nothing,
    /// The inputs.
    Inputs,
    /// The output.
    Output,
}

/// A [`Kernel`] as an object. [`Float::forward`] and [`Float::backward`] pick the element type.
///
/// The macro `object!` implements it, not a blanket: so the arithmetic is compiled here, once, with this crate's
/// optimisation, and not again in every crate that holds a network.
pub trait DynKernel: Send + Sync {
    /// [`Kernel::NEEDS`].
    fn needs(&self) -> Needs;
    /// [`Kernel::forward`] in f32.
    fn forward_f32(&self, inputs: &[&[f32]], y: &mut [f32]);
    /// [`Kernel::forward`] in f64.
    fn forward_f64(&self, inputs: &[&[f64]], y: &mut [f64]);
    /// [`Kernel::backward`] in f32.
    fn backward_f32(&self, inputs: &[&[f32]], y: &[f32], dy: &[f32], grads: &mut [&mut [f32]]);
    /// [`Kernel::backward`] in f64.
    fn backward_f64(&self, inputs: &[&[f64]], y: &[f64], dy: &[f64], grads: &mut [&mut [f64]]);
}

/// Implements [`DynKernel`] for a [`Kernel`].
macro_rules! object {
    ($kernel:ty) => {
        impl $crate::kernels::DynKernel for $kernel {
            fn needs(&self) -> $crate::kernels::Needs {
                <Self as $crate::kernels::Kernel>::NEEDS
            }
            fn forward_f32(&self, inputs: &[&[f32]], y: &mut [f32]) {
                $crate::kernels::Kernel::forward(self, inputs, y);
            }
            fn forward_f64(&self, inputs: &[&[f64]], y: &mut [f64]) {
                $crate::kernels::Kernel::forward(self, inputs, y);
            }
            fn backward_f32(&self, inputs: &[&[f32]], y: &[f32], dy: &[f32], grads: &mut [&mut [f32]]) {
                $crate::kernels::Kernel::backward(self, inputs, y, dy, grads);
            }
            fn backward_f64(&self, inputs: &[&[f64]], y: &[f64], dy: &[f64], grads: &mut [&mut [f64]]) {
                $crate::kernels::Kernel::backward(self, inputs, y, dy, grads);
            }
        }
    };
}
use object;

/// Panics unless a buffer has the length that the descriptor asks for.
#[track_caller]
pub(crate) fn expect_len(what: &str, found: usize, expected: usize) {
    assert_eq!(
        found, expected,
        "{what} has {found} elements, its sizes say {expected}; this is a bug in the calling code"
    );
}

/// Panics unless there is one buffer per input.
#[track_caller]
pub(crate) fn expect_inputs(op: &str, found: usize, expected: usize) {
    assert_eq!(found, expected, "{op} takes {expected} inputs, got {found}; this is a bug in the calling code");
}
