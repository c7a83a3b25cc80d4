//! `cnn train`, `eval`, `predict` and `bench` as their users meet them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::train::Run;
use cnn_runtime::weights::{NamedTensor, StateDict, read_tensor, write_tensors};
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
        assert!(fields.remove("seconds").is_some() && fields.remove("images_per_second").is_some());
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
        "predict: cnn predict tiny.cnn:Tiny",
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
fn killed_at_any_moment_and_resumed_it_gives_the_same_bits() {
    let folder = folder();
    let folder = folder.path();
    let settings = "--digits 600:200 --epochs 8 --batch 16 --ema 0.95 --input 1x20x20 --seed 3 --lr 0.01";
    let whole = command(folder, &format!("train tiny.cnn:Tiny {settings} --out whole"))
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("the program starts");
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));

    let mut line = format!("train tiny.cnn:Tiny {settings} --out killed --checkpoint-seconds 0.01");
    let mut killed = 0;
    for attempt in 0u64.. {
        assert!(attempt < 200, "it never ends");
        let mut child = command(folder, &line).stdout(Stdio::null()).spawn().expect("the program starts");
        // From before the first step to the middle of epochs, evaluations and writes.
        std::thread::sleep(Duration::from_millis(5 + attempt * 7919 % 230));
        let ended = child.try_wait().expect("a child");
        child.kill().expect("it can be killed");
        let output = child.wait_with_output().expect("a child");
        if let Some(status) = ended {
            assert!(status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            break;
        }
        killed += 1;
        if Run::is_at(&folder.join("killed")) {
            line = "train --resume killed --checkpoint-seconds 0.01".to_owned();
        }
    }
    assert!(killed >= 5, "killed {killed} times only");
    same_results(folder, "whole", "killed");
}

/// Waits until a file is there.
#[cfg(unix)]
fn appears(path: &Path, child: &mut Child) {
    for _ in 0..2000 {
        if path.exists() {
            return;
        }
        assert!(child.try_wait().expect("a child").is_none(), "it ended without {}", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no {}", path.display());
}

#[cfg(unix)]
#[test]
fn interrupted_it_keeps_a_checkpoint_and_says_how_to_go_on() {
    let folder = folder();
    let folder = folder.path();
    let settings = "--digits 2000:100 --epochs 4 --batch 8";
    good(folder, &format!("train tiny.cnn {settings} --out whole"));
    let line = format!("train tiny.cnn {settings} --out run --checkpoint-seconds 0");
    let mut child = command(folder, &line).spawn().expect("the program starts");
    appears(&folder.join("run/checkpoint.safetensors"), &mut child);
    let busy = mistake(folder, "train --resume run");
    assert!(busy.contains("another process trains run"), "{busy}");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    let output = child.wait_with_output().expect("a child");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.ends_with("go on with: cnn train --resume run\n"), "{text}");
    good(folder, "train --resume run");
    same_results(folder, "whole", "run");
}

#[test]
fn predict_gives_the_numbers_of_a_session() {
    let folder = folder();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    good(folder, "train tiny.cnn:Aux --digits 64:20 --epochs 1 --out run");
    let run = Run::open(&at("run")).unwrap();
    let images = image_file(&at("x.safetensors"), &[5, 1, 12, 12]);
    let expected = |run: &Run, size: Option<&str>, images: &[f32], output: &str| {
        let graph = run.graph_at(size.map(|size| size.parse().unwrap())).unwrap();
        let weights = StateDict::<f32>::load(&graph, run.weights()).unwrap();
        let mut session = Session::new(&graph, &weights, SessionOptions { batch: 5, auxiliary: true }).unwrap();
        session.run(images).unwrap();
        session.output(output).unwrap().to_vec()
    };
    let close = |got: &[f32], expected: &[f32]| {
        assert_eq!(got.len(), expected.len());
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{got:?}\n{expected:?}");
    };
    let files = "--weights run/best.safetensors --input x.safetensors --output y.safetensors";
    for (net, flags) in
        [("--net tiny.cnn:Aux", "--batch 2"), ("tiny.cnn:Aux", "--batch 100"), ("run", "--auxiliary --json")]
    {
        let _ = fs::remove_file(at("y.safetensors"));
        good(folder, &format!("predict {net} {files} {flags}"));
        let (shape, logits) = read_tensor(at("y.safetensors"), "logits").unwrap();
        assert_eq!(shape, [5, 10]);
        close(&logits, &expected(&run, None, &images, "logits"));
        let early = read_tensor(at("y.safetensors"), "early");
        assert_eq!(early.is_ok(), flags.contains("auxiliary"));
        if let Ok((_, early)) = early {
            close(&early, &expected(&run, None, &images, "early"));
        }
    }
    // Another size than the definition's.
    let images = image_file(&at("x.safetensors"), &[3, 1, 17, 14]);
    for net in ["tiny.cnn:Aux", "run"] {
        good(folder, &format!("predict {net} {files}"));
        let (shape, logits) = read_tensor(at("y.safetensors"), "logits").unwrap();
        assert_eq!(shape, [3, 10]);
        close(&logits, &expected(&run, Some("1x17x14"), &images, "logits"));
    }
    // Normalised as the run's images were.
    let images = image_file(&at("x.safetensors"), &[2, 1, 12, 12]);
    let facts = run.facts().unwrap().unwrap();
    let normal: Vec<f32> = images.iter().map(|x| (x - facts.mean[0]) / facts.std[0]).collect();
    good(folder, "predict run --normalize --input x.safetensors --output y.safetensors");
    close(&read_tensor(at("y.safetensors"), "logits").unwrap().1, &expected(&run, None, &normal, "logits"));
}

#[test]
fn mistakes_are_one_line_and_write_nothing() {
    let folder = folder();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    good(folder, "train tiny.cnn:Tiny --digits 64:20 --epochs 1 --out run");
    image_file(&at("x.safetensors"), &[2, 1, 12, 12]);
    image_file(&at("flat.safetensors"), &[144]);
    image_file(&at("rows.safetensors"), &[4, 12, 12]);
    image_file(&at("none.safetensors"), &[0, 1, 12, 12]);
    image_file(&at("small.safetensors"), &[2, 1, 2, 2]);
    image_file(&at("colour.safetensors"), &[2, 3, 12, 12]);
    let scalar = NamedTensor { name: "input".into(), shape: vec![], data: vec![1.0] };
    write_tensors(at("scalar.safetensors"), &[scalar]).unwrap();
    let other = NamedTensor { name: "images".into(), shape: vec![1], data: vec![1.0] };
    write_tensors(at("other.safetensors"), &[other]).unwrap();
    let bytes = fs::read(at("x.safetensors")).unwrap();
    fs::write(at("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(at("empty.safetensors"), "").unwrap();
    fs::create_dir(at("nothing")).unwrap();

    let predict = [
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "flat.safetensors", "batch x channels x height x width"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "rows.safetensors", "batch x channels x height x width"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "scalar.safetensors", "single number"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "none.safetensors", "[0, 1, 12, 12]"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "small.safetensors", "conv's window"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "colour.safetensors", "has shape"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "other.safetensors", "no tensor input"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "cut.safetensors", "safetensors file"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "empty.safetensors", "cut off"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "nowhere.safetensors", "nowhere.safetensors"),
        ("--net tiny.cnn:Tiny", "run/best.safetensors", "nothing", "no regular file"),
        ("--net tiny.cnn:Tiny", "cut.safetensors", "x.safetensors", "safetensors file"),
        ("--net tiny.cnn:Tiny", "nowhere.safetensors", "x.safetensors", "nowhere.safetensors"),
        ("--net tiny.cnn:Aux", "run/best.safetensors", "x.safetensors", "missing"),
        ("--net tiny.cnn:Tiny(classes=3)", "run/best.safetensors", "x.safetensors", "has shape"),
        ("--net lenet6", "run/best.safetensors", "x.safetensors", "did you mean `lenet5`"),
        ("--net tiny.cnn:Tiny --batch 0", "run/best.safetensors", "x.safetensors", "batch of 0"),
        ("--net tiny.cnn:Tiny --normalize", "run/best.safetensors", "x.safetensors", "--normalize"),
    ];
    for (net, weights, input, words) in predict {
        let line = format!("predict {net} --weights {weights} --input {input} --output y.safetensors");
        let told = mistake(folder, &line);
        assert!(told.contains(words), "{line}\n{told}");
        assert!(!at("y.safetensors").exists(), "{line}");
    }
    let others = [
        ("predict tiny.cnn --input x.safetensors --output y.safetensors", "give --weights"),
        ("predict --input x.safetensors --output y.safetensors", "required"),
        ("predict run --input x.safetensors --output nowhere/y.safetensors", "nowhere"),
        ("train", "required"),
        ("train lenet6", "did you mean `lenet5`"),
        ("train resnet18 --input 3x32x32", "as in `resnet18(classes = 10)`"),
        ("train tiny.cnn:Tiny(classes=7)", "as in `tiny.cnn:Tiny(classes = 10)`"),
        ("train tiny.cnn --epochs 0", "epochs must be"),
        ("train tiny.cnn --batch 0", "batch must be"),
        ("train tiny.cnn --lr -1", "unexpected argument"),
        ("train tiny.cnn --lr=-1", "learning rate must be"),
        ("train tiny.cnn --lr nan", "learning rate must be"),
        ("train tiny.cnn --ema 1", "decay of the average"),
        ("train tiny.cnn --label-smoothing 2", "label smoothing must be"),
        ("train tiny.cnn --clip-norm 0", "clipping must be"),
        ("train tiny.cnn --schedule linear", "step:EPOCHS:FACTOR"),
        ("train tiny.cnn --schedule step:0", "at least 1"),
        ("train tiny.cnn --optimizer lion", "lion"),
        ("train tiny.cnn --digits 10", "10000:2000"),
        ("train tiny.cnn --digits 0:5", "number of training digits"),
        ("train tiny.cnn --data cifar", "no data set `cifar`"),
        ("train tiny.cnn --data mnist:nowhere", "nowhere"),
        ("train tiny.cnn --checkpoint-seconds -1", "unexpected argument"),
        ("train tiny.cnn --input 144", "needs a feature map"),
        ("train tiny.cnn --input 1x4x4", "4"),
        ("train tiny.cnn --out run", "run is there already"),
        ("train tiny.cnn --out tiny.cnn", "tiny.cnn is there already"),
        ("train tiny.cnn --resume run", "cannot be used with"),
        ("train --resume nothing", "no settings.json"),
        ("train --resume nowhere", "no settings.json"),
        ("eval lenet5", "give --weights"),
        ("eval run --input 1x20x20", "a run has its own input"),
        ("eval tiny.cnn:Aux --weights run/best.safetensors", "missing"),
        ("eval run --batch 0", "batch of 0"),
        ("eval nothing", "nothing"),
        ("bench tiny.cnn --batch 0", "batch of 0"),
        ("bench tiny.cnn --repeat 0", "--repeat must be"),
        ("bench tiny.cnn --batch 99999999999999", "smaller --batch"),
        ("bench lenet6", "did you mean `lenet5`"),
    ];
    for (line, words) in others {
        let told = mistake(folder, line);
        assert!(told.contains(words), "{line}\n{told}");
    }
    // No folder of a run that has not begun.
    assert!(!at("y.safetensors").exists() && fs::read_dir(at("runs")).map_or(0, Iterator::count) == 0);
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
