//! What the process grows by when a plan is carried out, against what the plan said. Linux only.
//!
//! Each measurement is a process of its own: this program again, with the case in an environment variable.
#![cfg(target_os = "linux")]

use std::process::Command;

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;
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
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program)
            .args(["--ignored", "--exact", "measure", "--nocapture"])
            .env(CASE, case)
            // glibc otherwise keeps up to 64 MiB of what is freed while weights are made ready.
            .env("MALLOC_MMAP_THRESHOLD_", "65536")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.split_once("bytes: ")).map(|(_, numbers)| numbers);
        let numbers: Vec<usize> =
            line.unwrap_or_else(|| panic!("{case}: {text}")).split(' ').map(|n| n.parse().unwrap()).collect();
        let [planned, allocated, grown] = numbers[..] else { panic!("{case}: {numbers:?}") };
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
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
