//! The zoo against files of reference figures and logits, where there are any at hand: `ZOO_REFERENCE=DIR`, and
//! `ZOO_NAMES="a b"` for some networks only. DIR holds `records.json` and `parity/NAME.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cnn_lang::graph::{Graph, Role, Shape, TensorSpec};
use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::weights::StateDict;
use cnn_runtime::zoo;
use cnn_tests::{parts, rule};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    std::env::var_os("ZOO_REFERENCE").map(PathBuf::from)
}

fn read(folder: &std::path::Path, name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(folder.join(name)).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().map_or_else(Vec::new, |list| list.iter().map(|n| n.as_u64().unwrap_or(0) as usize).collect())
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => number.as_f64().into_iter().collect(),
    }
}

/// All tensors; those of a network that writes out its paths put together as the reference has them.
fn wholes(graph: &Graph, expected: &[(&str, Vec<usize>)]) -> Vec<(String, TensorSpec)> {
    let (mut all, mut held) = (Vec::new(), BTreeMap::<String, usize>::new());
    for (name, mut tensor) in graph.tensors() {
        let Some((whole, number)) = parts::whole_of(&name) else {
            all.push((name, tensor));
            continue;
        };
        *held.entry(whole.to_owned()).or_default() += tensor.elements() as usize;
        let shape = expected.iter().find(|(name, _)| *name == whole).map(|(_, shape)| shape.clone());
        // Parts follow one another; a shape that is not theirs is left, and differs.
        if number == 0 {
            tensor.shape = shape.unwrap_or(tensor.shape);
            all.push((whole.to_owned(), tensor));
        }
    }
    for (name, tensor) in &mut all {
        match held.get(name) {
            Some(&elements) if tensor.role != Role::Counter && elements as u64 != tensor.elements() => {
                tensor.shape = vec![elements];
            }
            _ => {}
        }
    }
    all
}

/// Parameters and multiply-adds against the record, names and shapes against the state dict.
fn figures(name: &str, graph: &Graph, record: Option<&Value>, parity: Option<&Value>, errors: &mut Vec<String>) {
    let costs = graph.costs();
    if let Some(record) = record {
        for (what, found, expected) in
            [("parameters", costs.params, &record["params_trainable"]), ("multiply-adds", costs.macs, &record["macs"])]
        {
            if expected.as_u64() != Some(found) {
                errors.push(format!("{name}: {found} {what}, reference {expected}"));
            }
        }
    }
    let Some(tensors) = parity.and_then(|parity| parity["state_dict"].as_array()) else { return };
    let expected: Vec<(&str, Vec<usize>)> =
        tensors.iter().map(|t| (t[0].as_str().unwrap_or(""), sizes(&t[1]))).collect();
    let found = wholes(graph, &expected);
    let differs = |number: &usize| {
        let ((name, tensor), (expected, shape)) = (&found[*number], &expected[*number]);
        name != expected || (tensor.role != Role::Counter && tensor.shape != *shape)
    };
    if let Some(number) = (0..found.len().min(expected.len())).find(differs) {
        let ((found, tensor), (expected, shape)) = (&found[number], &expected[number]);
        errors.push(format!("{name}: tensor {number} is {found} {:?}, reference {expected} {shape:?}", tensor.shape));
    } else if found.len() != expected.len() {
        errors.push(format!("{name}: {} tensors, reference {}", found.len(), expected.len()));
    }
}

/// How far logits are off, as a part of the largest; and how far they may be.
fn logits(name: &str, source: &str, parity: &Value, case: &Value) -> Result<(f64, f64), String> {
    let input_shape = sizes(&case["input_shape"]);
    let [batch, dims @ ..] = &input_shape[..] else { return Err("no input shape".into()) };
    let size = match dims {
        &[channels, height, width] => Shape::map(channels, height, width),
        _ => return Err(format!("input {dims:?}")),
    };
    let graph = cnn_lang::load_at(source, None, &[], Some(size)).map_err(|errors| errors[0].to_string())?;
    let gain = parity["G"].as_f64().unwrap_or(rule::GAIN);
    let weights = StateDict::<f32>::fill_with(&graph, |name, shape| match parts::whole_of(name) {
        Some((whole, number)) => {
            let tensors = parity["state_dict"].as_array().into_iter().flatten();
            let full = tensors.filter(|t| t[0] == whole).map(|t| sizes(&t[1])).next().unwrap_or_default();
            parts::part(&rule::tensor(whole, &full, gain), &full, shape, number).unwrap_or_default()
        }
        None => rule::tensor(name, shape, gain),
    })
    .map_err(|error| error.to_string())?;
    let auxiliary = !graph.auxiliary.is_empty();
    let mut session = Session::new(&graph, &weights, SessionOptions { batch: *batch, auxiliary })
        .map_err(|error| error.to_string())?;
    let images: Vec<f32> = rule::input(&input_shape).into_iter().map(|x| x as f32).collect();
    session.run(&images).map_err(|error| error.to_string())?;
    let torch = case["torch_f32_max_err_over_max_abs"].as_f64().unwrap_or(0.0);
    let largest = case["max_abs"].as_f64().unwrap_or(1.0);
    let mut worst = 0.0f64;
    let mut compare = |output: &str, expected: Vec<f64>| {
        let Some(found) = session.output(output) else { return Err(format!("no output {output}")) };
        if found.len() != expected.len() || expected.is_empty() {
            return Err(format!("{name} {output}: {} values, reference {}", found.len(), expected.len()));
        }
        let scale = expected.iter().fold(if output == "logits" { largest } else { 0.0 }, |a, b| a.max(b.abs()));
        let pairs = found.iter().zip(&expected);
        worst = pairs.fold(worst, |a, (x, y)| {
            let d = (f64::from(*x) - y).abs() / scale;
            if d > a || d.is_nan() { d } else { a }
        });
        Ok(())
    };
    let main = if case["logits"].is_null() { &case["output_flat"] } else { &case["logits"] };
    compare("logits", numbers(main))?;
    if let Some(auxiliary) = case["aux_logits"].as_object() {
        for (output, values) in auxiliary {
            compare(output, numbers(&values["values"]))?;
        }
    }
    Ok((worst, (20.0 * torch).clamp(1e-5, 1e-4)))
}

#[test]
#[ignore = "needs ZOO_REFERENCE, a folder of reference files"]
fn figures_and_logits_equal_the_reference() {
    let folder = folder().expect("ZOO_REFERENCE names a folder");
    let names = std::env::var("ZOO_NAMES").unwrap_or_default();
    let wanted = |name: &str| names.is_empty() || names.split_whitespace().any(|wanted| wanted == name);
    let records = read(&folder, "records.json").expect("records.json")["records"].take();
    let record = |name: &str| records.as_array()?.iter().find(|record| record["name"] == name);
    let mut errors = Vec::new();
    for &(name, source) in zoo::ALL.iter().filter(|(name, _)| wanted(name)) {
        let graph = cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{name}: {}", errors[0]));
        let parity = read(&folder, &format!("parity/{name}.json"));
        let before = errors.len();
        figures(name, &graph, record(name), parity.as_ref(), &mut errors);
        let mut line = format!("{name:32} {}", if record(name).is_some() { "record" } else { "no record" });
        let same = errors.len() == before;
        for case in parity.iter().flat_map(|parity| parity["cases"].as_array()).flatten().filter(|_| same) {
            let what = case["case"].as_str().unwrap_or("");
            if what == "train_forward" {
                continue;
            }
            match logits(name, source, parity.as_ref().expect("there is a case"), case) {
                Ok((off, allowed)) => {
                    line += &format!("  {what} {off:.1e} (allowed {allowed:.1e})");
                    if off.is_nan() || off > allowed {
                        errors.push(format!("{name}, {what}: logits off by {off:.1e}, {allowed:.1e} allowed"));
                    }
                }
                Err(error) => errors.push(format!("{name}, {what}: {error}")),
            }
        }
        println!("{line}");
    }
    for record in records.as_array().into_iter().flatten() {
        let name = record["name"].as_str().unwrap_or("");
        if wanted(name) && !zoo::ALL.iter().any(|(known, _)| *known == name) {
            println!("{name:32} is not in the zoo");
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}
