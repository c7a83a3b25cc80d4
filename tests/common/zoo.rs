//! Networks of the zoo by name, at any size, with weights by [`rule`].

use std::collections::BTreeMap;

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::weights::{Element, StateDict};
use cnn_runtime::zoo;

use crate::{parts, rule};

/// The definition of this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn source(name: &str) -> &'static str {
    let known = zoo::ALL.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("{name} is not in the zoo")).1
}

/// The network of this name at the size of the paper.
///
/// # Panics
/// If there is none, or its definition has a mistake.
#[must_use]
pub fn graph(name: &str) -> Graph {
    cnn_lang::load(source(name), None).unwrap_or_else(|errors| panic!("{name}: {}", errors[0]))
}

/// The network of this name for images of this shape: batch, channels, height, width.
///
/// # Panics
/// If there is none, or it does not fit.
#[must_use]
pub fn graph_for(name: &str, input_shape: &[usize]) -> Graph {
    let [_, channels, height, width] = *input_shape else { panic!("{name}: {input_shape:?} are no images") };
    let size = Shape::map(channels, height, width);
    let graph = cnn_lang::load_at(source(name), None, &[], Some(size));
    graph.unwrap_or_else(|errors| panic!("{name} at {input_shape:?}: {}", errors[0]))
}

/// Every tensor by rule; that of a ResNeXt block's path its part of the grouped form's.
#[must_use]
pub fn values(name: &str, shape: &[usize], gain: f64) -> Vec<f64> {
    let Some((whole, number)) = parts::whole_of(name) else { return rule::tensor(name, shape, gain) };
    let grouped = graph("resnext_block_c").tensors();
    let shapes: BTreeMap<String, Vec<usize>> = grouped.into_iter().map(|(name, tensor)| (name, tensor.shape)).collect();
    let full = &shapes[whole];
    parts::part(&rule::tensor(whole, full, gain), full, shape, number).expect(name)
}

/// Weights by rule.
///
/// # Panics
/// If there is no memory for them.
#[must_use]
pub fn weights<E: Element>(graph: &Graph, gain: f64) -> StateDict<E> {
    StateDict::fill_with(graph, |name, shape| values(name, shape, gain)).unwrap()
}

/// An input by rule, rounded to the type.
#[must_use]
pub fn images<E: Element>(input_shape: &[usize]) -> Vec<E> {
    rule::input(input_shape).into_iter().map(E::narrow).collect()
}
