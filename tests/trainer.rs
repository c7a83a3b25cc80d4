//! What a step of the trainer does, by formulas written out here; and that nothing but its inputs decides the bits.

use approx::assert_relative_eq;
use cnn_lang::graph::{Graph, Role};
use cnn_runtime::engine::{
    Clip, Compile, EngineError, Optimizer, Session, SessionOptions, StepReport, Targets, Trainer, TrainerOptions,
};
use cnn_runtime::network;
use cnn_runtime::prelude::*;
use cnn_runtime::weights::{StateDict, named_tensors};
use cnn_tests::device::{Device, Devices};
use cnn_tests::oracle::{input_by_rule, labels_for};

const SMALL: &str = "
    block unit(out) { add { { conv(out, 3, pad = 1, bias = false) -> bn -> silu }; identity; } -> relu }
    Small(p = 0.0): 2x8x8 -> 4;
    stem conv(6, 3, pad = 1, std = true) -> bn -> relu -> dropout(p);
    body unit(6) -> drop_path(p) -> maxpool(2) -> aux { gap -> linear(4) };
    head flatten -> linear(4);
    Noisy = Small(p = 0.3);
";

const BATCH: usize = 4;

fn graph(name: &str) -> Graph {
    cnn_lang::load(SMALL, Some(name)).unwrap()
}

fn trainer(options: TrainerOptions) -> Trainer<f64> {
    let graph = graph("Small");
    let weights = StateDict::init(&graph, 5).unwrap();
    Trainer::new(&graph, &weights, TrainerOptions { batch: BATCH, ..options }).unwrap()
}

fn step(trainer: &mut Trainer<f64>, rate: f64) -> StepReport {
    let graph = trainer.graph().clone();
    let images = input_by_rule(&graph, BATCH);
    trainer.step(&images, Targets::Labels(&labels_for(&graph, BATCH)), rate).unwrap()
}

/// Three steps of an optimizer against `expected(weight, gradient, states, number, decays)` number by number.
fn check(options: TrainerOptions, expected: impl Fn(&mut f64, f64, &mut [f64; 2], i32, bool)) {
    let decay_matrices_only = options.decay_matrices_only;
    let mut trainer = trainer(TrainerOptions { keep_gradients: true, ..options });
    let start = |k| if options.optimizer.states() > k { options.optimizer.initial_state(k) } else { 0.0 };
    let mut states: Vec<Vec<[f64; 2]>> = Vec::new();
    for number in 1..=3 {
        let before = trainer.weights();
        step(&mut trainer, 0.05);
        let (after, gradients) = (trainer.weights(), trainer.gradients());
        let mut moved = 0;
        for (index, tensor) in before.tensors().iter().enumerate() {
            states.push(vec![[start(0), start(1)]; tensor.data.len()]);
            let Some((_, gradient)) = gradients.iter().find(|(name, _)| *name == tensor.name) else { continue };
            let decays = !decay_matrices_only || tensor.shape.len() > 1;
            for (i, (&weight, &gradient)) in tensor.data.iter().zip(gradient).enumerate() {
                let mut weight = weight;
                expected(&mut weight, gradient, &mut states[index][i], number, decays);
                assert_relative_eq!(after.tensors()[index].data[i], weight, epsilon = 1e-12, max_relative = 1e-9);
                moved += 1;
            }
        }
        let learned: u64 = trainer
            .graph()
            .tensors()
            .iter()
            .filter(|(_, t)| t.role == Role::Parameter)
            .map(|(_, t)| t.elements())
            .sum();
        assert_eq!(moved, learned, "every parameter has a gradient");
    }
}

#[test]
fn sgd() {
    let optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };
    check(TrainerOptions { optimizer, ..Default::default() }, |w, g, _, _, _| *w -= 0.05 * g);
    for nesterov in [false, true] {
        let options = TrainerOptions {
            optimizer: Optimizer::Sgd { momentum: 0.9, nesterov },
            weight_decay: 0.1,
            decay_matrices_only: true,
            ..Default::default()
        };
        check(options, |w, g, state, number, decays| {
            let d = g + if decays { 0.1 * *w } else { 0.0 };
            state[0] = if number == 1 { d } else { 0.9 * state[0] + d };
            *w -= 0.05 * if nesterov { d + 0.9 * state[0] } else { state[0] };
        });
    }
}

#[test]
fn adamw() {
    let options = TrainerOptions { optimizer: Optimizer::ADAMW, weight_decay: 0.1, ..Default::default() };
    check(options, |w, g, [m, v], number, _| {
        *w -= 0.05 * 0.1 * *w;
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.999 * *v + 0.001 * g * g;
        let (m, v) = (*m / (1.0 - 0.9f64.powi(number)), *v / (1.0 - 0.999f64.powi(number)));
        *w -= 0.05 * m / (v.sqrt() + 1e-8);
    });
}

#[test]
fn rmsprop_in_both_forms() {
    for tensorflow in [false, true] {
        let optimizer = Optimizer::RmsProp { alpha: 0.9, eps: 1e-3, momentum: 0.9, tensorflow };
        check(TrainerOptions { optimizer, weight_decay: 0.01, ..Default::default() }, |w, g, [v, m], _, _| {
            let g = g + 0.01 * *w;
            *v = 0.9 * *v + 0.1 * g * g;
            if tensorflow {
                *m = 0.9 * *m + 0.05 * g / (*v + 1e-3).sqrt();
                *w -= *m;
            } else {
                *m = 0.9 * *m + g / (v.sqrt() + 1e-3);
                *w -= 0.05 * *m;
            }
        });
    }
}

#[test]
fn gradients_are_clipped() {
    let optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };
    let options = TrainerOptions { optimizer, keep_gradients: true, ..Default::default() };
    let mut free = trainer(options.clone());
    assert_eq!(step(&mut free, 0.05).gradient_norm, None);
    let norm = free.gradients().iter().flat_map(|(_, g)| g).map(|g| g * g).sum::<f64>().sqrt();

    for limit in [0.1 * norm, 10.0 * norm] {
        let clip = Some(Clip::Norm(limit));
        let mut clipped = trainer(TrainerOptions { clip, ..options.clone() });
        let start = clipped.weights();
        let report = step(&mut clipped, 0.05);
        assert_relative_eq!(report.gradient_norm.unwrap(), norm, max_relative = 1e-12);
        let pairs = start.tensors().iter().zip(clipped.weights().tensors().to_vec());
        let learned = pairs.filter(|(before, _)| !before.name.contains("running") && !before.is_counter());
        let moved = learned.flat_map(|(before, after)| {
            before.data.iter().zip(after.data).map(|(b, a)| ((a - b) / 0.05).powi(2)).collect::<Vec<_>>()
        });
        assert_relative_eq!(moved.sum::<f64>().sqrt(), norm.min(limit), max_relative = 1e-5);
    }

    let largest = free.gradients().iter().flat_map(|(_, g)| g.clone()).fold(0.0f64, |a, g| a.max(g.abs()));
    let mut cut = trainer(TrainerOptions { clip: Some(Clip::Value(0.5 * largest)), ..options });
    step(&mut cut, 0.05);
    for ((name, cut), (_, free)) in cut.gradients().iter().zip(free.gradients()) {
        for (cut, free) in cut.iter().zip(free) {
            assert_relative_eq!(*cut, free.clamp(-0.5 * largest, 0.5 * largest), max_relative = 1e-9);
        }
        assert!(!name.is_empty());
    }
}

#[test]
fn averages_follow_parameters_and_running_statistics() {
    let mut trainer = trainer(TrainerOptions { average: Some(0.8), ..Default::default() });
    let mut expected = trainer.weights();
    for _ in 0..3 {
        step(&mut trainer, 0.05);
        let now = trainer.weights();
        for tensor in now.tensors() {
            let average = expected.get_mut(&tensor.name).unwrap();
            for (average, value) in average.iter_mut().zip(&tensor.data) {
                *average = if tensor.is_counter() { *value } else { 0.8 * *average + 0.2 * value };
            }
        }
    }
    let found = trainer.averages().unwrap();
    for (found, expected) in found.tensors().iter().zip(expected.tensors()) {
        assert_eq!(found.name, expected.name);
        for (found, expected) in found.data.iter().zip(&expected.data) {
            assert_relative_eq!(*found, *expected, max_relative = 1e-12);
        }
    }
    assert_ne!(found, trainer.weights());
}

#[test]
fn rows_of_one_are_labels_and_shares_weigh_losses() {
    let (mut hard, mut soft) = (trainer(TrainerOptions::default()), trainer(TrainerOptions::default()));
    let graph = graph("Small");
    let (images, labels) = (input_by_rule(&graph, BATCH), labels_for(&graph, BATCH));
    let rows: Vec<f64> = labels.iter().flat_map(|&label| (0..4).map(move |c| f64::from(c == label))).collect();
    let with_labels = hard.step(&images, Targets::Labels(&labels), 0.1).unwrap();
    let with_rows = soft.step(&images, Targets::Soft(&rows), 0.1).unwrap();
    assert_eq!(with_labels, with_rows);
    assert_eq!(hard.weights(), soft.weights());
    let StepReport { loss, main_loss, auxiliary_losses, .. } = with_labels;
    assert_relative_eq!(loss, main_loss + 0.3 * auxiliary_losses[0], max_relative = 1e-12);

    let mut without = trainer(TrainerOptions { auxiliary_weights: vec![0.0], ..Default::default() });
    let start = without.weights();
    let report = step(&mut without, 0.1);
    assert_relative_eq!(report.loss, main_loss, max_relative = 1e-12);
    let of = |weights: &StateDict<f64>, name| weights.get(name).unwrap().data.clone();
    let after = without.weights();
    assert_eq!(of(&start, "body.4.weight"), of(&after, "body.4.weight"), "no loss, no step");
    assert_ne!(of(&start, "head.1.weight"), of(&after, "head.1.weight"));
}

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

network! { pub LeNet = cnn_runtime::zoo::LeNet5; }

#[test]
fn modules_come_and_go() {
    let mut net = Cpu::default().build_module::<LeNet, f32>();
    let images: Vec<f32> = input_by_rule(&<LeNet>::graph().unwrap(), 2);
    let logits = |net: &LeNet| {
        let x = Cpu::default().tensor_from_vec(images.clone(), (Const::<2>, Const::<1>, Const::<28>, Const::<28>));
        net.forward(x).as_vec()
    };
    let mut session = net.compile(SessionOptions { batch: 2, ..Default::default() }).unwrap();
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(session.run(&images).unwrap(), &logits(&net)));

    let mut trainer = net.trainer(TrainerOptions { batch: 2, ..Default::default() }).unwrap();
    let before = named_tensors(&net);
    for _ in 0..3 {
        trainer.step(&images, Targets::Labels(&[3, 1]), 0.1).unwrap();
    }
    trainer.write_back(&mut net).unwrap();
    assert_ne!(named_tensors(&net), before);
    session.set_weights(&trainer.weights()).unwrap();
    assert!(close(session.run(&images).unwrap(), &logits(&net)));
}

#[test]
fn sessions_share_weights_between_threads() {
    let graph = cnn_lang::load(cnn_runtime::zoo::ResNet20Cifar, None).unwrap();
    let weights = StateDict::<f32>::init(&graph, 3).unwrap();
    f32::devices().into_iter().for_each(|device| shared(device, &graph, &weights));
}

fn shared(device: Device, graph: &Graph, weights: &StateDict<f32>) {
    let mut session = device.session(graph, weights, SessionOptions { batch: 2, ..Default::default() }).unwrap();
    let images = input_by_rule(graph, 2);
    let expected = session.run(&images).unwrap().to_vec();
    let runs: Vec<Vec<f32>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let mut session = session.fork().unwrap();
                let images = &images;
                scope.spawn(move || {
                    (0..3).for_each(|_| drop(session.run(images).unwrap().to_vec()));
                    session.run(images).unwrap().to_vec()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(runs.iter().all(|logits| *logits == expected));
}

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let small = graph("Small");
    let weights = StateDict::<f64>::init(&small, 5).unwrap();
    let session = |batch| Session::new(&small, &weights, SessionOptions { batch, ..Default::default() });
    let message = |error: EngineError| error.to_string();
    assert_eq!(
        session(0).err().map(message).unwrap(),
        "a batch of 0 samples holds nothing to compute; give at least 1"
    );
    let mut two = session(2).unwrap();
    for (values, expected) in [
        (0, "a batch of 0 samples holds nothing to compute; give at least 1"),
        (100, "100 values are no batch of 1 to 2 samples of 2x8x8 (128 values each)"),
        (384, "384 values are no batch of 1 to 2 samples of 2x8x8 (128 values each)"),
    ] {
        assert_eq!(two.run(&vec![0.0; values]).err().map(message).unwrap(), expected);
    }
    let mut trainer = trainer(TrainerOptions::default());
    let before = trainer.weights();
    for (labels, expected) in [
        (&[1][..], "2 samples need 2 labels, got 1"),
        (&[1, 4][..], "label 4 of sample 1 is not one of the 4 classes 0 to 3"),
    ] {
        let error = trainer.step(&[0.0; 256], Targets::Labels(labels), 0.1).err().map(message).unwrap();
        assert_eq!(error, expected);
    }
    let error = trainer.step(&[0.0; 256], Targets::Soft(&[0.5; 4]), 0.1).err().map(message).unwrap();
    assert_eq!(error, "2 samples need 8 probabilities, got 4");
    assert_eq!(trainer.weights(), before, "nothing is changed by what is refused");

    let refused = |options: TrainerOptions| Trainer::new(&small, &weights, options).err().map(message).unwrap();
    for (options, expected) in [
        (
            TrainerOptions { batch: 0, ..Default::default() },
            "a batch of 0 samples holds nothing to compute; give at least 1",
        ),
        (TrainerOptions { weight_decay: -1.0, ..Default::default() }, "weight decay is -1, but must be at least 0"),
        (
            TrainerOptions { label_smoothing: 1.0, ..Default::default() },
            "label smoothing is 1, but must be at least 0 and less than 1",
        ),
        (
            TrainerOptions { clip: Some(Clip::Norm(0.0)), ..Default::default() },
            "gradient clipping is 0, but must be positive",
        ),
        (
            TrainerOptions { auxiliary_weights: vec![0.3; 2], ..Default::default() },
            "Small has 1 auxiliary outputs, got 2 weights for their losses",
        ),
        (
            TrainerOptions { optimizer: Optimizer::Sgd { momentum: 1.5, nesterov: false }, ..Default::default() },
            "momentum is 1.5, but must be at least 0 and less than 1",
        ),
    ] {
        assert_eq!(refused(options), expected);
    }
    let map = cnn_lang::load("Map: 1x4x4 -> 2x4x4; stem conv(2, 3, pad = 1);", None).unwrap();
    let map_weights = StateDict::<f64>::init(&map, 1).unwrap();
    assert_eq!(
        Trainer::new(&map, &map_weights, TrainerOptions::default()).err().map(message).unwrap(),
        "Map cannot be trained on classes: its logits is 2x4x4, cross-entropy needs a vector of logits"
    );
    assert!(Session::new(&map, &weights, SessionOptions::default()).is_err(), "weights of another network");
    let error = two.set_weights(&map_weights).err().map(message).unwrap();
    assert!(error.starts_with("weights of another network"), "{error}");
    assert!(two.run(&[0.5; 256]).is_ok(), "what is refused changes nothing");
}
