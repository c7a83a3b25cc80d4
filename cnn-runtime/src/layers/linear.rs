//! `linear`: `y = weight x + bias`. Paper: [`kernels::linear`](crate::kernels::linear).

use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::*;

use super::init::kaiming;
use crate::eager::{Eager, Map, Vector, flat, run};
use crate::kernels::conv::Conv;
use crate::kernels::linear as kernel;
use crate::kernels::window::Axis;

/// Fully connected layer without bias. `weight` starts uniform between `-1 / sqrt(IN)` and `1 / sqrt(IN)`.
#[derive(Clone, Debug)]
pub struct Linear<const OUT: usize, const IN: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// One row per output.
    pub weight: Tensor<Rank2<OUT, IN>, E, D>,
}

/// Fully connected layer with bias. Both tensors start uniform between `-1 / sqrt(IN)` and `1 / sqrt(IN)`.
#[derive(Clone, Debug)]
pub struct BiasedLinear<const OUT: usize, const IN: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// One row per output.
    pub weight: Tensor<Rank2<OUT, IN>, E, D>,
    /// Added to the outputs.
    pub bias: Tensor<Rank1<OUT>, E, D>,
}

impl<const OUT: usize, const IN: usize, E: Dtype, D: Device<E>> Linear<OUT, IN, E, D> {
    /// From `IN` values to `OUT`.
    pub fn forward<B: Dim, T: Tape<E, D>>(
        &self,
        x: &Vector<B, IN, E, D>,
        tape: &mut T,
    ) -> Result<Vector<B, OUT, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let batch = x.shape().0;
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?];
        run(describe(batch, IN, OUT, false), &inputs, (batch, Const), tape)
    }

    /// From `IN` channels to `OUT`, at every pixel of a map.
    pub fn forward_pixelwise<B: Dim, const H: usize, const W: usize, T: Tape<E, D>>(
        &self,
        x: &Map<B, IN, H, W, E, D>,
        tape: &mut T,
    ) -> Result<Map<B, OUT, H, W, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let batch = x.shape().0;
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?];
        run(pixelwise(batch, [IN, H, W], OUT, false), &inputs, (batch, Const, Const, Const), tape)
    }
}

impl<const OUT: usize, const IN: usize, E: Dtype, D: Device<E>> BiasedLinear<OUT, IN, E, D> {
    /// From `IN` values to `OUT`.
    pub fn forward<B: Dim, T: Tape<E, D>>(
        &self,
        x: &Vector<B, IN, E, D>,
        tape: &mut T,
    ) -> Result<Vector<B, OUT, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let batch = x.shape().0;
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?, flat(&self.bias, tape)?];
        run(describe(batch, IN, OUT, true), &inputs, (batch, Const), tape)
    }

    /// From `IN` channels to `OUT`, at every pixel of a map.
    pub fn forward_pixelwise<B: Dim, const H: usize, const W: usize, T: Tape<E, D>>(
        &self,
        x: &Map<B, IN, H, W, E, D>,
        tape: &mut T,
    ) -> Result<Map<B, OUT, H, W, E, D>, D::Err>
    where
        D: Eager<E>,
    {
        let batch = x.shape().0;
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?, flat(&self.bias, tape)?];
        run(pixelwise(batch, [IN, H, W], OUT, true), &inputs, (batch, Const, Const, Const), tape)
    }
}

fn describe(batch: impl Dim, inputs: usize, outputs: usize, bias: bool) -> kernel::Linear {
    kernel::Linear { batch: batch.size(), inputs, outputs, bias }
}

/// A linear layer at every pixel is a convolution with a window of one.
fn pixelwise(batch: impl Dim, [inputs, h, w]: [usize; 3], outputs: usize, bias: bool) -> Conv {
    let [rows, cols] = Axis::pair([h, w], [h, w], [1, 1], [1, 1], [0; 4], [1, 1]);
    Conv { batch: batch.size(), inputs, outputs, groups: 1, rows, cols, bias }
}

impl<const OUT: usize, const IN: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Linear<OUT, IN, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Linear<OUT, IN, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(|t| kaiming(t, IN))),
            |weight| Linear { weight },
        )
    }
}

impl<const OUT: usize, const IN: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for BiasedLinear<OUT, IN, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = BiasedLinear<OUT, IN, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(|t| kaiming(t, IN))),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_with(|t| kaiming(t, IN))),
            ),
            |(weight, bias)| BiasedLinear { weight, bias },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    const ROOT: f64 = 0.447_213_595_499_957_9; // 1 / sqrt(5)

    #[test]
    fn gradients() {
        let (weight, bias) = (tensor::<Rank2<4, 5>>(1), tensor::<Rank1<4>>(2));
        let layer = |weight: &Tensor<_, _, _>, bias: &Tensor<_, _, _>| BiasedLinear::<4, 5, f64> {
            weight: weight.clone(),
            bias: bias.clone(),
        };
        let x = tensor::<Rank2<3, 5>>(3);
        check(x.clone(), |x, tape| layer(&weight, &bias).forward(x, tape).unwrap());
        check(tensor::<Rank2<5, 3>>(3), |x, tape| {
            let x = taped(x, tape, |x| x.permute::<Rank2<3, 5>, _>());
            layer(&weight, &bias).forward(&x, tape).unwrap()
        });
        check(weight.clone(), |weight, tape| layer(weight, &bias).forward(&x, tape).unwrap());
        check(bias.clone(), |bias, tape| layer(&weight, bias).forward(&x, tape).unwrap());
        check(weight, |weight, tape| {
            let layer = Linear::<4, 5, f64> { weight: weight.clone() };
            layer.forward(&x, tape).unwrap()
        });
    }

    #[test]
    fn gradients_of_every_pixel() {
        let (weight, bias) = (tensor::<Rank2<4, 3>>(1), tensor::<Rank1<4>>(2));
        let layer = BiasedLinear::<4, 3, f64> { weight: weight.clone(), bias };
        let plain = Linear::<4, 3, f64> { weight: weight.clone() };
        check_everywhere(|x, tape| layer.forward_pixelwise(x, tape).unwrap());
        check_everywhere(|x, tape| plain.forward_pixelwise(x, tape).unwrap());
        check_order(|x| layer.forward_pixelwise(x, &mut NoneTape).unwrap());
        let x: X = tensor(3);
        check(weight, |weight, tape| {
            Linear::<4, 3, f64> { weight: weight.clone() }.forward_pixelwise(&x, tape).unwrap()
        });
        // pixel by pixel, the vector's layer
        let y = layer.forward_pixelwise(&x, &mut NoneTape).unwrap();
        let corner = x.array().map(|channels| channels.map(|rows| rows[2][4]));
        let expected = layer.forward(&Cpu::default().tensor(corner), &mut NoneTape).unwrap().array();
        for (y, expected) in y.array().iter().flatten().zip(expected.iter().flatten()) {
            assert!((y[2][4] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn starts_as_in_pytorch() {
        let built = || -> BiasedLinear<200, 5> { BuildModule::build(&Cpu::seed_from_u64(1)) };
        let (first, second) = (built(), built());
        let weight = first.weight.as_vec();
        assert_eq!((&weight, first.bias.as_vec()), (&second.weight.as_vec(), second.bias.as_vec()));
        assert!(weight.iter().all(|w| f64::from(w.abs()) <= ROOT));
        let spread = weight.iter().map(|w| f64::from(w * w)).sum::<f64>() / weight.len() as f64;
        assert!((spread - ROOT * ROOT / 3.0).abs() < 0.005, "variance {spread}");
    }
}
