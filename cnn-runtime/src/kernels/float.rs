use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use super::DynKernel;
use super::exp;
use super::product::{self, Tile};

/// An element type of the kernels: f32 or f64.
pub trait Float:
    Copy
    + Default
    + Debug
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + 'static
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// The identity of max.
    const NEG_INFINITY: Self;

    /// The nearest value of this type.
    fn of(value: f64) -> Self;
    /// The same value in f64.
    fn double(self) -> f64;
    /// e^x
    fn exp(self) -> Self;
    /// The square root
    fn sqrt(self) -> Self;
    /// tanh x
    fn tanh(self) -> Self;
    /// 1 - erf x, without cancellation
    fn erfc(self) -> Self;

    /// The fastest block of a product of matrices that this processor runs.
    #[doc(hidden)]
    fn tile() -> Tile<Self>;

    /// [`Kernel::forward`](super::Kernel::forward) in this type.
    fn forward(kernel: &dyn DynKernel, inputs: &[&[Self]], y: &mut [Self]);
    /// [`Kernel::backward`](super::Kernel::backward) in this type.
    fn backward(kernel: &dyn DynKernel, inputs: &[&[Self]], y: &[Self], dy: &[Self], grads: &mut [&mut [Self]]);
}

macro_rules! float {
    ($type:ident, $exp:path, $tanh:path, $erfc:path, $tiles:path, $forward:ident, $backward:ident) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $type::NEG_INFINITY;

            fn of(value: f64) -> Self {
                value as $type
            }
            fn double(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            fn erfc(self) -> Self {
                $erfc(self)
            }
            fn tile() -> Tile<Self> {
                $tiles().next().unwrap_or_else(Tile::portable)
            }

            fn forward(kernel: &dyn DynKernel, inputs: &[&[Self]], y: &mut [Self]) {
                kernel.$forward(inputs, y);
            }
            fn backward(
                kernel: &dyn DynKernel,
                inputs: &[&[Self]],
                y: &[Self],
                dy: &[Self],
                grads: &mut [&mut [Self]],
            ) {
                kernel.$backward(inputs, y, dy, grads);
            }
        }
    };
}

float!(f32, exp::exp, exp::tanh, libm::erfcf, product::f32_tiles, forward_f32, backward_f32);
float!(f64, f64::exp, f64::tanh, libm::erfc, product::f64_tiles, forward_f64, backward_f64);
