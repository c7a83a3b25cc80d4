//! Weights between typed modules, sessions and trainers.

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{Compile, SessionOptions, Targets, TrainerOptions};
use cnn_runtime::network;
use cnn_runtime::prelude::*;
use cnn_runtime::weights::{StateDict, named_tensors};
use cnn_tests::device::{Device, Devices};
use cnn_tests::oracle::input_by_rule;

network! { pub LeNet = cnn_runtime::zoo::LeNet5; }

#[test]
fn modules_come_and_go() {
    let mut net = Cpu::default().build_module::<LeNet, f32>();
    let images: Vec<f32> = input_by_rule(&<LeNet>::graph().unwrap(), 2);
    let logits = |net: &LeNet| {
        let x = Cpu::default().tensor_from_vec(images.clone(), (Const::<2>, Const::<1>, Const::<28>, Const::<28>));
        net.forward(x).as_vec()
    };
    let mut session = net.compile(SessionOptions { batch: 2, ..Default::default() }).unwrap();
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(session.run(&images).unwrap(), &logits(&net)));

    let mut trainer = net.trainer(TrainerOptions { batch: 2, ..Default::default() }).unwrap();
    let before = named_tensors(&net);
    for _ in 0..3 {
        trainer.step(&images, Targets::Labels(&[3, 1]), 0.1).unwrap();
    }
    trainer.write_back(&mut net).unwrap();
    assert_ne!(named_tensors(&net), before);
    session.set_weights(&trainer.weights()).unwrap();
    assert!(close(session.run(&images).unwrap(), &logits(&net)));
}

#[test]
fn sessions_share_weights_between_threads() {
    let graph = cnn_lang::load(cnn_runtime::zoo::ResNet20Cifar, None).unwrap();
    let weights = StateDict::<f32>::init(&graph, 3).unwrap();
    f32::devices().into_iter().for_each(|device| shared(device, &graph, &weights));
}

fn shared(device: Device, graph: &Graph, weights: &StateDict<f32>) {
    let mut session = device.session(graph, weights, SessionOptions { batch: 2, ..Default::default() }).unwrap();
    let images = input_by_rule(graph, 2);
    let expected = session.run(&images).unwrap().to_vec();
    let runs: Vec<Vec<f32>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let mut session = session.fork().unwrap();
                let images = &images;
                scope.spawn(move || {
                    (0..3).for_each(|_| drop(session.run(images).unwrap().to_vec()));
                    session.run(images).unwrap().to_vec()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(runs.iter().all(|logits| *logits == expected));
}
