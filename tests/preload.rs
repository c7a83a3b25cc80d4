//! Steps on images that were brought to the device ahead, or given as pixels, give the same bits.

use cnn_runtime::engine::pixels::{Mix, Move, Rectangle};
use cnn_runtime::engine::{
    EngineError, Given, Pixels, SessionOptions, StepReport, Targets, Thaw, Trainer, TrainerOptions,
};
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

/// The pixels of a step, as many as [`images`]: moved twice and erased; mixed in the second step of three, in a window in the
/// third.
fn pixels(step: usize) -> Pixels {
    let samples = images(step).len() / 784;
    let bytes = (0..samples * 784).map(|k| ((k + 31 * step) * k % 256) as u8).collect();
    let moves = (0..samples as i32).flat_map(|k| {
        [Move { shift: [k - 2, 9 * k - 5], flip: k % 2 == 0 }, Move { shift: [-k, 3], flip: step.is_multiple_of(2) }]
    });
    let erased = (0..samples).map(|k| Rectangle { top: 5 * k, left: 20, height: 3, width: 2 * k });
    let pixels = Pixels::new([1, 28, 28], bytes, vec![0.13], vec![1.0 / 0.31]).unwrap();
    let pixels = pixels.moved(moves.collect()).unwrap().erased(erased.collect()).unwrap();
    let window = (step % 3 == 2).then_some(Rectangle { top: 3, left: 0, height: 20, width: 11 });
    let mix = Mix { partners: (0..samples).rev().collect(), share: 0.7, window };
    if step.is_multiple_of(3) { pixels } else { pixels.mixed(mix).unwrap() }
}

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
        trainer.step_preloaded(Targets::Labels(&labels), 0.1, next.as_ref().map(Into::into)).unwrap()
    };
    ((0..STEPS).map(step).collect(), trainer.weights())
}

/// What a step may be.
fn trainings() -> [(&'static str, TrainerOptions); 3] {
    let whole = TrainerOptions { batch: 4, ..Default::default() };
    let parts = TrainerOptions { parts: 2, ..whole.clone() };
    let pattern = zoo::graph("lenet5").tensors()[0].0.clone();
    let thawing = TrainerOptions { thaw: vec![Thaw { pattern, step: 3 }], ..whole.clone() };
    [("whole", whole), ("in parts", parts), ("thawing", thawing)]
}

#[test]
fn the_same_bits() {
    let trainings = trainings();
    for device in f32::devices() {
        for (what, options) in &trainings {
            let (expected, found) = (plainly(device, options), ahead(device, options));
            assert_eq!(found.0, expected.0, "{device:?}, {what}");
            for (found, expected) in found.1.tensors().iter().zip(expected.1.tensors()) {
                assert_eq!(found.data, expected.data, "{device:?}, {what}: {}", found.name);
            }
        }
        println!("{device:?}: {STEPS} steps on preloaded images, whole, in parts and thawing: the same bits");
    }
}

/// Steps on [`pixels`] in a form.
fn on_pixels(device: Device, options: &TrainerOptions, form: Form) -> (Vec<StepReport>, StateDict<f32>) {
    let mut trainer = trainer(device, options);
    let all: Vec<(Pixels, Vec<f32>)> =
        (0..STEPS).map(pixels).map(|pixels| (pixels.clone(), pixels.numbers())).collect();
    let given = |step: usize| match form {
        Form::Numbers => Given::from(&all[step].1),
        Form::Mixed if step % 4 < 2 => Given::from(&all[step].1),
        Form::Pixels | Form::Ahead | Form::Mixed => Given::from(&all[step].0),
    };
    if matches!(form, Form::Ahead | Form::Mixed) {
        trainer.preload(given(0)).unwrap();
    }
    let step = |step: usize| {
        let labels = labels(&all[step].1);
        let targets = Targets::Labels(&labels);
        match form {
            Form::Numbers | Form::Pixels => trainer.step(given(step), targets, 0.1).unwrap(),
            Form::Ahead | Form::Mixed => {
                trainer.step_preloaded(targets, 0.1, (step + 1 < STEPS).then(|| given(step + 1))).unwrap()
            }
        }
    };
    ((0..STEPS).map(step).collect(), trainer.weights())
}

/// How images are given.
#[derive(Clone, Copy, Debug)]
enum Form {
    Numbers,
    Pixels,
    /// Pixels, a step ahead.
    Ahead,
    /// Two steps of numbers, two of pixels, a step ahead.
    Mixed,
}

#[test]
fn pixels_are_their_numbers() {
    let trainings = trainings();
    for device in f32::devices() {
        for (what, options) in &trainings {
            let expected = on_pixels(device, options, Form::Numbers);
            for form in [Form::Pixels, Form::Ahead, Form::Mixed] {
                assert!(on_pixels(device, options, form) == expected, "{device:?}, {what}, {form:?}");
            }
        }
        println!("{device:?}: {STEPS} steps on pixels, ahead or not, whole, in parts and thawing: the same bits");
    }
}

#[test]
fn sessions_take_pixels() {
    let graph = zoo::graph("lenet5");
    let weights = StateDict::<f32>::init(&graph, 3).unwrap();
    for device in f32::devices() {
        let session = || device.session(&graph, &weights, SessionOptions { batch: 4, ..Default::default() }).unwrap();
        let (mut plain, mut ahead) = (session(), session());
        ahead.preload(&pixels(0)).unwrap();
        for step in 0..STEPS {
            let next = (step + 1 < STEPS).then(|| pixels(step + 1));
            let expected = plain.run(&pixels(step).numbers()).unwrap().to_vec();
            assert_eq!(plain.run(&pixels(step)).unwrap(), expected, "{device:?}, run {step}");
            assert_eq!(ahead.run_preloaded(next.as_ref().map(Into::into)).unwrap(), expected, "{device:?}, run {step}");
        }
        println!("{device:?}: {STEPS} runs on pixels: the same bits");
    }
    let mut session = Device::Reference
        .session(&graph, &StateDict::<f64>::init(&graph, 3).unwrap(), SessionOptions::default())
        .unwrap();
    let one = Pixels::new([1, 28, 28], vec![51; 784], vec![0.5], vec![2.0]).unwrap();
    let numbers: Vec<f64> = one.numbers().into_iter().map(f64::from).collect();
    let expected = session.run(&numbers).unwrap().to_vec();
    assert_eq!(session.run(&one).unwrap(), expected);
}

#[test]
fn pixels_of_another_network_are_refused() {
    let of = |shape: [usize; 3], samples: usize| {
        let bytes = vec![0; samples * shape.iter().product::<usize>()];
        Pixels::new(shape, bytes, vec![0.0; shape[0]], vec![1.0; shape[0]]).unwrap()
    };
    for device in f32::devices() {
        let mut trainer = trainer(device, &TrainerOptions { batch: 4, ..Default::default() });
        trainer.preload(&of([1, 28, 28], 4)).unwrap();
        for (pixels, message) in [
            (of([1, 14, 56], 1), "images of a batch of pixels: expected 1x28x28, got 1x14x56"),
            (of([3, 28, 28], 1), "images of a batch of pixels: expected 1x28x28, got 3x28x28"),
            (of([1, 28, 28], 5), "3920 values are no batch of 1 to 4 samples of 1x28x28 (784 values each)"),
        ] {
            assert_eq!(trainer.preload(&pixels).unwrap_err().to_string(), message, "{device:?}");
            assert_eq!(trainer.step(&pixels, Targets::Labels(&[0]), 0.1).unwrap_err().to_string(), message);
            let step = trainer.step_preloaded(Targets::Labels(&[0; 4]), 0.1, Some((&pixels).into()));
            assert_eq!(step.unwrap_err().to_string(), message);
        }
        assert!(trainer.step_preloaded(Targets::Labels(&[0; 4]), 0.1, None).is_ok(), "{device:?}");
    }
}

/// Another plan has other memory: what a device was given for the one before is gone.
#[test]
fn images_given_before_something_thawed_are_asked_for_again() {
    let first = zoo::graph("lenet5").tensors()[0].0.clone();
    let thaw = vec![Thaw { pattern: first, step: 2 }];
    let options = TrainerOptions { batch: 4, thaw, ..Default::default() };
    let targets = Targets::Labels(&[0, 1, 2, 3]);
    for device in f32::devices() {
        let mut trainer = trainer(device, &options);
        let step = |trainer: &mut Trainer| trainer.step(&images(0), targets, 0.1).unwrap();
        step(&mut trainer);
        let begun = trainer.checkpoint().unwrap();
        // The plan that has thawed begins with the preloaded step, or with the one before it.
        for steps in [1, 2] {
            trainer.restore("a checkpoint", &begun).unwrap();
            trainer.preload(&images(1)).unwrap();
            (0..steps).for_each(|_| drop(step(&mut trainer)));
            let lost = trainer.step_preloaded(targets, 0.1, None);
            match device.is_graphics() {
                true => assert!(matches!(lost, Err(EngineError::NotPreloaded)), "{device:?}: {lost:?}"),
                false => assert!(lost.is_ok(), "{device:?}: {lost:?}"),
            }
        }
        step(&mut trainer);
        trainer.preload(&images(1)).unwrap();
        trainer.restore("a checkpoint", &begun).unwrap();
        let lost = trainer.step_preloaded(targets, 0.1, None);
        assert!(matches!(lost, Err(EngineError::NotPreloaded)), "{device:?}: {lost:?}");
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
            assert_eq!(ahead.run_preloaded(next.as_ref().map(Into::into)).unwrap(), expected, "{device:?}, run {step}");
        }
        println!("{device:?}: {STEPS} runs on preloaded images: the same bits");
    }
}
