//! Seeds decide masks; neither threads nor stopping decide anything.

use cnn_runtime::engine::{Clip, Optimizer, StepReport, Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;
use cnn_tests::device::{Device, Devices};
use cnn_tests::oracle::{input_by_rule, labels_for};

use crate::{BATCH, graph, trainer};

fn noisy(device: Device, seed: u64) -> Trainer<f32> {
    let graph = graph("Noisy");
    let options = TrainerOptions {
        batch: BATCH,
        optimizer: Optimizer::ADAMW,
        weight_decay: 0.05,
        average: Some(0.9),
        clip: Some(Clip::Norm(1.0)),
        seed,
        ..Default::default()
    };
    device.trainer(&graph, &StateDict::init(&graph, 5).unwrap(), options).unwrap()
}

fn noisy_step(trainer: &mut Trainer<f32>) -> StepReport {
    let graph = trainer.graph().clone();
    let samples = if trainer.steps() % 3 == 2 { BATCH - 1 } else { BATCH };
    let images = input_by_rule(&graph, samples);
    trainer.step(&images, Targets::Labels(&labels_for(&graph, samples)), 0.01).unwrap()
}

#[test]
fn a_restored_training_goes_on_bit_for_bit() {
    f32::devices().into_iter().for_each(goes_on);
}

fn goes_on(device: Device) {
    let mut straight = noisy(device, 1);
    let mut saved = Vec::new();
    let mut reports = Vec::new();
    for number in 0..8 {
        if number == 5 {
            saved = straight.checkpoint().unwrap();
        }
        reports.push(noisy_step(&mut straight));
    }
    let mut resumed = noisy(device, 1);
    noisy_step(&mut resumed);
    resumed.restore("a checkpoint", &saved).unwrap();
    assert_eq!(resumed.steps(), 5);
    for report in &reports[5..] {
        assert_eq!(noisy_step(&mut resumed), *report);
    }
    assert_eq!(resumed.weights(), straight.weights());
    assert_eq!(resumed.averages(), straight.averages());
    assert_eq!(resumed.checkpoint().unwrap(), straight.checkpoint().unwrap());

    let before = resumed.weights();
    for cut in [0, 7, 100, saved.len() / 2, saved.len() - 1] {
        let error = resumed.restore("a checkpoint", &saved[..cut]).unwrap_err().to_string();
        assert!(error.starts_with("checkpoint: a checkpoint"), "{error}");
    }
    let other = trainer(TrainerOptions::default()).checkpoint().unwrap();
    assert!(resumed.restore("another", &other).is_err());
    assert_eq!(resumed.weights(), before, "nothing is changed by what is refused");
}

#[test]
fn seeds_decide_masks_and_threads_decide_nothing() {
    f32::devices().into_iter().for_each(nothing_else_decides);
}

fn nothing_else_decides(device: Device) {
    let run = |seed| {
        let mut trainer = noisy(device, seed);
        let losses: Vec<f64> = (0..4).map(|_| noisy_step(&mut trainer).loss).collect();
        (losses, trainer.weights())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
    let threads = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    assert_eq!(threads(1).install(|| run(1)), threads(3).install(|| run(1)));
    let mut trainer = noisy(device, 1);
    let graph = trainer.graph().clone();
    let (images, labels) = (input_by_rule(&graph, BATCH), labels_for(&graph, BATCH));
    let mut losses = [(); 2].map(|()| trainer.step(&images, Targets::Labels(&labels), 0.0).unwrap().loss);
    losses.sort_by(f64::total_cmp);
    assert!(losses[0] < losses[1], "every step has masks of its own: {losses:?}");
}

/// Dropped are the same numbers and samples on every back end, whatever its layout.
#[test]
fn masks_are_the_same_everywhere() {
    let losses = |device| {
        let mut trainer = noisy(device, 3);
        (0..4).map(|_| noisy_step(&mut trainer).loss).collect::<Vec<_>>()
    };
    let expected = losses(Device::Reference);
    for device in f32::devices() {
        for (found, expected) in losses(device).iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-4 * expected, "{device:?}: {found} is not {expected}");
        }
    }
}
