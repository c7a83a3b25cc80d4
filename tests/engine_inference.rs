//! Sessions against PyTorch: logits and auxiliary outputs of networks of the zoo, in 32 and 64 bits.
//!
//! The fixtures were computed in 64 bits on the same weights and hold ten digits. Tolerances in 32 bits are 20 times
//! PyTorch's own error there, and never less than 1e-5 of the largest logit.

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::engine::{Number, Session, SessionOptions};
use cnn_runtime::weights::StateDict;
use cnn_runtime::zoo;
use cnn_tests::fixture::{Fixture, Inference, Logits, TRAINED};
use cnn_tests::rule;

/// What ten digits leave, as a part of the largest logit.
const TOLERANCE_64: f64 = 1e-9;

/// Networks recorded at 3x64x64, those for small images at their own size.
const SMALL: [&str; 11] = [
    "googlenet",
    "googlenet_aux",
    "resnet18",
    "resnet32_cifar",
    "resnet56_cifar",
    "resnet110_cifar",
    "resnet1001_cifar_full_preact",
    "densenet121",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "regnet_x_400mf",
];

/// More of them, with so many weights that making them takes longer than everything else.
const LARGE: [&str; 8] =
    ["alexnet", "vgg11", "vgg16", "resnet50", "resnet101", "resnet152", "densenet161", "densenet201"];

#[test]
fn at_the_size_of_the_paper_in_32_bits() {
    for name in TRAINED {
        let Fixture { gain, inference, .. } = Fixture::load(name);
        compare::<f32>(name, gain, &inference);
    }
}

#[test]
fn at_the_size_of_the_paper_in_64_bits() {
    for name in TRAINED {
        let Fixture { gain, inference, .. } = Fixture::load(name);
        compare::<f64>(name, gain, &inference);
    }
}

#[test]
fn small_images_in_32_bits() {
    for name in SMALL {
        let Logits { gain, inference } = Logits::load(name);
        compare::<f32>(name, gain, &inference);
    }
}

#[test]
fn small_images_in_64_bits() {
    for name in SMALL {
        let Logits { gain, inference } = Logits::load(name);
        compare::<f64>(name, gain, &inference);
    }
}

#[test]
#[ignore = "two and a half minutes, most of it for making weights"]
fn large_networks() {
    for name in LARGE {
        let Logits { gain, inference } = Logits::load(name);
        compare::<f32>(name, gain, &inference);
        compare::<f64>(name, gain, &inference);
    }
}

/// The network of this name, for images of the recorded size.
fn graph(name: &str, input_shape: &[usize]) -> Graph {
    let (_, source) = zoo::ALL.iter().find(|(known, _)| *known == name).unwrap();
    let [_, channels, height, width] = *input_shape else { panic!("{name}: {input_shape:?} are no images") };
    cnn_lang::load_at(source, None, &[], Some(Shape::map(channels, height, width))).unwrap()
}

fn compare<E: Number>(name: &str, gain: f64, expected: &Inference) {
    let Inference { input_shape, logits, max_abs, torch_f32_error, auxiliary } = expected;
    let graph = graph(name, input_shape);
    let weights = StateDict::<E>::fill_with(&graph, |name, shape| rule::tensor(name, shape, gain)).unwrap();
    let options = SessionOptions { batch: input_shape[0], auxiliary: !auxiliary.is_empty() };
    let mut session = Session::new(&graph, &weights, options).unwrap();
    let images: Vec<E> = rule::input(input_shape).into_iter().map(E::of).collect();
    let found = session.run(&images).unwrap().to_vec();

    let allowed = if size_of::<E>() == 8 { TOLERANCE_64 } else { (20.0 * torch_f32_error).max(1e-5) };
    let mut worst = off(&found, logits, *max_abs);
    for expected in auxiliary {
        let found = session.output(&expected.name).unwrap();
        worst = worst.max(off(found, &expected.logits, expected.max_abs));
    }
    let [height, width] = [input_shape[2], input_shape[3]];
    let bits = 8 * size_of::<E>();
    assert!(worst <= allowed, "{name} at {height}x{width} in {bits} bits: off by {worst:.1e}, {allowed:.1e} allowed");
    println!("{name:30}{height:4}x{width:<4} {bits} bits: off by {worst:.1e}, {allowed:.1e} allowed");
}

/// The largest difference, as a part of the largest magnitude. What is no number is infinitely far off.
fn off<E: Number>(found: &[E], expected: &[Vec<f64>], max_abs: f64) -> f64 {
    assert_eq!(found.len(), expected.iter().map(Vec::len).sum::<usize>());
    let differences =
        found.iter().zip(expected.iter().flatten()).map(|(found, expected)| (found.double() - expected).abs());
    differences.fold(0.0, |worst, one| if one.is_nan() { f64::INFINITY } else { worst.max(one) }) / max_abs
}
