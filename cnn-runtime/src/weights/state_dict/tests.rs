use dfdx::nn::tensor_collection::{ModuleVisitor, TensorOptions};
use dfdx::prelude::{Cpu, Dtype, Rank1, Tensor, ZerosTensor};
use safetensors::tensor::SafeTensors;

use super::*;

/// Every layer that has tensors.
const LEARNING: &str = "Learning: 8x8x8 -> 10;
    stem conv: conv(16, 3, groups = 2) -> bn: bn -> plain: bn(affine = false) -> prelu: prelu -> each: prelu(per_channel = true);
    body dw: dwconv(3, bias = false) -> gn: gn(4) -> ln: ln -> affine: affine(init = 0.1) -> scale: affine(bias = false, init = -2.0)
         -> std: conv(128, 3, std = true) -> pixels: linear(64, pixelwise = true);
    head gap -> fc1: linear(600, bias = false) -> fc: linear(10);";

fn graph(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

fn learning<E: Element>() -> StateDict<E> {
    StateDict::init(&graph(LEARNING), 1).unwrap()
}

/// Tensor `t` holds `100 t, 100 t + 1, …` and something that takes all of f32's digits.
fn counting<E: Element>(graph: &Graph) -> StateDict<E> {
    let mut number = 0;
    let rule = |name: &str, shape: &[usize]| {
        number += 100;
        let digits = if name.ends_with(super::super::COUNTER) { 0.0 } else { 0.1f32.into() };
        (0..shape.iter().product()).map(|i: usize| (number + i) as f64 + digits).collect()
    };
    StateDict::fill_with(graph, rule).unwrap()
}

#[test]
fn the_graph_gives_order_names_shapes_and_roles() {
    let (state, expected) = (learning::<f32>(), graph(LEARNING).tensors());
    assert_eq!(state.tensors().len(), expected.len());
    for (index, (name, tensor)) in expected.iter().enumerate() {
        let found = &state.tensors()[index];
        assert_eq!((&found.name, &found.shape, state.roles()[index]), (name, &tensor.shape, tensor.role));
        assert_eq!(found.data.len() as u64, tensor.elements(), "{name}");
        assert_eq!(state.get(name), Some(found));
    }
    assert_eq!(state.role(expected.len()), None);
    assert_eq!(state.get("conv"), None);
    let counter = state.tensors().iter().position(|tensor| tensor.name == "bn.num_batches_tracked").unwrap();
    assert_eq!(state.role(counter), Some(Role::Counter));
}

#[test]
fn layers_start_as_in_pytorch() {
    let state = learning::<f64>();
    let fan_in = |layer: &str| match layer {
        "conv" => Some(4 * 9),
        "dw" => Some(9),
        "std" => Some(16 * 9),
        "pixels" => Some(128),
        "fc1" => Some(64),
        "fc" => Some(600),
        _ => None,
    };
    for NamedTensor { name, data, .. } in state.tensors() {
        let (layer, kind) = name.split_once('.').unwrap();
        if let Some(fan_in) = fan_in(layer) {
            let bound = 1.0 / f64::from(fan_in).sqrt();
            assert!(data.iter().all(|value| value.abs() <= bound), "{name}");
            let count = data.len() as f64;
            let mean = data.iter().sum::<f64>() / count;
            let square = data.iter().map(|value| value * value).sum::<f64>() / count;
            // A uniform distribution's variance is bound² / 3, of its square 4 bound⁴ / 45: within four standard errors.
            assert!(mean.abs() < 4.0 * bound / (3.0 * count).sqrt(), "{name}: mean {mean}");
            let error = (square - bound * bound / 3.0).abs();
            assert!(error < 4.0 * bound * bound * (4.0 / 45.0 / count).sqrt(), "{name}: mean square {square}");
            continue;
        }
        let expected = match (layer, kind) {
            ("prelu" | "each", _) => 0.25,
            ("affine", "weight") => 0.1,
            ("scale", "weight") => -2.0,
            (_, "weight" | "running_var") => 1.0,
            (_, "bias" | "running_mean" | "num_batches_tracked") => 0.0,
            _ => panic!("no such tensor: {name}"),
        };
        assert!(data.iter().all(|&value| value == expected), "{name}");
    }
}

#[test]
fn a_tensor_depends_on_seed_name_and_shape_alone() {
    let state = learning::<f64>();
    let other = graph("Other: 600 -> 10; stem before: linear(600); head fc: linear(10);");
    let other = StateDict::<f64>::init(&other, 1).unwrap();
    assert_eq!(other.get("fc.weight"), state.get("fc.weight"));
    assert_ne!(other.get("fc.weight").unwrap().data, other.get("before.weight").unwrap().data[..6000]);

    let reseeded = StateDict::<f64>::init(&graph(LEARNING), 2).unwrap();
    assert_ne!(reseeded.get("fc.weight"), state.get("fc.weight"));
    assert_eq!(learning::<f32>(), state.cast());
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let drawn = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(learning::<f32>)
    };
    assert_eq!(drawn(1), drawn(3));
}

fn round_trip<E: Element>() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.safetensors");
    std::fs::write(&path, "an older file").unwrap();
    let graph = graph(LEARNING);
    let state = counting::<E>(&graph);
    state.save(&path).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(StateDict::load(&graph, &path).unwrap(), state);

    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, state.to_bytes().unwrap());
    let held = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(held.len(), state.tensors().len());
    assert_eq!(held.tensor("bn.num_batches_tracked").unwrap().dtype(), safetensors::Dtype::I64);
    assert_eq!(held.tensor("fc.bias").unwrap().dtype(), E::DTYPE);
    for end in (0..bytes.len()).step_by(997) {
        let error = StateDict::<E>::from_bytes(&graph, "the upload", &bytes[..end]).unwrap_err();
        assert!(error.to_string().starts_with("the upload is not an intact safetensors file"), "{error}");
    }
}

#[test]
fn saved_is_loaded() {
    round_trip::<f32>();
    round_trip::<f64>();
}

#[test]
fn types_are_cast() {
    let graph = graph(LEARNING);
    let wide = counting::<f64>(&graph);
    let narrow = StateDict::<f32>::from_bytes(&graph, "wide", &wide.to_bytes().unwrap()).unwrap();
    assert_eq!(narrow, wide.cast());
    assert_eq!(narrow, counting(&graph));
    let mut large = wide.clone();
    large.get_mut("fc.bias").unwrap()[3] = -1e300;
    assert_eq!(large.cast::<f32>().get("fc.bias").unwrap().data[3], f32::NEG_INFINITY);
    let error = StateDict::<f32>::from_bytes(&graph, "large", &large.to_bytes().unwrap()).unwrap_err().to_string();
    assert!(error.contains("fc.bias holds -1e300, too large for F32"), "{error}");
}

#[test]
fn values_are_set_by_name() {
    let mut state = learning::<f32>();
    let before = state.clone();
    state.get_mut("fc.bias").unwrap().copy_from_slice(&[7.0; 10]);
    assert_eq!(state.get_mut("fc.biases"), None);
    for (new, old) in state.tensors().iter().zip(before.tensors()) {
        assert_eq!(new.data == vec![7.0; 10], new.name == "fc.bias");
        assert_eq!(new == old, new.name != "fc.bias", "{}", new.name);
    }
}

#[test]
fn a_rule_of_the_wrong_length_is_refused() {
    let error = StateDict::<f32>::fill_with(&graph(LEARNING), |_, _| vec![0.0; 5]).unwrap_err();
    assert_eq!(error.to_string(), "tensor conv.weight of shape [16, 4, 3, 3] takes 576 values, got 5");
}

#[test]
fn every_mismatch_is_in_one_message() {
    let held = counting::<f32>(&graph("A: 3x8x8 -> 4; stem conv1: conv(4, 3); head gap -> classifier: linear(4);"));
    let wanted =
        graph("B: 3x8x8 -> 4; stem conv: conv(4, 3); head gap -> norm: ln -> classifier: linear(4, bias = false);");
    let changed = graph("C: 3x8x8 -> 5; stem conv1: conv(4, 3); head gap -> classifier: linear(5);");
    let told = |graph, place| StateDict::<f32>::from_bytes(graph, place, &held.to_bytes().unwrap()).unwrap_err();
    assert_eq!(
        told(&wanted, "a.safetensors").to_string(),
        "a.safetensors does not fit the module in 7 points: missing conv.weight (nearest: conv1.weight); \
         missing conv.bias (nearest: conv1.bias); missing norm.weight (nearest: conv1.weight); \
         missing norm.bias (nearest: conv1.bias); unexpected classifier.bias; unexpected conv1.bias; \
         unexpected conv1.weight; nothing was loaded, take the weights of this very network"
    );
    let error = told(&changed, "a.safetensors").to_string();
    assert!(error.contains("classifier.weight has shape [4, 4], expected [5, 4]"), "{error}");
    let error = StateDict::<f32>::load(&wanted, "/no/such/file").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /no/such/file"), "{error}");
}

#[test]
fn custom_modules_are_refused_by_name() {
    let graph = graph(
        "Own: 8x8x8 -> 10; stem custom crate::Attention(4); body deep: { custom my::Gate @ 8x8x8 };
         head gap -> linear(10);",
    );
    let expected = "only Rust's types know the tensors of custom crate::Attention (stem.0), custom my::Gate (deep.0) in Own: \
         keep its weights as a typed module, by weights::save and weights::load";
    let refused = [
        StateDict::<f32>::init(&graph, 0),
        StateDict::fill_with(&graph, |_, shape| vec![0.0; shape.iter().product()]),
        StateDict::load(&graph, "/no/such/file"),
        StateDict::from_bytes(&graph, "nothing", b""),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}

/// A module of the user's whose fields share a name.
#[derive(Clone)]
struct Twice<E: Dtype, D: Device<E>>(Tensor<Rank1<2>, E, D>, Tensor<Rank1<2>, E, D>);

impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Twice<E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Twice<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Twice<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("norm.weight", |s| &s.0, |s| &mut s.0, TensorOptions::reset_to_ones()),
                Self::tensor("norm.weight", |s| &s.1, |s| &mut s.1, TensorOptions::reset_to_ones()),
            ),
            |(a, b)| Twice(a, b),
        )
    }
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let graph = graph("Norm: 2 -> 2; head norm: ln;");
    let device = Cpu::default();
    let mut module = Twice::<f32, Cpu>(device.zeros(), device.zeros());
    let expected =
        "expected each tensor under a name of its own, got two tensors of the name \"norm.weight\": rename one";
    assert_eq!(StateDict::from_module(&graph, &module).unwrap_err().to_string(), expected);
    let state = StateDict::init(&graph, 0).unwrap();
    assert_eq!(state.write_back(&mut module).unwrap_err().to_string(), expected);
    assert_eq!(module.0.as_vec(), [0.0, 0.0]);
}
