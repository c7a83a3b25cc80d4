//! One network that holds every layer and join of the language. Dropout and stochastic depth have a probability of 0: what
//! they drop depends on the generator.

use std::collections::BTreeMap;

use serde::Deserialize;

cnn_runtime::network! {
    /// Every layer and join of the language.
    pub EveryLayer(classes = 5): 3x16x16 -> classes;
    stem c1: conv(8, 3, pad = 1, bias = false, std = true) -> b1: bn -> relu -> maxpool(3, stride = 2, pad = 1) @ 8x8x8;
    body lrn(3, alpha = 0.5) -> dw: dwconv(3, pad = 1) -> g1: gn(2) -> relu6 -> shuffle(4) -> shift(3)
         -> add {
                { p1: linear(8, pixelwise = true) -> n1: ln -> gelu -> drop_path(0.0) -> a1: affine(init = 0.1) };
                identity;
                zero;
            }                                                                                            @ 8x8x8
         -> mul {
                identity;
                { adaptive_avgpool(1) -> e1: conv(4, 1) -> silu -> e2: conv(8, 1) -> hsigmoid };
                { gap -> softmax -> scale(8.0) };
            }                                                                                            @ 8x8x8
         -> concat {
                { select(0, 4) -> leaky(0.1) };
                { select(4, 8) -> q1: prelu(per_channel = true) -> tanh };
            }                                                                                            @ 8x8x8
         -> add {
                { c2: conv(12, 3, stride = 2, pad = 1) -> hswish };
                { subsample(2) -> pad_channels(12, before = 2) };
            }                                                                                            @ 12x4x4
         -> upsample(2, bilinear) -> pad([1, -1, -2, 2]) -> avgpool(2)                                   @ 12x4x4;
    head flatten -> dropout(0.0) -> f1: linear(16) -> sigmoid -> f2: linear(classes);
}

/// What PyTorch computes in f64: fixtures/every_layer.json, written by parity/every_layer.py.
#[derive(Debug, Deserialize)]
pub struct Fixture {
    /// Batch, channels, height, width.
    pub input_shape: [usize; 4],
    /// One class for each sample.
    pub labels: [usize; 4],
    /// Learning rate of SGD.
    pub lr: f64,
    /// Its momentum.
    pub momentum: f64,
    /// Before any step and after each.
    pub losses: Vec<f64>,
    /// Length of every parameter and running statistic behind the last step.
    pub l2: BTreeMap<String, f64>,
}

/// Reads the fixture.
///
/// # Panics
/// If it is not there or is none.
#[must_use]
pub fn fixture() -> Fixture {
    let path = crate::fixture::path("every_layer.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
