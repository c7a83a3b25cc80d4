//! Trainings that begin with weights of a file.

use std::fs;
use std::path::Path;

use cnn_runtime::train::Run;
use cnn_runtime::weights::{NamedTensor, StateDict, write_tensors};

use super::{folder, good, json, mistake, same_results};

fn weights(run: &Path, file: &str) -> StateDict<f32> {
    let graph = Run::open(run).unwrap().graph().unwrap();
    StateDict::load(&graph, run.join(file)).unwrap()
}

/// The same values under other names.
fn renamed(state: &StateDict<f32>, path: &Path, name: impl Fn(&str) -> String) {
    let tensors = state.tensors().iter().map(|tensor| NamedTensor { name: name(&tensor.name), ..tensor.clone() });
    write_tensors(path, &tensors.collect::<Vec<_>>()).unwrap();
}

#[test]
fn a_head_is_trained_on_a_frozen_trunk() {
    let folder = folder();
    let folder = folder.path();
    good(folder, "train tiny.cnn:Tiny(classes=10) --digits 64:20 --epochs 1 --out source");
    let tune = "train tiny.cnn:Tiny --weights source/weights.safetensors --head head.2 --freeze !head.2 --digits 64:20 --epochs 2";
    let text = good(folder, &format!("{tune} --out tuned"));
    assert!(text.starts_with("source/weights.safetensors: loaded "), "{text}");
    assert!(text.contains("; skipped head.2.{weight, bias}\n"), "{text}");

    let (source, tuned) = (folder.join("source"), folder.join("tuned"));
    let (held, initial, last) = (
        weights(&source, "weights.safetensors"),
        weights(&tuned, "initial.safetensors"),
        weights(&tuned, "weights.safetensors"),
    );
    for tensor in held.tensors() {
        let trunk = !tensor.name.starts_with("head.2.");
        // Running statistics and counters too.
        assert_eq!(last.get(&tensor.name) == Some(tensor), trunk, "{}", tensor.name);
        assert_eq!(initial.get(&tensor.name) == Some(tensor), trunk, "{}", tensor.name);
    }
    let settings = json(&fs::read_to_string(tuned.join("settings.json")).unwrap());
    assert_eq!(settings["pretrained"], "source/weights.safetensors");

    // The folder is all that a training needs.
    good(folder, &format!("{tune} --out again --json"));
    fs::remove_dir_all(&source).unwrap();
    fs::remove_dir_all(folder.join("again/checkpoints")).unwrap();
    fs::remove_file(folder.join("again/metrics.jsonl")).unwrap();
    good(folder, "train --resume again");
    same_results(folder, "tuned", "again");
    fs::remove_dir_all(folder.join("again/checkpoints")).unwrap();
    fs::remove_file(folder.join("again/initial.safetensors")).unwrap();
    assert!(mistake(folder, "train --resume again").contains("initial.safetensors"));
}

#[test]
fn names_of_other_programs_fit() {
    let folder = folder();
    let folder = folder.path();
    good(folder, "train tiny.cnn:Tiny --digits 64:20 --epochs 1 --out run");
    let held = weights(&folder.join("run"), "best.safetensors");
    renamed(&held, &folder.join("ddp.safetensors"), |name| format!("module.{}", name.replace("head.2", "fc")));
    let options = "--strip module --rename fc=head.2";
    let eval =
        |rest: &str| json(&good(folder, &format!("eval tiny.cnn:Tiny --digits 64:20 --json {rest}")))["loss"].clone();
    assert_eq!(eval(&format!("--weights ddp.safetensors {options}")), eval("--weights run/best.safetensors"));
    assert!(
        mistake(folder, "eval tiny.cnn:Tiny --weights ddp.safetensors").contains("strip module from the file's names")
    );

    // What is missing begins anew, where that is asked for.
    let train = "train tiny.cnn:Tiny --weights ddp.safetensors --digits 64:20 --epochs 1 --strip module";
    assert!(mistake(folder, train).contains("missing head.2.weight"));
    let text = good(folder, &format!("{train} --partial"));
    assert!(text.contains("; missing head.2.{weight, bias}; unexpected fc.{bias, weight}\n"), "{text}");
}
