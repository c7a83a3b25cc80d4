//! What is frozen does not move, costs nothing, and lets gradients through.

use cnn_lang::graph::Graph;
use cnn_runtime::engine::operation::Operation;
use cnn_runtime::engine::{
    EngineError, Optimizer, Reference, Session, SessionOptions, Targets, Trainer, TrainerOptions, plan_training,
};
use cnn_runtime::weights::{StateDict, matches};
use cnn_tests::oracle::{input_by_rule, labels_for};

/// Sums, gates, concatenations, and norms behind convolutions and in front of them.
const NET: &str = "
    block unit(out) {
        add { { conv1: conv(out, 3, pad = 1, bias = false) -> bn1: bn -> relu -> conv2: conv(out, 3, pad = 1) -> bn2: bn }; identity; } -> relu
    }
    Net(p = 0.0): 2x8x8 -> 4;
    stem conv: conv(6, 3, pad = 1, std = true) -> bn: bn(momentum = 0.3) -> silu -> dropout(p);
    body first: unit(6) -> second: unit(6) -> third: concat { conv(4, 1) -> bn -> relu; bn(affine = false); }
         -> early: aux { gap -> linear(4) } -> gate: mul { identity; { gap -> linear(10) -> sigmoid } };
    head gap -> fc: linear(4);";

const BATCH: usize = 4;

fn graph() -> Graph {
    cnn_lang::load(NET, None).unwrap()
}

/// Weights that a few steps have moved away from where norms are trivial.
fn weights(graph: &Graph) -> StateDict<f64> {
    let start = StateDict::init(graph, 5).unwrap();
    let mut trainer = Trainer::new(graph, &start, options(&[], false)).unwrap();
    for _ in 0..3 {
        step(&mut trainer);
    }
    trainer.weights()
}

fn options(freeze: &[&str], adapt_norms: bool) -> TrainerOptions {
    TrainerOptions {
        batch: BATCH,
        optimizer: Optimizer::ADAMW,
        freeze: freeze.iter().map(|&pattern| pattern.to_owned()).collect(),
        adapt_norms,
        keep_gradients: true,
        average: Some(0.9),
        ..Default::default()
    }
}

fn step(trainer: &mut Trainer<f64>) -> f64 {
    let graph = trainer.graph().clone();
    let images = input_by_rule(&graph, BATCH);
    trainer.step(&images, Targets::Labels(&labels_for(&graph, BATCH)), 0.05).unwrap().loss
}

fn trainer(freeze: &[&str], adapt_norms: bool) -> Trainer<f64> {
    let graph = graph();
    Trainer::new(&graph, &weights(&graph), options(freeze, adapt_norms)).unwrap()
}

const FREEZES: [&[&str]; 5] =
    [&["!fc"], &["conv", "bn", "first"], &["second"], &["*.bn1", "*.conv2"], &["third", "early", "first.bn2.weight"]];

#[test]
fn what_is_frozen_keeps_its_bits_and_the_rest_moves() {
    for freeze in FREEZES {
        for adapt_norms in [false, true] {
            let mut trainer = trainer(freeze, adapt_norms);
            let before = trainer.weights();
            for _ in 0..3 {
                step(&mut trainer);
            }
            let (after, averages) = (trainer.weights(), trainer.averages().unwrap());
            for ((before, after), average) in before.tensors().iter().zip(after.tensors()).zip(averages.tensors()) {
                let name = &before.name;
                let frozen = freeze.iter().any(|pattern| matches(pattern, name));
                let statistic = name.contains("running_") || name.contains("num_batches");
                // A batch norm is as in inference if all of it is frozen.
                let layer = name.rsplit_once('.').unwrap().0;
                let whole = is_whole(layer, freeze);
                let stays = if statistic { whole && !adapt_norms } else { frozen };
                assert_eq!(before == after, stays, "{freeze:?} {adapt_norms} {name}");
                assert!(!stays || average.data == before.data, "{freeze:?} average of {name}");
            }
        }
    }
}

/// Whether all tensors of a layer are frozen.
fn is_whole(layer: &str, freeze: &[&str]) -> bool {
    let tensors = graph().tensors();
    let mut inside = tensors.iter().map(|(name, _)| name).filter(|name| name.rsplit_once('.').unwrap().0 == layer);
    inside.all(|name| freeze.iter().any(|pattern| matches(pattern, name)))
}

#[test]
fn gradients_of_the_rest_are_those_without_freezing() {
    let mut whole = trainer(&[], false);
    let loss = step(&mut whole);
    let expected = whole.gradients();
    for freeze in FREEZES {
        // With the batch's statistics everywhere the forward pass is the same.
        let mut trainer = trainer(freeze, true);
        assert_eq!(step(&mut trainer), loss, "{freeze:?}");
        let found = trainer.gradients();
        let learned: Vec<_> =
            expected.iter().filter(|(name, _)| !freeze.iter().any(|pattern| matches(pattern, name))).collect();
        assert!(!found.is_empty() && found.len() == learned.len(), "{freeze:?}");
        for (name, values) in learned {
            let (_, found) = found.iter().find(|(found, _)| found == name).unwrap();
            let largest = values.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            for (a, b) in found.iter().zip(values) {
                assert!((a - b).abs() <= 1e-12 * largest.max(1e-6), "{freeze:?} {name}: {a} {b}");
            }
        }
    }
}

/// Everything but the head as in inference: the loss is that of a session's logits.
#[test]
fn frozen_norms_are_those_of_inference() {
    let graph = graph();
    let weights = weights(&graph);
    let mut session = Session::new(&graph, &weights, SessionOptions { batch: BATCH, auxiliary: true }).unwrap();
    let images = input_by_rule(&graph, BATCH);
    session.run(&images).unwrap();
    let labels = labels_for(&graph, BATCH);
    let entropy = |logits: &[f64]| {
        let of = |(row, &label): (&[f64], &usize)| row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[label];
        logits.chunks(4).zip(&labels).map(of).sum::<f64>() / BATCH as f64
    };
    let expected = entropy(session.output("logits").unwrap()) + 0.3 * entropy(session.output("early").unwrap());
    let mut trainer = trainer(&["!fc"], false);
    let loss = step(&mut trainer);
    assert!((loss - expected).abs() < 1e-9, "{loss} {expected}");
    assert!((loss - step(&mut self::trainer(&["!fc"], true))).abs() > 1e-6, "the batch has other statistics");
}

/// Through norms that are constants, by central differences.
#[test]
fn gradients_pass_through_frozen_norms() {
    let freeze = ["first.bn1", "first.bn2", "second", "third"];
    let graph = graph();
    let start = weights(&graph);
    let loss = |weights: &StateDict<f64>| {
        let mut trainer = Trainer::new(&graph, weights, options(&freeze, false)).unwrap();
        (step(&mut trainer), trainer.gradients())
    };
    let (_, gradients) = loss(&start);
    for name in ["conv.weight", "first.conv1.weight", "first.conv2.bias", "bn.weight"] {
        let (_, gradient) = gradients.iter().find(|(known, _)| known == name).unwrap();
        for at in [0, gradient.len() / 2, gradient.len() - 1] {
            let moved = |by: f64| {
                let mut weights = start.clone();
                weights.get_mut(name).unwrap()[at] += by;
                loss(&weights).0
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let error = (gradient[at] - difference).abs();
            assert!(error < 1e-6 * difference.abs().max(1e-2), "{name}[{at}]: {} {difference}", gradient[at]);
        }
    }
}

#[test]
fn a_frozen_trunk_has_no_backward_pass_and_less_memory() {
    let (frozen, whole) = (trainer(&["!fc"], false), trainer(&[], false));
    let names = |trainer: &Trainer<f64>| -> Vec<&'static str> {
        let steps = trainer.plan().steps.iter();
        let behind = steps.skip_while(|step| !matches!(step.operation, Operation::CrossEntropy { .. }));
        behind.map(|step| step.operation.name()).collect()
    };
    let passes = names(&frozen);
    assert_eq!(passes.len(), 6, "two losses, two gradients of the head, two updates: {passes:?}");
    assert!(names(&whole).len() > 60);

    // Activations of a trunk are not kept.
    let resnet = cnn_lang::load(cnn_runtime::zoo::ResNet20Cifar, None).unwrap();
    let arena = |freeze: &[&str]| {
        let options = TrainerOptions { keep_gradients: false, ..options(freeze, false) };
        plan_training::<f64>(&Reference::default(), &resnet, &options).unwrap().0.report
    };
    let (frozen, whole) = (arena(&["!fc"]), arena(&[]));
    assert!(2 * frozen.arena < whole.arena, "{} {}", frozen.arena, whole.arena);
    assert!(10 * frozen.optimizer < whole.optimizer, "{} {}", frozen.optimizer, whole.optimizer);
}

#[test]
fn a_frozen_training_goes_on_from_its_checkpoint() {
    let mut trainer = trainer(&["!fc"], false);
    step(&mut trainer);
    let state = trainer.checkpoint().unwrap();
    // Begun with other weights: constants follow the checkpoint too.
    let graph = graph();
    let other = StateDict::init(&graph, 77).unwrap();
    let mut again = Trainer::new(&graph, &other, options(&["!fc"], false)).unwrap();
    again.restore("the checkpoint", &state).unwrap();
    for _ in 0..2 {
        assert_eq!(step(&mut trainer), step(&mut again));
    }
    assert!(trainer.weights() == again.weights());
}

#[test]
fn patterns_without_tensors_and_nothing_to_learn_are_refused() {
    let graph = graph();
    let weights = weights(&graph);
    let refused = |freeze: &[&str]| Trainer::new(&graph, &weights, options(freeze, false)).err().unwrap();
    let error = refused(&["first", "!fcc"]);
    assert!(matches!(error, EngineError::Pattern { .. }));
    assert_eq!(
        error.to_string(),
        "no tensor of Net is named by the pattern \"fcc\" of what is frozen; did you mean \"fc\"?"
    );
    let expected = "every parameter of Net is frozen, expected at least one that is trained; freeze less of it";
    assert_eq!(refused(&["*"]).to_string(), expected);
}
