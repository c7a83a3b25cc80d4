//! Networks of every paper with other arguments: 37 classes, half the side of the input. They take what the weights of the
//! standard network have in common with them, and run.

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::weights::{LoadOptions, Mismatch, StateDict};
use cnn_runtime::zoo;

/// A network of every file of the zoo, and what of it depends on classes or input: patterns of names.
const INSTANCES: &[(&str, &[&str])] = &[
    ("lenet5", &["net.7.weight", "net.11"]),
    ("alexnet", &["classifier.6"]),
    ("nin_d2l", &["net.6"]),
    ("vgg11_bn", &["classifier.6"]),
    ("googlenet_aux", &["fc", "aux1.fc2", "aux2.fc2"]),
    ("highway_cnn", &["fc"]),
    ("bn_inception", &["fc"]),
    ("inception_v3", &["fc"]),
    ("inception_v4", &["last_linear"]),
    ("resnet18", &["fc"]),
    ("resnet20_cifar", &["fc"]),
    ("resnet110_cifar_full_preact", &["fc"]),
    ("resnet110_cifar_stochdepth_test", &["fc"]),
    ("resnet56_cifar_lesion", &["fc"]),
    ("wrn_16_4", &["fc"]),
    ("resnext50_32x4d", &["fc"]),
    ("resnet18_d2l", &["net.7"]),
    ("densenet121", &["classifier"]),
    ("densenet_bc_100_k12", &["classifier"]),
    ("shiftnet_a", &["fc"]),
    ("nasnet_a_large", &["last_linear"]),
    ("mnasnet_a1", &["classifier"]),
    ("tf_efficientnet_b0", &["classifier"]),
    ("mobilenet_v3_small", &["classifier.3"]),
    ("efficientnet_b0", &["classifier.1"]),
    ("bit_r50x1", &["head.fc"]),
    ("regnet_y_400mf", &["fc"]),
    ("hrnet_w18", &["classifier"]),
    ("convnext_tiny", &["classifier.2"]),
];

/// Numbers and multiply-adds up to which a network is in the default run.
const SMALL: (u64, u64) = (13_000_000, 700_000_000);

fn source(name: &str) -> &'static str {
    zoo::ALL.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// Networks that 112 pixels do not suit: what two branches make of odd sizes differs. They take 128.
const EVEN: &[(&str, &str)] = &[
    ("bn_inception", "concat joins 192x4x4 and 608x3x3, whose height and width differ"),
    ("hrnet_w18", "add joins 18x28x28 and 18x32x32"),
];

/// Networks of which half the input leaves nothing for their last windows: their own is the smallest, or nearly.
const SMALLEST: &[(&str, &str)] = &[
    ("lenet5_1998", "conv's window covers 5 of the height, but its input 1x1 has 1"),
    ("inception_v3_aux", "conv's window covers 5 of the height, but its input 1x1 has 1"),
];

/// Blocks alone, which have no classes.
const BLOCKS: &[&str] = &[
    "lrn_block",
    "inception_naive_block",
    "inception_module_uniform",
    "resnext_block_a",
    "resnext_block_b",
    "resnext_block_c",
];

/// Half the input; where that does not suit, 128 pixels.
fn other(name: &str) -> Result<(Graph, Graph), String> {
    let even = EVEN.iter().any(|(known, _)| *known == name);
    at(name, |side| if even { 128 } else { side / 2 })
}

fn at(name: &str, side: impl Fn(usize) -> usize) -> Result<(Graph, Graph), String> {
    let told = |errors: Vec<cnn_lang::diag::Diagnostic>| errors[0].message.clone();
    let standard = cnn_lang::load(source(name), None).map_err(told)?;
    let arguments = cnn_lang::arguments("classes = 37").map_err(told)?;
    let input = match standard.input_shape() {
        Shape::Map { channels, height, width } => Shape::map(channels, side(height), side(width)),
        vector @ Shape::Vector(_) => vector,
    };
    let other = cnn_lang::load_at(source(name), None, &arguments, Some(input)).map_err(told)?;
    Ok((standard, other))
}

/// Initial weights that keep the variance of signals through layers with ReLU. He et al. 2015.
fn signalling(graph: &Graph, seed: u64) -> StateDict<f32> {
    let mut state = StateDict::init(graph, seed).unwrap();
    let names: Vec<String> = state.tensors().iter().filter(|t| t.shape.len() > 1).map(|t| t.name.clone()).collect();
    for name in names.iter().filter(|name| name.ends_with(".weight")) {
        // Uniform up to 1 / sqrt(fan-in), a sixth of the variance.
        state.get_mut(name).unwrap().iter_mut().for_each(|weight| *weight *= 6f32.sqrt());
    }
    state
}

fn check(name: &str, heads: &[&str], errors: &mut Vec<String>) {
    let (standard, graph) = match other(name) {
        Ok(both) => both,
        Err(message) => return errors.push(format!("{name}: {message}")),
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("standard.safetensors");
    let held = signalling(&standard, 1);
    held.save(&path).unwrap();
    let before = signalling(&graph, 2);
    let mut state = before.clone();
    let options = LoadOptions { strict: false, misshapen: vec!["*".into()], ..LoadOptions::default() };
    let report = state.load_with(&path, &options).unwrap();

    // The trunk is the file's, the head as it was.
    let misshapen: Vec<&str> = report.misshapen.iter().map(Mismatch::name).collect();
    for tensor in state.tensors() {
        let head = heads.iter().any(|pattern| cnn_runtime::weights::matches(pattern, &tensor.name));
        if head != misshapen.contains(&tensor.name.as_str()) {
            errors.push(format!("{name}: {} misshapen: {}", tensor.name, !head));
        } else if Some(tensor) != if head { before.get(&tensor.name) } else { held.get(&tensor.name) } {
            errors.push(format!("{name}: {} has other values", tensor.name));
        }
    }
    if report.loaded.len() + misshapen.len() != state.tensors().len()
        || !(report.missing.is_empty() && report.unexpected.is_empty())
    {
        errors.push(format!("{name}: {report}"));
    }

    let mut session = Session::new(&graph, &state, SessionOptions { batch: 2, auxiliary: true }).unwrap();
    let count = 2 * graph.input_shape().elements();
    let images: Vec<f32> = (0..count).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0).collect();
    session.run(&images).unwrap();
    let outputs: Vec<(String, Shape)> = session.outputs().map(|(name, shape)| (name.to_owned(), shape)).collect();
    for (output, shape) in &outputs {
        let values = session.output(output).unwrap();
        let finite = values.iter().all(|value| value.is_finite());
        // The lesioned network's other outputs are maps.
        let fits = *shape == Shape::Vector(37) || output != "logits" && shape.spatial().is_some();
        if !fits || values.len() != 2 * shape.elements() || !finite || values[..37] == values[37..] {
            errors.push(format!("{name}: {output} is {shape}, finite: {finite}"));
        }
    }
    println!("{name:32} {} -> 37: {report}", graph.input_shape());
}

fn all(small: bool) {
    let mut errors = Vec::new();
    for (name, heads) in INSTANCES {
        let costs = cnn_lang::load(source(name), None).unwrap().costs();
        if (costs.params <= SMALL.0 && costs.macs <= SMALL.1) == small {
            check(name, heads, &mut errors);
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn instances_take_the_trunk_and_run() {
    all(true);
}

#[test]
#[ignore = "large networks"]
fn large_instances_take_the_trunk_and_run() {
    all(false);
}

/// Every file of the zoo has an instance here.
#[test]
fn no_paper_is_left_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cnn-runtime/src/zoo");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let defined = |name: &str| {
            let network = cnn_lang::load(source(name), None).unwrap().name;
            text.contains(&format!("pub {network}(")) || text.contains(&format!("pub {network} "))
        };
        // What is no paper defines nothing.
        if !text.contains("define! {") {
            continue;
        }
        assert!(INSTANCES.iter().any(|(name, _)| defined(name)), "{}", path.display());
        files += 1;
    }
    assert_eq!(files, INSTANCES.len());
}

/// Every network of the zoo takes another head and half its input, but for these, which say why.
#[test]
fn what_does_not_suit_is_an_error() {
    let mut refused = Vec::new();
    for &(name, _) in zoo::ALL.iter().filter(|(name, _)| !BLOCKS.contains(name)) {
        match at(name, |side| side / 2) {
            Err(message) => refused.push((name, message)),
            Ok((_, graph)) => assert_eq!(graph.output_shape(), Shape::Vector(37), "{name}"),
        }
    }
    let mut expected: Vec<(&str, String)> =
        EVEN.iter().chain(SMALLEST).map(|&(name, why)| (name, why.to_owned())).collect();
    refused.sort_unstable();
    expected.sort_unstable();
    assert_eq!(refused, expected);
}
