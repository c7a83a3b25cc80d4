//! Trainings in folders: stopped anywhere and resumed they give the bits of one that was not, and what is wrong is refused.

mod auxiliary;
mod damage;
mod data;
mod diverged;
mod recipes;
mod refusals;

use std::fs;
use std::path::Path;
use std::time::Duration;

use cnn_runtime::engine::{Clip, Optimizer};
use cnn_runtime::train::{EpochRecord, Images, Observer, Outcome, Progress, Record, Run, Settings, fit};
use cnn_runtime::weights::StateDict;
use tempfile::TempDir;

const TINY: &str = "
    Tiny(classes = 10): 1x12x12 -> classes;
    stem conv(4, 3) -> bn -> relu -> maxpool(2);
    head flatten -> dropout(0.2) -> linear(classes);
";

/// Everything that a training can keep: averages, momenta, masks, running statistics, a smaller last batch.
fn settings() -> Settings {
    Settings {
        digits: [70, 30],
        epochs: 3,
        batch: 16,
        average: Some(0.9),
        clip: Some(Clip::Norm(1.0)),
        label_smoothing: 0.1,
        log_every: 2,
        seed: 7,
        ..Settings::new("tiny")
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn create(dir: &Path, settings: Settings) -> Run {
    Run::create(dir, settings, TINY).expect("a run")
}

fn records(dir: &Path) -> Vec<Record> {
    let text = fs::read_to_string(dir.join("metrics.jsonl")).expect("metrics");
    text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

/// A folder with everything in it.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy_folder(&path, &to) } else { fs::copy(path, to).map(drop).unwrap() }
    }
}

/// The metrics without what a clock says.
fn timeless(dir: &Path) -> Vec<Record> {
    let timeless = |mut record| {
        match &mut record {
            Record::Step(step) => (step.seconds, step.images_per_second, step.data_seconds) = (0.0, 0.0, 0.0),
            Record::Epoch(epoch) => (epoch.seconds, epoch.images_per_second, epoch.data_seconds) = (0.0, 0.0, 0.0),
            Record::Rollback(rollback) => rollback.seconds = 0.0,
        }
        record
    };
    records(dir).into_iter().map(timeless).collect()
}

fn same_results(a: &Path, b: &Path) {
    assert_eq!(timeless(a), timeless(b));
    for name in ["weights.safetensors", "best.safetensors", "data.json", "settings.json", "network.cnn"] {
        assert!(fs::read(a.join(name)).unwrap() == fs::read(b.join(name)).unwrap(), "{name} differs");
    }
}

/// Stops after every so many steps.
struct StopAfter(u64);

impl Observer for StopAfter {
    fn step(&mut self, _: &Progress, _: f64) {
        self.0 -= 1;
    }

    fn stop(&mut self) -> bool {
        self.0 == 0
    }
}

#[test]
fn stopped_after_any_number_of_steps_it_goes_on_to_the_same_bits() {
    let folder = folder();
    for (name, optimizer) in [("adamw", Optimizer::ADAMW), ("sgd", Optimizer::SGD), ("rmsprop", Optimizer::RMSPROP)] {
        let settings = Settings { optimizer, ..settings() };
        let whole = folder.path().join(name);
        assert!(matches!(fit(&create(&whole, settings.clone()), &mut ()).unwrap(), Outcome::Done(_)));
        for steps in [1, 2, 5, 7] {
            let parts = folder.path().join(format!("{name}-{steps}"));
            create(&parts, settings.clone());
            let mut stops = 0;
            // As another process would: from the folder alone.
            while let Outcome::Stopped(progress) = fit(&Run::open(&parts).unwrap(), &mut StopAfter(steps)).unwrap() {
                stops += 1;
                assert_eq!(progress.steps, stops * steps);
            }
            assert_eq!(stops, 15 / steps, "{name}, {steps}");
            same_results(&whole, &parts);
        }
    }
}

#[test]
fn a_training_that_died_behind_its_checkpoint_repeats_what_came_after() {
    /// A checkpoint after every step; keeps copies of the folder as a process finds it that died there.
    struct Copies<'a> {
        dir: &'a Path,
        to: &'a Path,
        often: Duration,
        count: usize,
    }
    impl Copies<'_> {
        fn copy(&mut self) {
            copy_folder(self.dir, &self.to.join(self.count.to_string()));
            self.count += 1;
        }
    }
    impl Observer for Copies<'_> {
        fn step(&mut self, _: &Progress, _: f64) {
            self.copy();
        }
        fn epoch(&mut self, _: &EpochRecord) {
            self.copy();
        }
        fn checkpoint_every(&self) -> Duration {
            self.often
        }
    }
    for often in [Duration::ZERO, Duration::MAX] {
        let folder = folder();
        let (dir, to) = (folder.path().join("run"), folder.path().join("copies"));
        let mut copies = Copies { dir: &dir, to: &to, often, count: 0 };
        fit(&create(&dir, settings()), &mut copies).unwrap();
        assert_eq!(copies.count, 18);
        for copy in 0..18 {
            let copy = to.join(copy.to_string());
            // Half a line, as a write that was cut off leaves it, and half a file that was not in its place yet.
            let mut metrics = fs::read(copy.join("metrics.jsonl")).unwrap();
            metrics.extend(b"{\"kind\":\"st");
            fs::write(copy.join("metrics.jsonl"), metrics).unwrap();
            fs::create_dir_all(copy.join("checkpoints")).unwrap();
            fs::write(copy.join("checkpoints/step-0000000099.safetensors.tmp"), "half").unwrap();
            fit(&Run::open(&copy).unwrap(), &mut ()).unwrap();
            same_results(&dir, &copy);
        }
    }
}

#[test]
fn the_number_of_threads_does_not_show() {
    let folder = folder();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let dir = folder.path().join(threads.to_string());
        pool.install(|| fit(&create(&dir, settings()), &mut ())).unwrap();
    }
    same_results(&folder.path().join("1"), &folder.path().join("3"));
}

#[test]
fn metrics_are_what_the_weights_reach() {
    let folder = folder();
    let dir = folder.path().join("run");
    let settings = Settings { digits: [1000, 200], epochs: 6, average: None, ..settings() };
    let run = create(&dir, Settings { learning_rate: 0.01, batch: 32, log_every: 10, ..settings });
    let Outcome::Done(last) = fit(&run, &mut ()).unwrap() else { panic!("nobody stopped it") };
    let epochs: Vec<EpochRecord> = records(&dir)
        .into_iter()
        .filter_map(|record| match record {
            Record::Epoch(epoch) => Some(epoch),
            Record::Step(_) | Record::Rollback(_) => None,
        })
        .collect();
    assert_eq!(epochs.last(), Some(&last));
    assert_eq!((epochs.len(), records(&dir).len()), (6, 6 + 19));
    // It learns: one in ten would be found by chance.
    assert!(epochs[5].loss < 0.7 * epochs[0].loss && last.eval_accuracy > 0.5, "{last:?}");

    let graph = run.graph().unwrap();
    let images = Images::load(run.settings(), &graph).unwrap();
    let reached = |name: &str| {
        let weights = StateDict::<f32>::load(&graph, dir.join(name)).unwrap();
        let options = cnn_runtime::engine::SessionOptions { batch: 7, auxiliary: false, ..Default::default() };
        let mut session = cnn_runtime::engine::Session::new(&graph, &weights, options).unwrap();
        cnn_runtime::train::evaluate(&mut session, &images.test).unwrap()
    };
    let evaluation = reached("weights.safetensors");
    assert_eq!((evaluation.accuracy, evaluation.images), (last.eval_accuracy, 200));
    assert!((evaluation.loss - last.eval_loss).abs() < 1e-5);
    let best = epochs.iter().map(|epoch| epoch.eval_accuracy).fold(0.0, f64::max);
    assert_eq!(reached("best.safetensors").accuracy, best);
    assert!(evaluation.top5.unwrap() > evaluation.accuracy);
}

#[test]
fn averages_are_what_is_kept_where_there_are() {
    let folder = folder();
    let dir = folder.path().join("run");
    let run = create(&dir, settings());
    let Outcome::Done(last) = fit(&run, &mut ()).unwrap() else { panic!("nobody stopped it") };
    assert_eq!(Some(last.test_loss()), last.average_loss);
    assert_ne!(last.test_loss(), last.eval_loss);
    let (_, checkpoint) = run.checkpoint().unwrap().unwrap();
    let graph = run.graph().unwrap();
    let kept = StateDict::<f32>::load(&graph, dir.join("weights.safetensors")).unwrap();
    // The plain weights are in the checkpoint alone.
    let text = String::from_utf8_lossy(&checkpoint[..4000]).into_owned();
    assert!(text.contains("\"weights/") && text.contains("\"average/"), "{text}");
    assert_eq!(kept.tensors().len(), graph.tensors().len());
}
