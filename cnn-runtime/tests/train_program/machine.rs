//! What the machine does to a training: full disks, folders that cannot be written, data that vanish.

use std::fs;
use std::path::Path;
use std::process::Output;

use cnn_runtime::data::{Dataset, Digits};

use super::{cnn, command, folder, good, same_results};

/// What a command says that the machine failed: one line.
fn failure(output: &Output) -> String {
    let told = String::from_utf8(output.stderr.clone()).expect("text");
    assert!(matches!(output.status.code(), Some(1 | 2)), "{:?} {told}", output.status);
    assert!(told.starts_with("error: ") && told.lines().count() == 1, "{told}");
    told
}

/// Drawn digits as the four files of MNIST.
fn idx_files(dir: &Path) {
    fs::create_dir(dir).expect("a folder");
    let put = |images: &str, labels: &str, part: &Dataset| {
        let count = (part.len() as u32).to_be_bytes();
        let pixels = part.images.iter().map(|value| (255.0 * value) as u8);
        let header = [&[0, 0, 8, 3], &count[..], &28u32.to_be_bytes(), &28u32.to_be_bytes()].concat();
        fs::write(dir.join(images), header.into_iter().chain(pixels).collect::<Vec<u8>>()).expect("a file");
        let header = [&[0, 0, 8, 1], &count[..]].concat();
        let labels_of = part.labels.iter().map(|&label| label as u8);
        fs::write(dir.join(labels), header.into_iter().chain(labels_of).collect::<Vec<u8>>()).expect("a file");
    };
    let digits = Digits { shape: [1, 28, 28], ..Digits::default() };
    let (train, test) = digits.train_and_test(64, 32).expect("digits");
    put("train-images-idx3-ubyte", "train-labels-idx1-ubyte", &train);
    put("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", &test);
}

const SETTINGS: &str = "tiny.cnn:Tiny --digits 300:60 --epochs 4 --batch 16";

/// A run that has been stopped in its second epoch, beside the whole one.
#[cfg(unix)]
fn begun(folder: &Path) {
    good(folder, &format!("train {SETTINGS} --out whole"));
    // A file of the second epoch that cannot be written: the device is full from the first byte on.
    let output = {
        let line = format!("train {SETTINGS} --out run --checkpoint-seconds 0 --keep 2");
        let mut child = command(folder, &line).spawn().expect("the program starts");
        super::killed::appears(&folder.join("run/checkpoints"), &mut child);
        let blocked = folder.join("run/weights.safetensors.tmp");
        std::os::unix::fs::symlink("/dev/full", blocked).expect("a link");
        child.wait_with_output().expect("a child")
    };
    let told = failure(&output);
    assert!(told.contains("cannot write run/weights.safetensors: No space left on device"), "{told}");
    assert!(told.ends_with("when that is mended, go on with: cnn train --resume run\n"), "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_it_and_leaves_what_was_kept() {
    let folder = folder();
    let folder = folder.path();
    begun(folder);
    assert_eq!(fs::read_dir(folder.join("run/checkpoints")).unwrap().count(), 2);
    good(folder, "train --resume run");
    same_results(folder, "whole", "run");
}

/// The limit of a process stands in for a disk that fills up in the middle of a file.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_file_leaves_the_older_ones() {
    let folder = folder();
    let folder = folder.path();
    good(folder, &format!("train {SETTINGS} --out whole"));
    let line = format!("train {SETTINGS} --out run --checkpoint-seconds 0");
    let limited = |blocks: u32| {
        let shell = format!("trap '' XFSZ; ulimit -f {blocks}; exec {} {line}", env!("CARGO_BIN_EXE_cnn"));
        std::process::Command::new("sh").args(["-c", &shell]).current_dir(folder).output().expect("a shell")
    };
    // 512 bytes a block: metrics grow beyond them after checkpoints were written.
    let told = failure(&limited(24));
    assert!(told.contains("cannot write run/") && told.contains("File too large"), "{told}");
    let left: Vec<_> = fs::read_dir(folder.join("run")).map(|entries| entries.flatten().collect()).unwrap_or_default();
    assert!(left.iter().all(|entry| entry.path().extension().is_none_or(|end| end != "tmp")), "{left:?}");
    if folder.join("run").exists() {
        good(folder, "train --resume run");
    } else {
        good(folder, &line);
    }
    same_results(folder, "whole", "run");
}

#[test]
fn folders_that_cannot_be_written_and_data_that_vanish_are_one_clear_error() {
    let folder = folder();
    let folder = folder.path();
    let told = failure(&cnn(folder, &format!("train {SETTINGS} --out tiny.cnn/run")));
    assert!(told.contains("tiny.cnn/run"), "{told}");
    good(folder, &format!("train {SETTINGS} --out run"));
    // A file where a folder is wanted is as unwritable for root as for anybody.
    let checkpoints = folder.join("run/checkpoints");
    fs::rename(&checkpoints, folder.join("aside")).unwrap();
    fs::write(&checkpoints, "").unwrap();
    let told = failure(&cnn(folder, "train --resume run"));
    assert!(told.contains("run/checkpoints"), "{told}");
    fs::remove_file(&checkpoints).unwrap();
    fs::rename(folder.join("aside"), &checkpoints).unwrap();
    good(folder, "train --resume run");

    idx_files(&folder.join("mnist"));
    let line = "train lenet5 --data mnist:mnist --epochs 2 --out images";
    good(folder, line);
    fs::remove_file(folder.join("mnist/train-labels-idx1-ubyte")).unwrap();
    let told = failure(&cnn(folder, "train --resume images"));
    assert!(
        told.contains("train-labels-idx1-ubyte") && told.contains("go on with: cnn train --resume images"),
        "{told}"
    );
    assert!(folder.join("images/checkpoints").read_dir().unwrap().count() > 0);
}
