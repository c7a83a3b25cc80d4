//! Precision bf16 of the CPU's back end: whole networks near f32, a training that learns as well, and what is refused.

use cnn_runtime::engine::{
    EngineError, Number, Precision, Reference, Session, SessionOptions, Targets, Trainer, TrainerOptions,
};
use cnn_runtime::train::{Outcome, Run, Settings, fit};
use cnn_tests::zoo;

fn logits<E: Number>(name: &str, shape: &[usize], gain: f64, precision: Precision) -> Vec<f64> {
    let graph = zoo::graph_for(name, shape);
    let options = SessionOptions { batch: shape[0], precision, ..Default::default() };
    let mut session = Session::new(&graph, &zoo::weights::<E>(&graph, gain), options).unwrap();
    session.run(&zoo::images::<E>(shape)).unwrap().iter().map(|x| x.double()).collect()
}

/// The length of the difference as a share of the length.
fn off(found: &[f64], expected: &[f64]) -> f64 {
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    length(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / length(&mut expected.iter().copied())
}

/// Deep networks carry the rounding of every layer: about 2^-9 each, which add up as the root of their number.
#[test]
fn logits_are_near_those_of_f32() {
    let cases = [("resnet18", 64, 0.02), ("resnet50", 64, 0.03), ("mobilenet_v3_small", 64, 0.05)];
    for (name, side, allowed) in cases {
        let shape = [2, 3, side, side];
        let [full, half] = [Precision::Full, Precision::Bf16].map(|p| logits::<f32>(name, &shape, 2f64.sqrt(), p));
        let off = off(&half, &full);
        println!("{name} at {side}: logits in bf16 are off by {off:.1e}, {allowed:.0e} allowed");
        // No rounding at all would be f32.
        assert!((1e-4..allowed).contains(&off), "{name}: {off:e}");
    }
}

#[test]
fn steps_are_near_those_of_f32() {
    let shape = [8, 3, 32, 32];
    let graph = zoo::graph_for("resnet20_cifar", &shape);
    let losses = [Precision::Full, Precision::Bf16].map(|precision| {
        let options = TrainerOptions { batch: shape[0], precision, ..Default::default() };
        let mut trainer = Trainer::new(&graph, &zoo::weights::<f32>(&graph, 1.0), options).unwrap();
        let labels: Vec<usize> = (0..shape[0]).collect();
        let mut step = || trainer.step(&zoo::images(&shape), Targets::Labels(&labels), 0.02).unwrap().loss;
        (0..5).map(|_| step()).collect::<Vec<f64>>()
    });
    let off = off(&losses[1], &losses[0]);
    println!("losses {losses:?}: off by {off:.1e}");
    assert!(losses[0][4] < losses[0][0] && losses[1][4] < losses[1][0], "nothing is learned: {losses:?}");
    assert!((1e-7..0.02).contains(&off), "{losses:?}: {off:e}");
}

#[test]
#[ignore = "half a minute"]
fn lenet5_learns_digits_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let accuracies = [Precision::Full, Precision::Bf16].map(|precision| {
        let settings = Settings { precision, learning_rate: 4e-3, epochs: 6, ..Settings::new("lenet5") };
        let run = Run::create(&folder.path().join(precision.to_string()), settings, zoo::source("lenet5")).unwrap();
        let Outcome::Done(last) = fit(&run, &mut ()).unwrap() else { panic!("stopped by nobody") };
        last.test_accuracy()
    });
    println!("accuracy in f32 {:.4}, in bf16 {:.4}", accuracies[0], accuracies[1]);
    assert!(accuracies[0] > 0.97 && (accuracies[0] - accuracies[1]).abs() < 0.01, "{accuracies:?}");
}

#[test]
fn other_back_ends_refuse_it_in_one_line() {
    let graph = zoo::graph("lenet5");
    let rest = "networks in f32 do, in bf16 on every device, in tf32 and f16 on cuda";
    let (weights, single) = (zoo::weights::<f64>(&graph, 1.0), zoo::weights::<f32>(&graph, 1.0));
    let refused = |refusal: Option<EngineError>, precision: &str| {
        let expected = format!("this back end does not multiply in {precision}: {rest}");
        assert_eq!(refusal.unwrap().to_string(), expected);
    };
    let options = SessionOptions { precision: Precision::Bf16, ..Default::default() };
    refused(Session::new(&graph, &weights, options).err(), "bf16");
    refused(Session::on(&Reference::default(), &graph, &single, options).err(), "bf16");
    let training = TrainerOptions { precision: Precision::Bf16, ..Default::default() };
    refused(Trainer::new(&graph, &weights, training).err(), "bf16");
    let half = SessionOptions { precision: Precision::F16, ..Default::default() };
    refused(Session::new(&graph, &single, half).err(), "f16");
    let training = TrainerOptions { precision: Precision::F16, ..Default::default() };
    refused(Trainer::new(&graph, &single, training).err(), "f16");
    assert_eq!("f8".parse::<Precision>(), Err("expected f32, tf32, bf16 or f16"));
}
