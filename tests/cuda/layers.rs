//! Every kind of layer, at channels that are packs and at others. Networks that are drawn at random are smooth where digits are few,
//! and seldom have packs of eight.

use cnn_runtime::engine::{Precision, Targets, TrainerOptions};
use cnn_tests::device::Device;
use cnn_tests::zoo;

use crate::{PLAIN, doubles, logits, off, shape_of, step};

const SOURCES: [&str; 4] = [
    "Windows(c = 16): 3x14x14 -> 5;
        stem conv(c, 3, pad = 1) -> prelu(per_channel = true) -> maxpool(3, 2, pad = 1) -> lrn(5, alpha = 0.5);
        body conv(c, 3, pad = 1) -> prelu -> maxpool(2);
        head gap -> linear(5);
        Odd = Windows(c = 6);",
    "Products(c = 16): 3x12x12 -> 5;
        stem conv(c, 3, pad = 1) -> bn;
        body mul { identity; { conv(1, 1) -> sigmoid }; { gap -> linear(c) -> sigmoid }; }
            -> mul { { conv(c, 1) -> tanh }; { conv(c, 3, pad = 1) -> sigmoid }; };
        head gap -> linear(5);
        Odd = Products(c = 6);",
    "Depthwise(c = 16): 3x16x16 -> 5;
        stem conv(c, 3, pad = 1) -> bn;
        body dwconv(3, pad = 1) -> silu -> dwconv(5, pad = 2) -> silu -> dwconv(7, pad = 3) -> silu
            -> dwconv(3, stride = 2, pad = 1) -> silu -> dwconv(5, stride = 2, pad = 2) -> silu -> dwconv(4, 2);
        head gap -> linear(5);
        Odd = Depthwise(c = 6);",
    "Norms(c = 16): 3x8x8 -> 5;
        stem conv(c, 3, pad = 1, std = true) -> gn(2) -> silu;
        body conv(c, 1, std = true) -> ln -> upsample(2, mode = bilinear) -> conv(c, 3, stride = 2, pad = 1)
            -> upsample([3, 1], mode = bilinear, align_corners = true) -> dropout(0.2) -> shift(3) -> affine -> gelu;
        head gap -> linear(5);
        Odd = Norms(c = 6);",
];

/// A share of a gradient's length. Where digits are few, a maximum may be another pixel's.
const ALLOWED: [(Precision, f64); 3] = [(Precision::Full, 1e-4), (Precision::Bf16, 0.25), (Precision::F16, 0.03)];

/// The network that a source begins with.
fn whole(source: &str) -> &str {
    source.split('(').next().unwrap_or(source)
}

#[test]
fn every_kind_of_layer_has_its_gradients() {
    let devices = ALLOWED
        .into_iter()
        .flat_map(|(precision, allowed)| Device::graphics(precision).into_iter().map(move |device| (device, allowed)));
    let cases = || SOURCES.into_iter().flat_map(|source| [(source, whole(source)), (source, "Odd")]);
    let mut wrong = Vec::new();
    for ((device, allowed), (source, name)) in devices.flat_map(|on| cases().map(move |case| (on, case))) {
        let graph = cnn_lang::load(source, Some(name)).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let (shape, weights) = (shape_of(&graph, 4), zoo::weights::<f32>(&graph, 1.0));
        let (_, found, number) = step(device, &graph, &weights, &shape, 1);
        let (_, expected, _) = step(PLAIN, &graph, &weights, &shape, number);
        let mut most = 0.0f64;
        for ((tensor, found), (_, expected)) in found.iter().zip(&expected) {
            let off = off(found, expected);
            most = most.max(off);
            if off > allowed || !off.is_finite() {
                wrong.push(format!("{device:?}: {} as {name}, {tensor}: {off:.1e}", whole(source)));
            }
        }
        let (of, tensors) = (whole(source), found.len());
        println!("{device:?}: {of:9} as {name:9}: gradients of {tensors} tensors within {most:.1e}, {allowed} allowed");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A grid has fewer blocks along its second axis than there may be samples.
#[test]
fn more_samples_than_blocks() {
    let graph = cnn_lang::load("Many: 2x1x3 -> 2; head gap -> linear(2);", None).unwrap();
    let shape = [65_600, 2, 1, 3];
    for device in Device::graphics(Precision::Full) {
        let [found, expected] = [device, PLAIN].map(|device| logits(device, &graph, &shape, 1.0));
        let off = off(&found, &expected);
        println!("{device:?}: {} samples at a time, off by {off:.1e}", shape[0]);
        assert!(off < 1e-5, "{off:e}");
        assert!(found.iter().all(|logit| *logit != 0.0), "every sample has logits");
    }
}

/// The number of a tap takes as much memory as a number of a map: 65,536 of them can be told from each other in 16 bits.
#[test]
fn windows_are_as_large_as_taps_can_be_told_apart() {
    let source = |side: usize| {
        format!("Wide: 1x{side}x{side} -> 2; stem conv(1, 1) -> maxpool({side}); head flatten -> linear(2);")
    };
    let [largest, larger] = [256, 257].map(|side| cnn_lang::load(&source(side), None).unwrap());
    for precision in [Precision::Full, Precision::Bf16, Precision::F16] {
        for device in Device::graphics(precision) {
            let weights = zoo::weights::<f32>(&largest, 1.0);
            let [found, expected] = [device, PLAIN].map(|on| step(on, &largest, &weights, &[1, 1, 256, 256], 1).1);
            let pairs = found.iter().zip(&expected);
            let most = pairs.map(|((_, found), (_, expected))| off(found, expected)).fold(0.0, f64::max);
            println!("{device:?}: gradients behind a window of 256x256 within {most:.1e}");
            assert!(most < 0.3, "{device:?}: {most:e}");
            let weights = zoo::weights::<f32>(&larger, 1.0);
            let refusal = device.trainer(&larger, &weights, TrainerOptions { batch: 1, ..Default::default() }).err();
            let refusal = refusal.map(|error| error.to_string());
            println!("{device:?}: 257x257: {refusal:?}");
            assert_eq!(
                refusal.is_some_and(|text| text.contains("66049 numbers under a window")),
                precision != Precision::Full
            );
        }
    }
}

/// Weights that steps form live as long as their step where nothing in front of them is learned: several lie in the same memory.
#[test]
fn formed_weights_of_other_sizes_follow_one_another() {
    // The weights are larger than the maps, so each begins where the arena does.
    let source = "Formed: 3x5x5 -> 3; stem conv(64, 3, std = true) -> relu -> conv(32, 3, std = true) -> relu
        -> conv(96, 1, std = true) -> relu -> conv(48, 1, std = true) -> relu; head gap -> fc: linear(3);";
    let graph = cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{}", errors[0]));
    let weights = zoo::weights::<f32>(&graph, 1.0);
    let options = TrainerOptions { batch: 4, freeze: vec!["!fc".into()], keep_gradients: true, ..Default::default() };
    for precision in [Precision::Full, Precision::Bf16] {
        let allowed = if precision == Precision::Full { 1e-5 } else { 5e-2 };
        for device in Device::graphics(precision) {
            let [found, expected] = [device, PLAIN].map(|on| {
                let mut trainer = on.trainer(&graph, &weights, options.clone()).unwrap();
                trainer.step(&zoo::images::<f32>(&[4, 3, 5, 5]), Targets::Labels(&[0, 1, 2, 0]), 0.0).unwrap();
                trainer.gradients()
            });
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                let off = off(&doubles(found), &doubles(expected));
                println!("{device:?}: {name} off by {off:.1e}, {allowed:.0e} allowed");
                assert!(off < allowed, "{device:?}, {name}: {off:e}");
            }
        }
    }
}
