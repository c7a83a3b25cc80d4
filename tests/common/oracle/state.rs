//! Parameters and buffers of a network by name.

use std::collections::BTreeMap;

use cnn_lang::graph::{Graph, Role};
use cnn_runtime::kernels::Float;

use crate::rule;

/// Parameters, running statistics and counters under their full names.
#[derive(Debug, Clone, PartialEq)]
pub struct State<E> {
    tensors: BTreeMap<String, Vec<E>>,
}

impl<E: Float> State<E> {
    /// Every tensor of the graph by the weight [`rule`].
    #[must_use]
    pub fn by_rule(graph: &Graph, gain: f64) -> State<E> {
        let values = |name: &str, shape: &[usize]| rule::tensor(name, shape, gain).into_iter().map(E::of).collect();
        let named = graph.tensors().into_iter().map(|(name, spec)| {
            let shape = if spec.role == Role::Counter { vec![] } else { spec.shape };
            let values = values(&name, &shape);
            (name, values)
        });
        State { tensors: named.collect() }
    }

    /// The values of a tensor; none under a name that the network does not know.
    #[must_use]
    pub fn get(&self, name: &str) -> Vec<E> {
        self.tensors.get(name).cloned().unwrap_or_default()
    }

    /// The values of a tensor, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Vec<E>> {
        self.tensors.get_mut(name)
    }

    /// Takes these values under their names.
    pub fn set(&mut self, named: &[(String, Vec<E>)]) {
        self.tensors.extend(named.iter().cloned());
    }

    /// Every tensor, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[E])> {
        self.tensors.iter().map(|(name, values)| (&name[..], &values[..]))
    }
}

/// A batch for the graph by the weight rule, `[batch, …]`.
#[must_use]
pub fn input_by_rule<E: Float>(graph: &Graph, batch: usize) -> Vec<E> {
    let mut shape = vec![batch];
    shape.extend(graph.input_shape().dims());
    rule::input(&shape).into_iter().map(E::of).collect()
}

/// A label for each sample that is a class of every output, auxiliary ones included.
#[must_use]
pub fn labels_for(graph: &Graph, batch: usize) -> Vec<usize> {
    let outputs = graph.auxiliary.iter().map(|auxiliary| auxiliary.output).chain([graph.output]);
    let classes = outputs.map(|id| graph.node(id).shape.elements()).min().unwrap_or(1);
    (0..batch).map(|sample| sample % classes).collect()
}
