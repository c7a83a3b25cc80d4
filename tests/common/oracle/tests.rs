use super::*;
use crate::rule;

/// As cross_entropy(…, label_smoothing = 0.1) of PyTorch plus 0.3 times the auxiliary one.
#[test]
fn auxiliary_outputs_and_smoothing() {
    let source = "Net: 4 -> 3; body a: linear(5) -> side: aux { b: linear(3) } -> c: linear(3);";
    let graph = cnn_lang::load(source, None).unwrap();
    let state = State::<f64>::by_rule(&graph, 1.0);
    let (input, labels) = (rule::input(&[2, 4]), [2, 0]);
    let options = LossOptions { label_smoothing: 0.1, aux_weights: vec![0.3] };
    let loss = |state: &State<f64>| train(&graph, &|name| state.get(name), &input, 2, &labels, &options).unwrap();
    let step = loss(&state);
    let by_hand = |logits: &[f64]| {
        let mut sum = 0.0;
        for (row, label) in logits.chunks(3).zip(labels) {
            let log_sum = row.iter().map(|value| value.exp()).sum::<f64>().ln();
            let targets = (0..3).map(|class| if class == label { 0.9 + 0.1 / 3.0 } else { 0.1 / 3.0 });
            sum += targets.zip(row).map(|(target, value)| target * (log_sum - value)).sum::<f64>() / 2.0;
        }
        sum
    };
    let (name, side) = &step.outputs.auxiliary[0];
    assert_eq!(name, "side");
    assert!((step.main_loss - by_hand(&step.outputs.logits)).abs() < 1e-14);
    assert!((step.auxiliary_losses[0] - by_hand(side)).abs() < 1e-14);
    assert!((step.loss - step.main_loss - 0.3 * step.auxiliary_losses[0]).abs() < 1e-14);
    for (name, gradient) in &step.gradients {
        for (index, found) in gradient.iter().enumerate() {
            let at = |shift: f64| {
                let mut moved = state.clone();
                moved.get_mut(name).unwrap()[index] += shift;
                loss(&moved).loss
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((found - expected).abs() < 1e-9, "{name}[{index}]: {found} is not {expected}");
        }
    }
}

#[test]
fn what_is_refused() {
    let state = |graph: &Graph| State::<f32>::by_rule(graph, 1.0);
    let refusal = |source: &str, input: usize, labels: &[usize], options: &LossOptions| {
        let graph = cnn_lang::load(source, None).unwrap();
        let state = state(&graph);
        let step = train(&graph, &|name| state.get(name), &vec![0.0; input], 2, labels, options);
        step.map(|_| ()).unwrap_err()
    };
    let plain = LossOptions::default();
    let custom = "Net: 4 -> 4; body custom crate::Mine @ [4];";
    assert_eq!(refusal(custom, 8, &[0, 0], &plain), OracleError::Custom { path: "crate::Mine".to_owned() });
    let dropout = refusal("Net: 4 -> 4; body dropout(0.5);", 8, &[0, 0], &plain);
    assert_eq!(dropout, OracleError::Stochastic { op: "dropout", got: 0.5 });
    let linear = "Net: 4 -> 3; body linear(3);";
    assert_eq!(refusal(linear, 7, &[0, 0], &plain), OracleError::Input { expected: 8, got: 7 });
    assert_eq!(refusal(linear, 8, &[0], &plain), OracleError::Labels { expected: 2, got: 1 });
    assert_eq!(refusal(linear, 8, &[0, 3], &plain), OracleError::Label { expected: 3, got: 3 });
    let smooth = LossOptions { label_smoothing: 1.5, ..plain.clone() };
    assert_eq!(refusal(linear, 8, &[0, 0], &smooth), OracleError::Smoothing { got: 1.5 });
    let weighted = LossOptions { aux_weights: vec![0.3], ..plain };
    assert_eq!(refusal(linear, 8, &[0, 0], &weighted), OracleError::AuxWeights { expected: 0, got: 1 });

    let graph = cnn_lang::load(linear, None).unwrap();
    let short = infer(&graph, &|_| vec![0.0f32; 2], &[0.0; 8], 2).unwrap_err();
    assert_eq!(short, OracleError::Tensor { name: "body.0.weight".to_owned(), expected: 12, got: 2 });
    assert_eq!(short.to_string(), "body.0.weight: expected 12 numbers, got 2");
    let state = state(&graph);
    let lookup = |name: &str| state.get(name);
    let none = train_with(&graph, &lookup, &[0.0; 8], 2, &[]).unwrap_err();
    assert_eq!(none, OracleError::Gradients { expected: 1, got: 0 });
    let short = train_with(&graph, &lookup, &[0.0; 8], 2, &[vec![0.0; 5]]).unwrap_err();
    assert_eq!(short, OracleError::Gradient { expected: 6, got: 5 });
}
