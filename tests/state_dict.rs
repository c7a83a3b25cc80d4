//! The tensors of a graph against those of typed modules: initial values, both ways, files of either.

use cnn_runtime::Architecture;
use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::prelude::*;
use cnn_runtime::weights::{self, Element, StateDict, WeightsError};

cnn_runtime::network! {
    pub ResNet = cnn_runtime::zoo::ResNet20Cifar: 3x16x16;

    /// Every layer that has tensors.
    pub Learning: 8x8x8 -> 10;
    stem conv: conv(16, 3, groups = 2) -> bn: bn -> plain: bn(affine = false) -> prelu: prelu -> each: prelu(per_channel = true);
    body dw: dwconv(3) -> gn: gn(4) -> ln: ln -> affine: affine(init = 0.1) -> scale: affine(bias = false, init = -2.0)
         -> std: conv(128, 3, bias = false, std = true) -> pixels: linear(64, pixelwise = true);
    head gap -> fc1: linear(600, bias = false) -> fc: linear(10);

    /// Scopes that are opened again behind others, and one that only claims its place.
    pub Reopened: 2x8x8 -> 3;
    stem late: { identity } -> a: { conv(4, 3) -> bn } -> conv(4, 3) -> a: { conv(4, 1) -> gamma: affine(bias = false, init = 0.5, bare = true) }
         -> scale: affine(bias = false, bare = true);
    body late: { bn -> c: conv(5, 1) } -> a: { last: conv(3, 1) };
    head gap -> linear(3);

    /// Another head, another name, one layer less.
    pub Other: 8x8x8 -> 10;
    stem conv: conv(16, 3, groups = 2) -> bn: bn -> norm: bn(affine = false) -> prelu: prelu -> each: prelu(per_channel = true);
    body dw: dwconv(3) -> gn: gn(4) -> ln: ln -> affine: affine(init = 0.1)
         -> std: conv(128, 3, bias = false, std = true) -> pixels: linear(64, pixelwise = true);
    head gap -> fc1: linear(300, bias = false) -> fc: linear(10);
}

fn graph<N: Architecture>() -> cnn_runtime::Graph {
    N::graph().unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

/// Constants exactly, drawn tensors by their bound: the largest of many values comes near to it.
fn starts_alike<E: Element>()
where
    Cpu: Device<E>,
    Learning<E, Cpu>: TensorCollection<E, Cpu>,
    Learning: BuildOnDevice<Cpu, E, Built = Learning<E, Cpu>>,
{
    let graph = graph::<Learning>();
    let built = Cpu::seed_from_u64(3).build_module::<Learning, E>();
    let (typed, untyped) = (StateDict::from_module(&graph, &built).unwrap(), StateDict::<E>::init(&graph, 3).unwrap());
    let largest = |data: &[E]| data.iter().fold(0.0, |most: f64, value| most.max(value.widen().abs()));
    let mut drawn = 0;
    for (typed, untyped) in typed.tensors().iter().zip(untyped.tensors()) {
        assert_eq!((&typed.name, &typed.shape), (&untyped.name, &untyped.shape));
        if typed.data.iter().all(|value| *value == typed.data[0]) {
            assert_eq!(typed, untyped);
            continue;
        }
        drawn += 1;
        let (typed, most) = (largest(&typed.data), largest(&untyped.data));
        assert!(untyped.data.len() < 500 || (most / typed - 1.0).abs() < 0.02, "{}: {most} {typed}", untyped.name);
        assert!((0.5..2.0).contains(&(most / typed)), "{}: {most} {typed}", untyped.name);
    }
    assert_eq!(drawn, 10);
}

#[test]
fn initial_values_are_those_of_typed_layers() {
    starts_alike::<f32>();
    starts_alike::<f64>();
}

/// By scope, not by the text: as PyTorch lists a module.
#[test]
fn scopes_stand_together_in_the_order_of_their_first_steps() {
    let net = Cpu::seed_from_u64(1).build_module::<Reopened, f32>();
    let graph = graph::<Reopened>();
    let state = StateDict::from_module(&graph, &net).unwrap();
    assert_eq!(state.tensors(), weights::named_tensors(&net), "the graph's order is the module's");
    let names: Vec<&str> = state.tensors().iter().filter_map(|tensor| tensor.name.strip_suffix(".weight")).collect();
    assert_eq!(names, ["late.1", "late.c", "a.0", "a.1", "a.2", "a.last", "stem.0", "head.1"]);
    // Parameters without a layer stand in front of the layers beside them.
    let at = |name: &str| state.tensors().iter().position(|tensor| tensor.name == name).unwrap();
    assert_eq!((at("scale"), at("a.gamma") + 1), (0, at("a.0.weight")));
    assert_eq!((&state.tensors()[0].shape[..], state.tensors()[at("a.gamma")].data[3]), (&[4, 1, 1][..], 0.5));
    // What each tensor starts at goes by its own layer, in the order of the tensors.
    let start = StateDict::<f32>::init(&graph, 3).unwrap();
    for tensor in start.tensors().iter().filter(|tensor| tensor.name.ends_with(".weight")) {
        let norm = ["late.1.weight", "a.1.weight"].contains(&tensor.name.as_str());
        assert_eq!(tensor.data.iter().all(|&value| value == 1.0), norm, "{}", tensor.name);
    }

    let device = Cpu::default();
    let x = device.sample_normal::<Rank4<2, 2, 8, 8>>();
    let options = SessionOptions { batch: 2, ..Default::default() };
    let mut session = Session::new(&graph, &state, options).unwrap();
    session.run(&x.as_vec()).unwrap();
    let (found, expected) = (session.output("logits").unwrap(), net.forward(x).as_vec());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_network_of_the_zoo_goes_both_ways_bit_for_bit() {
    let graph = graph::<ResNet>();
    let device = Cpu::seed_from_u64(1);
    let (net, mut other) = (device.build_module::<ResNet, f32>(), device.build_module::<ResNet, f32>());
    let x = device.sample_normal::<Rank4<2, 3, 16, 16>>();
    let logits = net.forward(x.clone()).as_vec();
    assert_ne!(other.forward(x.clone()).as_vec(), logits);

    let state = StateDict::from_module(&graph, &net).unwrap();
    assert_eq!(state.tensors(), weights::named_tensors(&net), "the graph's order is the module's");
    state.write_back(&mut other).unwrap();
    assert_eq!(weights::named_tensors(&other), state.tensors());
    assert_eq!(other.forward(x.clone()).as_vec(), logits);

    // Files of a module and of its state are the same.
    let bytes = weights::to_bytes(&net).unwrap();
    assert_eq!(state.to_bytes().unwrap(), bytes);
    assert_eq!(StateDict::<f32>::from_bytes(&graph, "the module", &bytes).unwrap(), state);

    let untrained = StateDict::<f32>::init(&graph, 9).unwrap();
    untrained.write_back(&mut other).unwrap();
    assert_eq!(StateDict::from_module(&graph, &other).unwrap(), untrained);
    let logits = other.forward(x).as_vec();
    assert!(logits.iter().all(|logit| logit.is_finite()) && logits[0] != logits[1], "{logits:?}");
}

#[test]
fn another_networks_module_is_refused_with_every_difference() {
    let (state, graph) = (StateDict::<f32>::init(&graph::<Learning>(), 0).unwrap(), graph::<Learning>());
    let mut other = Cpu::default().build_module::<Other, f32>();
    let before = weights::named_tensors(&other);
    let expected = "the module does not fit Learning in 9 points: \
        missing plain.running_mean (nearest: norm.running_mean); missing plain.running_var (nearest: norm.running_var); \
        missing plain.num_batches_tracked (nearest: norm.num_batches_tracked); missing scale.weight; \
        fc1.weight has shape [300, 64], expected [600, 64]; fc.weight has shape [10, 300], expected [10, 600]; \
        unexpected norm.num_batches_tracked; unexpected norm.running_mean; unexpected norm.running_var; \
        nothing was changed, take the module of this very network";
    for error in [state.write_back(&mut other).unwrap_err(), StateDict::from_module(&graph, &other).unwrap_err()] {
        assert!(matches!(error, WeightsError::Module { .. }));
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(weights::named_tensors(&other), before);
}
