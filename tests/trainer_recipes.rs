//! What recipes ask of a trainer beside its optimizer: steps in parts, paces, thawing, noise that changes, steps that are skipped.

use approx::assert_relative_eq;
use cnn_lang::graph::Graph;
use cnn_runtime::engine::{Clip, Group, Optimizer, StepReport, Targets, Thaw, Trainer, TrainerOptions};
use cnn_runtime::weights::{StateDict, matches};
use cnn_tests::device::{Device, Devices};
use cnn_tests::oracle::{input_by_rule, labels_for};

/// `Plain` knows nothing of its batch; `Normed` has batch norms, `Noisy` dropout of two kinds.
const NETS: &str = "
    Plain: 2x8x8 -> 4;
    stem conv: conv(8, 3, pad = 1, std = true) -> gn: gn(2) -> relu;
    body add { { conv(8, 3, pad = 1) -> silu }; identity; } -> maxpool(2) -> aux { gap -> linear(4) };
    head flatten -> fc: linear(4);
    Normed(p = 0.0): 2x8x8 -> 4;
    stem conv: conv(6, 3, pad = 1, bias = false) -> bn: bn -> relu -> dropout(p);
    body unit: add { { conv(6, 3, pad = 1, bias = false) -> bn -> drop_path(p) }; identity; } -> relu;
    head gap -> fc: linear(4);
    Noisy = Normed(p = 0.3);
    Half = Normed(p = 0.15);
";

const BATCH: usize = 7;
const PLAIN_SGD: Optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };

fn graph(name: &str) -> Graph {
    cnn_lang::load(NETS, Some(name)).unwrap()
}

fn trainer<E: Devices>(device: Device, name: &str, options: TrainerOptions) -> Trainer<E> {
    let graph = graph(name);
    let weights = StateDict::init(&graph, 5).unwrap();
    device.trainer(&graph, &weights, TrainerOptions { batch: BATCH, ..options }).unwrap()
}

fn exact(name: &str, options: TrainerOptions) -> Trainer<f64> {
    trainer(Device::Reference, name, options)
}

fn step<E: Devices>(trainer: &mut Trainer<E>, samples: usize) -> StepReport {
    let graph = trainer.graph().clone();
    let images = input_by_rule(&graph, samples);
    trainer.step(&images, Targets::Labels(&labels_for(&graph, samples)), 0.05).unwrap()
}

fn patterns(patterns: &[(&str, u64)]) -> Vec<Thaw> {
    patterns.iter().map(|&(pattern, step)| Thaw { pattern: pattern.into(), step }).collect()
}

/// The largest difference between two states, as a share of the largest number.
fn gap<E: Devices>(a: &StateDict<E>, b: &StateDict<E>) -> f64 {
    let pairs = || a.tensors().iter().zip(b.tensors()).flat_map(|(a, b)| a.data.iter().zip(&b.data));
    let most = pairs().map(|(a, _)| a.double().abs()).fold(0.0, f64::max);
    pairs().map(|(a, b)| (a.double() - b.double()).abs()).fold(0.0, f64::max) / most
}

#[test]
fn a_step_in_parts_is_the_step() {
    parts::<f64>(1e-12);
    parts::<f32>(2e-5);
}

fn parts<E: Devices>(allowed: f64) {
    let options = |parts| TrainerOptions {
        optimizer: Optimizer::SGD,
        weight_decay: 0.01,
        clip: Some(Clip::Norm(0.5)),
        average: Some(0.7),
        label_smoothing: 0.1,
        keep_gradients: true,
        parts,
        ..Default::default()
    };
    for device in E::devices() {
        let mut whole = trainer::<E>(device, "Plain", options(1));
        for parts in [2, 3, 7] {
            let mut cut = trainer::<E>(device, "Plain", options(parts));
            assert_eq!(cut.plan().batch, BATCH.div_ceil(parts));
            assert!(cut.plan().arena < whole.plan().arena);
            let mut again = trainer::<E>(device, "Plain", options(1));
            for samples in [7, 7, 5, 1, 7] {
                let (one, many) = (step(&mut again, samples), step(&mut cut, samples));
                assert_eq!((one.correct, one.samples), (many.correct, many.samples));
                for (one, many) in [
                    (one.loss, many.loss),
                    (one.auxiliary_losses[0], many.auxiliary_losses[0]),
                    (one.gradient_norm.unwrap(), many.gradient_norm.unwrap()),
                ] {
                    assert_relative_eq!(one, many, max_relative = allowed);
                }
                for ((name, one), (_, many)) in again.gradients().iter().zip(cut.gradients()) {
                    let most = one.iter().map(|g| g.double().abs()).fold(0.0, f64::max);
                    for (one, many) in one.iter().zip(many) {
                        assert!((one.double() - many.double()).abs() <= 4.0 * allowed * most, "{name} on {device:?}");
                    }
                }
            }
            let gaps =
                [gap(&again.weights(), &cut.weights()), gap(&again.averages().unwrap(), &cut.averages().unwrap())];
            println!("{device:?}, {parts} parts: weights {:.1e}, averages {:.1e} apart", gaps[0], gaps[1]);
            assert!(gaps.iter().all(|gap| *gap <= 4.0 * allowed));
        }
        step(&mut whole, 7);
    }
}

#[test]
fn parts_have_masks_of_their_own_and_count_for_norms() {
    for device in f32::devices() {
        let options = || TrainerOptions { optimizer: Optimizer::ADAMW, parts: 3, seed: 2, ..Default::default() };
        let mut straight = trainer::<f32>(device, "Noisy", options());
        let reports: Vec<StepReport> = [7, 4, 7].iter().map(|&samples| step(&mut straight, samples)).collect();
        let counter = straight.weights().get("bn.num_batches_tracked").unwrap().data[0];
        assert_eq!(counter, 3.0 + 2.0 + 3.0);
        // Between two steps nothing of the sums is left.
        let mut first = trainer::<f32>(device, "Noisy", options());
        step(&mut first, 7);
        let mut resumed = trainer::<f32>(device, "Noisy", options());
        resumed.restore("it", &first.checkpoint().unwrap()).unwrap();
        assert_eq!([4, 7].map(|samples| step(&mut resumed, samples)), reports[1..]);
        assert_eq!(resumed.checkpoint().unwrap(), straight.checkpoint().unwrap());
    }
    let of = |parts| exact("Plain", TrainerOptions { parts, ..Default::default() });
    let mut cut = of(7);
    let soft: Vec<f64> = (0..7 * 4).map(|i| if i % 4 == (i / 4) % 4 { 0.7 } else { 0.1 }).collect();
    let images = input_by_rule(&graph("Plain"), 7);
    let [one, many] =
        [&mut of(1), &mut cut].map(|trainer| trainer.step(&images, Targets::Soft(&soft), 0.1).unwrap().loss);
    assert_relative_eq!(one, many, max_relative = 1e-12);
}

#[test]
fn groups_have_rates_and_decays_of_their_own() {
    let group = |pattern: &str, rate, weight_decay| Group { pattern: pattern.into(), rate, weight_decay };
    let groups = vec![group("*", Some(0.5), None), group("fc", Some(10.0), Some(0.0)), group("bn", Some(0.0), None)];
    let options =
        TrainerOptions { optimizer: PLAIN_SGD, weight_decay: 0.1, keep_gradients: true, groups, ..Default::default() };
    let mut trainer = exact("Normed", options);
    let before = trainer.weights();
    step(&mut trainer, BATCH);
    let (after, gradients) = (trainer.weights(), trainer.gradients());
    for (name, gradient) in &gradients {
        let (rate, decay) = match name.as_str() {
            "fc.weight" | "fc.bias" => (0.5, 0.0),
            "bn.weight" | "bn.bias" => (0.0, 0.1),
            _ => (0.025, 0.1),
        };
        let [before, after] = [&before, &after].map(|weights| &weights.get(name).unwrap().data);
        for ((before, after), gradient) in before.iter().zip(after).zip(gradient) {
            assert_relative_eq!(*after, before - rate * (gradient + decay * before), max_relative = 1e-12);
        }
    }
    println!("{} tensors at three paces", gradients.len());
    let groups = vec![group("units", Some(2.0), None)];
    let refused = |options: TrainerOptions| {
        let graph = graph("Normed");
        let weights = StateDict::<f64>::init(&graph, 5).unwrap();
        Trainer::new(&graph, &weights, options).err().unwrap().to_string()
    };
    assert_eq!(
        refused(TrainerOptions { groups, ..Default::default() }),
        "no tensor of Normed is named by the pattern \"units\" of what learns at a pace of its own; did you mean \"unit\"?"
    );
    let groups = vec![group("fc", Some(-1.0), None)];
    assert_eq!(
        refused(TrainerOptions { groups, ..Default::default() }),
        "factor of a learning rate or weight decay is -1, but must be at least 0"
    );
    let parts = refused(TrainerOptions { batch: 4, parts: 5, ..Default::default() });
    assert_eq!(parts, "number of parts of a step is 5, but must be from 1 to its samples");
    assert_eq!(
        refused(TrainerOptions { thaw: patterns(&[("unti", 3)]), ..Default::default() }),
        "no tensor of Normed is named by the pattern \"unti\" of what is frozen for a while; did you mean \"unit\"?"
    );
    assert!(refused(TrainerOptions { thaw: patterns(&[("*", 3)]), ..Default::default() }).contains("every parameter"));
}

#[test]
fn what_is_frozen_for_a_while_stays_and_then_begins() {
    let thaw = patterns(&[("conv", 4), ("bn", 4), ("unit", 2)]);
    let options = |thaw| TrainerOptions { optimizer: Optimizer::ADAMW, average: Some(0.5), thaw, ..Default::default() };
    for device in f32::devices() {
        let mut trainer = trainer::<f32>(device, "Normed", options(thaw.clone()));
        let mut saved = Vec::new();
        for number in 0..6 {
            saved.push(trainer.checkpoint().unwrap());
            let before = trainer.weights();
            step(&mut trainer, BATCH);
            let after = trainer.weights();
            for (before, after) in before.tensors().iter().zip(after.tensors()) {
                let cold = thaw.iter().any(|thaw| number < thaw.step && matches(&thaw.pattern, &before.name));
                assert_eq!(before == after, cold, "{} in step {number}", before.name);
                // The first step of Adam is as long as the rate.
                let first = thaw.iter().any(|thaw| number == thaw.step && matches(&thaw.pattern, &before.name));
                if first && before.name.ends_with("weight") {
                    let moved = before.data.iter().zip(&after.data).map(|(b, a)| (a - b).abs()).fold(0.0, f32::max);
                    assert!((moved / 0.05 - 1.0).abs() < 1e-2, "{}: {moved}", before.name);
                }
            }
        }
        let (weights, averages) = (trainer.weights(), trainer.averages());
        // From before a thaw, from the very step, from after it; into a trainer that is further, or not as far.
        for (number, saved) in saved.iter().enumerate() {
            for further in [0, 5] {
                let mut resumed = self::trainer::<f32>(device, "Normed", options(thaw.clone()));
                (0..further).for_each(|_| drop(step(&mut resumed, BATCH)));
                resumed.restore("it", saved).unwrap();
                assert_eq!(resumed.steps(), number as u64);
                (number..6).for_each(|_| drop(step(&mut resumed, BATCH)));
                assert_eq!((resumed.weights(), resumed.averages()), (weights.clone(), averages.clone()));
            }
        }
        println!("{device:?}: thawed in steps 2 and 4, resumed from each of {} steps to the same bits", saved.len());
    }
    // While frozen it is a training that freezes; from then on one that does not.
    let sgd = |thaw, freeze: &[&str]| TrainerOptions {
        optimizer: PLAIN_SGD,
        thaw,
        freeze: freeze.iter().map(|&pattern| pattern.to_owned()).collect(),
        ..Default::default()
    };
    let mut thawed = exact("Normed", sgd(patterns(&[("conv", 2), ("bn", 2)]), &[]));
    let mut frozen = exact("Normed", sgd(Vec::new(), &["conv", "bn"]));
    for _ in 0..2 {
        assert_eq!(step(&mut thawed, BATCH), step(&mut frozen, BATCH));
    }
    let graph = graph("Normed");
    let mut free =
        Trainer::new(&graph, &frozen.weights(), TrainerOptions { batch: BATCH, ..sgd(Vec::new(), &[]) }).unwrap();
    for _ in 0..2 {
        assert_eq!(step(&mut thawed, BATCH), step(&mut free, BATCH));
    }
    assert_eq!(thawed.weights(), free.weights());
}

#[test]
fn dropout_is_a_share_of_what_the_network_says() {
    for device in f32::devices() {
        let of = |name: &str, share| {
            let options = TrainerOptions { seed: 3, ..Default::default() };
            let mut trainer = trainer::<f32>(device, name, options);
            trainer.set_dropout(share).unwrap();
            (0..3).map(|_| step(&mut trainer, BATCH).loss).collect::<Vec<_>>()
        };
        assert_eq!(of("Noisy", 0.5), of("Half", 1.0));
        assert_ne!(of("Noisy", 1.0), of("Half", 1.0));
        for (none, no) in of("Noisy", 0.0).iter().zip(of("Normed", 1.0)) {
            assert_relative_eq!(*none, no, max_relative = 1e-5);
        }
    }
    let error = exact("Noisy", TrainerOptions::default()).set_dropout(1.5).unwrap_err().to_string();
    assert_eq!(error, "share of the dropout is 1.5, but must be from 0 to 1");
}

#[test]
fn a_step_that_is_not_finite_is_skipped_where_that_is_asked_for() {
    for device in f32::devices() {
        for parts in [1, 2] {
            let options = |skip_non_finite| TrainerOptions {
                optimizer: Optimizer::ADAMW,
                average: Some(0.5),
                skip_non_finite,
                parts,
                ..Default::default()
            };
            let graph = graph("Normed");
            let mut images: Vec<f32> = input_by_rule(&graph, BATCH);
            // In the last part.
            let last = images.len() - 5;
            images[last] = f32::INFINITY;
            let labels = labels_for(&graph, BATCH);
            let mut skipping = trainer::<f32>(device, "Normed", options(true));
            assert!(!step(&mut skipping, BATCH).skipped);
            let before = (skipping.weights(), skipping.averages());
            let report = skipping.step(&images, Targets::Labels(&labels), 0.05).unwrap();
            assert!(report.skipped && !report.gradient_norm.unwrap().is_finite(), "{report:?}");
            assert_eq!((skipping.weights(), skipping.averages()), before);
            let report = step(&mut skipping, BATCH);
            assert!(!report.skipped && report.loss.is_finite());
            assert_ne!(skipping.weights(), before.0);
            assert_eq!(skipping.steps(), 3);

            let mut other = trainer::<f32>(device, "Normed", options(false));
            assert!(!other.step(&images, Targets::Labels(&labels), 0.05).unwrap().skipped);
            let spoilt = other.weights().tensors().iter().any(|tensor| tensor.data.iter().any(|x| !x.is_finite()));
            assert!(spoilt, "without it the weights are lost");
        }
    }
}

#[test]
fn young_averages_follow_faster() {
    let options = TrainerOptions { average: Some(0.4), average_warm_up: true, ..Default::default() };
    let mut trainer = exact("Plain", options);
    let mut expected = trainer.weights();
    for number in 1..=12 {
        step(&mut trainer, BATCH);
        let decay = f64::min(0.4, (1.0 + f64::from(number)) / (10.0 + f64::from(number)));
        for tensor in trainer.weights().tensors() {
            let average = &mut expected.get_mut(&tensor.name).unwrap();
            average.iter_mut().zip(&tensor.data).for_each(|(a, w)| *a = decay * *a + (1.0 - decay) * w);
        }
    }
    assert!(gap(&expected, &trainer.averages().unwrap()) < 1e-12);
}
