//! Random networks compile, hold everything that the language has, and the oracle differentiates them rightly.

use std::collections::BTreeMap;

use cnn_lang::graph::{Graph, LAYERS, Op, Shape};
use cnn_tests::oracle::{self, LossOptions, State, input_by_rule, labels_for};
use cnn_tests::random_graph::{LARGEST, Options, random_source, smallest};

fn load(seed: u64, size: usize, options: Options) -> (String, Graph) {
    let source = random_source(seed, size, options);
    match cnn_lang::load(&source, None) {
        Ok(graph) => (source, graph),
        Err(errors) => {
            let fails = |source: &str| cnn_lang::load(source, None).is_err();
            let least = smallest(seed, size, options, fails).unwrap_or(source);
            panic!("seed {seed}: {}\n{least}", errors[0].message)
        }
    }
}

/// What an operation can be beside its word, and whether it is.
fn forms(graph: &Graph) -> Vec<(&'static str, bool)> {
    let mut forms = Vec::new();
    let mut note = |holds: bool, form: &'static str| forms.push((form, holds));
    let mut readers = vec![0; graph.nodes.len()];
    for node in &graph.nodes {
        node.inputs.iter().for_each(|id| readers[id.0] += 1);
        let shapes = graph.input_shapes(node);
        let mut inputs = node.inputs.clone();
        inputs.sort();
        let twice = inputs.windows(2).any(|pair| pair[0] == pair[1]);
        match &node.op {
            Op::Conv(conv) => {
                note(conv.groups > 1 && conv.groups < shapes[0].channels(), "conv, groups");
                note(conv.groups > 1 && conv.groups == shapes[0].channels(), "conv, depthwise");
                note(conv.out > shapes[0].channels() && conv.groups == shapes[0].channels(), "conv, multiplier");
                note(conv.stride[0] != conv.stride[1], "conv, stride of its own");
                note(conv.kernel[0] != conv.kernel[1], "conv, rectangle");
                note(conv.dilation != [1, 1], "conv, dilation");
                note(conv.pad[0] != conv.pad[1] || conv.pad[2] != conv.pad[3], "conv, one-sided padding");
                note(conv.std, "conv, standardised");
                note(conv.connect.is_some(), "conv, connections");
                note(!conv.bias, "conv, no bias");
                note(conv.kernel == [1, 1], "conv, pointwise");
            }
            Op::Linear { pixelwise, .. } => note(*pixelwise, "linear, pixelwise"),
            Op::Bn { affine, .. } => {
                note(!affine, "bn, not affine");
                note(shapes[0].spatial().is_none(), "bn, vector");
            }
            Op::Prelu { per_channel } => note(*per_channel, "prelu, per channel"),
            Op::MaxPool(pool) => {
                note(pool.ceil, "maxpool, ceil");
                note(pool.pad != [0; 4], "maxpool, padding");
                note(pool.dilation != [1, 1], "maxpool, dilation");
            }
            Op::AvgPool { pool, count_pad } => {
                note(pool.ceil, "avgpool, ceil");
                note(!count_pad && pool.pad != [0; 4], "avgpool, padding does not count");
                note(*count_pad && pool.pad != [0; 4], "avgpool, padding counts");
            }
            Op::Pad { pad } => note(pad.iter().any(|&n| n < 0), "pad, crop"),
            Op::Zero { stride } => note(*stride != [1, 1], "zero, stride"),
            Op::Upsample { bilinear, align_corners, .. } => {
                note(*bilinear && !align_corners, "upsample, bilinear");
                note(*align_corners, "upsample, aligned corners");
            }
            Op::Affine { bias, .. } => note(!bias, "affine, no bias"),
            Op::Select { .. } => note(shapes[0].spatial().is_none(), "select, vector"),
            Op::Add => note(twice, "add, the same twice"),
            Op::Concat => {
                note(twice, "concat, the same twice");
                note(shapes[0].spatial().is_none(), "concat, vectors");
            }
            Op::Mul => {
                note(twice, "mul, the same twice");
                note(shapes.iter().any(|shape| *shape != node.shape), "mul, stretched");
                note(shapes[0].elements() < node.shape.elements(), "mul, the first stretched");
            }
            _ => {}
        }
    }
    note(readers.iter().any(|&count| count >= 3), "a tensor with three readers");
    note(graph.nodes[0].shape.channels() == 1, "one input channel");
    note(matches!(graph.output_shape(), Shape::Map { .. }), "output, map");
    note(matches!(graph.output_shape(), Shape::Vector(_)), "output, vector");
    note(graph.output.0 + 1 < graph.nodes.len(), "output, not the last node");
    note(!graph.auxiliary.is_empty(), "auxiliary outputs");
    note(graph.auxiliary.len() > 1, "several auxiliary outputs");
    note(!graph.calls.is_empty(), "blocks");
    forms
}

#[test]
fn five_hundred_networks_hold_everything() {
    let (mut ops, mut held): (BTreeMap<&str, usize>, BTreeMap<&str, usize>) = Default::default();
    let (mut nodes, mut most) = (0, 0);
    for seed in 0..500 {
        let (_, graph) = load(seed, 1 + seed as usize % LARGEST, Options::default());
        for node in &graph.nodes {
            *ops.entry(node.op.keyword()).or_default() += 1;
        }
        for (form, holds) in forms(&graph) {
            *held.entry(form).or_default() += usize::from(holds);
        }
        nodes += graph.nodes.len();
        most = most.max(graph.nodes.len());
    }
    println!("{nodes} nodes in 500 networks, at most {most}\n{ops:?}\n{held:?}");
    // `dwconv` is another way to write a convolution.
    let words = LAYERS.iter().map(|layer| layer.keyword).filter(|word| *word != "dwconv");
    let missing: Vec<&str> = words.chain(["add", "concat", "mul"]).filter(|word| !ops.contains_key(word)).collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
    let missing: Vec<&&str> = held.iter().filter(|(_, count)| **count == 0).map(|(form, _)| form).collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
}

#[test]
fn options_are_kept() {
    for seed in 0..300 {
        let (_, graph) = load(seed, 12, Options { stochastic: true, bn: false, smooth: true });
        for node in &graph.nodes {
            match node.op {
                Op::Dropout { p } | Op::DropPath { p } => assert!(p > 0.0, "seed {seed}"),
                _ => {}
            }
            let refused = ["bn", "relu", "relu6", "leaky", "prelu", "hswish", "hsigmoid", "maxpool"];
            assert!(!refused.contains(&node.op.keyword()), "seed {seed}: {}", node.op.keyword());
        }
    }
}

#[test]
fn a_seed_is_a_network() {
    let source = |seed| random_source(seed, 10, Options::default());
    assert_eq!(source(3), source(3));
    assert_ne!(source(3), source(4));
    let has_conv = |source: &str| source.contains("conv(");
    let least = smallest(3, LARGEST, Options::default(), has_conv).expect("a convolution");
    assert!(least.len() <= random_source(3, LARGEST, Options::default()).len());
    assert_eq!(smallest(3, LARGEST, Options::default(), |_| false), None);
}

/// A step on a network: its loss and gradients.
fn step<E: cnn_runtime::kernels::Float>(graph: &Graph, state: &State<E>, input: &[E]) -> oracle::Step<E> {
    let labels = labels_for(graph, 3);
    let options = LossOptions { label_smoothing: 0.1, aux_weights: vec![0.3; graph.auxiliary.len()] };
    oracle::train(graph, &|name| state.get(name), input, 3, &labels, &options).unwrap()
}

#[test]
fn numbers_stay_finite() {
    for seed in 0..200 {
        let (source, graph) = load(seed, 1 + seed as usize % LARGEST, Options::default());
        let state = State::<f32>::by_rule(&graph, 1.0);
        let input = input_by_rule::<f32>(&graph, 3);
        let outputs = oracle::infer(&graph, &|name| state.get(name), &input, 3).unwrap();
        let step = step(&graph, &state, &input);
        for (node, values) in outputs.nodes.iter().chain(&step.outputs.nodes).enumerate() {
            assert!(values.iter().all(|value| value.is_finite()), "seed {seed}, node {node}\n{source}");
        }
        for (name, values) in step.gradients.iter().chain(&step.running) {
            assert!(values.iter().all(|value| value.is_finite()), "seed {seed}, {name}\n{source}");
        }
    }
}

/// The slope of the loss along its own gradient is the gradient's square, by central differences in f64.
#[test]
fn gradients_equal_differences() {
    let (mut worst, mut compared): (f64, usize) = (0.0, 0);
    for seed in 0..150 {
        let (source, graph) = load(seed, 1 + seed as usize % 15, Options { smooth: true, ..Options::default() });
        let (state, x) = (State::<f64>::by_rule(&graph, 1.0), input_by_rule(&graph, 3));
        let here = step(&graph, &state, &x);
        let own = [("input".to_owned(), here.input_gradient.clone())];
        let square: f64 = here.gradients.iter().chain(&own).flat_map(|(_, g)| g).map(|g| g * g).sum();
        if square < 1e-12 {
            continue;
        }
        let at = |distance: f64| {
            let (mut state, mut x, scale) = (state.clone(), x.clone(), distance / square.sqrt());
            for (name, gradient) in &here.gradients {
                state.get_mut(name).unwrap().iter_mut().zip(gradient).for_each(|(p, g)| *p += scale * g);
            }
            x.iter_mut().zip(&here.input_gradient).for_each(|(x, g)| *x += scale * g);
            step(&graph, &state, &x).loss
        };
        // Richardson: the error falls with the fourth power of the distance.
        let slope = |h: f64| (at(h) - at(-h)) / (2.0 * h);
        // Where the loss is steep it is bent, too.
        let h = 1e-4 / square.sqrt().max(1.0);
        let found = (4.0 * slope(h / 2.0) - slope(h)) / 3.0;
        let error = (found - square.sqrt()).abs() / square.sqrt();
        worst = worst.max(error);
        compared += 1;
        assert!(error < 1e-6, "seed {seed}: slope {found} is not {}\n{source}", square.sqrt());
    }
    assert!(compared > 100, "{compared}");
    println!("{compared} networks, off by at most {worst:.1e}");
}

/// No network blows rounding up: what disagrees by more than this computes something else.
#[test]
fn single_precision_agrees_with_double() {
    let mut worst: [f64; 2] = [0.0; 2];
    for seed in 0..200 {
        let (source, graph) =
            load(seed, 1 + seed as usize % LARGEST, Options { bn: seed % 2 == 0, ..Options::default() });
        let precise = step(&graph, &State::<f64>::by_rule(&graph, 1.0), &input_by_rule(&graph, 3));
        let rounded = step(&graph, &State::<f32>::by_rule(&graph, 1.0), &input_by_rule(&graph, 3));
        // Of all gradients together: a single one may be nothing but rounding, where a normalisation stands behind it.
        let join = |(_, values): &(String, Vec<f64>)| values.clone();
        let exact: Vec<f64> = precise.gradients.iter().flat_map(join).collect();
        let found: Vec<f64> = rounded.gradients.iter().flat_map(|(_, g)| g).map(|&g| f64::from(g)).collect();
        let logits: Vec<f64> = rounded.outputs.logits.iter().map(|&value| f64::from(value)).collect();
        for (worst, (found, exact)) in worst.iter_mut().zip([(logits, &precise.outputs.logits), (found, &exact)]) {
            let length = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
            let difference: Vec<f64> = found.iter().zip(exact).map(|(a, b)| a - b).collect();
            let error = length(&difference) / length(exact).max(1e-2);
            assert!(error < 1e-4, "seed {seed}: off by {error:.1e}\n{source}");
            *worst = worst.max(error);
        }
    }
    println!("off by at most {:.1e} of the logits, {:.1e} of the gradients", worst[0], worst[1]);
}
