//! `cnn search` and `cnn study` from outside.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A space whose members learn digits in a moment.
const SPACE: &str = "
/// Small networks for digits.
Small(classes = 10): 1x14x14 -> classes;
stem conv(choose(6, 8, 12), 3, pad = 1) -> bn -> relu -> maxpool(2);
body \"mix\": choose {
    { let k = choose(3, 5); conv(16, k, pad = k / 2) -> bn -> relu };
    dwconv(3, pad = 1) -> bn -> relu -> conv(16, 1) -> bn -> relu;
};
head choose { gap; flatten; } -> linear(classes);
where params <= 12K;
";

/// A quick evaluation.
const QUICK: [&str; 6] = ["--digits", "300:100", "--epochs", "2", "--validation", "0.3"];

fn cnn(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cnn")).current_dir(dir).args(args).output().unwrap()
}

fn good(dir: &Path, args: &[&str]) -> String {
    let output = cnn(dir, args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "cnn {args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("small.cnn"), SPACE).unwrap();
    dir
}

fn search<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["search", "small.cnn"], &QUICK[..], more].concat()
}

fn table(dir: &Path, study: &str) -> serde_json::Value {
    let mut summary: serde_json::Value = serde_json::from_str(&good(dir, &["study", "show", study, "--json"])).unwrap();
    for trial in summary["trials"].as_array_mut().unwrap() {
        trial.as_object_mut().unwrap().remove("seconds");
        trial.as_object_mut().unwrap().remove("attempt");
    }
    summary
}

#[test]
fn a_search_finds_a_network_that_can_be_trained_again() {
    let folder = folder();
    let dir = folder.path();
    let out = good(
        dir,
        &search(&["--trials", "8", "--workers", "2", "--objective", "max:accuracy", "--objective", "min:params"]),
    );
    assert!(out.contains("Small: 18 members, 4 genes, 1x14x14 -> 10"), "{out}");
    assert_eq!(out.lines().filter(|line| line.contains("/8  trial ")).count(), 8, "{out}");
    for line in [
        "8 trials: 8 complete, 0 pruned, 0 failed",
        "front: trials",
        "the best 3 are trained again from other seeds: 9 trainings",
        "winner: trial",
        "study: studies/Small-1.db",
        "its source: cnn study best",
    ] {
        assert!(out.contains(line), "{line} in {out}");
    }
    let study = "studies/Small-1.db";
    let page = fs::read_to_string(dir.join("studies/Small-1.html")).unwrap();
    assert!(page.contains("<h2>Pareto front</h2>") && page.contains("Small"));

    // The winner's source is a network, and its kept weights are what the study says.
    let summary = table(dir, study);
    let best = &summary["trials"][summary["winner"].as_u64().unwrap() as usize];
    let source = good(dir, &["study", "best", study, "--source", "--weights", "best.safetensors"]);
    assert!(!source.contains("choose"), "{source}");
    fs::write(dir.join("best.cnn"), &source).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&good(dir, &["show", "best.cnn", "--json"])).unwrap();
    assert_eq!(shown["params"].as_f64(), best["values"]["params"].as_f64(), "{shown}");
    good(dir, &["train", "best.cnn", "--digits", "200:100", "--epochs", "2", "--lr", "0.004", "--out", "again"]);
    let loaded =
        good(dir, &["eval", "best.cnn", "--weights", "best.safetensors", "--data", "digits", "--digits", "300:100"]);
    println!("{loaded}");
    let report = good(dir, &["study", "report", study, "--out", "page.html"]);
    assert!(report.contains("report: page.html") && dir.join("page.html").is_file());
    let lines = good(dir, &["study", "show", study]);
    assert!(lines.contains("trials: 8 complete") && lines.contains("genes by importance:"), "{lines}");
}

/// Killed and interrupted, a search of one worker goes on to the study of one that was left alone.
#[test]
fn a_search_that_is_killed_goes_on_to_the_same_study() {
    let folder = folder();
    let dir = folder.path();
    let args = |study| {
        search(&[
            "--trials",
            "10",
            "--sampler",
            "evolution:population=4,sample=2",
            "--pruner",
            "asha:least=1,eta=3",
            "--study",
            study,
        ])
    };
    good(dir, &args("whole.db"));
    let mut kills = 0;
    loop {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cnn"))
            .current_dir(dir)
            .args(if kills == 0 { args("killed.db") } else { vec!["search", "--study", "killed.db", "--trials", "10"] })
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700 + 150 * kills));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 60, "it never ends");
        if !dir.join("killed.db").is_file() {
            // Killed before it began.
            kills = 0;
        }
    }
    println!("{kills} kills");
    let (mut whole, mut killed) = (table(dir, "whole.db"), table(dir, "killed.db"));
    for summary in [&mut whole, &mut killed] {
        summary.as_object_mut().unwrap().remove("study");
    }
    assert_eq!(whole, killed);
}

#[test]
fn mistakes_are_one_line_and_leave_nothing() {
    let folder = folder();
    let dir = folder.path();
    fs::write(dir.join("wrong.cnn"), SPACE.replace("conv(16, k", "convv(16, k")).unwrap();
    fs::write(dir.join("text.db"), "accuracy\n0.9\n").unwrap();
    let quick = |more: &[&'static str]| [&["search"], more, &QUICK[..]].concat();
    let cases: [(Vec<&str>, &str); 19] = [
        (vec!["search"], "--study"),
        (quick(&["nowhere"]), "no space `nowhere` is predefined, and no such file; there are cifar-small"),
        (quick(&["nowhere.cnn"]), "cannot read `nowhere.cnn`"),
        (quick(&["wrong.cnn"]), "no layer or block `convv`"),
        (quick(&["small.cnn:Other"]), "no space `Other` in `small.cnn`; it has Small"),
        (
            quick(&["small.cnn", "--sampler", "annealing"]),
            "one of random, grid, evolution, nsga2, tpe, reinforce, local",
        ),
        (quick(&["small.cnn", "--pruner", "asha:eta=1"]), "asha's eta must be from 2 to 1000, got 1"),
        (quick(&["small.cnn", "--objective", "max:speed"]), "no objective speed; there are max:accuracy"),
        (quick(&["small.cnn", "--objective", "accuracy"]), "min:NAME or max:NAME"),
        (
            quick(&["small.cnn", "--reward", "soft:latency:5"]),
            "needs a first objective that is maximised and `min:latency`",
        ),
        (quick(&["small.cnn", "--trials", "0"]), "expected a number from 1 to 1000000, got 0"),
        (quick(&["small.cnn", "--workers", "-2"]), "expected a number from 1 to 256, got -2"),
        (quick(&["small.cnn", "--device", "cuda:99"]), "cuda:99: "),
        (quick(&["small.cnn", "--precision", "tf32"]), "does not multiply in tf32"),
        (
            quick(&["small.cnn", "--objective", "min:latency", "--device", "cuda:99", "--workers", "2"]),
            "latencies on cuda:99 are measured with one worker, got 2",
        ),
        (quick(&["small.cnn", "--study", "text.db"]), "text.db is no database, expected a study"),
        (vec!["search", "--study", "none.db"], "no study at none.db"),
        (vec!["study", "show", "none.db"], "no study at none.db"),
        (vec!["study", "best", "text.db"], "text.db is no database"),
    ];
    for (args, expected) in &cases {
        let output = cnn(dir, args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "cnn {args:?}: {error}");
        assert!(error.contains(expected), "cnn {args:?}: {error}");
        assert!(output.stdout.is_empty(), "cnn {args:?}");
    }
    let mut left: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["small.cnn", "text.db", "wrong.cnn"]);
    println!("{} mistakes", cases.len());
}

#[test]
fn a_study_goes_on_as_it_began_or_not_at_all() {
    let folder = folder();
    let dir = folder.path();
    let begin = search(&["--trials", "2", "--sampler", "grid", "--objective", "min:macs", "--study", "grid.db"]);
    good(dir, &begin);
    let other = search(&["--trials", "2", "--sampler", "random", "--objective", "min:macs", "--study", "grid.db"]);
    let output = cnn(dir, &other);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("grid.db is a study with sampler grid, not random"), "{error}");
    let mut longer = begin.clone();
    longer[5] = "3";
    let error = String::from_utf8(cnn(dir, &longer).stderr).unwrap();
    assert!(error.contains("grid.db is a study with epochs 2, not 3; resume it as it is"), "{error}");
    // The space is in the study; a grid ends by itself.
    fs::remove_file(dir.join("small.cnn")).unwrap();
    let out = good(dir, &["search", "--study", "grid.db", "--trials", "100"]);
    assert!(out.contains("goes on after 2 trials"), "{out}");
    let summary = table(dir, "grid.db");
    let trials = summary["trials"].as_array().unwrap();
    let mut genomes: Vec<&str> = trials.iter().map(|trial| trial["genome"].as_str().unwrap()).collect();
    genomes.sort_unstable();
    genomes.dedup();
    assert_eq!(genomes.len(), trials.len());
    assert!(trials.len() > 10, "{} members within the limit", trials.len());
    let least = trials.iter().map(|trial| trial["values"]["macs"].as_f64().unwrap()).fold(f64::MAX, f64::min);
    assert_eq!(trials[summary["best"].as_u64().unwrap() as usize]["values"]["macs"].as_f64(), Some(least));
}

/// The promise of the documentation: minutes on two processors, and a winner that is as good as the study says.
#[test]
#[ignore = "sixty trainings, minutes in release"]
fn the_winner_of_sixty_trials_is_as_good_as_the_study_says() {
    let folder = folder();
    let dir = folder.path();
    let began = std::time::Instant::now();
    let out = good(
        dir,
        &["search", "cifar-small", "--data", "digits", "--trials", "60", "--workers", "2", "--study", "s.db"],
    );
    let seconds = began.elapsed().as_secs_f64();
    println!("{}\n{seconds:.0} s", out.lines().rev().take(6).collect::<Vec<_>>().join("\n"));
    let summary = table(dir, "s.db");
    let winner = &summary["confirmed"][0];
    assert_eq!(winner["trial"], summary["winner"]);
    let said = winner["test_accuracy"].as_f64().unwrap();
    fs::write(dir.join("winner.cnn"), good(dir, &["study", "best", "s.db", "--source"])).unwrap();
    // The same training from seeds that had no part in the study; the images held out there are left out here too.
    let seeds = ["101", "102", "103"];
    let mut sum = 0.0;
    for seed in seeds {
        let train = ["train", "winner.cnn", "--digits", "5000:2000", "--epochs", "5", "--lr", "0.004"];
        let more = ["--validation", "0.2", "--seed", seed, "--out", seed, "--json"];
        let trained: serde_json::Value = serde_json::from_str(&good(dir, &[&train[..], &more[..]].concat())).unwrap();
        let reached = trained["test_accuracy"].as_f64().unwrap();
        println!("seed {seed}: {reached:.4} of test images");
        sum += reached;
    }
    let reached = sum / seeds.len() as f64;
    println!("the study says {said:.4}; trained again from three other seeds it reaches {reached:.4}");
    assert!((reached - said).abs() <= 0.01, "{said} {reached}");
    assert!(seconds < 300.0 || cfg!(debug_assertions), "{seconds} s");
}
