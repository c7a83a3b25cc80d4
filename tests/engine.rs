//! The engine gives the numbers of the eager arithmetic: on every layer, on networks of the zoo, on random graphs.

use std::cell::Cell;

use cnn_lang::graph::{Graph, Node, NodeId, Op, Role, ScopeId, Shape};
use cnn_runtime::engine::{Number, Optimizer, SessionOptions, Targets, TrainerOptions};
use cnn_runtime::weights::StateDict;
use cnn_tests::device::{Device, Devices};
use cnn_tests::oracle::{self, LossOptions, Sgd, State, input_by_rule, labels_for};
use cnn_tests::random_graph::{LARGEST, Options, random_source, smallest};
use cnn_tests::rule::GAIN;

#[path = "engine/edges.rs"]
mod edges;

/// How many random networks there are.
const SEEDS: &str = "CNN_TEST_SEEDS";

/// Seeds of random networks: 300 unless something else is asked for.
fn seeds() -> u64 {
    std::env::var(SEEDS).map_or(300, |count| count.parse().unwrap_or_else(|_| panic!("{SEEDS} is {count:?}")))
}

/// One of so many runs on every back end, not only on the one that the engine takes by itself.
const EVERYWHERE: u64 = 5;

/// Seeds of those that all run everywhere, where that is asked for.
const MORE_SEEDS: std::ops::Range<u64> = 1000..2000;

fn weights<E: Number>(graph: &Graph, state: &State<E>) -> StateDict<E> {
    StateDict::fill_with(graph, |name, _| state.get(name).into_iter().map(E::double).collect()).unwrap()
}

/// The largest difference, as a part of the largest expected value.
fn off<E: Number>(found: &[E], expected: &[E]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().map(|x| x.double().abs()).fold(0.0, f64::max);
    let pairs = found.iter().zip(expected);
    let difference =
        pairs.map(|(x, y)| (x.double() - y.double()).abs()).fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a });
    difference / largest.max(1e-3)
}

/// Sizes that no tile, vector or window is made for; planned for eight samples, run on three and on one.
#[test]
fn edges_are_as_everywhere() {
    let mut worst = 0.0f64;
    for (what, source) in edges::EDGES {
        let graph = cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{what}: {}", errors[0]));
        let infer = |off: Result<f64, String>| off.unwrap_or_else(|error| panic!("{what}, inference: {error}"));
        worst = worst.max(infer(inference::<f32>(&graph, &f32::devices())));
        for batch in [3, 1] {
            let exact = step_of_the_oracle::<f64>(&graph, batch);
            let rounding = distance(&step_of_the_oracle::<f32>(&graph, batch), &exact);
            for device in f32::devices() {
                let step = step_of_the_engine::<f32>(device, &graph, batch, 8);
                let off = distance(&step.unwrap_or_else(|error| panic!("{what}, {device:?}: {error}")), &exact);
                // Of one sample a norm makes zeros, whose rounding a deviation of zero makes large.
                let allowed = tolerance::<f32>().max(20.0 * rounding);
                assert!(off <= allowed, "{what}, training on {batch}, {device:?}: off by {off:e}, {allowed:e} allowed");
                worst = worst.max(off);
            }
        }
    }
    println!("{} networks at the edges, worst {worst:.1e}", edges::EDGES.len());
}

/// How far logits and auxiliary outputs are off, for a full batch and for smaller ones.
fn inference<E: Devices>(graph: &Graph, devices: &[Device]) -> Result<f64, String> {
    let state = State::<E>::by_rule(graph, GAIN);
    let options = SessionOptions { batch: 3, auxiliary: true, ..Default::default() };
    let weights = weights(graph, &state);
    let session = |device: &Device| device.session(graph, &weights, options).map_err(|error| error.to_string());
    let mut sessions = devices.iter().map(session).collect::<Result<Vec<_>, _>>()?;
    let mut worst = 0.0f64;
    for batch in [3, 2, 1] {
        let input = input_by_rule::<E>(graph, batch);
        let expected = oracle::infer(graph, &|name| state.get(name), &input, batch).unwrap();
        for (session, device) in sessions.iter_mut().zip(devices) {
            let mut found = off(session.run(&input).unwrap(), &expected.logits);
            for (name, values) in &expected.auxiliary {
                found = found.max(off(session.output(name).unwrap(), values));
            }
            if found > tolerance::<E>() {
                return Err(format!("{device:?}, {batch} samples: off by {found:e}"));
            }
            worst = worst.max(found);
            assert_eq!(session.allocated(), session.plan().report.total(), "bytes allocated and predicted");
        }
    }
    Ok(worst)
}

/// How far results may be off.
fn tolerance<E>() -> f64 {
    if size_of::<E>() == 8 { 1e-9 } else { 1e-4 }
}

/// Every output a vector, so that there is a loss.
fn flat(mut graph: Graph) -> Graph {
    let flatten = |graph: &mut Graph, id: NodeId, auxiliary: bool| {
        let shape = Shape::Vector(graph.node(id).shape.elements());
        graph.nodes.push(Node { op: Op::Flatten, inputs: vec![id], shape, scope: ScopeId::ROOT, auxiliary });
        NodeId(graph.nodes.len() - 1)
    };
    let output = graph.output;
    graph.output = flatten(&mut graph, output, false);
    for index in 0..graph.auxiliary.len() {
        let output = graph.auxiliary[index].output;
        graph.auxiliary[index].output = flatten(&mut graph, output, true);
    }
    graph
}

/// What a step gives: loss, gradients in the order of the graph, running statistics.
type Outcome = (f64, Vec<f64>, Vec<f64>);

fn doubles<E: Number>(named: &[(String, Vec<E>)]) -> Vec<f64> {
    named.iter().flat_map(|(_, values)| values.iter().map(|x| x.double())).collect()
}

fn step_of_the_oracle<E: Number>(graph: &Graph, batch: usize) -> Outcome {
    let state = State::<E>::by_rule(graph, GAIN);
    let (input, labels) = (input_by_rule::<E>(graph, batch), labels_for(graph, batch));
    let loss = LossOptions { label_smoothing: 0.1, aux_weights: vec![0.3; graph.auxiliary.len()] };
    let step = oracle::train(graph, &|name| state.get(name), &input, batch, &labels, &loss).unwrap();
    (step.loss, doubles(&step.gradients), doubles(&step.running))
}

/// A step of the engine, planned for `planned` samples and run with `batch`.
fn step_of_the_engine<E: Devices>(
    device: Device,
    graph: &Graph,
    batch: usize,
    planned: usize,
) -> Result<Outcome, String> {
    let state = State::<E>::by_rule(graph, GAIN);
    let (input, labels) = (input_by_rule::<E>(graph, batch), labels_for(graph, batch));
    let options = TrainerOptions { batch: planned, label_smoothing: 0.1, keep_gradients: true, ..Default::default() };
    let mut trainer = device.trainer(graph, &weights(graph, &state), options).map_err(|error| error.to_string())?;
    let report = trainer.step(&input, Targets::Labels(&labels), 0.01).unwrap();
    assert_eq!(trainer.allocated(), trainer.plan().report.total(), "bytes allocated and predicted");

    let (found, after) = (trainer.gradients(), trainer.weights());
    let (mut gradients, mut running) = (Vec::new(), Vec::new());
    for (name, tensor) in graph.tensors() {
        match tensor.role {
            Role::Parameter => match found.iter().find(|(known, _)| *known == name) {
                Some((_, values)) => gradients.extend(values.iter().map(|x| x.double())),
                None => gradients.extend(vec![0.0; tensor.elements() as usize]),
            },
            Role::Buffer | Role::Counter => {
                running.extend(after.get(&name).unwrap().data.iter().map(|x| x.double()));
            }
        }
    }
    Ok((report.loss, gradients, running))
}

/// How far a step is off, at worst.
fn distance(found: &Outcome, exact: &Outcome) -> f64 {
    let square = |x: f64| x * x;
    let difference: f64 = found.1.iter().zip(&exact.1).map(|(x, y)| square(x - y)).sum();
    let length: f64 = exact.1.iter().map(|&x| square(x)).sum();
    let loss = (found.0 - exact.0).abs() / exact.0.abs().max(1e-3);
    let gradients = difference.sqrt() / length.sqrt().max(1e-2);
    let worst = [loss, gradients, off(&found.2, &exact.2)].into_iter();
    worst.fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// The worst of a check over random networks, each on some back ends; the smallest network that fails is shown.
fn over_random_graphs<E: Devices>(
    what: &str,
    seeds: std::ops::Range<u64>,
    everywhere: u64,
    check: impl Fn(&Graph, &[Device]) -> Result<f64, String>,
) {
    let (mut worst, tolerance) = (0.0f64, tolerance::<E>());
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let size = 1 + seed as usize % LARGEST;
        let devices = Device::of_case::<E>(seed, everywhere);
        let measure = |source: &str| check(&cnn_lang::load(source, None).unwrap(), &devices);
        let source = random_source(seed, size, Options::default());
        match measure(&source) {
            Ok(off) if off <= tolerance => worst = worst.max(off),
            found => {
                let fails = |source: &str| !measure(source).is_ok_and(|off| off <= tolerance);
                let least = smallest(seed, size, Options::default(), fails).unwrap_or(source);
                panic!("{what}, seed {seed}: {found:?}, {tolerance:e} allowed\n{least}");
            }
        }
    }
    println!("{what}: {count} random networks, worst {worst:.1e} of the largest");
}

#[test]
fn random_graphs_infer_in_32_bits() {
    over_random_graphs::<f32>("inference, f32", 0..seeds(), EVERYWHERE, inference::<f32>);
}

#[test]
fn random_graphs_infer_in_64_bits() {
    over_random_graphs::<f64>("inference, f64", 0..seeds(), 1, inference::<f64>);
}

#[test]
#[ignore = "minutes"]
fn more_random_graphs_everywhere() {
    over_random_graphs::<f32>("inference, f32", MORE_SEEDS, 1, inference::<f32>);
    train_in_32_bits(MORE_SEEDS, 1);
}

#[test]
fn random_graphs_train_in_32_bits() {
    train_in_32_bits(0..seeds(), EVERYWHERE);
}

/// Where a network makes rounding grow, the oracle in 32 bits says how far that goes: up to 20 times as far is allowed.
fn train_in_32_bits(seeds: std::ops::Range<u64>, everywhere: u64) {
    let (ill_conditioned, count) = (Cell::new(0), seeds.end - seeds.start);
    over_random_graphs::<f32>("training, f32", seeds, everywhere, |graph, devices| {
        let graph = flat(graph.clone());
        let exact = step_of_the_oracle::<f64>(&graph, 4);
        let (mut worst, mut rounding) = (0.0f64, None);
        for &device in devices {
            let found = distance(&step_of_the_engine::<f32>(device, &graph, 4, 4)?, &exact);
            if found <= tolerance::<f32>() {
                worst = worst.max(found);
                continue;
            }
            let of_the_oracle = || {
                ill_conditioned.set(ill_conditioned.get() + 1);
                distance(&step_of_the_oracle::<f32>(&graph, 4), &exact)
            };
            let rounding = *rounding.get_or_insert_with(of_the_oracle);
            if found.is_nan() || found > 20.0 * rounding {
                return Err(format!("{device:?}: off by {found:e}, the oracle by {rounding:e}"));
            }
        }
        Ok(worst)
    });
    println!("rounding grows beyond 1e-4 in {} of them", ill_conditioned.get());
    assert!(ill_conditioned.get() <= count / 50);
}

/// A batch may be smaller than planned.
#[test]
fn random_graphs_train_on_less_than_was_planned_for() {
    for seed in 0..seeds() / 10 {
        let graph = flat(cnn_lang::load(&random_source(seed, 8, Options::default()), None).unwrap());
        for device in f32::devices() {
            let [less, exactly] = [11, 3].map(|planned| step_of_the_engine::<f32>(device, &graph, 3, planned).unwrap());
            let off = distance(&less, &exactly);
            assert!(off <= 1e-4, "seed {seed}, {device:?}: off by {off:e}");
        }
    }
}

#[test]
fn random_graphs_train_in_64_bits() {
    over_random_graphs::<f64>("training, f64", 0..seeds(), 1, |graph, _| {
        let graph = flat(graph.clone());
        let found = step_of_the_engine::<f64>(Device::Reference, &graph, 3, 5)?;
        Ok(distance(&found, &step_of_the_oracle::<f64>(&graph, 3)))
    });
}

/// Fifty steps with momentum and weight decay.
fn fifty_steps<E: Devices>(name: &str, graph: &Graph, tolerance: f64) {
    let mut state = State::<E>::by_rule(graph, GAIN);
    let options = TrainerOptions { batch: 2, weight_decay: 1e-4, ..Default::default() };
    assert_eq!(options.optimizer, Optimizer::Sgd { momentum: 0.9, nesterov: false });
    let weights = weights(graph, &state);
    let mut trainers: Vec<_> =
        E::devices().into_iter().map(|on| (on, on.trainer(graph, &weights, options.clone()).unwrap())).collect();
    let mut sgd = Sgd::<E>::new(0.002, 0.9, 1e-4);
    let (input, labels) = (input_by_rule::<E>(graph, 2), labels_for(graph, 2));
    let (mut worst, mut losses) = (0.0f64, Vec::new());
    for step in 0..50 {
        let expected =
            oracle::train(graph, &|name| state.get(name), &input, 2, &labels, &LossOptions::default()).unwrap();
        losses.push(expected.loss);
        for (device, trainer) in &mut trainers {
            let found = trainer.step(&input, Targets::Labels(&labels), 0.002).unwrap();
            let off = (found.loss - expected.loss).abs() / expected.loss.max(0.1);
            assert!(off <= tolerance, "{name}, {device:?}, step {step}: loss off by {off:.1e}, {tolerance:e} allowed");
            worst = worst.max(off);
        }
        sgd.update(&mut state, &expected);
    }
    println!("{name}: 50 steps, loss {:.4} to {:.4}, worst difference {worst:.1e}", losses[0], losses[49]);
    assert!(losses[49] < losses[0], "{name} learns nothing: {losses:?}");
}

#[test]
fn fifty_steps_as_the_eager_path() {
    for (name, source) in [("lenet5", cnn_runtime::zoo::LeNet5), ("resnet20_cifar", cnn_runtime::zoo::ResNet20Cifar)] {
        let graph = cnn_lang::load(source, None).unwrap();
        // Other orders of sums part ways slowly.
        fifty_steps::<f32>(&format!("{name}, f32"), &graph, 5e-3);
        fifty_steps::<f64>(&format!("{name}, f64"), &graph, 1e-9);
    }
}
