//! What a plan holds: nothing that could have been folded, fused, shared or left out.

use std::collections::BTreeMap;

use cnn_lang::graph::Graph;
use cnn_runtime::engine::operation::Operation;
use cnn_runtime::engine::plan::{Start, Step};
use cnn_runtime::engine::{Backend, Plan, Reference, SessionOptions, TrainerOptions, plan_inference, plan_training};
use cnn_runtime::zoo;

fn graph(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap()
}

fn infer(graph: &Graph, batch: usize, auxiliary: bool) -> Plan {
    let reference = Reference::default();
    plan_inference(&reference as &dyn Backend<f32>, graph, SessionOptions { batch, auxiliary, ..Default::default() })
        .unwrap()
}

fn train(graph: &Graph, options: TrainerOptions) -> Plan {
    let reference = Reference::default();
    plan_training(&reference as &dyn Backend<f32>, graph, &options).unwrap().0
}

fn counts(plan: &Plan) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    plan.steps.iter().for_each(|step| *counts.entry(step.operation.name()).or_default() += 1);
    counts
}

#[test]
fn a_residual_network_is_its_convolutions() {
    for (name, source, convolutions, sums) in [
        ("resnet18", zoo::ResNet18, 20, 8),
        ("resnet50", zoo::ResNet50, 53, 16),
        ("resnet152", zoo::ResNet152, 155, 50),
    ] {
        let plan = infer(&graph(source), 1, false);
        let expected = BTreeMap::from([("conv", convolutions), ("maxpool", 1), ("gap", 1), ("linear", 1)]);
        assert_eq!(counts(&plan), expected, "{name}");
        let adds = |step: &&Step| step.outputs[0].start != Start::Unset;
        assert_eq!(plan.steps.iter().filter(adds).count(), sums, "{name}: sums computed onto a branch");
        let copies = |step: &&Step| matches!(step.outputs[0].start, Start::Copy(_));
        assert_eq!(plan.steps.iter().filter(copies).count(), 0, "{name}: every sum in place");
        println!("{name}: {} steps for {} operations", plan.steps.len(), graph(source).nodes.len());
    }
}

#[test]
fn concatenations_cost_nothing() {
    for (name, source) in [
        ("densenet121", zoo::DenseNet121),
        ("densenet201", zoo::DenseNet201),
        ("googlenet", zoo::GoogLeNet),
        ("googlenet_aux", zoo::GoogLeNetAux),
    ] {
        for batch in [1, 8] {
            let plan = infer(&graph(source), batch, true);
            let counts = counts(&plan);
            assert!(!counts.contains_key("copy") && !counts.contains_key("concat"), "{name}: {counts:?}");
        }
        let plan = train(&graph(source), TrainerOptions { batch: 8, ..Default::default() });
        let copies = plan.steps.iter().filter(|step| step.operation == Operation::Copy).count();
        assert_eq!(copies, 0, "{name} in training");
        println!("{name}: no copy, inference and training");
    }
}

#[test]
fn what_inference_does_not_need_is_gone() {
    let plan = infer(&graph(zoo::EfficientNetB0), 4, false);
    let counts = counts(&plan);
    for absent in ["bn", "dropout", "drop_path", "affine", "activation", "add", "copy"] {
        assert!(!counts.contains_key(absent), "{absent} in {counts:?}");
    }
    let gates = plan.steps.iter().filter(|step| step.operation == Operation::Gate);
    assert!(gates.clone().count() == 16 && gates.clone().all(|step| step.outputs[0].start == Start::Input(0)));

    let (with, without) = (infer(&graph(zoo::GoogLeNetAux), 1, true), infer(&graph(zoo::GoogLeNetAux), 1, false));
    assert!(without.steps.len() < with.steps.len() && without.report.weights < with.report.weights);
    let plain = infer(&graph(zoo::GoogLeNet), 1, false);
    assert_eq!((plain.steps.len(), plain.report), (without.steps.len(), without.report));
}

#[test]
fn training_fuses_both_ways() {
    let plan = train(&graph(zoo::ResNet18), TrainerOptions { batch: 8, ..Default::default() });
    let counts = counts(&plan);
    assert_eq!((counts["bn"], counts["bn gradient"]), (20, 20));
    assert!(!counts.contains_key("activation") && !counts.contains_key("add"), "{counts:?}");
    // Where a sum stands before the activation its gradient goes two ways; everywhere else it is part of the norm's.
    assert_eq!(counts["activation gradient"], 8);
    assert_eq!(counts["update"], graph(zoo::ResNet18).tensors().iter().filter(|(name, _)| !is_buffer(name)).count());
    println!("resnet18 in training: {counts:?}");
}

fn is_buffer(name: &str) -> bool {
    name.contains("running") || name.contains("num_batches")
}

#[test]
fn gradients_give_their_memory_back_unless_they_are_kept() {
    for (name, source) in [("vgg11", zoo::VGG11), ("resnet18", zoo::ResNet18)] {
        let options = |keep_gradients| TrainerOptions { batch: 1, keep_gradients, ..Default::default() };
        let [free, kept] = [false, true].map(|keep| train(&graph(source), options(keep)).report);
        println!("{name}: {} bytes, with kept gradients {}", free.arena, kept.arena);
        assert!(free.arena < kept.arena);
    }
}

#[test]
fn a_plan_reads_well() {
    let plan = infer(&graph(zoo::LeNet5), 1, false);
    let text = plan.to_string();
    println!("{text}");
    assert!(text.contains("weights") && text.contains("arena") && text.contains("conv"));
    let large = infer(&graph(zoo::ResNet50), 64, false).report.total();
    let small = infer(&graph(zoo::ResNet50), 1, false).report.total();
    assert!(large > small && large < 64 * small);
}
