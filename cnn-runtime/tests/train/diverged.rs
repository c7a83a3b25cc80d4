//! Numbers that are no longer finite: the layer is named, or the training goes back.

use std::fs;

use cnn_runtime::engine::{FaultKind, Optimizer};
use cnn_runtime::train::{Observer, OnNan, Outcome, Record, Run, Schedule, Settings, TrainError, fit};

use super::{folder, records, settings};

/// Weights are as large as the rate, and logits a hundred times as large.
const LINEAR: &str = "L(classes = 10): 1x12x12 -> classes; head flatten -> wide: linear(classes);";

fn steep(learning_rate: f64) -> Settings {
    let (optimizer, schedule) = (Optimizer::SGD, Schedule::Constant);
    Settings { optimizer, schedule, learning_rate, weight_decay: 0.0, clip: None, average: None, ..settings() }
}

#[derive(Default)]
struct BackAgain(Vec<String>);

impl Observer for BackAgain {
    fn warn(&mut self, warning: &str) {
        self.0.push(warning.to_owned());
    }

    fn on_nan(&self) -> OnNan {
        OnNan::Rollback
    }
}

#[test]
fn the_layer_is_named() {
    let folder = folder();
    let run = Run::create(&folder.path().join("run"), steep(1e38), LINEAR).unwrap();
    let error = fit(&run, &mut ()).unwrap_err();
    let TrainError::NotFinite { step, fault, .. } = &error else { panic!("{error}") };
    assert!(*step <= 2 && fault.place.contains("wide"), "{error}");
    assert!(matches!(fault.kind, FaultKind::Output | FaultKind::Update), "{error}");
    println!("{error}");
    assert!(run.checkpoint().unwrap().is_none());
}

#[test]
fn it_goes_back_and_on_with_a_smaller_rate() {
    let folder = folder();
    // Weights near the largest number, once kept, are beyond mending: one epoch.
    let settings = Settings { epochs: 1, ..steep(1e38) };
    let run = Run::create(&folder.path().join("run"), settings, LINEAR).unwrap();
    let mut back = BackAgain::default();
    let outcome = fit(&run, &mut back).unwrap();
    assert!(matches!(outcome, Outcome::Done(_)));
    let (progress, _) = run.checkpoint().unwrap().unwrap();
    assert_eq!(progress.rollbacks as usize, back.0.len());
    assert!((1..=8).contains(&progress.rollbacks) && progress.rate_factor == 0.5f64.powi(progress.rollbacks as i32));
    let noted = records(run.dir()).into_iter().filter(|record| matches!(record, Record::Rollback(_))).count();
    println!("went back {noted} times: {}", back.0[0]);
    assert!(noted >= 1 && back.0[0].contains("gave numbers that are not finite"), "{:?}", back.0);

    // No rate is small enough.
    let run = Run::create(&folder.path().join("hopeless"), steep(3e38 * 1e30), LINEAR).unwrap();
    let mut back = BackAgain::default();
    let error = fit(&run, &mut back).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { .. }) && back.0.len() == 8, "{error}, {:?}", back.0);
    assert!(fs::read_dir(run.dir().join("checkpoints")).unwrap().count() == 1);
}
