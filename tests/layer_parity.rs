//! Every layer and join alone against PyTorch, in f32: outputs in training and inference, the gradient of the input and of
//! every parameter, running statistics.
//!
//! Fixture: parity/layers.py, computed in f64; its cases bear the names of the networks here.

use std::collections::BTreeMap;

use cnn_runtime::prelude::*;
use cnn_runtime::weights::{fill_with, named_tensors};
use cnn_tests::gradients::named_gradients;
use cnn_tests::layers::{Case, load};
use cnn_tests::rule;

/// A network of one chain for each case, and the function that compares them all.
macro_rules! cases {
    ($($name:ident $batch:literal x [$($size:literal),*] $input:literal -> $output:literal: $chain:tt)*) => {
        cnn_runtime::network! {
            $(pub $name: $input -> $output; body $chain;)*
        }

        fn compare_all(cases: &mut Cases) {
            $(cases.compare::<($(Const<$size>,)*), _, _>(
                stringify!($name),
                Cpu::default().build_module::<$name, f32>(),
            );)*
        }
    };
}

/// As [`cases`], on the input that most cases have.
macro_rules! on_6x7x9 {
    ($($name:ident -> $output:literal: $chain:tt)*) => {
        mod common {
            use super::*;
            cases!($($name 2 x [2, 6, 7, 9] 6x7x9 -> $output: $chain)*);
            pub fn all(cases: &mut Cases) {
                compare_all(cases);
            }
        }
    };
}

on_6x7x9! {
    ConvPlain -> 4x5x7: { l: conv(4, 3) }
    ConvRectangular -> 4x4x9: { l: conv(4, 3x5, [2, 1], pad = [1, 2], bias = false) }
    ConvSides -> 4x4x5: { l: conv(4, 3, 2, pad = [2, 1, 3, 0]) }
    ConvDilated -> 4x3x6: { l: conv(4, 3x2, dilation = [2, 3]) }
    ConvGrouped -> 4x7x9: { l: conv(4, 3, pad = 1, groups = 2) }
    ConvPointwise -> 5x7x9: { l: conv(5, 1) }
    ConvStrided1x1 -> 5x4x5: { l: conv(5, 1, 2) }
    ConvStd -> 4x7x9: { l: conv(4, 3, pad = 1, std = true) }
    ConvStdPlain -> 4x3x4: { l: conv(4, 3, 2, groups = 2, bias = false, std = true) }
    ConvConnect -> 4x5x7: { l: conv(4, 3, connect = [[0, 1, 2], [1, 3, 5], [4], [0, 1, 2, 3, 4, 5]]) }
    ConvSame -> 4x7x9: { l: conv(4, 3x4, pad = same) }
    ConvSameStrided -> 4x4x5: { l: conv(4, 3x2, 2, pad = same) }
    Depthwise -> 6x7x9: { l: dwconv(3, pad = 1) }
    DepthwiseStrided -> 12x4x3: { l: dwconv(3x5, [2, 3], pad = [1, 2], multiplier = 2, bias = false) }
    DepthwiseSame -> 6x4x5: { l: dwconv(3, 2, pad = same, dilation = [1, 2]) }

    Linear -> 4: { flatten -> l: linear(4) }
    LinearPlain -> 4: { gap -> l: linear(4, bias = false) }
    LinearPixelwise -> 4x7x9: { l: linear(4, pixelwise = true) }
    LinearPixelwisePlain -> 5x7x9: { l: linear(5, bias = false, pixelwise = true) }

    Bn -> 6x7x9: { l: bn }
    BnPlain -> 6x7x9: { l: bn(eps = 1e-3, momentum = 0.3, affine = false) }
    Gn -> 6x7x9: { l: gn(3) }
    GnOne -> 6x7x9: { l: gn(1, eps = 1e-3) }
    GnVector -> 6: { gap -> l: gn(2) }
    Ln -> 6x7x9: { l: ln }
    LnVector -> 378: { flatten -> l: ln(eps = 1e-6) }
    Lrn -> 6x7x9: { lrn(3) }
    LrnStrong -> 6x7x9: { lrn(5, alpha = 2.0, beta = 0.5, k = 2.0) }
    LrnEven -> 6x7x9: { lrn(4, alpha = 3.0) }
    LrnWide -> 6x7x9: { lrn(11, alpha = 3.0) }

    Relu -> 6x7x9: { relu }
    Relu6 -> 6x7x9: { scale(9.0) -> relu6 }
    Leaky -> 6x7x9: { leaky }
    LeakySteep -> 6x7x9: { leaky(0.3) }
    Prelu -> 6x7x9: { l: prelu }
    PreluChannels -> 6x7x9: { l: prelu(per_channel = true) }
    PreluVector -> 6: { gap -> l: prelu(true) }
    Sigmoid -> 6x7x9: { scale(6.0) -> sigmoid }
    Tanh -> 6x7x9: { scale(6.0) -> tanh }
    Silu -> 6x7x9: { scale(6.0) -> silu }
    Hswish -> 6x7x9: { scale(6.0) -> hswish }
    Hsigmoid -> 6x7x9: { scale(6.0) -> hsigmoid }
    Gelu -> 6x7x9: { scale(6.0) -> gelu }
    Softmax -> 6x7x9: { scale(6.0) -> softmax }
    SoftmaxVector -> 378: { flatten -> softmax }

    MaxPool -> 6x3x4: { maxpool(2) }
    MaxPoolOverlapping -> 6x4x5: { maxpool(3, 2, pad = 1) }
    MaxPoolCeil -> 6x3x4: { maxpool(3, 2, ceil = true) }
    MaxPoolCeilPadded -> 6x4x4: { maxpool(2, [2, 3], pad = 1, ceil = true) }
    MaxPoolDilated -> 6x5x3: { maxpool(2x3, 1, dilation = [2, 3]) }
    MaxPoolSame -> 6x4x5: { maxpool(3x2, 2, pad = same) }
    AvgPool -> 6x3x4: { avgpool(2) }
    AvgPoolPadded -> 6x4x5: { avgpool(3, 2, pad = 1) }
    AvgPoolUncounted -> 6x4x5: { avgpool(3, 2, pad = 1, count_pad = false) }
    AvgPoolCeil -> 6x4x5: { avgpool(2, ceil = true) }
    AvgPoolCeilPadded -> 6x4x4: { avgpool(2x4, [2, 3], pad = [1, 2], ceil = true) }
    AvgPoolCeilUncounted -> 6x4x4: { avgpool(2x4, [2, 3], pad = [1, 2], ceil = true, count_pad = false) }
    AvgPoolSame -> 6x4x5: { avgpool(3x2, 2, pad = same) }
    AvgPoolSameUncounted -> 6x4x5: { avgpool(3x2, 2, pad = same, count_pad = false) }
    AdaptiveAvgPool -> 6x3x4: { adaptive_avgpool(3x4) }
    AdaptiveAvgPoolLarger -> 6x9x2: { adaptive_avgpool([9, 2]) }
    Gap -> 6: { gap }

    Pad -> 6x10x12: { pad([1, 2, 3, 0]) }
    PadCrop -> 6x7x8: { pad([-1, 1, 2, -3]) }
    Dropout -> 6x7x9: { dropout(0.0) }
    Flatten -> 378: { flatten }
    Identity -> 6x7x9: { identity }
    Zero -> 6x7x9: { zero }
    ZeroStrided -> 6x4x3: { zero([2, 3]) }
    ShiftRow -> 6x7x9: { shift(1x3) }
    ShiftEven -> 6x7x9: { shift(2, dilation = [1, 2]) }
    ShiftStays -> 6x7x9: { shift }
    Shuffle -> 6x7x9: { shuffle(2) }
    ShuffleVector -> 6: { gap -> shuffle(3) }
    UpsampleNearest -> 6x14x27: { upsample([2, 3]) }
    UpsampleBilinear -> 6x14x27: { upsample([2, 3], bilinear) }
    UpsampleCorners -> 6x14x27: { upsample([2, 3], bilinear, align_corners = true) }
    Scale -> 6x7x9: { scale(-1.5) }
    Affine -> 6x7x9: { l: affine }
    AffinePlain -> 6: { gap -> l: affine(bias = false, init = 0.1) }
    Subsample -> 6x4x3: { subsample([2, 3]) }
    PadChannels -> 9x7x9: { pad_channels(9, before = 1) }
    Select -> 3x7x9: { select(1, 4) }
    SelectVector -> 2: { gap -> select(4, 6) }

    Add -> 6x7x9: { add { a: conv(6, 1, bias = false); b: conv(6, 1, bias = false); identity; } }
    AddVectors -> 6: { gap -> add { identity; identity; } }
    Concat -> 18x7x9: { concat { a: conv(6, 1, bias = false); identity; b: conv(6, 1, bias = false); } }
    ConcatVectors -> 384: { concat { flatten; gap; } }
    MulMaps -> 6x7x9: { mul { a: conv(6, 1, bias = false); b: conv(6, 1, bias = false); } }
    MulGate -> 6x7x9: { mul { identity; adaptive_avgpool(1) -> sigmoid; } }
    MulGateFirst -> 6x7x9: { mul { adaptive_avgpool(1) -> sigmoid; identity; } }
    MulPlane -> 6x7x9: { mul { identity; select(2, 3); } }
    MulVector -> 6x7x9: { mul { identity; gap -> sigmoid; } }
    MulVectorFirst -> 6x7x9: { mul { gap -> sigmoid; identity; } }
    MulThree -> 6x7x9: { mul { select(2, 3); adaptive_avgpool(1); identity; } }
    MulOuter -> 6x7x9: { mul { adaptive_avgpool([1, 9]); adaptive_avgpool([7, 1]); } }
    MulVectors -> 6: { gap -> mul { identity; select(0, 1); } }
}

cases! {
    BnVector 4 x [4, 6, 7, 9] 6x7x9 -> 6: { gap -> l: bn }
    ShiftWindow 2 x [2, 20, 5, 6] 20x5x6 -> 20x5x6: { shift(3) }
}

/// What was compared, and where it differs.
struct Cases {
    expected: BTreeMap<String, Case>,
    tensors: usize,
    worst: f64,
    wrong: Vec<String>,
}

impl Cases {
    fn compare<S: ConstShape, O: Shape, N>(&mut self, name: &str, mut net: N)
    where
        N: TensorCollection<f32, Cpu>
            + Module<Tensor<S, f32, Cpu>, Output = Tensor<O, f32, Cpu>>
            + ModuleMut<Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>, Output = Tensor<O, f32, Cpu, OwnedTape<f32, Cpu>>>,
    {
        let Some(mut case) = self.expected.remove(name) else {
            self.wrong.push(format!("{name} is not in the fixture"));
            return;
        };
        fill_with(&mut net, |name, shape| rule::tensor(name, shape, rule::GAIN)).unwrap();
        let shape: Vec<usize> = S::default().concrete().into();
        assert_eq!(shape, case.input, "{name}");
        let device = Cpu::default();
        let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        let x: Tensor<S, f32, Cpu> = device.tensor_from_vec(single(rule::input(&shape)), S::default());

        let inference = net.forward(x.clone()).as_vec();
        let y = net.forward_mut(x.leaky_trace());
        let sizes: Vec<usize> = y.shape().concrete().into();
        let mut found = vec![("y".to_owned(), sizes.clone(), y.as_vec())];
        let upstream = single(rule::tensor("upstream.input", &sizes, rule::GAIN));
        let upstream = device.tensor_from_vec(upstream, *y.shape());
        let gradients = (y * upstream).sum::<Rank0, _>().backward();

        found.push(("input".to_owned(), shape, gradients.get(&x).as_vec()));
        let parameters = named_gradients(&net, &gradients);
        let trained: Vec<String> = parameters.iter().map(|(name, ..)| name.clone()).collect();
        found.extend(parameters);
        let buffers = named_tensors(&net).into_iter().filter(|one| !trained.contains(&one.name) && !one.is_counter());
        found.extend(buffers.map(|one| (one.name, one.shape, one.data)));

        let eval = case.tensors.remove("eval");
        let mut compare = |what: &str, expected: &cnn_tests::layers::Fingerprint, shape: &[usize], values: &[f32]| {
            self.tensors += 1;
            match expected.error(shape, values) {
                Ok(error) if error <= TOLERANCE => self.worst = self.worst.max(error),
                Ok(error) => self.wrong.push(format!("{name}: {what} is off by {error:.1e}")),
                Err(message) => self.wrong.push(format!("{name}: {what}: {message}")),
            }
        };
        compare("the output in inference", eval.as_ref().unwrap_or(&case.tensors["y"]), &sizes, &inference);
        for (what, shape, values) in &found {
            match case.tensors.remove(what) {
                Some(expected) => compare(what, &expected, shape, values),
                None => panic!("{name}: {what} is not in the fixture"),
            }
        }
        assert!(case.tensors.is_empty(), "{name} lacks {:?}", case.tensors.keys());
    }
}

/// Relative to the largest magnitude of a tensor.
const TOLERANCE: f64 = 1e-5;

#[test]
fn every_layer_equals_pytorch() {
    let mut cases = Cases { expected: load(), tensors: 0, worst: 0.0, wrong: Vec::new() };
    let all = cases.expected.len();
    common::all(&mut cases);
    compare_all(&mut cases);
    assert!(cases.expected.is_empty(), "not compared: {:?}", cases.expected.keys());
    assert!(cases.wrong.is_empty(), "{} of {} tensors:\n{}", cases.wrong.len(), cases.tensors, cases.wrong.join("\n"));
    println!("{all} cases, {} tensors, off by at most {:.1e} of their largest number", cases.tensors, cases.worst);
}
