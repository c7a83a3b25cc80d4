//! `cnn predict` against PyTorch: logits, and auxiliary outputs on request, at the network's own size and at others.

use std::ffi::OsString;
use std::path::Path;

use cnn_runtime::weights::{NamedTensor, read_tensor, write_tensors};
use cnn_tests::inference::{Case, Inference, Kind, names};
use cnn_tests::zoo;

/// Definitions that are read from files.
const FILES: [&str; 6] = ["lenet5", "resnet20_cifar", "resnet18", "densenet121", "googlenet_aux", "efficientnet_b0"];

fn cnn(args: &[&str]) -> (u8, String) {
    let mut err = Vec::new();
    let args = [&["cnn"], args].concat().into_iter().map(OsString::from);
    let status = cnn_runtime::program::run(args, &mut std::io::sink(), &mut err);
    (status, String::from_utf8(err).unwrap())
}

/// Every case of a network, given as NET.
fn predict(net: &str, inference: &Inference, folder: &Path) {
    let weights = folder.join("w.safetensors");
    zoo::weights::<f32>(&zoo::graph(&inference.name), inference.gain).save(&weights).unwrap();
    for case in inference.cases.iter().filter(|case| case.kind != Kind::TrainForward) {
        one(net, &inference.name, case, folder);
    }
}

fn one(net: &str, name: &str, case: &Case, folder: &Path) {
    let path = |file: &str| folder.join(file).to_str().unwrap().to_owned();
    let (weights, x, y) = (path("w.safetensors"), path("x.safetensors"), path("y.safetensors"));
    let data = zoo::images::<f32>(&case.input_shape);
    write_tensors(&x, &[NamedTensor { name: "input".into(), shape: case.input_shape.clone(), data }]).unwrap();
    let mut args = vec!["predict", "--net", net, "--weights", &weights, "--input", &x, "--output", &y];
    if case.auxiliary() {
        args.push("--auxiliary");
    }
    assert_eq!(cnn(&args), (0, String::new()), "{name}");

    let allowed = case.allowed();
    for output in &case.outputs {
        let (shape, found) = read_tensor(&y, &output.name).unwrap();
        assert_eq!(shape, output.shape, "{name}: {}", output.name);
        let off = output.off(&found);
        let line = format!("{name:32} {:10} {}: off by {off:.1e}, {allowed:.1e} allowed", case.size(), output.name);
        println!("{line}");
        assert!(off <= allowed, "{line}");
    }
}

#[test]
fn files_give_the_logits_of_pytorch() {
    for name in FILES {
        let folder = tempfile::tempdir().unwrap();
        let net = folder.path().join("net.cnn");
        std::fs::write(&net, zoo::source(name)).unwrap();
        predict(net.to_str().unwrap(), &Inference::load(name), folder.path());
    }
}

#[test]
#[ignore = "minutes"]
fn names_give_the_logits_of_pytorch() {
    for name in names() {
        predict(&name, &Inference::load(&name), tempfile::tempdir().unwrap().path());
    }
}
