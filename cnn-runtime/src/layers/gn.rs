//! `gn`: group normalisation. Formula and paper: [`kernels::gn`](crate::kernels::gn).

use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::*;

use super::sizes::Sizes;
use crate::eager::{Eager, Known, flat, run};
use crate::kernels::gn as kernel;

/// Group normalisation of `C` channels.
#[derive(Clone, Debug)]
pub struct Gn<const C: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// Scale; starts at 1.
    pub weight: Tensor<Rank1<C>, E, D>,
    /// Shift; starts at 0.
    pub bias: Tensor<Rank1<C>, E, D>,
}

impl<const C: usize, E: Dtype, D: Device<E>> Gn<C, E, D> {
    /// The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known, T: Tape<E, D>>(
        &self,
        x: &Tensor<S, E, D>,
        groups: usize,
        eps: f64,
        tape: &mut T,
    ) -> Result<Tensor<S, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let Sizes { channels, plane, .. } = Sizes::made_for("gn", x.shape(), C);
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?, flat(&self.bias, tape)?];
        run(kernel::Gn { channels, plane, groups, eps }, &inputs, *x.shape(), tape)
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Gn<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Gn<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |(weight, bias)| Gn { weight, bias },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    const EPS: f64 = 1e-3;

    fn layer() -> Gn<3, f64> {
        Gn { weight: tensor(11), bias: tensor(12) }
    }

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| layer().forward(x, 3, EPS, tape).unwrap());
        check_order(|x| layer().forward(x, 3, EPS, &mut NoneTape).unwrap());
        let x: X = tensor(1);
        check(layer().weight, |weight, tape| {
            Gn { weight: weight.clone(), ..layer() }.forward(&x, 3, EPS, tape).unwrap()
        });
        check(layer().bias, |bias, tape| Gn { bias: bias.clone(), ..layer() }.forward(&x, 3, EPS, tape).unwrap());
    }

    #[test]
    fn vectors() {
        let layer = Gn::<6, f64> { weight: tensor(11), bias: tensor(12) };
        check(tensor::<Rank2<6, 4>>(1), |x, tape| {
            let x = taped(x, tape, |x| x.permute::<Rank2<4, 6>, _>());
            layer.forward(&x, 3, EPS, tape).unwrap()
        });
    }

    #[test]
    fn starts_as_in_pytorch() {
        let built: Gn<3, f32> = BuildModule::build(&Cpu::default());
        assert_eq!((built.weight.array(), built.bias.array()), ([1.0; 3], [0.0; 3]));
    }

    #[test]
    #[should_panic(expected = "gn: 4 channels, made for 3")]
    fn a_wrong_size_is_refused() {
        layer().forward(&tensor::<Rank2<2, 4>>(1), 3, EPS, &mut NoneTape).unwrap();
    }
}
