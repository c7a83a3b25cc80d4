//! `affine`: scale and shift of every channel. Formula and papers: [`kernels::affine`](crate::kernels::affine).

use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::*;

use super::init::Constant;
use super::sizes::Sizes;
use crate::eager::{Eager, Known, flat, run};
use crate::kernels::affine as kernel;

/// Scales `C` channels. `INIT` are the bits of the number at which the weight starts: `{ f64::to_bits(0.1) }`.
#[derive(Clone, Debug)]
pub struct Affine<const C: usize, const INIT: u64, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// Scale.
    pub weight: Tensor<Rank1<C>, E, D>,
}

/// Scales and shifts `C` channels. `INIT` as in [`Affine`].
#[derive(Clone, Debug)]
pub struct BiasedAffine<const C: usize, const INIT: u64, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// Scale.
    pub weight: Tensor<Rank1<C>, E, D>,
    /// Shift; starts at 0.
    pub bias: Tensor<Rank1<C>, E, D>,
}

/// Scales `C` channels; its tensor bears the name of the field that holds it, as a parameter without a layer in PyTorch.
/// `INIT` as in [`Affine`].
#[derive(Clone, Debug)]
pub struct BareAffine<const C: usize, const INIT: u64, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// Scale.
    pub weight: Tensor<Rank3<C, 1, 1>, E, D>,
}

impl<const C: usize, const INIT: u64, E: Dtype, D: Device<E>> BareAffine<C, INIT, E, D> {
    /// `y = weight x`. The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known, T: Tape<E, D>>(&self, x: &Tensor<S, E, D>, tape: &mut T) -> Result<Tensor<S, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let Sizes { channels, plane, .. } = Sizes::made_for("affine", x.shape(), C);
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?];
        run(kernel::Affine { channels, plane, bias: false }, &inputs, *x.shape(), tape)
    }
}

impl<const C: usize, const INIT: u64, E: Dtype, D: Device<E>> Affine<C, INIT, E, D> {
    /// `y = weight x`. The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known, T: Tape<E, D>>(&self, x: &Tensor<S, E, D>, tape: &mut T) -> Result<Tensor<S, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let Sizes { channels, plane, .. } = Sizes::made_for("affine", x.shape(), C);
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?];
        run(kernel::Affine { channels, plane, bias: false }, &inputs, *x.shape(), tape)
    }
}

impl<const C: usize, const INIT: u64, E: Dtype, D: Device<E>> BiasedAffine<C, INIT, E, D> {
    /// `y = weight x + bias`. The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known, T: Tape<E, D>>(&self, x: &Tensor<S, E, D>, tape: &mut T) -> Result<Tensor<S, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let Sizes { channels, plane, .. } = Sizes::made_for("affine", x.shape(), C);
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?, flat(&self.bias, tape)?];
        run(kernel::Affine { channels, plane, bias: true }, &inputs, *x.shape(), tape)
    }
}

fn starts_at<const INIT: u64, S: ConstShape, E: Dtype, D: Device<E>>() -> TensorOptions<S, E, D> {
    TensorOptions::reset_with(|t| t.try_fill_with_distr(Constant(f64::from_bits(INIT))))
}

impl<const C: usize, const INIT: u64, E: Dtype, D: Device<E>> TensorCollection<E, D> for Affine<C, INIT, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Affine<C, INIT, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, starts_at::<INIT, _, E, D>()),
            |weight| Affine { weight },
        )
    }
}

impl<const C: usize, const INIT: u64, E: Dtype, D: Device<E>> TensorCollection<E, D> for BareAffine<C, INIT, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = BareAffine<C, INIT, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor
            .visit_fields(Self::tensor("", |s| &s.weight, |s| &mut s.weight, starts_at::<INIT, _, E, D>()), |weight| {
                BareAffine { weight }
            })
    }
}

impl<const C: usize, const INIT: u64, E: Dtype, D: Device<E>> TensorCollection<E, D> for BiasedAffine<C, INIT, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = BiasedAffine<C, INIT, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, starts_at::<INIT, _, E, D>()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |(weight, bias)| BiasedAffine { weight, bias },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    const INIT: u64 = f64::to_bits(0.1);

    #[test]
    fn gradients() {
        let (weight, bias) = (tensor::<Rank1<3>>(11), tensor::<Rank1<3>>(12));
        let layer = |weight: &Tensor<_, _, _>, bias: &Tensor<_, _, _>| BiasedAffine::<3, INIT, f64> {
            weight: weight.clone(),
            bias: bias.clone(),
        };
        let x: X = tensor(1);
        check_everywhere(|x, tape| layer(&weight, &bias).forward(x, tape).unwrap());
        check_everywhere(|x, tape| Affine::<3, INIT, f64> { weight: weight.clone() }.forward(x, tape).unwrap());
        let bare = |weight: &Tensor<Rank3<3, 1, 1>, _, _>| BareAffine::<3, INIT, f64> { weight: weight.clone() };
        check(tensor::<Rank3<3, 1, 1>>(13), |weight, tape| bare(weight).forward(&x, tape).unwrap());
        check_order(|x| layer(&weight, &bias).forward(x, &mut NoneTape).unwrap());
        check(weight.clone(), |weight, tape| layer(weight, &bias).forward(&x, tape).unwrap());
        check(bias.clone(), |bias, tape| layer(&weight, bias).forward(&x, tape).unwrap());
    }

    #[test]
    fn starts_where_it_is_told() {
        let built: BiasedAffine<2, INIT, f32> = BuildModule::build(&Cpu::default());
        assert_eq!((built.weight.array(), built.bias.array()), ([0.1; 2], [0.0; 2]));
        let built: BareAffine<2, INIT, f32> = BuildModule::build(&Cpu::default());
        assert_eq!(crate::weights::named_tensors(&built)[0].name, "");
        assert_eq!(built.weight.array(), [[[0.1]]; 2]);
    }
}
