//! One network that holds every layer and join of the language trains as in PyTorch.
//!
//! Fixture: parity/every_layer.py, computed in f64. Dropout and stochastic depth have a probability of 0: what they drop
//! depends on the generator.

use std::collections::BTreeSet;
use std::path::Path;

use cnn_lang::graph::LAYERS;
use cnn_runtime::prelude::*;
use cnn_runtime::weights::{fill_with, named_tensors};
use cnn_tests::rule;
use dfdx::optim::{Momentum, Optimizer, Sgd, SgdConfig};
use serde::Deserialize;

cnn_runtime::network! {
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

#[derive(Debug, Deserialize)]
struct Fixture {
    input_shape: [usize; 4],
    labels: [usize; 4],
    lr: f64,
    momentum: f64,
    /// Before any step and after each.
    losses: Vec<f64>,
    /// Length of every parameter and running statistic behind the last step.
    l2: std::collections::BTreeMap<String, f64>,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/every_layer.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn nothing_is_left_out() {
    let graph = cnn_lang::load(<EveryLayer>::SOURCE, None).unwrap();
    let used: BTreeSet<&str> = graph.nodes.iter().map(|node| node.op.keyword()).collect();
    // `dwconv` is another way to write a convolution.
    let layers = LAYERS.iter().map(|layer| layer.keyword).filter(|word| *word != "dwconv");
    let missing: Vec<&str> = layers.chain(["add", "concat", "mul"]).filter(|word| !used.contains(word)).collect();
    assert!(missing.is_empty(), "not in the network: {missing:?}");
}

#[test]
fn ten_steps_equal_pytorch() {
    let fixture = fixture();
    let device = Cpu::default();
    let mut net = device.build_module::<EveryLayer, f32>();
    fill_with(&mut net, |name, shape| rule::tensor(name, shape, rule::GAIN)).unwrap();
    let single = rule::input(&fixture.input_shape).into_iter().map(|value| value as f32).collect();
    let x: Tensor<Rank4<4, 3, 16, 16>, f32, Cpu> = device.tensor_from_vec(single, Default::default());
    let mut targets = [[0.0f32; 5]; 4];
    for (target, label) in targets.iter_mut().zip(fixture.labels) {
        target[label] = 1.0;
    }
    let targets = device.tensor(targets);

    let momentum = Some(Momentum::Classic(fixture.momentum));
    let mut sgd = Sgd::new(&net, SgdConfig { lr: fixture.lr, momentum, weight_decay: None });
    let steps = fixture.losses.len() - 1;
    assert_eq!(steps, 10);
    let mut worst: f64 = 0.0;
    for (number, expected) in fixture.losses.iter().enumerate() {
        let logits = net.forward_mut(x.clone().traced(net.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, targets.clone());
        let found = f64::from(loss.array());
        worst = worst.max((found - expected).abs() / expected);
        assert!(worst <= 1e-4, "loss after {number} steps: {found} is not {expected}");
        if number < steps {
            sgd.update(&mut net, &loss.backward()).unwrap();
        }
    }
    let tensors = named_tensors(&net);
    let mut compared = 0;
    for tensor in tensors.iter().filter(|tensor| !tensor.is_counter()) {
        let l2 = tensor.data.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        let expected = fixture.l2[&tensor.name];
        assert!((l2 - expected).abs() <= 1e-4 * expected, "length of {}: {l2} is not {expected}", tensor.name);
        compared += 1;
    }
    assert_eq!(compared, fixture.l2.len());
    println!("losses {:?}, off by at most {worst:.1e}; {compared} tensors", fixture.losses);
}
