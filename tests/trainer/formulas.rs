//! Optimizers, clipping, averages and shares of losses, number by number.

use approx::assert_relative_eq;
use cnn_lang::graph::Role;
use cnn_runtime::engine::{Clip, Optimizer, StepReport, Targets, TrainerOptions};
use cnn_runtime::weights::StateDict;
use cnn_tests::oracle::{input_by_rule, labels_for};

use crate::{BATCH, graph, step, trainer};

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
