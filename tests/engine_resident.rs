//! What the process grows by when a plan is carried out, against what the plan said. Linux only.
//!
//! Each measurement is a process of its own: this program again, with the case in an environment variable.
#![cfg(target_os = "linux")]

use std::process::Command;

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::{InitialWeights, LoadOptions, StateDict, StoredWeights};
use cnn_runtime::zoo;

const CASE: &str = "RESIDENT_CASE";

/// Below this the allocator's own habits show.
const LARGE: usize = 64 << 20;

/// How much more or less than planned may be resident.
const TOLERANCE: f64 = 0.05;

#[test]
fn the_process_grows_by_what_was_planned() {
    let cases = [
        "train resnet18 8",
        "train densenet121 4",
        "train mobilenet_v3_small 16",
        "infer resnet18 8",
        "infer resnet50 8",
    ];
    for case in cases {
        let [planned, allocated, grown] = measured("measure", case);
        let off = grown as f64 / planned as f64 - 1.0;
        println!(
            "{case:30} planned {:7.1} MiB, grown by {:7.1} MiB, {:+.1} %",
            mebibytes(planned),
            mebibytes(grown),
            100.0 * off
        );
        assert_eq!(allocated, planned, "{case}: bytes allocated and planned");
        assert!(planned >= LARGE, "{case} is too small to be measured");
        assert!(off.abs() <= TOLERANCE, "{case}: {:+.1} % of what was planned", 100.0 * off);
    }
}

/// What a case prints in a process of its own.
fn measured<const N: usize>(test: &str, case: &str) -> [usize; N] {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(CASE, case)
        // glibc otherwise keeps up to 64 MiB of what is freed while weights are made ready.
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once("bytes: ")).map(|(_, numbers)| numbers);
    let numbers = line.unwrap_or_else(|| panic!("{case}: {text}")).split(' ').map(|n| n.parse().unwrap());
    numbers.collect::<Vec<usize>>().try_into().unwrap()
}

/// What making a session may take beside its weights and what they are given as.
const BESIDE: usize = 16 << 20;

#[test]
fn making_a_session_takes_its_weights_once() {
    // What weights are given as; how often all of them are in memory at the most, counted from before they were made.
    for (case, times) in [("drawn", 1), ("file", 1), ("lent", 2), ("given", 2), ("replaced", 2)] {
        let [weights, peak, now] = measured("make", case);
        println!(
            "{case:10} weights {:7.1} MiB, grown by at most {:7.1} MiB, then {:7.1} MiB",
            mebibytes(weights),
            mebibytes(peak),
            mebibytes(now)
        );
        assert!(weights >= LARGE, "{case}: too small to be measured");
        assert!(peak <= times * weights + BESIDE, "{case}: {peak} bytes at the most, weights are {weights}");
        let kept = if matches!(case, "lent" | "replaced") { 2 } else { 1 };
        assert!(now <= kept * weights + BESIDE, "{case}: {now} bytes are kept, weights are {weights}");
    }
}

#[test]
#[ignore = "a part of the test above, in a process of its own"]
fn make() {
    let case = std::env::var(CASE).unwrap_or_else(|_| "drawn".into());
    run("infer", "resnet20_cifar", 2);
    let graph: Graph = cnn_lang::load(zoo::ResNet50, None).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    if case == "file" {
        StateDict::<f32>::init(&graph, 1).unwrap().save(file.path()).unwrap();
    }
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = resident();
    let options = SessionOptions::default();
    let drawn = || InitialWeights::<f32>::new(&graph, 1).unwrap();
    let state = || StateDict::<f32>::init(&graph, 1).unwrap();
    let mut lent = None;
    let mut session = match case.as_str() {
        "drawn" => Session::new(&graph, drawn(), options),
        "file" => {
            let stored = StoredWeights::<f32>::open(&graph, file.path(), &LoadOptions::default()).unwrap();
            Session::new(&graph, stored, options)
        }
        "lent" => Session::new(&graph, &*lent.insert(state()), options),
        "given" => Session::new(&graph, state(), options),
        _ => Session::new(&graph, drawn(), options),
    }
    .unwrap();
    if case == "replaced" {
        session.set_weights(lent.insert(state())).unwrap();
    }
    let (peak, now) = (status("VmHWM:").saturating_sub(before), resident().saturating_sub(before));
    println!("bytes: {} {peak} {now}", session.plan().report.weights);
    session.run(&vec![0.5; graph.input_shape().elements()]).unwrap();
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[test]
#[ignore = "a part of the test above, in a process of its own"]
fn measure() {
    let case = std::env::var(CASE).unwrap_or_else(|_| "train lenet5 8".into());
    let words: Vec<&str> = case.split(' ').collect();
    let [what, name, batch] = words[..] else { panic!("{case}") };
    // Threads, code and what libraries keep for themselves are no part of a plan.
    run(what, "resnet20_cifar", 2);
    let [planned, allocated, grown] = run(what, name, batch.parse().unwrap());
    println!("bytes: {planned} {allocated} {grown}");
}

/// Bytes planned, allocated, and by how much the process has grown after a step or run.
fn run(what: &str, name: &str, batch: usize) -> [usize; 3] {
    let (_, source) = zoo::ALL.iter().find(|(known, _)| *known == name).unwrap();
    let graph: Graph = cnn_lang::load(source, None).unwrap();
    let weights = StateDict::<f32>::init(&graph, 1).unwrap();
    let images: Vec<f32> =
        (0..batch * graph.input_shape().elements()).map(|i| (i % 251) as f32 / 125.0 - 1.0).collect();
    let before = resident();
    if what == "train" {
        let labels: Vec<usize> = (0..batch).collect();
        let mut trainer = Trainer::new(&graph, &weights, TrainerOptions { batch, ..Default::default() }).unwrap();
        trainer.step(&images, Targets::Labels(&labels), 1e-3).unwrap();
        let grown = resident().saturating_sub(before);
        [trainer.plan().report.total(), trainer.allocated(), grown]
    } else {
        let mut session =
            Session::new(&graph, &weights, SessionOptions { batch, auxiliary: false, ..Default::default() }).unwrap();
        session.run(&images).unwrap();
        let grown = resident().saturating_sub(before);
        [session.plan().report.total(), session.allocated(), grown]
    }
}

/// Bytes of the process in memory.
fn resident() -> usize {
    status("VmRSS:")
}

/// A figure of the process in bytes.
fn status(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
