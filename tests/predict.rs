//! `cnn predict` on DSL files against PyTorch: logits, and auxiliary outputs on request, at the network's own size and at others.

use std::ffi::OsString;
use std::path::Path;

use cnn_runtime::weights::{NamedTensor, StateDict, read_tensor, write_tensors};
use cnn_runtime::zoo;
use cnn_tests::fixture::{Fixture, Inference, Logits};
use cnn_tests::rule;

/// Recorded at the size of the paper, and those of them recorded at 3x64x64 too.
const NETWORKS: [(&str, bool); 6] = [
    ("lenet5", false),
    ("resnet20_cifar", false),
    ("resnet18", true),
    ("densenet121", true),
    ("googlenet_aux", true),
    ("efficientnet_b0", true),
];

fn cnn(args: &[&str]) -> (u8, String) {
    let mut err = Vec::new();
    let args = [&["cnn"], args].concat().into_iter().map(OsString::from);
    let status = cnn_runtime::program::run(args, &mut std::io::sink(), &mut err);
    (status, String::from_utf8(err).unwrap())
}

fn predict(name: &str, folder: &Path, gain: f64, expected: &Inference) {
    let Inference { input_shape, logits, max_abs, torch_f32_error, auxiliary } = expected;
    let (_, source) = zoo::ALL.iter().find(|(known, _)| *known == name).unwrap();
    let graph = cnn_lang::load(source, None).unwrap();
    let path = |file: &str| folder.join(file).to_str().unwrap().to_owned();
    let (net, weights, x, y) = (path("net.cnn"), path("w.safetensors"), path("x.safetensors"), path("y.safetensors"));
    std::fs::write(&net, source).unwrap();
    StateDict::<f32>::fill_with(&graph, |name, shape| rule::tensor(name, shape, gain)).unwrap().save(&weights).unwrap();
    let data = rule::input(input_shape).into_iter().map(|x| x as f32).collect();
    write_tensors(&x, &[NamedTensor { name: "input".into(), shape: input_shape.clone(), data }]).unwrap();

    let mut args = vec!["predict", "--net", &net, "--weights", &weights, "--input", &x, "--output", &y];
    if !auxiliary.is_empty() {
        args.push("--auxiliary");
    }
    assert_eq!(cnn(&args), (0, String::new()), "{name}");

    let allowed = (20.0 * torch_f32_error).max(1e-5);
    let main = ("logits", logits, *max_abs);
    let others = auxiliary.iter().map(|output| (output.name.as_str(), &output.logits, output.max_abs));
    for (output, expected, max_abs) in [main].into_iter().chain(others) {
        let (shape, found) = read_tensor(&y, output).unwrap();
        assert_eq!(shape, [expected.len(), expected[0].len()], "{name}: {output}");
        let pairs = found.iter().zip(expected.iter().flatten());
        let off = pairs.map(|(found, expected)| (f64::from(*found) - expected).abs() / max_abs);
        let off = off.fold(0.0, |worst, one| if one.is_nan() { f64::INFINITY } else { worst.max(one) });
        assert!(off <= allowed, "{name}, {input_shape:?}: {output} off by {off:.1e}, {allowed:.1e} allowed");
        println!("{name:16} {input_shape:?} {output}: off by {off:.1e}, {allowed:.1e} allowed");
    }
}

#[test]
fn files_give_the_logits_of_pytorch() {
    for (name, small) in NETWORKS {
        let folder = tempfile::tempdir().unwrap();
        let Fixture { gain, inference, .. } = Fixture::load(name);
        predict(name, folder.path(), gain, &inference);
        if small {
            let Logits { gain, inference } = Logits::load(name);
            predict(name, folder.path(), gain, &inference);
        }
    }
}
