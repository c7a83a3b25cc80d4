//! Steps on images that were brought to the device ahead give the same bits.

use cnn_runtime::engine::{EngineError, SessionOptions, StepReport, Targets, Thaw, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;
use cnn_tests::device::{Device, Devices};
use cnn_tests::zoo;

const SHAPE: [usize; 4] = [4, 1, 28, 28];

/// The images of a step: fewer in the third.
fn images(step: usize) -> Vec<f32> {
    let all = zoo::images::<f32>(&SHAPE);
    let samples = if step == 2 { 3 } else { 4 };
    all[..samples * 784].iter().map(|x| x * (1.0 + step as f32 / 8.0)).collect()
}

fn labels(images: &[f32]) -> Vec<usize> {
    (0..images.len() / 784).collect()
}

fn trainer(device: Device, options: &TrainerOptions) -> Trainer {
    let graph = zoo::graph("lenet5");
    device.trainer(&graph, &StateDict::init(&graph, 3).unwrap(), options.clone()).unwrap()
}

const STEPS: usize = 6;

fn plainly(device: Device, options: &TrainerOptions) -> (Vec<StepReport>, StateDict<f32>) {
    let mut trainer = trainer(device, options);
    let step = |step| {
        let images = images(step);
        trainer.step(&images, Targets::Labels(&labels(&images)), 0.1).unwrap()
    };
    ((0..STEPS).map(step).collect(), trainer.weights())
}

fn ahead(device: Device, options: &TrainerOptions) -> (Vec<StepReport>, StateDict<f32>) {
    let mut trainer = trainer(device, options);
    trainer.preload(&images(0)).unwrap();
    let step = |step| {
        let next = (step + 1 < STEPS).then(|| images(step + 1));
        let labels = labels(&images(step));
        trainer.step_preloaded(Targets::Labels(&labels), 0.1, next.as_deref()).unwrap()
    };
    ((0..STEPS).map(step).collect(), trainer.weights())
}

#[test]
fn the_same_bits() {
    let plain = TrainerOptions { batch: 4, ..Default::default() };
    let parts = TrainerOptions { parts: 2, ..plain.clone() };
    let first = zoo::graph("lenet5").tensors()[0].0.clone();
    let thawing = TrainerOptions { thaw: vec![Thaw { pattern: first, step: 3 }], ..plain.clone() };
    for device in f32::devices() {
        for (what, options) in [("whole", &plain), ("in parts", &parts), ("thawing", &thawing)] {
            let (expected, found) = (plainly(device, options), ahead(device, options));
            assert_eq!(found.0, expected.0, "{device:?}, {what}");
            for (found, expected) in found.1.tensors().iter().zip(expected.1.tensors()) {
                assert_eq!(found.data, expected.data, "{device:?}, {what}: {}", found.name);
            }
        }
        println!("{device:?}: {STEPS} steps on preloaded images, whole, in parts and thawing: the same bits");
    }
}

#[test]
fn what_was_not_preloaded_is_said() {
    for device in f32::devices() {
        let mut trainer = trainer(device, &TrainerOptions { batch: 4, ..Default::default() });
        let mut step = || trainer.step_preloaded(Targets::Labels(&[0]), 0.1, None).map_err(|error| error.to_string());
        let expected =
            "no images were preloaded for this step: call `preload` first, or give the last step those of this one";
        assert_eq!(step(), Err(expected.to_owned()), "{device:?}");
        assert!(matches!(trainer.preload(&[0.0; 10]), Err(EngineError::BatchSize { .. })), "{device:?}");
    }
}

#[test]
fn sessions_give_the_same_logits() {
    let graph = zoo::graph("lenet5");
    let weights = StateDict::<f32>::init(&graph, 3).unwrap();
    for device in f32::devices() {
        let session = || device.session(&graph, &weights, SessionOptions { batch: 4, ..Default::default() }).unwrap();
        let (mut plain, mut ahead) = (session(), session());
        assert!(matches!(ahead.run_preloaded(None), Err(EngineError::NotPreloaded)), "{device:?}");
        ahead.preload(&images(0)).unwrap();
        for step in 0..STEPS {
            let next = (step + 1 < STEPS).then(|| images(step + 1));
            let expected = plain.run(&images(step)).unwrap();
            assert_eq!(ahead.run_preloaded(next.as_deref()).unwrap(), expected, "{device:?}, run {step}");
        }
        println!("{device:?}: {STEPS} runs on preloaded images: the same bits");
    }
}
