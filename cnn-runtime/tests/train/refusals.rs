//! What a training refuses, in one line, and leaves as it was.

use std::fs;

use cnn_runtime::engine::Optimizer;
use cnn_runtime::train::{Begin, Observer, Outcome, Run, Schedule, Settings, TrainError, fit};

use super::{StopAfter, TINY, create, folder, settings};

const CHECKPOINT: &str = "checkpoints/step-0000000006.safetensors";

#[test]
fn one_process_at_a_time() {
    struct Second<'a>(&'a Run, Option<TrainError>);
    impl Observer for Second<'_> {
        fn begin(&mut self, _: &Begin<'_>) {
            self.1 = fit(self.0, &mut ()).err();
        }
    }
    let folder = folder();
    let run = create(&folder.path().join("run"), Settings { epochs: 1, ..settings() });
    let mut second = Second(&run, None);
    fit(&run, &mut second).unwrap();
    assert!(matches!(second.1, Some(TrainError::Busy { .. })), "{:?}", second.1);
    // Afterwards it is free again, and has nothing left to do.
    assert!(matches!(fit(&run, &mut ()), Ok(Outcome::Done(_))));
}

#[test]
fn folders_that_do_not_fit_are_refused_and_left_as_they_were() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let refused = |result: Result<Run, TrainError>, words: &str| {
        let message = result.map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains('\n'), "{message}");
    };
    fs::create_dir(path("empty")).unwrap();
    create(&path("empty"), settings());
    refused(Run::create(&path("empty"), settings(), TINY), "is there already");
    fs::write(path("file"), "").unwrap();
    refused(Run::create(&path("file"), settings(), TINY), "is there already");
    refused(Run::create(&path("x"), Settings { epochs: 0, ..settings() }, TINY), "epochs must be");
    refused(Run::create(&path("x"), settings(), "Tiny: 1x4x4 -> 10; stem conv(2, 9);"), "tiny: ");
    refused(Run::create(&path("x"), Settings { arguments: "(".into(), ..settings() }, TINY), "tiny: ");
    refused(Run::create(&path("x"), Settings { definition: Some("Other".into()), ..settings() }, TINY), "no network");
    assert!(!path("x").exists());
    refused(Run::open(&path("x")), "no settings.json");
    refused(Run::open(&path("file")), "no settings.json");

    let settings_of = |name: &str| path(name).join("settings.json");
    let text = fs::read_to_string(settings_of("empty")).unwrap();
    fs::create_dir(path("cut")).unwrap();
    fs::write(settings_of("cut"), &text[..40]).unwrap();
    refused(Run::open(&path("cut")), "settings.json is damaged");
    fs::write(settings_of("cut"), text.replace("\"batch\": 16", "\"batch\": 0")).unwrap();
    refused(Run::open(&path("cut")), "batch must be");
    fs::write(settings_of("cut"), &text).unwrap();
    refused(Run::open(&path("cut")), "no network.cnn");
    fs::write(path("cut").join("network.cnn"), TINY).unwrap();
    refused(Run::open(&path("cut")), "no checksums");
    fs::copy(path("empty").join("checksums"), path("cut").join("checksums")).unwrap();
    Run::open(&path("cut")).unwrap();
    // Another rate, another network: what it would go on to is not what it began as.
    fs::write(settings_of("cut"), text.replace("\"epochs\": 3", "\"epochs\": 4")).unwrap();
    refused(Run::open(&path("cut")), "settings.json is not as the run began");
    fs::write(settings_of("cut"), &text).unwrap();
    fs::write(path("cut").join("network.cnn"), TINY.replace("0.2", "0.3")).unwrap();
    refused(Run::open(&path("cut")), "network.cnn is not as the run began");

    let numbers: Vec<_> = (0..3)
        .map(|_| Run::create_numbered(folder.path(), "a/b c", settings(), TINY).unwrap().dir().to_owned())
        .collect();
    assert_eq!(numbers, [path("abc-1"), path("abc-2"), path("abc-3")]);
    // Nothing unfinished is left.
    let hidden = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with('.')));
    assert_eq!(hidden.count(), 0);
}

#[test]
fn damaged_checkpoints_and_other_data_are_refused() {
    let folder = folder();
    let dir = folder.path().join("run");
    let run = create(&dir, settings());
    assert!(matches!(fit(&run, &mut StopAfter(6)), Ok(Outcome::Stopped(_))));
    // It would stand in: see `damage`.
    fs::remove_file(dir.join("checkpoints/step-0000000005.safetensors")).unwrap();
    let refused = |words: &str| {
        let message = fit(&run, &mut ()).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains('\n'), "{message}");
    };
    let with = |name: &str, change: &dyn Fn(&mut Vec<u8>), words: &str| {
        let bytes = fs::read(dir.join(name)).unwrap();
        let mut changed = bytes.clone();
        change(&mut changed);
        fs::write(dir.join(name), &changed).unwrap();
        refused(words);
        fs::write(dir.join(name), bytes).unwrap();
    };
    with(CHECKPOINT, &|bytes| bytes.truncate(5), "step-0000000006.safetensors is damaged (it is cut off)");
    with(CHECKPOINT, &|bytes| bytes.truncate(bytes.len() - 1), "its checksum does not fit");
    with(CHECKPOINT, &|bytes| bytes[20] = b'#', "it is no checkpoint of a run");
    with("metrics.jsonl", &|bytes| bytes.truncate(10), "metrics.jsonl is damaged");
    with("data.json", &|bytes| bytes[0] = b'[', "data.json is damaged");
    let other = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap().replace("\"train\": 70", "\"train\": 71");
        *bytes = text.into_bytes();
    };
    with("data.json", &other, "training images: 71 expected, got 70");
    assert!(matches!(fit(&run, &mut ()), Ok(Outcome::Done(_))));
}

#[test]
fn what_cannot_be_trained_is_refused_in_one_line() {
    let folder = folder();
    let refused = |name: &str, settings: Settings, source: &str, words: &str| {
        let run = Run::create(&folder.path().join(name), settings, source).unwrap();
        let message = fit(&run, &mut ()).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains('\n'), "{message}");
        assert!(!folder.path().join(name).join("checkpoints").exists());
    };
    let thousand = Settings { arguments: "classes = 1000".into(), ..settings() };
    refused(
        "classes",
        thousand,
        TINY,
        "tiny has 1000 outputs but digits has 10 classes; give it as many, as in `tiny(classes = 10)`",
    );
    refused("vector", settings(), "V: 144 -> 10; head linear(10);", "tiny takes a vector of 144 numbers");
    refused("map", settings(), "M: 1x12x12 -> 10x10x10; stem conv(10, 3);", "cross-entropy needs a vector");
    let missing = Settings { data: "mnist:nowhere".parse().unwrap(), ..settings() };
    refused("missing", missing, "L: 1x28x28 -> 10; head flatten -> linear(10);", "nowhere");
    let steep = Settings { optimizer: Optimizer::SGD, learning_rate: 1e30, clip: None, ..settings() };
    refused("steep", Settings { schedule: Schedule::Constant, ..steep }, TINY, "not finite, first the output of ");
}
