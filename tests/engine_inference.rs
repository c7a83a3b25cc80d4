//! Sessions against PyTorch: outputs of every network that is recorded, auxiliary ones too, in 32 bits, and of some in 64.

use cnn_lang::graph::Graph;
use cnn_runtime::engine::SessionOptions;
use cnn_tests::device::{Device, Devices};
use cnn_tests::inference::{Case, Inference, Kind, TOLERANCE_64, names};
use cnn_tests::{training, zoo};
use rayon::prelude::*;

/// Networks whose numbers in 64 bits are compared on small images, those for small images at their own size.
const SMALL_IN_64_BITS: [&str; 11] = [
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
const LARGE_IN_64_BITS: [&str; 8] =
    ["alexnet", "vgg11", "vgg16", "resnet50", "resnet101", "resnet152", "densenet161", "densenet201"];

/// What runs by default: at most so many parameters and multiply-adds of a sample.
const QUICK: [u64; 2] = [26_000_000, 1_600_000_000];

/// Of those, what runs on every back end and not only on the one that the engine takes by itself: at most so many multiply-adds.
const EVERYWHERE: u64 = 300_000_000;

#[test]
fn quick_cases_in_32_bits() {
    let names = names();
    assert!(names.len() >= 74, "{} networks are recorded", names.len());
    let found: Vec<_> = names.par_iter().flat_map(|name| quick(name)).collect();
    assert!(found.len() >= 55, "{} cases are quick", found.len());
    all_good(found.into_iter());
}

fn quick(name: &str) -> Option<Result<(), String>> {
    let params = zoo::graph(name).costs().params;
    let inference = Inference::load(name);
    let case = inference.smallest().filter(|_| params <= QUICK[0])?;
    let graph = zoo::graph_for(name, &case.input_shape);
    let macs = graph.costs().macs;
    let devices = Device::of_case::<f32>(u64::from(macs > EVERYWHERE), 2);
    (macs <= QUICK[1]).then(|| compare::<f32>(&inference, case, &graph, &devices))
}

#[test]
#[ignore = "minutes"]
fn every_case_in_32_bits() {
    let of = |name: String| {
        let inference = Inference::load(&name);
        let cases = inference.cases.iter().filter(|case| case.kind != Kind::TrainForward);
        let compare =
            |case: &Case| compare::<f32>(&inference, case, &zoo::graph_for(&name, &case.input_shape), &f32::devices());
        cases.map(compare).collect::<Vec<_>>()
    };
    all_good(names().into_iter().flat_map(of));
}

#[test]
fn at_the_size_of_the_paper_in_64_bits() {
    all_good(training::names().iter().map(|name| in_64_bits(name, Kind::Native)));
}

#[test]
fn small_images_in_64_bits() {
    all_good(SMALL_IN_64_BITS.into_iter().map(|name| in_64_bits(name, Kind::Small)));
}

#[test]
#[ignore = "two minutes, most of it for making weights"]
fn large_networks_in_64_bits() {
    all_good(LARGE_IN_64_BITS.into_iter().map(|name| in_64_bits(name, Kind::Small)));
}

fn in_64_bits(name: &str, kind: Kind) -> Result<(), String> {
    let inference = Inference::load(name);
    let case = inference.case(kind).or(inference.case(Kind::Native)).unwrap();
    compare::<f64>(&inference, case, &zoo::graph_for(name, &case.input_shape), &f64::devices())
}

fn compare<E: Devices>(inference: &Inference, case: &Case, graph: &Graph, devices: &[Device]) -> Result<(), String> {
    let weights = zoo::weights::<E>(graph, inference.gain);
    let images = zoo::images::<E>(&case.input_shape);
    let options = SessionOptions { batch: case.input_shape[0], auxiliary: case.auxiliary() };
    for &device in devices {
        let mut session = device.session(graph, &weights, options).map_err(|error| error.to_string())?;
        session.run(&images).map_err(|error| error.to_string())?;
        let off = case.off(|output| session.output(output));
        let allowed = if size_of::<E>() == 8 { TOLERANCE_64 } else { case.allowed() };
        let (name, size, bits) = (&inference.name, case.size(), 8 * size_of::<E>());
        let line = format!("{name:32} {size:10} {bits} bits, {device:?}: off by {off:.1e}, {allowed:.1e} allowed");
        println!("{line}");
        if off > allowed {
            return Err(line);
        }
    }
    Ok(())
}

#[track_caller]
fn all_good(results: impl Iterator<Item = Result<(), String>>) {
    let wrong: Vec<String> = results.filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
