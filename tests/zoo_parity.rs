//! Networks of the zoo as typed modules against PyTorch: logits on small images, in f32.
//!
//! The fixtures were computed in 64 bits on the same weights. Tolerances are 20 times PyTorch's own error in 32 bits, and
//! never less than 1e-5, of the largest logit.

use cnn_runtime::prelude::*;
use cnn_runtime::weights::fill_with;
use cnn_tests::fixture::Logits;
use cnn_tests::rule;

cnn_runtime::network! {
    pub MobileNetV3Small = cnn_runtime::zoo::MobileNetV3Small: 3x64x64;
    pub EfficientNetB0 = cnn_runtime::zoo::EfficientNetB0: 3x64x64;
}

type Images = Tensor<Rank4<2, 3, 64, 64>, f32, Cpu>;

#[test]
fn mobilenet_v3_small() {
    compare("mobilenet_v3_small", Cpu::default().build_module::<MobileNetV3Small, f32>());
}

#[test]
fn efficientnet_b0() {
    compare("efficientnet_b0", Cpu::default().build_module::<EfficientNetB0, f32>());
}

fn compare<N>(name: &str, mut net: N)
where
    N: TensorCollection<f32, Cpu> + Module<Images, Output = Tensor<Rank2<2, 1000>, f32, Cpu>>,
{
    let Logits { gain, inference } = Logits::load(name);
    assert_eq!(inference.input_shape, [2, 3, 64, 64], "{name}");
    fill_with(&mut net, |name, shape| rule::tensor(name, shape, gain)).unwrap();
    let x = rule::input(&inference.input_shape).into_iter().map(|value| value as f32).collect();
    let logits = net.forward(Cpu::default().tensor_from_vec(x, Default::default())).as_vec();
    let expected: Vec<f64> = inference.logits.concat();
    assert_eq!(logits.len(), expected.len(), "{name}");
    let errors = logits.iter().zip(&expected).map(|(&logit, expected)| (f64::from(logit) - expected).abs());
    let worst = errors.fold(0.0, f64::max) / inference.max_abs;
    let allowed = (20.0 * inference.torch_f32_error).max(1e-5);
    assert!(worst <= allowed, "{name}: off by {worst:.1e} of the largest logit, {allowed:.1e} allowed");
    println!("{name}: {} logits, off by at most {worst:.1e} of the largest", logits.len());
}
