//! The zoo against files of reference figures, where there are any at hand: `ZOO_REFERENCE=DIR`, and `ZOO_NAMES="a b"` for
//! some networks only. DIR holds `records.json` and `parity/NAME.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cnn_lang::graph::{Graph, Role, TensorSpec};
use cnn_runtime::zoo;
use cnn_tests::parts;
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

#[test]
#[ignore = "needs ZOO_REFERENCE, a folder of reference files"]
fn figures_and_names_equal_the_reference() {
    let folder = folder().expect("ZOO_REFERENCE names a folder");
    let names = std::env::var("ZOO_NAMES").unwrap_or_default();
    let wanted = |name: &str| names.is_empty() || names.split_whitespace().any(|wanted| wanted == name);
    let records = read(&folder, "records.json").expect("records.json")["records"].take();
    let record = |name: &str| records.as_array()?.iter().find(|record| record["name"] == name);
    let mut errors = Vec::new();
    for &(name, source) in zoo::ALL.iter().filter(|(name, _)| wanted(name)) {
        let graph = cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{name}: {}", errors[0]));
        let parity = read(&folder, &format!("parity/{name}.json"));
        figures(name, &graph, record(name), parity.as_ref(), &mut errors);
        let is_there = |there: bool, what: &str| if there { what.to_owned() } else { format!("no {what}") };
        let (record, tensors) = (is_there(record(name).is_some(), "record"), is_there(parity.is_some(), "tensors"));
        println!("{name:32} {record}, {tensors}");
    }
    for record in records.as_array().into_iter().flatten() {
        let name = record["name"].as_str().unwrap_or("");
        if wanted(name) && !zoo::ALL.iter().any(|(known, _)| *known == name) {
            println!("{name:32} is not in the zoo");
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}
