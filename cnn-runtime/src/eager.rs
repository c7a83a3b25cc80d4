//! How a kernel meets dfdx's tensors and tapes: the eager path.
//!
//! Generated code keeps one tape apart from the tensors. Tensors inside a network have none, so they are cheap to clone
//! and to use many times; every operation pushes its backward pass on `&mut T`, and nothing is ever forked or merged.
//!
//! A typed layer is a few lines, because rustc meets it once for every shape: it makes its inputs [`flat`], names a
//! kernel and calls [`run`]. The work behind that is generic over element, device and tape, never over a shape.

use dfdx::prelude::*;

use crate::kernels::{DynKernel, Float, Needs};

/// Feature maps: a batch of `C` channels of `H` rows and `W` columns.
pub type Map<B, const C: usize, const H: usize, const W: usize, E, D> = Tensor<(B, Const<C>, Const<H>, Const<W>), E, D>;

/// Vectors: a batch of `K` values.
pub type Vector<B, const K: usize, E, D> = Tensor<(B, Const<K>), E, D>;

/// A tensor that has forgotten its sizes.
pub type Flat<E, D> = Tensor<(usize,), E, D>;

/// A device whose buffers the kernels reach: [`Cpu`] with f32 and f64.
///
/// `D: Eager<E>` implies `E: Float`.
pub trait Eager<E: Dtype>: Device<E> + Implies<E, Is: Float> {
    /// The values in a buffer.
    fn values(buffer: &mut <Self as Storage<E>>::Vec) -> &mut Vec<E>;
}

macro_rules! eager {
    ($($element:ty),*) => {$(
        impl Eager<$element> for Cpu {
            fn values(buffer: &mut <Self as Storage<$element>>::Vec) -> &mut Vec<$element> {
                buffer
            }
        }
    )*};
}
eager!(f32, f64);

/// Lets a bound on a trait's parameter hold wherever the trait does; `Is` is `E` itself.
pub trait Implies<E>: IsSame<E, Is = E> {}
impl<D: ?Sized, E> Implies<E> for D {}

/// See [`Implies`].
pub trait IsSame<E> {
    /// `E`
    type Is;
}
impl<D: ?Sized, E> IsSame<E> for D {
    type Is = E;
}

/// A shape whose sizes can be moved from its type into its value: every shape of rank 1 to 6, whatever its dimensions.
///
/// dfdx's reshape is much code for rustc. Through this it is compiled once for every rank, not once for every shape.
pub trait Known: Shape<Concrete = <Self as Known>::Sizes> {
    /// The same shape, all of it known at run time only.
    type Sizes: Shape<Concrete = Self::Sizes>;
}
impl<S: Shape> Known for S
where
    S::Concrete: Shape<Concrete = S::Concrete>,
{
    type Sizes = S::Concrete;
}

/// The tensor without its sizes. Of a permuted or broadcast one this is a copy in order, and the tape learns the way
/// back; of any other it is the tensor itself.
pub fn flat<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Flat<E, D>, D::Err> {
    match x.clone().try_realize::<S::Sizes>() {
        Ok(x) => line_up(x, tape),
        Err(_) => unreachable!("any shape has sizes"),
    }
}

fn line_up<S: Shape, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D>,
    tape: &mut T,
) -> Result<Flat<E, D>, D::Err> {
    let len = x.shape().num_elements();
    let taped = x.put_tape(std::mem::take(tape));
    let (x, back) = taped.try_reshape_like(&(len,))?.split_tape();
    *tape = back;
    Ok(x)
}

/// Applies a kernel to flat inputs; the output has the given shape.
pub fn run<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    kernel: impl DynKernel + 'static,
    inputs: &[Flat<E, D>],
    shape: S,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    shaped(apply(Box::new(kernel), inputs, shape.num_elements(), tape)?, shape)
}

/// The flat tensor with the given shape, which has as many elements.
pub fn shaped<S: Known, E: Dtype, D: Eager<E>>(x: Flat<E, D>, shape: S) -> Result<Tensor<S, E, D>, D::Err> {
    match x.try_reshape_like(&shape.concrete())?.try_realize::<S>() {
        Ok(x) => Ok(x),
        Err(_) => unreachable!("a shape has its own sizes"),
    }
}

/// Applies a kernel to flat inputs; the output has `len` elements. A gradient goes to every input, added to what others
/// left there; the same tensor may be several inputs.
pub fn apply<E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    kernel: Box<dyn DynKernel>,
    inputs: &[Flat<E, D>],
    len: usize,
    tape: &mut T,
) -> Result<Flat<E, D>, D::Err> {
    let device = inputs[0].device();
    let mut y = vec![E::default(); len];
    let values: Vec<Vec<E>> = inputs.iter().map(read).collect();
    E::forward(&*kernel, &slices(&values), &mut y);
    drop(values);
    let y = device.try_tensor_from_vec(y, (len,))?;
    if T::OWNS_TAPE {
        push(kernel, inputs, &y, tape);
    }
    Ok(y)
}

/// Pushes the backward pass of `y = kernel(inputs)`. It keeps no more values alive than the kernel needs.
fn push<E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    kernel: Box<dyn DynKernel>,
    inputs: &[Flat<E, D>],
    y: &Flat<E, D>,
    tape: &mut T,
) {
    let lens: Vec<usize> = inputs.iter().map(|x| x.shape().0).collect();
    let ghosts: Vec<_> = inputs.iter().map(Tensor::ghost).collect();
    let ghost = y.ghost();
    let (inputs, y) = match kernel.needs() {
        Needs::Nothing => (Vec::new(), None),
        Needs::Inputs => (inputs.to_vec(), None),
        Needs::Output => (Vec::new(), Some(y.clone())),
    };
    tape.add_backward_op(move |grads| {
        // A gradient is taken out while it is used. Where a tensor is an input for the second time its gradient has
        // gone, so it gets one of its own, and the two are added afterwards.
        let dy = std::mem::take(D::values(grads.get_or_alloc_mut(&ghost)?));
        let mut dxs = Vec::new();
        for (ghost, &len) in ghosts.iter().zip(&lens) {
            let dx = std::mem::take(D::values(grads.get_or_alloc_mut(ghost)?));
            dxs.push(if dx.len() == len { dx } else { vec![E::default(); len] });
        }

        let mut values: Vec<Vec<E>> = inputs.iter().map(read).collect();
        values.resize(lens.len(), Vec::new());
        let y = y.as_ref().map_or_else(Vec::new, read);
        let mut slots: Vec<&mut [E]> = dxs.iter_mut().map(|dx| &mut dx[..]).collect();
        E::backward(&*kernel, &slices(&values), &y, &dy, &mut slots);

        for (ghost, dx) in ghosts.iter().zip(dxs) {
            let slot = D::values(grads.get_or_alloc_mut(ghost)?);
            if slot.is_empty() {
                *slot = dx;
            } else {
                slot.iter_mut().zip(dx).for_each(|(sum, dx)| *sum += dx);
            }
        }
        *D::values(grads.get_or_alloc_mut(&ghost)?) = dy;
        Ok(())
    });
}

/// The values of a flat tensor.
pub(crate) fn read<E: Dtype, D: Eager<E>>(x: &Flat<E, D>) -> Vec<E> {
    let mut values = vec![E::default(); x.shape().0];
    x.copy_into(&mut values);
    values
}

fn slices<E>(values: &[Vec<E>]) -> Vec<&[E]> {
    values.iter().map(|values| &values[..]).collect()
}
