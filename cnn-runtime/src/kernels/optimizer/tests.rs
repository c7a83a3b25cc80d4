use std::collections::BTreeMap;

use super::*;
use crate::kernels::testing::random;

/// Weights for step 0, then gradients, as tests/parity/optimizers.py.
fn values(step: u32) -> Vec<f64> {
    (0..7).map(|i| (1.0 + 3.0 * f64::from(step) + 0.7 * f64::from(i)).sin()).collect()
}

/// Weights after five steps of a rate that falls, in the given type.
fn trained<E: Float>(rule: &impl Optimizer, lr: f64, weight_decay: f64, scale: f64) -> Vec<f64> {
    let cast = |x: Vec<f64>| x.into_iter().map(E::of).collect::<Vec<E>>();
    let mut weight = cast(values(0));
    let mut states: Vec<Vec<E>> = (0..rule.states()).map(|i| vec![E::of(rule.initial(i)); weight.len()]).collect();
    for number in 1..=5 {
        let gradient = cast(values(number).iter().map(|g| g / scale).collect());
        let at = Step { lr: lr / f64::from(number), weight_decay, gradient_scale: scale, number: u64::from(number) };
        let mut states: Vec<&mut [E]> = states.iter_mut().map(|state| &mut state[..]).collect();
        rule.update(&at, &mut weight, &gradient, &mut states);
    }
    weight.into_iter().map(E::double).collect()
}

#[track_caller]
fn check(name: &str, rule: &impl Optimizer, lr: f64, weight_decay: f64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/optimizers.json");
    let fixture: BTreeMap<String, Vec<f64>> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let near = |found: &[f64], tolerance: f64| {
        for (found, expected) in found.iter().zip(&fixture[name]) {
            assert!((found - expected).abs() < tolerance, "{name}: {found}, the other library has {expected}");
        }
    };
    near(&trained::<f64>(rule, lr, weight_decay, 1.0), 1e-13);
    near(&trained::<f64>(rule, lr, weight_decay, 0.25), 1e-13);
    near(&trained::<f32>(rule, lr, weight_decay, 1.0), 2e-6);
}

#[test]
fn sgd_as_pytorch() {
    check("sgd", &Sgd { momentum: 0.0, nesterov: false }, 0.1, 0.0);
    check("sgd momentum", &Sgd { momentum: 0.9, nesterov: false }, 0.1, 0.01);
    check("sgd nesterov", &Sgd { momentum: 0.9, nesterov: true }, 0.1, 0.01);
}

#[test]
fn adamw_as_pytorch() {
    check("adamw", &AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8 }, 0.01, 0.05);
}

#[test]
fn rmsprop_as_pytorch_and_timm() {
    for (name, form) in [("rmsprop", RmsPropForm::PyTorch), ("rmsprop tensorflow", RmsPropForm::TensorFlow)] {
        let rule = RmsProp { alpha: 0.9, eps: 1e-3, momentum: 0.0, form };
        check(name, &rule, 0.01, 0.0);
        check(&format!("{name} momentum"), &RmsProp { momentum: 0.9, ..rule }, 0.01, 0.01);
    }
}

/// Many more elements than a thread takes at a time step as they would alone.
#[test]
fn long_parameters_step_like_short_ones() {
    let rule = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8 };
    let at = Step { lr: 0.1, weight_decay: 0.1, gradient_scale: 0.5, number: 1 };
    let (start, gradient) = (random(1, 100_000), random(2, 100_000));
    let step = |weight: &mut [f64], gradient: &[f64]| {
        let mut states = [vec![0.0; weight.len()], vec![0.0; weight.len()]];
        let [m, v] = &mut states;
        rule.update(&at, weight, gradient, &mut [m, v]);
    };
    let mut long = start.clone();
    step(&mut long, &gradient);
    for (i, (long, (w, g))) in long.iter().zip(start.iter().zip(&gradient)).enumerate().step_by(997) {
        let mut short = [*w];
        step(&mut short, &[*g]);
        assert_eq!(*long, short[0], "at {i}");
    }
}

#[test]
fn averages_and_norms_by_hand() {
    let mut average = [1.0f32, 2.0];
    ema(&mut average, &[5.0, -2.0], 0.75);
    assert_eq!(average, [2.0, 1.0]);
    assert_eq!(squared_norm::<f32>(&[]), 0.0);
    assert_eq!(squared_norm(&[3.0f32, -4.0]), 25.0);
    let long: Vec<f64> = random(3, 50_001);
    let expected: f64 = long.iter().map(|g| g * g).sum();
    assert!((squared_norm(&long) / expected - 1.0).abs() < 1e-12);
    let first = squared_norm(&long).to_bits();
    assert!((0..20).all(|_| squared_norm(&long).to_bits() == first));
}

#[test]
#[should_panic(expected = "adamw keeps 2 buffers")]
fn missing_states_are_refused() {
    let at = Step { lr: 0.1, weight_decay: 0.0, gradient_scale: 1.0, number: 1 };
    AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8 }.update(&at, &mut [1.0], &[1.0], &mut []);
}
