//! Trainings that end before their end.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cnn_runtime::train::Run;

use super::{command, folder, good, mistake, same_results};

const SETTINGS: &str = "--digits 600:200 --epochs 8 --batch 16 --ema 0.95 --input 1x20x20 --seed 3 --lr 0.01";

/// A run that nobody disturbs, on one thread.
fn undisturbed(folder: &Path) {
    let whole = command(folder, &format!("train tiny.cnn:Tiny {SETTINGS} --out whole"))
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("the program starts");
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
}

#[test]
fn killed_at_any_moment_and_resumed_it_gives_the_same_bits() {
    let folder = folder();
    let folder = folder.path();
    undisturbed(folder);
    // On a fast machine a run survives after a few; then another one is begun.
    let (mut killed, mut runs) = (0, 0);
    while killed < 8 {
        runs += 1;
        assert!(runs < 40, "killed {killed} times in {runs} runs");
        let name = format!("killed-{runs}");
        killed += killed_until_done(folder, &name, &format!("train tiny.cnn:Tiny {SETTINGS}"), 31 * runs);
        same_results(folder, "whole", &name);
    }
    println!("{killed} kills in {runs} runs: the same bits");
}

#[test]
#[ignore = "a few minutes: a hundred runs, each killed until it is done"]
fn a_hundred_runs_that_were_killed_give_the_same_bits() {
    let folder = folder();
    let folder = folder.path();
    undisturbed(folder);
    let (mut killed, mut disturbed, mut runs) = (0, 0, 0);
    while disturbed < 100 {
        runs += 1;
        assert!(runs < 1000, "{disturbed} of {runs} runs could be killed");
        let name = format!("killed-{runs}");
        let times = killed_until_done(folder, &name, &format!("train tiny.cnn:Tiny {SETTINGS}"), 31 * runs);
        same_results(folder, "whole", &name);
        std::fs::remove_dir_all(folder.join(name)).expect("a folder");
        (killed, disturbed) = (killed + times, disturbed + usize::from(times > 0));
    }
    println!("{disturbed} runs killed {killed} times and resumed: the same bits");
}

/// Begins a run, kills it again and again, resumes it until it is done, and counts.
fn killed_until_done(folder: &Path, name: &str, begin: &str, seed: u64) -> usize {
    let mut line = format!("{begin} --out {name} --checkpoint-seconds 0.01");
    for killed in 0..200 {
        let mut child = command(folder, &line).stdout(Stdio::null()).spawn().expect("the program starts");
        // From before the first step to the middle of epochs, evaluations and writes; later where the machine is slow.
        let patience = 1 + killed as u64 / 8;
        std::thread::sleep(Duration::from_millis(5 + (seed + killed as u64) * 7919 % 160 * patience));
        let ended = child.try_wait().expect("a child");
        child.kill().expect("it can be killed");
        let output = child.wait_with_output().expect("a child");
        if let Some(status) = ended {
            assert!(status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return killed;
        }
        if Run::is_at(&folder.join(name)) {
            line = format!("train --resume {name} --checkpoint-seconds 0.01");
        }
    }
    panic!("{name} never ends");
}

/// Waits until a file is there.
#[cfg(unix)]
pub(super) fn appears(path: &Path, child: &mut Child) {
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
fn signals_end_it_with_a_checkpoint_and_it_says_how_to_go_on() {
    for signal in ["INT", "TERM"] {
        interrupted_it_keeps_a_checkpoint(signal);
    }
}

#[cfg(unix)]
fn interrupted_it_keeps_a_checkpoint(signal: &str) {
    let folder = folder();
    let folder = folder.path();
    let settings = "--digits 2000:100 --epochs 4 --batch 8";
    good(folder, &format!("train tiny.cnn {settings} --out whole"));
    let line = format!("train tiny.cnn {settings} --out run --checkpoint-seconds 0");
    let mut child = command(folder, &line).spawn().expect("the program starts");
    appears(&folder.join("run/checkpoints"), &mut child);
    let busy = mistake(folder, "train --resume run");
    assert!(busy.contains("another process trains run"), "{busy}");
    Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().expect("kill");
    let output = child.wait_with_output().expect("a child");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.ends_with("go on with: cnn train --resume run\n"), "{text}");
    good(folder, "train --resume run");
    same_results(folder, "whole", "run");
}
