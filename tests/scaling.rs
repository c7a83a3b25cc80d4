//! The rules that make families of networks: published members, limits, wrong numbers.

use cnn_lang::graph::Graph;
use cnn_runtime::zoo::scaling::{CompoundScaling, Limits, QuantisedLinear, ScalingError};
use cnn_runtime::zoo::{self, EfficientNetB0, RegNetX400MF};

/// Names of the zoo; d, w₀, w_a, w_m, channels in a group of the paper's tables; what Y blocks squeeze to.
#[rustfmt::skip]
const REGNETS: &[(&str, usize, usize, f64, f64, usize, &str)] = &[
    ("regnet_x_400mf", 22,  24,  24.48, 2.54,  16, "0.0"),
    ("regnet_x_800mf", 16,  56,  35.73, 2.28,  16, "0.0"),
    ("regnet_x_1_6gf", 18,  80,  34.01, 2.25,  24, "0.0"),
    ("regnet_x_3_2gf", 25,  88,  26.31, 2.25,  48, "0.0"),
    ("regnet_x_8gf",   23,  80,  49.56, 2.88, 120, "0.0"),
    ("regnet_x_16gf",  22, 216,  55.59, 2.1,  128, "0.0"),
    ("regnet_x_32gf",  23, 320,  69.86, 2.0,  168, "0.0"),
    ("regnet_y_400mf", 16,  48,  27.89, 2.09,   8, "0.25"),
    ("regnet_y_800mf", 14,  56,  38.84, 2.4,   16, "0.25"),
    ("regnet_y_1_6gf", 27,  48,  20.71, 2.65,  24, "0.25"),
    ("regnet_y_3_2gf", 21,  80,  42.63, 2.66,  24, "0.25"),
    ("regnet_y_8gf",   17, 192,  76.82, 2.19,  56, "0.25"),
    ("regnet_y_16gf",  18, 200, 106.23, 2.48, 112, "0.25"),
    ("regnet_y_32gf",  20, 232, 115.89, 2.53, 232, "0.25"),
    ("regnet_y_128gf", 27, 456, 160.83, 2.52, 264, "0.25"),
];

/// The φ at which the rule comes nearest; resolution, width and depth of B0 to B7.
const PUBLISHED: [(f64, usize, f64, f64); 8] = [
    (0.0, 224, 1.0, 1.0),
    (0.5, 240, 1.0, 1.1),
    (1.0, 260, 1.1, 1.2),
    (2.0, 300, 1.2, 1.4),
    (3.5, 380, 1.4, 1.8),
    (4.7, 456, 1.6, 2.2),
    (5.7, 528, 1.8, 2.6),
    (6.7, 600, 2.0, 3.1),
];

fn variant(source: &str, arguments: &str) -> Graph {
    let arguments = cnn_lang::arguments(arguments).expect("arguments");
    cnn_lang::load_at(source, None, &arguments, None).expect("a network")
}

/// The table of the paper is what the equations come to, tensor by tensor.
#[test]
fn every_regnet_is_quantised_linear() {
    for &(name, depth, w_0, w_a, w_m, group, squeeze) in REGNETS {
        let stages = QuantisedLinear { depth, w_0, w_a, w_m, group }.stages().expect("published numbers");
        let (_, source) = zoo::ALL.iter().find(|(known, _)| *known == name).expect("in the zoo");
        let expected = cnn_lang::load(source, None).expect("a network");
        let found = variant(RegNetX400MF, &format!("{}, squeeze = {squeeze}", stages.arguments()));
        println!("{name:16} {}", stages.arguments());
        assert_eq!(stages.depths.iter().sum::<usize>(), depth, "{name}");
        assert_eq!(found.tensors(), expected.tensors(), "{name}");
        assert_eq!(found.costs(), expected.costs(), "{name}");
    }
    assert_eq!(REGNETS.len(), zoo::ALL.iter().filter(|(name, _)| name.starts_with("regnet")).count());
}

/// The authors rounded by hand, from B4 on to less depth and more resolution.
#[test]
fn published_factors_are_near_the_rule() {
    let rule = CompoundScaling::EFFICIENTNET;
    for (phi, resolution, width, depth) in PUBLISHED {
        let factors = rule.factors(phi).expect("finite");
        println!("phi {phi}: {factors:?}, {} pixels, published {resolution} {width} {depth}", factors.pixels(224));
        for (found, published) in
            [(factors.pixels(224) as f64, resolution as f64), (factors.width, width), (factors.depth, depth)]
        {
            assert!((found / published - 1.0).abs() < 0.1, "phi {phi}: {found} and {published}");
        }
    }
    assert!((rule.growth(1.0) - 1.2 * 1.1 * 1.1 * 1.15 * 1.15).abs() < 1e-12);
    let twice = CompoundScaling { alpha: 2.0, beta: 2.0, gamma: 2.0 }.factors(1.0).expect("finite");
    assert_eq!((twice.layers(3), twice.channels(20), twice.pixels(28)), (6, 40, 56));
    let half = CompoundScaling { alpha: 2.0, beta: 2.0, gamma: 2.0 }.factors(-1.0).expect("finite");
    assert_eq!((half.layers(3), half.channels(18), half.channels(2), half.pixels(1)), (2, 16, 8, 1));
}

/// B0 itself is φ = 0, and rounding in Rust and in the language agree.
#[test]
fn a_scaled_network_has_the_sizes_of_the_rule() {
    let rule = CompoundScaling::EFFICIENTNET;
    let same = rule.at(EfficientNetB0, None, 0.0).expect("the baseline");
    assert_eq!(same.graph.costs(), cnn_lang::load(EfficientNetB0, None).expect("a network").costs());
    for phi in [-1.0, 0.37, 1.0, 2.6] {
        let scaled = rule.at(EfficientNetB0, None, phi).expect("a network");
        let tensors = scaled.graph.tensors();
        let channels = |name: &str| tensors.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor.shape[0]);
        assert_eq!(channels("features.0.0.weight"), Some(scaled.factors.channels(32)), "phi {phi}");
        let last = scaled.factors.layers(1) - 1;
        let name = |block: usize| format!("features.7.{block}.block.3.1.weight");
        assert_eq!(channels(&name(last)), Some(scaled.factors.channels(320)), "phi {phi}");
        assert_eq!(channels(&name(last + 1)), None, "phi {phi}");
        let side = scaled.factors.pixels(224);
        assert_eq!(scaled.graph.input_shape().to_string(), format!("3x{side}x{side}"));
        assert_eq!(variant(EfficientNetB0, &scaled.arguments()).costs().params, scaled.graph.costs().params);
    }
}

/// The solver against all steps one after another.
#[test]
fn the_largest_network_within_limits_is_found() {
    let rule = CompoundScaling::EFFICIENTNET;
    let costs = |step: u32| rule.at(EfficientNetB0, None, f64::from(step) / 100.0).expect("a network").graph.costs();
    let scanned: Vec<_> = (0..=130).map(costs).collect();
    for (params, macs) in [
        (Some(9_000_000), None),
        (None, Some(900_000_000)),
        (Some(9_000_000), Some(700_000_000)),
        (Some(7_000_000), None),
    ] {
        let limits = Limits { params, macs };
        let within = |costs: &cnn_lang::graph::Costs| {
            params.is_none_or(|limit| costs.params <= limit) && macs.is_none_or(|limit| costs.macs <= limit)
        };
        let expected = scanned.iter().rposition(within).expect("the baseline is within");
        assert!(expected < 130, "the scan holds the answer");
        // Rounding up adds a layer to every stage at once: nothing lies between 5.3 M and 7.8 M parameters.
        assert_eq!(expected == 0, params == Some(7_000_000), "{limits:?}");
        assert!(scanned[..expected].iter().all(within), "costs grow with phi");
        let found = rule.largest(EfficientNetB0, None, limits).expect("a network");
        println!("{limits:?}: phi {}, {:?}", found.phi, found.graph.costs());
        assert_eq!(found.phi, expected as f64 / 100.0, "{limits:?}");
        assert_eq!(found.graph.costs(), scanned[expected]);
    }
}

#[test]
fn wrong_numbers_are_told() {
    let rule = CompoundScaling::EFFICIENTNET;
    let some = Limits { params: Some(6_000_000), macs: None };
    let told = |error: ScalingError, message: &str| assert!(error.to_string().contains(message), "{error}");
    told(rule.largest(EfficientNetB0, None, Limits::default()).unwrap_err(), "0 limits given, expected 1 or 2");
    let small = Limits { params: None, macs: Some(1_000) };
    told(
        rule.largest(EfficientNetB0, None, small).unwrap_err(),
        "the baseline has 385814752 multiply-adds, expected at most 1000",
    );
    told(rule.factors(f64::NAN).unwrap_err(), "phi is NaN, expected a finite number");
    let shrinking = CompoundScaling { beta: 0.9, ..rule };
    told(
        shrinking.largest(EfficientNetB0, None, some).unwrap_err(),
        "beta is 0.9, expected a finite number of at least 1",
    );
    let wide = "Wide(width = 1.0, depth = 1.0): 3x8x8 -> 10; head gap -> linear(10);";
    told(rule.largest(wide, None, some).unwrap_err(), "the limits still hold at phi = 64");
    told(rule.at(zoo::LeNet5, None, 1.0).unwrap_err(), "the definition fails at phi = 1: ");
    told(rule.at("Flat(width = 1.0): 8 -> 10; head linear(10);", None, 1.0).unwrap_err(), "its input is a vector of 8");

    let good = QuantisedLinear { depth: 22, w_0: 24, w_a: 24.48, w_m: 2.54, group: 16 };
    for (wrong, message) in [
        (QuantisedLinear { depth: 0, ..good }, "depth is 0, expected 1 to 100000 blocks"),
        (QuantisedLinear { w_0: 20, ..good }, "w_0 is 20, expected a multiple of 8"),
        (QuantisedLinear { w_a: -1.0, ..good }, "w_a is -1, expected a finite number of at least 0"),
        (QuantisedLinear { w_m: 1.0, ..good }, "w_m is 1, expected a finite number above 1"),
        (QuantisedLinear { group: 0, ..good }, "group is 0, expected 1 to 100000 channels"),
        (QuantisedLinear { w_a: 1e9, ..good }, "the last width is"),
    ] {
        told(wrong.stages().unwrap_err(), message);
    }
}
