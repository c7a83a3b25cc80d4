//! The program `cnn` as its users meet it: what `docs/program.md` shows is what it prints.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cnn_runtime::weights::{NamedTensor, write_tensors};
use serde_json::Value;
use tempfile::TempDir;

const DOCS: &str = include_str!("../../docs/program.md");

/// A fenced block of the documentation: what follows the fence, and its lines.
struct Block {
    info: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = DOCS.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { info: info.to_owned(), text: inside.join("\n") + "\n" });
        }
    }
    blocks
}

/// A folder with the files that the documentation shows.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for block in blocks() {
        if let Some(name) = block.info.strip_prefix("text ") {
            fs::write(folder.path().join(name), &block.text).expect("a file");
        }
    }
    let input = NamedTensor { name: "input".into(), shape: vec![2, 1, 28, 28], data: vec![0.5; 2 * 28 * 28] };
    write_tensors(folder.path().join("images.safetensors"), &[input]).expect("a file");
    folder
}

fn cnn(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cnn")).args(args).current_dir(folder).output().expect("the program starts")
}

/// The words of a command line; double quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let pieces = line.split('"').enumerate();
    let words = pieces.flat_map(|(index, piece)| match index % 2 {
        0 => piece.split_whitespace().map(str::to_owned).collect(),
        _ => vec![piece.to_owned()],
    });
    words.collect()
}

fn run_line(folder: &Path, line: &str) -> Output {
    let words = words(line);
    let (program, args) = words.split_first().expect("a command");
    assert_eq!(program, "cnn", "{line}");
    cnn(folder, &args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Whether `real` reads as `shown`, in which a line `…` stands for any lines.
fn reads_as(shown: &[&str], real: &[&str]) -> bool {
    match shown {
        [] => real.is_empty(),
        ["…", rest @ ..] => (0..=real.len()).any(|skipped| reads_as(rest, &real[skipped..])),
        [line, rest @ ..] => real.first() == Some(line) && reads_as(rest, &real[1..]),
    }
}

#[test]
fn the_documentation_shows_what_is_printed() {
    let folder = folder();
    let mut commands = 0;
    for block in blocks().iter().filter(|block| block.info == "console") {
        for session in block.text.split("$ ").skip(1) {
            let (line, shown) = session.split_once('\n').expect("a command line");
            let output = run_line(folder.path(), line);
            let real = text(&output.stdout) + &text(&output.stderr);
            let (shown, real): (Vec<&str>, Vec<&str>) =
                (shown.trim_end().lines().collect(), real.trim_end().lines().collect());
            assert!(reads_as(&shown, &real), "{line}\nprints\n{}\nnot\n{}", real.join("\n"), shown.join("\n"));
            let mistake = real.iter().any(|line| line.starts_with("error"));
            assert_eq!(output.status.code(), Some(if mistake { 2 } else { 0 }), "{line}");
            commands += 1;
        }
    }
    assert!(commands >= 6, "{commands} commands");
}

/// That two values have the same keys with the same kinds of values, lists in all their elements.
fn same_keys(place: &str, shown: &Value, real: &Value) {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            let keys = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(shown), keys(real), "{place}");
            for (key, value) in shown {
                // A block's output has no classes, a class that nothing was taken for no precision, which the documentation says.
                if ["classes", "precision", "recall"].contains(&key.as_str()) && real[key].is_null() {
                    continue;
                }
                same_keys(&format!("{place}.{key}"), value, &real[key]);
            }
        }
        (Value::Array(shown), Value::Array(real)) => {
            assert!(!shown.is_empty() || real.is_empty(), "{place}: nothing is shown of {} elements", real.len());
            for value in real {
                same_keys(&format!("{place}[]"), shown.last().unwrap_or(&Value::Null), value);
            }
        }
        _ => {
            let kind = |value: &Value| std::mem::discriminant(value);
            assert!(kind(shown) == kind(real), "{place}: shown as {shown}, is {real}");
        }
    }
}

#[test]
fn json_has_the_documented_keys() {
    let folder = folder();
    let documented: Vec<Block> = blocks().into_iter().filter(|block| block.info.starts_with("json cnn ")).collect();
    assert_eq!(documented.len(), 8);
    for block in documented {
        let line = block.info.trim_start_matches("json ");
        let output = run_line(folder.path(), line);
        assert_eq!(output.status.code(), Some(0), "{line}");
        let real: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let shown: Value = serde_json::from_str(&block.text).expect("JSON in the documentation");
        same_keys(line, &shown, &real);
        // What is shown is true, not only alike.
        let first = |value: &Value| value.get(0).unwrap_or(value).get("params").cloned();
        assert_eq!(first(&shown), first(&real), "{line}");
    }
}

/// Files that the program writes are what it writes; `UPDATE_DOCS=1` rewrites them.
#[test]
fn written_documents_are_what_the_program_writes() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (file, args) in [("zoo.md", &["list", "--markdown"][..]), ("resnet18.svg", &["show", "resnet18", "--svg"])] {
        let output = cnn(&docs, args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        let (path, written) = (docs.join(file), text(&output.stdout));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &written).expect("a file");
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        assert!(known == written, "docs/{file} is not what `cnn {}` writes; UPDATE_DOCS=1 rewrites it", args.join(" "));
    }
}

#[test]
fn a_mistake_is_one_line_and_exit_status_2() {
    let folder = folder();
    fs::write(folder.path().join("bytes.cnn"), [0xff, 0xfe]).expect("a file");
    fs::write(folder.path().join("empty.cnn"), "").expect("a file");
    fs::File::create(folder.path().join("large.cnn")).and_then(|file| file.set_len(1 << 30)).expect("a file");
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).expect("the folder").map(|e| e.expect("a file").file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let cases: &[(&[&str], &str)] = &[
        (&[], "requires a subcommand"),
        (&["shwo"], "'show'"),
        (&["show"], "<NET>"),
        (&["list", "--jsn"], "--json"),
        (&["show", "resnet19"], "did you mean `resnet18`?"),
        (&["show", "attention is all"], "`cnn list`"),
        (&["show", ""], "no network ``"),
        (&["show", "lenet5", "--input", "28"], "28"),
        (&["show", "lenet5", "--input", "1x28"], "got `1x28`"),
        (&["show", "lenet5", "--input", "0x28x28"], "got `0x28x28`"),
        (&["show", "lenet5", "--input", "1x4x4"], "conv's window covers 5 of the height"),
        (&["show", "resnet18", "--input", "3x500000x500000"], "at 3x500000x500000: "),
        (&["show", "lenet5(clases=3)"], "did you mean `classes`?"),
        (&["show", "lenet5(classes=0)"], "lenet5(classes=0): "),
        (&["show", "lenet5(classes=)"], "arguments `classes=`: "),
        (&["show", "lenet5(classes='x)"], "arguments"),
        (&["show", "lenet5("], "did you mean `lenet5`?"),
        (&["show", "resnet20_cifar(n=1000000)"], "at most 100000 times"),
        (&["show", "lenet5", "--json", "--dot"], "'--dot'"),
        (&["show", "lenet5", "--svg", "--json"], "'--svg'"),
        (&["show", "lenet5", "--vs", "resnet19"], "did you mean `resnet18`?"),
        (&["show", "lenet5", "--vs", "lenet5", "--dot"], "'--dot'"),
        (&["show", "none.cnn"], "cannot read `none.cnn`"),
        (&["show", "none.cnn:Net"], "cannot read `none.cnn`"),
        (&["show", "."], "cannot read `.`"),
        (&["show", "bytes.cnn"], "UTF-8"),
        (&["show", "large.cnn"], "1073741824 bytes"),
        (&["show", "empty.cnn"], "defines no network"),
        (&["show", "wrong.cnn"], "wrong.cnn:"),
        (&["show", "small.cnn:Smal"], "did you mean `Small`?"),
        (&["check", "none.cnn"], "cannot read `none.cnn`"),
        (&["check", "bytes.cnn"], "UTF-8"),
    ];
    for (args, part) in cases {
        let output = cnn(folder.path(), args);
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.ends_with('\n') && err.lines().count() == 1, "{args:?}: {err}");
        assert!(err.contains(part), "{args:?}: {err}");
    }
    assert_eq!(names(), before, "nothing is written");
}

#[test]
fn names_are_read_generously() {
    let folder = folder();
    let show = |net: &str| {
        let output = cnn(folder.path(), &["show", net]);
        assert_eq!(output.status.code(), Some(0), "{net}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let reference = show("resnet1001_cifar_full_preact");
    assert!(
        ["ResNet1001Cifar", "resnet1001-cifar", "RESNET1001_CIFAR_FULL_PREACT"]
            .iter()
            .all(|net| show(net) == reference)
    );
    assert_eq!(show("small.cnn"), show("small.cnn:Pets"));
    assert_ne!(show("small.cnn"), show("small.cnn:small"));
    assert_eq!(show("./small.cnn:Small (classes = 10)"), show("./small.cnn:Small"));
    // Of two things with one name the zoo's is meant; the file has its path.
    fs::copy(folder.path().join("small.cnn"), folder.path().join("lenet5")).expect("a file");
    assert!(show("lenet5").contains("LeCun"));
    assert!(show("./lenet5").contains("Pets"));
}

#[test]
fn every_network_can_be_shown_drawn_and_resized() {
    let folder = folder();
    for (name, _) in cnn_runtime::zoo::ALL
        .iter()
        .filter(|(name, _)| name.starts_with("resnet") && !name.contains("1001") && !name.contains("1202"))
    {
        let net = format!("{name}(classes=100)");
        let output = cnn(folder.path(), &["show", &net, "--input", "3x64x96", "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&shown["input"], &shown["output"]), (&serde_json::json!([3, 64, 96]), &serde_json::json!([100])));
        let drawn = text(&cnn(folder.path(), &["show", &net, "--dot"]).stdout);
        let layers = shown["layers"].as_array().expect("layers");
        assert_eq!(drawn.matches(" [label=").count(), layers.len(), "{name}");
        let edges: usize = layers.iter().map(|layer| layer["inputs"].as_array().expect("inputs").len()).sum();
        assert_eq!(drawn.matches(" -> n").count(), edges, "{name}");
        assert_eq!(drawn.matches('{').count(), drawn.matches('}').count(), "{name}");
    }
}

#[test]
fn every_predefined_definition_can_be_imported() {
    let folder = folder();
    let mut source = String::new();
    for (name, _) in cnn_runtime::zoo::BLOCKS {
        source += &format!("use cnn_runtime::zoo::{name} as zoo_{name};\n");
    }
    for (name, _) in cnn_runtime::blocks::ALL {
        source += &format!("use crate::blocks::{name};\n");
    }
    source += "Net: 3x32x32 -> 10; stem zoo_basic(16) -> zoo_bottleneck(16) -> zoo_dense_layer(4) -> zoo_dense_block(2, 4) -> \
               zoo_transition -> zoo_x_block(16, 2, 4) -> conv_bn_relu(8, 3) -> separable(8) -> squeeze_excite(2); \
               head gap -> linear(10);\n\
               Pets = cnn_runtime::zoo::densenet::DenseNet121(classes = 37): 3x64x64;\n";
    fs::write(folder.path().join("all.cnn"), &source).expect("a file");
    let output = cnn(folder.path(), &["check", "all.cnn"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    assert!(lines.starts_with("Net: 3x32x32 -> 10, ") && lines.contains("\nPets: 3x64x64 -> 37, "), "{lines}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    for args in [&["list"][..], &["show", "resnet1001_cifar_full_preact", "--json"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cnn"));
        let mut child = program.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_the_machines_failure() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let output = Command::new(env!("CARGO_BIN_EXE_cnn")).arg("list").stdout(full).output().expect("it starts");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.starts_with("error: cannot write the output: ") && err.lines().count() == 1, "{err}");
}
