//! Trainings that end before their end.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cnn_runtime::train::Run;

use super::{command, folder, good, mistake, same_results};

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
