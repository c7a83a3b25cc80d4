//! Networks of the zoo as typed modules against PyTorch: logits on small images, in f32.
//!
//! The fixtures were computed in 64 bits on the same weights. Tolerances are 20 times PyTorch's own error in 32 bits, and
//! never less than 1e-5, of the largest logit.

use cnn_runtime::prelude::*;
use cnn_runtime::weights::fill_with;
use cnn_tests::fixture::{Inference, Logits};
use cnn_tests::rule;

cnn_runtime::network! {
    pub MobileNetV3Small = cnn_runtime::zoo::MobileNetV3Small: 3x64x64;
    pub EfficientNetB0 = cnn_runtime::zoo::EfficientNetB0: 3x64x64;
    pub GoogLeNetAux = cnn_runtime::zoo::GoogLeNetAux: 3x64x64;
}

type Images = Tensor<Rank4<2, 3, 64, 64>, f32, Cpu>;
type Classes = Tensor<Rank2<2, 1000>, f32, Cpu>;

#[test]
fn mobilenet_v3_small() {
    compare("mobilenet_v3_small", Cpu::default().build_module::<MobileNetV3Small, f32>());
}

#[test]
fn efficientnet_b0() {
    compare("efficientnet_b0", Cpu::default().build_module::<EfficientNetB0, f32>());
}

/// Both auxiliary classifiers too. Inference leaves them out and gives the same logits.
#[test]
fn googlenet_with_auxiliary_classifiers() {
    let fixture = Logits::load("googlenet_aux");
    let mut net = Cpu::default().build_module::<GoogLeNetAux, f32>();
    let x = prepare("googlenet_aux", &mut net, &fixture);
    let (logits, (aux1, aux2)) = net.forward_aux(x.clone());
    assert_eq!(net.forward(x).as_vec(), logits.as_vec());

    let Inference { logits: expected, max_abs, torch_f32_error, .. } = &fixture.inference;
    check("googlenet_aux", &logits, expected, *max_abs, *torch_f32_error);
    assert_eq!(fixture.inference.auxiliary.len(), 2);
    for (found, expected) in [aux1, aux2].iter().zip(&fixture.inference.auxiliary) {
        check(&expected.name, found, &expected.logits, expected.max_abs, *torch_f32_error);
    }
}

fn compare<N>(name: &str, mut net: N)
where
    N: TensorCollection<f32, Cpu> + Module<Images, Output = Classes>,
{
    let fixture = Logits::load(name);
    let x = prepare(name, &mut net, &fixture);
    let Inference { logits: expected, max_abs, torch_f32_error, .. } = &fixture.inference;
    check(name, &net.forward(x), expected, *max_abs, *torch_f32_error);
}

/// Sets the weights by the rule and gives the images.
fn prepare(name: &str, net: &mut impl TensorCollection<f32, Cpu>, fixture: &Logits) -> Images {
    let shape = &fixture.inference.input_shape;
    assert_eq!(shape, &[2, 3, 64, 64], "{name}");
    fill_with(net, |name, shape| rule::tensor(name, shape, fixture.gain)).unwrap();
    let x = rule::input(shape).into_iter().map(|value| value as f32).collect();
    Cpu::default().tensor_from_vec(x, Default::default())
}

fn check(name: &str, logits: &Classes, expected: &[Vec<f64>], max_abs: f64, torch_f32_error: f64) {
    let (logits, expected) = (logits.as_vec(), expected.concat());
    assert_eq!(logits.len(), expected.len(), "{name}");
    let errors = logits.iter().zip(&expected).map(|(&logit, expected)| (f64::from(logit) - expected).abs());
    let worst = errors.fold(0.0, f64::max) / max_abs;
    let allowed = (20.0 * torch_f32_error).max(1e-5);
    assert!(worst <= allowed, "{name}: off by {worst:.1e} of the largest logit, {allowed:.1e} allowed");
    println!("{name}: {} logits, off by at most {worst:.1e} of the largest", logits.len());
}
