//! `bn`: batch normalisation. Formula and paper: [`kernels::bn`](crate::kernels::bn).

use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::*;

use super::sizes::Sizes;
use crate::eager::{Eager, Flat, Known, flat, read, run};
use crate::kernels::{Float, bn as kernel};

/// Batch normalisation of `C` channels with a trainable scale and shift.
#[derive(Clone, Debug)]
pub struct Bn<const C: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// Scale; starts at 1.
    pub weight: Tensor<Rank1<C>, E, D>,
    /// Shift; starts at 0.
    pub bias: Tensor<Rank1<C>, E, D>,
    /// Running mean; starts at 0.
    pub running_mean: Tensor<Rank1<C>, E, D>,
    /// Running unbiased variance; starts at 1.
    pub running_var: Tensor<Rank1<C>, E, D>,
    /// Batches that the running statistics have seen.
    pub num_batches_tracked: Tensor<Rank0, E, D>,
}

/// Batch normalisation of `C` channels without scale and shift (`affine = false`).
#[derive(Clone, Debug)]
pub struct PlainBn<const C: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// Running mean; starts at 0.
    pub running_mean: Tensor<Rank1<C>, E, D>,
    /// Running unbiased variance; starts at 1.
    pub running_var: Tensor<Rank1<C>, E, D>,
    /// Batches that the running statistics have seen.
    pub num_batches_tracked: Tensor<Rank0, E, D>,
}

impl<const C: usize, E: Dtype, D: Eager<E>> Bn<C, E, D> {
    /// Normalises by the running statistics. The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known>(&self, x: &Tensor<S, E, D>, eps: f64) -> Result<Tensor<S, E, D>, D::Err> {
        let none = &mut NoneTape;
        let inputs = [flat(x, none)?, flat(&self.weight, none)?, flat(&self.bias, none)?];
        let running = [flat(&self.running_mean, none)?, flat(&self.running_var, none)?];
        run(inference(Sizes::made_for("bn", x.shape(), C), &running, eps, true), &inputs, *x.shape(), none)
    }

    /// Normalises by the statistics of the batch and moves the running ones by `momentum` towards them.
    pub fn forward_mut<S: Known, T: Tape<E, D>>(
        &mut self,
        x: &Tensor<S, E, D>,
        eps: f64,
        momentum: f64,
        tape: &mut T,
    ) -> Result<Tensor<S, E, D>, D::Err> {
        let inputs = [flat(x, tape)?, flat(&self.weight, tape)?, flat(&self.bias, tape)?];
        let kernel = training(Sizes::made_for("bn", x.shape(), C), &inputs, eps, true);
        let tracked = [&mut self.running_mean, &mut self.running_var];
        track(&kernel, tracked, &mut self.num_batches_tracked, momentum)?;
        run(kernel, &inputs, *x.shape(), tape)
    }
}

impl<const C: usize, E: Dtype, D: Eager<E>> PlainBn<C, E, D> {
    /// Normalises by the running statistics. The shape is `(B, C)` or `(B, C, H, W)`.
    pub fn forward<S: Known>(&self, x: &Tensor<S, E, D>, eps: f64) -> Result<Tensor<S, E, D>, D::Err> {
        let none = &mut NoneTape;
        let inputs = [flat(x, none)?];
        let running = [flat(&self.running_mean, none)?, flat(&self.running_var, none)?];
        run(inference(Sizes::made_for("bn", x.shape(), C), &running, eps, false), &inputs, *x.shape(), none)
    }

    /// Normalises by the statistics of the batch and moves the running ones by `momentum` towards them.
    pub fn forward_mut<S: Known, T: Tape<E, D>>(
        &mut self,
        x: &Tensor<S, E, D>,
        eps: f64,
        momentum: f64,
        tape: &mut T,
    ) -> Result<Tensor<S, E, D>, D::Err> {
        let inputs = [flat(x, tape)?];
        let kernel = training(Sizes::made_for("bn", x.shape(), C), &inputs, eps, false);
        let tracked = [&mut self.running_mean, &mut self.running_var];
        track(&kernel, tracked, &mut self.num_batches_tracked, momentum)?;
        run(kernel, &inputs, *x.shape(), tape)
    }
}

fn inference<E: Dtype, D: Eager<E>>(
    Sizes { batch, plane, .. }: Sizes,
    running: &[Flat<E, D>; 2],
    eps: f64,
    affine: bool,
) -> kernel::Bn {
    let [mean, var] = running.each_ref().map(doubles);
    kernel::Bn { batch, plane, mean, var, eps, affine, training: false }
}

fn training<E: Dtype, D: Eager<E>>(
    Sizes { batch, channels, plane }: Sizes,
    inputs: &[Flat<E, D>],
    eps: f64,
    affine: bool,
) -> kernel::Bn {
    let mut mean = vec![E::default(); 2 * channels];
    let statistics = kernel::Statistics { batch, channels, plane };
    E::forward(&statistics, &[&read(&inputs[0])], &mut mean);
    let var = mean.split_off(channels);
    let [mean, var] = [mean, var].map(|stats| stats.into_iter().map(Float::double).collect());
    kernel::Bn { batch, plane, mean, var, eps, affine, training: true }
}

/// `running = (1 - momentum) running + momentum batch`, of the variance the unbiased one. A channel of a single value
/// has none; its biased one, 0, is taken.
fn track<const C: usize, E: Dtype, D: Eager<E>>(
    batch: &kernel::Bn,
    [running_mean, running_var]: [&mut Tensor<Rank1<C>, E, D>; 2],
    num_batches_tracked: &mut Tensor<Rank0, E, D>,
    momentum: f64,
) -> Result<(), D::Err> {
    let count = (batch.batch * batch.plane) as f64;
    let unbiased = count / (count - 1.0).max(1.0);
    for (running, batch, factor) in [(running_mean, &batch.mean, 1.0), (running_var, &batch.var, unbiased)] {
        let old = doubles(&flat(running, &mut NoneTape)?);
        let mix = |(old, new): (f64, &f64)| of((1.0 - momentum) * old + momentum * factor * new);
        let new = old.into_iter().zip(batch).map(mix).collect();
        *running = running.device().try_tensor_from_vec(new, (Const,))?;
    }
    let seen = num_batches_tracked.as_vec()[0].double() + 1.0;
    *num_batches_tracked = num_batches_tracked.device().try_tensor_from_vec(vec![of(seen)], ())?;
    Ok(())
}

fn doubles<E: Dtype, D: Eager<E>>(x: &Flat<E, D>) -> Vec<f64> {
    read(x).into_iter().map(Float::double).collect()
}

fn of<E: Float>(value: f64) -> E {
    E::of(value)
}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Bn<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Bn<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
                Self::tensor(
                    "running_mean",
                    |s| &s.running_mean,
                    |s| &mut s.running_mean,
                    TensorOptions::detached(|t| t.try_fill_with_zeros()),
                ),
                Self::tensor(
                    "running_var",
                    |s| &s.running_var,
                    |s| &mut s.running_var,
                    TensorOptions::detached(|t| t.try_fill_with_ones()),
                ),
                Self::tensor(
                    "num_batches_tracked",
                    |s| &s.num_batches_tracked,
                    |s| &mut s.num_batches_tracked,
                    TensorOptions::detached(|t| t.try_fill_with_zeros()),
                ),
            ),
            |(weight, bias, running_mean, running_var, num_batches_tracked)| Bn {
                weight,
                bias,
                running_mean,
                running_var,
                num_batches_tracked,
            },
        )
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for PlainBn<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = PlainBn<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor(
                    "running_mean",
                    |s| &s.running_mean,
                    |s| &mut s.running_mean,
                    TensorOptions::detached(|t| t.try_fill_with_zeros()),
                ),
                Self::tensor(
                    "running_var",
                    |s| &s.running_var,
                    |s| &mut s.running_var,
                    TensorOptions::detached(|t| t.try_fill_with_ones()),
                ),
                Self::tensor(
                    "num_batches_tracked",
                    |s| &s.num_batches_tracked,
                    |s| &mut s.num_batches_tracked,
                    TensorOptions::detached(|t| t.try_fill_with_zeros()),
                ),
            ),
            |(running_mean, running_var, num_batches_tracked)| PlainBn {
                running_mean,
                running_var,
                num_batches_tracked,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    const EPS: f64 = 1e-5;

    fn layer() -> Bn<3, f64> {
        Bn {
            weight: tensor(11),
            bias: tensor(12),
            running_mean: tensor(13),
            running_var: tensor(14).abs() + 0.5,
            num_batches_tracked: Cpu::default().zeros(),
        }
    }

    fn plain() -> PlainBn<3, f64> {
        let Bn { running_mean, running_var, num_batches_tracked, .. } = layer();
        PlainBn { running_mean, running_var, num_batches_tracked }
    }

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| layer().forward_mut(x, EPS, 0.1, tape).unwrap());
        check_everywhere(|x, tape| plain().forward_mut(x, EPS, 0.1, tape).unwrap());
        check(tensor::<Rank2<3, 5>>(1), |x, tape| {
            let x = taped(x, tape, |x| x.permute::<Rank2<5, 3>, _>());
            layer().forward_mut(&x, EPS, 0.1, tape).unwrap()
        });
        let x: X = tensor(1);
        check(layer().weight, |weight, tape| {
            Bn { weight: weight.clone(), ..layer() }.forward_mut(&x, EPS, 0.1, tape).unwrap()
        });
        check(layer().bias, |bias, tape| Bn { bias: bias.clone(), ..layer() }.forward_mut(&x, EPS, 0.1, tape).unwrap());
        check_order(|x| layer().forward(x, EPS).unwrap());
        check_order(|x| layer().forward_mut(x, EPS, 0.1, &mut NoneTape).unwrap());
    }

    #[test]
    fn inference_by_hand() {
        let (layer, x) = (layer(), tensor::<Rank2<4, 3>>(1));
        let y = layer.forward(&x, EPS).unwrap().array();
        let z = plain().forward(&x, EPS).unwrap().array();
        for (i, row) in x.array().iter().enumerate() {
            for (c, x) in row.iter().enumerate() {
                let n = (x - layer.running_mean[[c]]) / (layer.running_var[[c]] + EPS).sqrt();
                assert!((y[i][c] - (n * layer.weight[[c]] + layer.bias[[c]])).abs() < 1e-12);
                assert!((z[i][c] - n).abs() < 1e-12);
            }
        }
    }

    /// torch.nn.BatchNorm1d(1)(torch.tensor([[1.], [3.]])): mean 2, unbiased variance 2, momentum 0.1.
    #[test]
    fn running_statistics() {
        let dev = Cpu::default();
        let mut bn: Bn<1, f64> = BuildModule::build(&dev);
        let x = dev.tensor([[1.0], [3.0]]);
        let y = bn.forward_mut(&x, 0.0, 0.1, &mut NoneTape).unwrap();
        assert_eq!(y.array(), [[-1.0], [1.0]]);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} is not {b}");
        close(bn.running_mean.array()[0], 0.2);
        close(bn.running_var.array()[0], 0.9 + 0.2);
        bn.forward_mut(&x, 0.0, 0.1, &mut NoneTape).unwrap();
        close(bn.running_mean.array()[0], 0.38);
        close(bn.running_var.array()[0], 0.99 + 0.2);
        assert_eq!(bn.num_batches_tracked.array(), 2.0);
    }

    #[test]
    fn a_single_value_keeps_everything_finite() {
        let mut bn: Bn<1, f64> = BuildModule::build(&Cpu::default());
        let y = bn.forward_mut(&tensor::<Rank2<1, 1>>(1), EPS, 0.1, &mut NoneTape).unwrap();
        assert_eq!(y.array(), [[0.0]]);
        assert_eq!(bn.running_var.array(), [0.9]);
    }

    #[test]
    fn only_weight_and_bias_are_trained() {
        let bn: Bn<3, f32> = BuildModule::build(&Cpu::default());
        assert_eq!(bn.num_trainable_params(), 6);
    }

    #[test]
    #[should_panic(expected = "bn: 4 channels, made for 3")]
    fn a_wrong_size_is_refused() {
        layer().forward(&tensor::<Rank2<2, 4>>(1), EPS).unwrap();
    }
}
