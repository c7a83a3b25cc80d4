//! Where layers start when no Rust type says so: what the typed layers of [`crate::layers`] do, from the graph alone.

use std::ops::Range;

use cnn_lang::graph::{Graph, Op, TensorSpec};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::weights::{Element, NamedTensor, WeightsError};

/// The values of a tensor before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::weights) enum Start {
    /// The same everywhere.
    Constant(f64),
    /// Drawn uniformly between `-bound` and `bound`.
    Uniform { bound: f64 },
}

/// For every tensor, in the order of [`Graph::tensors`].
pub(in crate::weights) fn starts(graph: &Graph) -> Vec<Start> {
    let of = |index: usize| {
        let node = &graph.nodes[index];
        let tensors = node.op.tensors(&graph.input_shapes(node));
        tensors.iter().map(|tensor| start(&node.op, tensor.name, &tensors)).collect::<Vec<_>>()
    };
    graph.nodes_by_scope().into_iter().flat_map(of).collect()
}

/// For one tensor among those of its layer.
fn start(op: &Op, name: &str, tensors: &[TensorSpec]) -> Start {
    match op {
        // PyTorch's `kaiming_uniform(a = sqrt 5)`, for the bias too. He et al. 2015.
        Op::Conv(_) | Op::Linear { .. } => {
            let fan_in: usize = tensors.first().map_or(1, |weight| weight.shape.iter().skip(1).product());
            Start::Uniform { bound: 1.0 / (fan_in.max(1) as f64).sqrt() }
        }
        Op::Bn { .. } | Op::Gn { .. } | Op::Ln { .. } => {
            Start::Constant(if matches!(name, "weight" | "running_var") { 1.0 } else { 0.0 })
        }
        Op::Prelu { .. } => Start::Constant(0.25),
        Op::Affine { init, .. } => Start::Constant(if name == "bias" { 0.0 } else { *init }),
        // Nothing is learned.
        Op::Input
        | Op::Lrn { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Leaky { .. }
        | Op::Sigmoid
        | Op::Tanh
        | Op::Silu
        | Op::Hswish
        | Op::Hsigmoid
        | Op::Gelu
        | Op::Softmax
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::AdaptiveAvgPool { .. }
        | Op::Gap
        | Op::Pad { .. }
        | Op::Dropout { .. }
        | Op::DropPath { .. }
        | Op::Flatten
        | Op::Identity
        | Op::Zero { .. }
        | Op::Shift { .. }
        | Op::Shuffle { .. }
        | Op::Upsample { .. }
        | Op::Scale { .. }
        | Op::Subsample { .. }
        | Op::PadChannels { .. }
        | Op::Select { .. }
        | Op::Add
        | Op::Concat
        | Op::Mul
        | Op::Custom { .. } => Start::Constant(0.0),
    }
}

/// Numbers that one thread draws at a time.
const CHUNK: usize = 1 << 14;

/// As many values as the tensor's shape says.
pub(in crate::weights) fn count<E: Element>(tensor: &NamedTensor<E>) -> Result<usize, WeightsError> {
    let bytes = tensor.shape.iter().fold(size_of::<E>() as u64, |bytes, &n| bytes.saturating_mul(n as u64));
    let count = usize::try_from(bytes).map(|bytes| bytes / size_of::<E>());
    count.map_err(|_| no_memory(tensor, bytes))
}

fn no_memory<E>(tensor: &NamedTensor<E>, bytes: u64) -> WeightsError {
    WeightsError::Memory { name: tensor.name.clone(), bytes, limit: "the memory there is" }
}

/// These of the tensor's values. Number `i` is draw `i` of ChaCha8's stream for `seed` and the tensor's name, whichever thread
/// draws it.
pub(in crate::weights) fn values<E: Element>(
    tensor: &NamedTensor<E>,
    start: Start,
    seed: u64,
    range: Range<usize>,
) -> Result<Vec<E>, WeightsError> {
    let mut values: Vec<E> = Vec::new();
    let bytes = (range.len() as u64).saturating_mul(size_of::<E>() as u64);
    values.try_reserve_exact(range.len()).map_err(|_| no_memory(tensor, bytes))?;
    match start {
        Start::Constant(value) => values.resize(range.len(), E::narrow(value)),
        Start::Uniform { bound } => {
            values.resize(range.len(), E::default());
            let mut stream = ChaCha8Rng::seed_from_u64(seed);
            stream.set_stream(fnv1a(&tensor.name));
            values.par_chunks_mut(CHUNK).enumerate().for_each(|(number, chunk)| {
                let mut rng = stream.clone();
                // A draw takes two words of the stream.
                rng.set_word_pos(2 * (range.start + CHUNK * number) as u128);
                chunk.fill_with(|| E::narrow(bound * (2.0 * rng.r#gen::<f64>() - 1.0)));
            });
        }
    }
    Ok(values)
}

/// Fowler, Noll & Vo's hash, 64 bits: a name as a number, the same on every machine.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_one_stream() {
        let shape = vec![3 * CHUNK + 5];
        let tensor = NamedTensor::<f64> { name: "fc.weight".into(), shape, data: Vec::new() };
        let of = |range| values(&tensor, Start::Uniform { bound: 0.5 }, 7, range).unwrap();
        let found = of(0..count(&tensor).unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        rng.set_stream(fnv1a("fc.weight"));
        let expected: Vec<f64> = (0..found.len()).map(|_| 0.5 * (2.0 * rng.r#gen::<f64>() - 1.0)).collect();
        assert_eq!(found, expected);
        assert_eq!(of(7..2 * CHUNK + 9), expected[7..2 * CHUNK + 9]);
        assert_eq!(fnv1a("input"), 0x1ebb_ae8f_5810_b65b);
    }

    #[test]
    fn what_no_memory_holds_is_refused() {
        for shape in [vec![1 << 40, 1 << 20], vec![usize::MAX, usize::MAX]] {
            let tensor = NamedTensor::<f32> { name: "w".into(), shape, data: Vec::new() };
            let all = count(&tensor).and_then(|count| values(&tensor, Start::Constant(0.0), 0, 0..count));
            let error = all.unwrap_err().to_string();
            assert!(error.starts_with("tensor w takes ") && error.contains("the memory there is"), "{error}");
        }
    }
}
