//! `ln`: layer normalisation over the channels. Formula and paper: [`kernels::ln`](crate::kernels::ln).

use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::*;

use super::sizes::Sizes;
use crate::eager::{Eager, Known, flat, run};
use crate::kernels::ln as kernel;

/// Layer normalisation over `C` channels, of a vector or of every pixel of a map.
#[derive(Clone, Debug)]
pub struct Ln<const C: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// Scale; starts at 1.
    pub weight: Tensor<Rank1<C>, E, D>,
    /// Shift; starts at 0.
    pub bias: Tensor<Rank1<C>, E, D>,
}

impl<const C: usize, E: Dtype, D: Device<E>> Ln<C, E, D> {
    /// The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known, T: Tape<E, D>>(
        &self,
        x: &Tensor<S, E, D>,
        eps: f64,
        tape: &mut T,
    ) -> Result<Tensor<S, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let Sizes { channels, plane, .. } = Sizes::made_for("ln", x.shape(), C);
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?, flat(&self.bias, tape)?];
        run(kernel::Ln { channels, plane, eps }, &inputs, *x.shape(), tape)
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Ln<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Ln<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |(weight, bias)| Ln { weight, bias },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    const EPS: f64 = 1e-3;

    fn layer() -> Ln<3, f64> {
        Ln { weight: tensor(11), bias: tensor(12) }
    }

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| layer().forward(x, EPS, tape).unwrap());
        check_order(|x| layer().forward(x, EPS, &mut NoneTape).unwrap());
        let x: X = tensor(1);
        check(layer().weight, |weight, tape| Ln { weight: weight.clone(), ..layer() }.forward(&x, EPS, tape).unwrap());
        check(layer().bias, |bias, tape| Ln { bias: bias.clone(), ..layer() }.forward(&x, EPS, tape).unwrap());
    }

    #[test]
    fn vectors() {
        let layer = Ln::<6, f64> { weight: tensor(11), bias: tensor(12) };
        check(tensor::<Rank2<6, 4>>(1), |x, tape| {
            let x = taped(x, tape, |x| x.permute::<Rank2<4, 6>, _>());
            layer.forward(&x, EPS, tape).unwrap()
        });
    }

    #[test]
    fn starts_as_in_pytorch() {
        let built: Ln<3, f32> = BuildModule::build(&Cpu::default());
        assert_eq!((built.weight.array(), built.bias.array()), ([1.0; 3], [0.0; 3]));
    }

    #[test]
    #[should_panic(expected = "ln: 4 channels, made for 3")]
    fn a_wrong_size_is_refused() {
        layer().forward(&tensor::<Rank2<2, 4>>(1), EPS, &mut NoneTape).unwrap();
    }
}
