//! `prelu`: a learned slope left of 0. Formula and paper: [`kernels::prelu`](crate::kernels::prelu).

use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::*;

use super::sizes::Sizes;
use crate::eager::{Eager, Known, flat, run};
use crate::kernels::prelu as kernel;

/// `N` slopes: one for all channels or one for each.
#[derive(Clone, Debug)]
pub struct Prelu<const N: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// The slopes; start at 0.25.
    pub weight: Tensor<Rank1<N>, E, D>,
}

impl<const N: usize, E: Dtype, D: Device<E>> Prelu<N, E, D> {
    /// `y = x` where x is positive, `weight x` elsewhere. The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known, T: Tape<E, D>>(&self, x: &Tensor<S, E, D>, tape: &mut T) -> Result<Tensor<S, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let Sizes { channels, plane, .. } = Sizes::of("prelu", x.shape());
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?];
        run(kernel::Prelu { channels, plane, weights: N }, &inputs, *x.shape(), tape)
    }
}

impl<const N: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Prelu<N, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Prelu<N, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor(
                "weight",
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(|t| t.try_fill_with_distr(super::init::Constant(0.25))),
            ),
            |weight| Prelu { weight },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        let (one, each) = (tensor::<Rank1<1>>(11), tensor::<Rank1<3>>(12));
        check_everywhere(|x, tape| Prelu { weight: one.clone() }.forward(x, tape).unwrap());
        check_everywhere(|x, tape| Prelu { weight: each.clone() }.forward(x, tape).unwrap());
        check_order(|x| Prelu { weight: each.clone() }.forward(x, &mut NoneTape).unwrap());
        let x: X = tensor(1);
        check(one, |weight, tape| Prelu { weight: weight.clone() }.forward(&x, tape).unwrap());
        check(each, |weight, tape| Prelu { weight: weight.clone() }.forward(&x, tape).unwrap());
    }

    #[test]
    fn starts_as_in_pytorch() {
        let built: Prelu<2, f32> = BuildModule::build(&Cpu::default());
        assert_eq!(built.weight.array(), [0.25; 2]);
    }

    #[test]
    #[should_panic(expected = "prelu: 2 weights for 3 channels")]
    fn a_wrong_size_is_refused() {
        Prelu::<2, f64> { weight: tensor(1) }.forward(&tensor::<Rank2<2, 3>>(1), &mut NoneTape).unwrap();
    }
}
