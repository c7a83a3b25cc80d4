//! `cnn train`, `eval`, `predict` and `bench` as their users meet them.

mod killed;
mod machine;
mod mistakes;
mod predict;
mod pretrained;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cnn_runtime::weights::{NamedTensor, write_tensors};
use serde_json::Value;
use tempfile::TempDir;

/// Works at any size, and has two outputs that exist in training only.
const TINY: &str = "
use cnn_runtime::blocks::squeeze_excite;

Tiny(classes = 10): 1x12x12 -> classes;
stem conv(4, 3) -> bn -> relu -> squeeze_excite(2) -> maxpool(2);
head gap -> dropout(0.1) -> linear(classes);

Aux(classes = 10): 1x12x12 -> classes;
stem conv(4, 3, pad = 1) -> bn -> relu -> early: aux { gap -> linear(classes) };
body conv(8, 3, stride = 2) -> bn -> relu;
head gap -> linear(classes);
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tiny.cnn"), TINY).expect("a file");
    folder
}

fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnn"));
    command.args(line.split_whitespace()).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn cnn(folder: &Path, line: &str) -> Output {
    command(folder, line).output().expect("the program starts")
}

/// What a command prints that goes well.
fn good(folder: &Path, line: &str) -> String {
    let output = cnn(folder, line);
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What a command prints whose user is mistaken.
fn mistake(folder: &Path, line: &str) -> String {
    let output = cnn(folder, line);
    let told = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{line}\n{told}");
    assert!(output.stdout.is_empty(), "{line}");
    assert!(told.starts_with("error: ") && told.ends_with('\n') && told.lines().count() == 1, "{line}\n{told}");
    told
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The metrics without what a clock says.
fn timeless(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    let timeless = |line: &str| {
        let mut record = json(line);
        let fields = record.as_object_mut().expect("an object");
        for timing in ["seconds", "images_per_second", "data_seconds"] {
            assert!(fields.remove(timing).is_some(), "{timing}");
        }
        record
    };
    text.lines().map(timeless).collect()
}

fn same_results(folder: &Path, a: &str, b: &str) {
    let (a, b) = (folder.join(a), folder.join(b));
    assert_eq!(timeless(&a), timeless(&b));
    for name in ["weights.safetensors", "best.safetensors"] {
        assert!(fs::read(a.join(name)).unwrap() == fs::read(b.join(name)).unwrap(), "{name} differs");
    }
}

fn image_file(path: &Path, shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    let data: Vec<f32> = (0..count).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0).collect();
    write_tensors(path, &[NamedTensor { name: "input".into(), shape: shape.to_vec(), data: data.clone() }]).unwrap();
    data
}

#[test]
fn a_run_is_trained_evaluated_and_used() {
    let folder = folder();
    let folder = folder.path();
    let text = good(folder, "train tiny.cnn:Tiny --digits 300:100 --epochs 2 --batch 32 --ema 0.9");
    for line in [
        "training takes ",
        "epoch 2/2  loss ",
        "test accuracy: ",
        "run: runs/Tiny-1",
        "predict: cnn predict runs/Tiny-1 --normalize",
    ] {
        assert!(text.lines().any(|shown| shown.starts_with(line)), "{line} in\n{text}");
    }
    let run = folder.join("runs/Tiny-1");
    let svg = fs::read_to_string(run.join("curve.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("accuracy") && svg.matches("<polyline").count() >= 4);
    // The definition needs nothing that is not in the folder.
    assert!(fs::read_to_string(run.join("network.cnn")).unwrap().contains("squeeze_excite"));

    let trained = json(&good(folder, "train tiny.cnn:Tiny --digits 300:100 --epochs 2 --batch 32 --ema 0.9 --json"));
    assert_eq!(trained["run"], "runs/Tiny-2");
    same_results(folder, "runs/Tiny-1", "runs/Tiny-2");
    let again = json(&good(folder, "train --resume runs/Tiny-2 --json"));
    assert_eq!(again, trained);

    let last = format!("--weights {}", run.join("weights.safetensors").display());
    let evaluated = json(&good(folder, &format!("eval runs/Tiny-1 {last} --json")));
    assert_eq!(evaluated["accuracy"], trained["test_accuracy"]);
    assert_eq!(evaluated["images"], 100);
    let named = json(&good(folder, &format!("eval tiny.cnn:Tiny {last} --digits 300:100 --json")));
    assert_eq!(named["loss"], evaluated["loss"]);
    let best = good(folder, "eval runs/Tiny-1");
    assert!(best.contains(&format!("accuracy: {:.2} %", 100.0 * trained["best_accuracy"].as_f64().unwrap())), "{best}");
}

#[test]
fn bench_measures_what_it_says() {
    let folder = folder();
    for (mode, batch) in [("infer", 3), ("train", 4)] {
        let measured = json(&good(
            folder.path(),
            &format!("bench tiny.cnn:Aux --input 1x16x16 --batch {batch} --mode {mode} --repeat 7 --json"),
        ));
        assert_eq!(
            (&measured["mode"], &measured["batch"], &measured["steps"]),
            (&mode.into(), &batch.into(), &7.into())
        );
        let number = |key: &str| measured[key].as_f64().expect("a number");
        let ordered = ["min_ms", "p10_ms", "median_ms", "p90_ms"].map(number);
        assert!(ordered[0] > 0.0 && ordered.is_sorted(), "{measured}");
        let images = f64::from(batch) / number("median_ms") * 1e3;
        assert!((number("images_per_second") / images - 1.0).abs() < 1e-9);
        assert!(number("gmacs_per_second") > 0.0 && number("plan_bytes") > 0.0);
        let peak = measured["peak_resident_bytes"].as_f64();
        assert!(peak.is_none_or(|peak| peak > number("plan_bytes")), "{measured}");
    }
    let text = good(folder.path(), "bench tiny.cnn --repeat 3");
    assert!(text.starts_with("tiny.cnn: inference, batches of 1, ") && text.contains("\npeak resident: "), "{text}");
}
