//! `conv`: two-dimensional convolution. Formula, groups and papers: [`kernels::conv`](crate::kernels::conv).

use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::*;

use super::init::kaiming;
use crate::eager::{Eager, Flat, Map, apply, flat, run};
use crate::kernels::conv as kernel;
use crate::kernels::conv::weight::{Connect, STANDARDIZATION_EPS, Standardize};
use crate::kernels::window::Axis;

/// How the window slides; pairs are [height, width].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvArgs {
    /// Inputs from one output to the next.
    pub stride: [usize; 2],
    /// Zeros at the top, bottom, left and right.
    pub pad: [usize; 4],
    /// Inputs from one tap of the window to the next.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

/// Convolution without bias. `IN` is the number of input channels of one group.
///
/// `weight` starts uniform between `-1 / sqrt(IN KH KW)` and `1 / sqrt(IN KH KW)`.
#[derive(Clone, Debug)]
pub struct Conv<
    const OUT: usize,
    const IN: usize,
    const KH: usize,
    const KW: usize,
    E: Dtype = f32,
    D: Storage<E> = Cpu,
> {
    /// One window per output channel and input channel of its group.
    pub weight: Tensor<Rank4<OUT, IN, KH, KW>, E, D>,
}

/// Convolution with bias. `IN` is the number of input channels of one group.
///
/// Both tensors start uniform between `-1 / sqrt(IN KH KW)` and `1 / sqrt(IN KH KW)`.
#[derive(Clone, Debug)]
pub struct BiasedConv<
    const OUT: usize,
    const IN: usize,
    const KH: usize,
    const KW: usize,
    E: Dtype = f32,
    D: Storage<E> = Cpu,
> {
    /// One window per output channel and input channel of its group.
    pub weight: Tensor<Rank4<OUT, IN, KH, KW>, E, D>,
    /// Added to every output of a channel.
    pub bias: Tensor<Rank1<OUT>, E, D>,
}

/// The three forms of one layer; all take and give the same sizes.
macro_rules! forms {
    ($layer:ident, $self:ident, $bias:expr) => {
        impl<const OUT: usize, const IN: usize, const KH: usize, const KW: usize, E: Dtype, D: Device<E>>
            $layer<OUT, IN, KH, KW, E, D>
        {
            /// From `C x H x W` to `OUT x OH x OW`, where `C = IN groups` and
            /// `OH = floor((H + top + bottom - dilation (KH - 1) - 1) / stride) + 1`, OW alike.
            pub fn forward<
                B: Dim,
                const C: usize,
                const H: usize,
                const W: usize,
                const OH: usize,
                const OW: usize,
                T: Tape<E, D>,
            >(
                &$self,
                x: &Map<B, C, H, W, E, D>,
                args: ConvArgs,
                tape: &mut T,
            ) -> Result<Map<B, OUT, OH, OW, E, D>, D::Err>
            where
                D: Eager<E>,
            {
                let weight = flat(&$self.weight, tape)?;
                convolve::<B, C, H, W, OUT, OH, OW, E, D, T>(x, weight, $bias, [IN, KH, KW], args, tape)
            }

            /// As [`Self::forward`], with each filter standardised first.
            pub fn forward_standardized<
                B: Dim,
                const C: usize,
                const H: usize,
                const W: usize,
                const OH: usize,
                const OW: usize,
                T: Tape<E, D>,
            >(
                &$self,
                x: &Map<B, C, H, W, E, D>,
                args: ConvArgs,
                tape: &mut T,
            ) -> Result<Map<B, OUT, OH, OW, E, D>, D::Err>
            where
                D: Eager<E>,
            {
                let weight = flat(&$self.weight, tape)?;
                let standardize = Standardize { filters: OUT, eps: STANDARDIZATION_EPS };
                let weight = apply(Box::new(standardize), &[weight], OUT * IN * KH * KW, tape)?;
                convolve::<B, C, H, W, OUT, OH, OW, E, D, T>(x, weight, $bias, [IN, KH, KW], args, tape)
            }

            /// As [`Self::forward`]; output channel `o` sees only the input channels `table[o]`.
            pub fn forward_connected<
                B: Dim,
                const C: usize,
                const H: usize,
                const W: usize,
                const OH: usize,
                const OW: usize,
                T: Tape<E, D>,
            >(
                &$self,
                x: &Map<B, C, H, W, E, D>,
                args: ConvArgs,
                table: &[&[usize]],
                tape: &mut T,
            ) -> Result<Map<B, OUT, OH, OW, E, D>, D::Err>
            where
                D: Eager<E>,
            {
                let weight = flat(&$self.weight, tape)?;
                let table: Vec<_> = table.iter().map(|inputs| inputs.to_vec()).collect();
                let connect = Connect { table: table.into(), inputs: IN, window: KH * KW };
                let weight = apply(Box::new(connect), &[weight], OUT * IN * KH * KW, tape)?;
                convolve::<B, C, H, W, OUT, OH, OW, E, D, T>(x, weight, $bias, [IN, KH, KW], args, tape)
            }
        }
    };
}
forms!(Conv, self, None);
forms!(BiasedConv, self, Some(&self.bias));

fn convolve<
    B: Dim,
    const C: usize,
    const H: usize,
    const W: usize,
    const OUT: usize,
    const OH: usize,
    const OW: usize,
    E: Dtype,
    D: Eager<E>,
    T: Tape<E, D>,
>(
    x: &Map<B, C, H, W, E, D>,
    weight: Flat<E, D>,
    bias: Option<&Tensor<Rank1<OUT>, E, D>>,
    window: [usize; 3],
    args: ConvArgs,
    tape: &mut T,
) -> Result<Map<B, OUT, OH, OW, E, D>, D::Err> {
    let batch = x.shape().0;
    let kernel = describe(batch.size(), [C, H, W], [OUT, OH, OW], window, args, bias.is_some());
    let mut inputs = vec![flat(x, tape)?, weight];
    if let Some(bias) = bias {
        inputs.push(flat(bias, tape)?);
    }
    run(kernel, &inputs, (batch, Const, Const, Const), tape)
}

/// The kernel's view of the sizes: channels, height, width of input, output and window.
fn describe(
    batch: usize,
    [inputs, h, w]: [usize; 3],
    [outputs, oh, ow]: [usize; 3],
    [in_group, kh, kw]: [usize; 3],
    args: ConvArgs,
    bias: bool,
) -> kernel::Conv {
    assert_eq!(
        inputs,
        in_group * args.groups,
        "conv: {inputs} input channels, the weight has {in_group} for each of {} groups; this is a bug in the calling code",
        args.groups
    );
    let [rows, cols] = Axis::pair([h, w], [oh, ow], [kh, kw], args.stride, args.pad, args.dilation);
    kernel::Conv { batch, inputs, outputs, groups: args.groups, rows, cols, bias }
}

impl<const OUT: usize, const IN: usize, const KH: usize, const KW: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for Conv<OUT, IN, KH, KW, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Conv<OUT, IN, KH, KW, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor(
                "weight",
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(|t| kaiming(t, IN * KH * KW)),
            ),
            |weight| Conv { weight },
        )
    }
}

impl<const OUT: usize, const IN: usize, const KH: usize, const KW: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for BiasedConv<OUT, IN, KH, KW, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = BiasedConv<OUT, IN, KH, KW, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor(
                    "weight",
                    |s| &s.weight,
                    |s| &mut s.weight,
                    TensorOptions::reset_with(|t| kaiming(t, IN * KH * KW)),
                ),
                Self::tensor(
                    "bias",
                    |s| &s.bias,
                    |s| &mut s.bias,
                    TensorOptions::reset_with(|t| kaiming(t, IN * KH * KW)),
                ),
            ),
            |(weight, bias)| BiasedConv { weight, bias },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    const ONE: ConvArgs = ConvArgs { stride: [1, 1], pad: [0; 4], dilation: [1, 1], groups: 1 };

    #[test]
    fn gradients() {
        let (weight, bias) = (tensor::<Rank4<4, 3, 3, 2>>(11), tensor::<Rank1<4>>(12));
        let args = ConvArgs { stride: [1, 2], pad: [2, 1, 0, 3], dilation: [2, 1], ..ONE };
        let layer = |weight: &Tensor<_, _, _>, bias: &Tensor<_, _, _>| BiasedConv::<4, 3, 3, 2, f64> {
            weight: weight.clone(),
            bias: bias.clone(),
        };
        type Y = Map<Const<2>, 4, 3, 4, f64, Cpu>;
        let x: X = tensor(1);
        check_everywhere(|x, tape| -> Y { layer(&weight, &bias).forward(x, args, tape).unwrap() });
        check_order(|x| -> Y { layer(&weight, &bias).forward(x, args, &mut NoneTape).unwrap() });
        check(weight.clone(), |w, tape| -> Y { layer(w, &bias).forward(&x, args, tape).unwrap() });
        check(bias.clone(), |b, tape| -> Y { layer(&weight, b).forward(&x, args, tape).unwrap() });
        check(tensor::<Rank4<2, 3, 3, 4>>(13), |w, tape| -> Y {
            let w = taped(w, tape, |w| w.permute::<Rank4<4, 3, 3, 2>, Axes4<3, 1, 2, 0>>());
            Conv { weight: w }.forward(&x, args, tape).unwrap()
        });
    }

    #[test]
    fn gradients_of_the_weight_standardised_and_connected() {
        let x: X = tensor(1);
        type Y = Map<Const<2>, 4, 2, 3, f64, Cpu>;
        check(tensor::<Rank4<4, 3, 3, 3>>(11), |w, tape| -> Y {
            Conv { weight: w.clone() }.forward_standardized(&x, ONE, tape).unwrap()
        });
        check(tensor::<Rank4<4, 3, 3, 3>>(11), |w, tape| -> Y {
            let table: &[&[usize]] = &[&[0], &[1, 2], &[0, 1, 2], &[2]];
            Conv { weight: w.clone() }.forward_connected(&x, ONE, table, tape).unwrap()
        });
    }

    #[test]
    fn gradients_of_groups() {
        let args = ConvArgs { pad: [1, 1, 1, 1], groups: 3, ..ONE };
        let layer = Conv::<6, 1, 3, 3, f64> { weight: tensor(11) };
        check_everywhere(|x, tape| -> Map<_, 6, 4, 5, _, _> { layer.forward(x, args, tape).unwrap() });
        check(layer.weight.clone(), |weight, tape| -> Map<_, 6, 4, 5, _, _> {
            let layer = Conv { weight: weight.clone() };
            layer.forward(&tensor::<Rank4<1, 3, 4, 5>>(1), args, tape).unwrap()
        });
    }

    /// The output of one convolution and a batch size that only the run knows.
    #[test]
    fn batch_of_any_size() {
        let layer: Conv<2, 1, 2, 2> = BuildModule::build(&Cpu::default());
        let x = Cpu::default().ones_like(&(3usize, Const::<1>, Const::<3>, Const::<3>));
        let y: Map<usize, 2, 2, 2, f32, Cpu> = layer.forward(&x, ONE, &mut NoneTape).unwrap();
        let sums = [0, 1].map(|o| layer.weight.as_vec()[4 * o..][..4].iter().sum::<f32>());
        for (i, y) in y.as_vec().iter().enumerate() {
            assert!((y - sums[i / 4 % 2]).abs() < 1e-6);
        }
    }

    #[test]
    fn starts_as_in_pytorch() {
        let built = || -> BiasedConv<64, 3, 5, 5> { BuildModule::build(&Cpu::seed_from_u64(1)) };
        let (layer, bound) = (built(), 1.0 / 75f32.sqrt());
        assert_eq!(layer.weight.as_vec(), built().weight.as_vec());
        assert!(layer.weight.as_vec().iter().chain(&layer.bias.as_vec()).all(|w| w.abs() <= bound));
        assert!(layer.weight.as_vec().iter().any(|w| w.abs() > 0.99 * bound));
    }

    #[test]
    #[should_panic(expected = "conv: 3 input channels, the weight has 2 for each of 1 groups")]
    fn wrong_channels_are_refused() {
        let layer = Conv::<1, 2, 1, 1, f64> { weight: tensor(1) };
        let _: Map<_, 1, 4, 5, _, _> = layer.forward(&tensor::<Rank4<2, 3, 4, 5>>(1), ONE, &mut NoneTape).unwrap();
    }
}
