//! One network that holds every layer and join of the language trains as in PyTorch.
//!
//! Fixture: parity/every_layer.py, computed in f64. Dropout and stochastic depth have a probability of 0: what they drop
//! depends on the generator.

use std::collections::BTreeSet;

use cnn_lang::graph::LAYERS;
use cnn_runtime::prelude::*;
use cnn_runtime::weights::{fill_with, named_tensors};
use cnn_tests::every_layer::{EveryLayer, fixture};
use cnn_tests::rule;
use dfdx::optim::{Momentum, Optimizer, Sgd, SgdConfig};

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
