//! Modules of users inside networks.

/// What a network counts of a user's module, `custom path(args) @ size`.
///
/// The module is a type `path<args…, E, D>` that is a dfdx module like any other: `TensorCollection<E, D>` for any
/// `E: Dtype, D: Device<E>`, `Module` and `ModuleMut` from a tensor of the size that arrives to one of the size behind `@`
/// (without it: the same size), for any batch dimension, with `Error = D::Err`. `Input` is that tensor without a tape,
/// so costs may depend on its size.
///
/// ```
/// use cnn_runtime::prelude::*;
/// use cnn_runtime::{Custom, Device, ModuleVisitor, TensorCollection, network};
///
/// /// Multiplies by two.
/// #[derive(Clone, Debug, Default)]
/// pub struct Double<E, D>(std::marker::PhantomData<(E, D)>);
///
/// impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Double<E, D> {
///     type To<E2: Dtype, D2: Device<E2>> = Double<E2, D2>;
///     fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
///         visitor.visit_fields((), |()| Double(Default::default()))
///     }
/// }
/// impl<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>> Module<Tensor<S, E, D, T>> for Double<E, D> {
///     type Output = Tensor<S, E, D, T>;
///     type Error = D::Err;
///     fn try_forward(&self, x: Tensor<S, E, D, T>) -> Result<Self::Output, D::Err> {
///         x.try_mul(E::ONE + E::ONE)
///     }
/// }
/// impl<E: Dtype, D: Device<E>> NonMutableModule for Double<E, D> {}
/// impl<E, D, Input> Custom<Input> for Double<E, D> {
///     const PARAMS: u64 = 0;
/// }
///
/// network! { pub Twice: 1x4x4 -> 1; head conv(1, 4) -> custom Double -> flatten; }
///
/// let net = Cpu::default().build_module::<Twice, f32>();
/// assert_eq!(net.forward(Cpu::default().zeros::<Rank4<3, 1, 4, 4>>()).shape(), &(Const::<3>, Const::<1>));
/// ```
pub trait Custom<Input> {
    /// Learned numbers.
    const PARAMS: u64;
    /// Multiply-adds for one sample.
    const MACS: u64 = 0;
}
