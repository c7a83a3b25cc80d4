//! Networks of the zoo as typed modules against PyTorch: logits on small images, in 32 bits. The others: `tests/eager_zoo`.

use cnn_runtime::prelude::*;
use cnn_tests::typed::{Expected, compare};

cnn_runtime::network! {
    pub MobileNetV3Small = cnn_runtime::zoo::MobileNetV3Small: 3x64x64;
    pub EfficientNetB0 = cnn_runtime::zoo::EfficientNetB0: 3x64x64;
    pub GoogLeNetAux = cnn_runtime::zoo::GoogLeNetAux: 3x64x64;
}

type Small = Rank4<2, 3, 64, 64>;

#[test]
fn mobilenet_v3_small() {
    compare::<Small, _, _>("mobilenet_v3_small", || Cpu::default().build_module::<MobileNetV3Small, f32>());
}

#[test]
fn efficientnet_b0() {
    compare::<Small, _, _>("efficientnet_b0", || Cpu::default().build_module::<EfficientNetB0, f32>());
}

/// Both auxiliary classifiers too. Inference leaves them out and gives the same logits.
#[test]
fn googlenet_with_auxiliary_classifiers() {
    let mut net = Cpu::default().build_module::<GoogLeNetAux, f32>();
    let expected = Expected::<Small>::of("googlenet_aux");
    let images = expected.prepare(&mut net);
    let (logits, (aux1, aux2)) = net.forward_aux(images.clone());
    assert_eq!(net.forward(images).as_vec(), logits.as_vec());
    expected.check(&[("logits", logits.as_vec()), ("aux1", aux1.as_vec()), ("aux2", aux2.as_vec())]);
}
