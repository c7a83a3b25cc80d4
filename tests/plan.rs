//! What a plan holds: nothing that could have been folded, fused, shared or left out.

use std::collections::BTreeMap;

use cnn_lang::graph::Graph;
use cnn_runtime::engine::operation::Operation;
use cnn_runtime::engine::plan::{Start, Step};
use cnn_runtime::engine::{Plan, SessionOptions, TrainerOptions};
use cnn_runtime::zoo;
use cnn_tests::device::{Device, Devices};

fn graph(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap()
}

fn infer(device: Device, graph: &Graph, batch: usize, auxiliary: bool) -> Plan {
    device.plan_inference::<f32>(graph, SessionOptions { batch, auxiliary, ..Default::default() }).unwrap()
}

fn train(device: Device, graph: &Graph, options: TrainerOptions) -> Plan {
    device.plan_training::<f32>(graph, &options).unwrap()
}

/// How many steps of each kind there are, but for the images' way into a back end's own order.
fn counts(plan: &Plan) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    let steps = plan.steps.iter().filter(|step| step.operation != Operation::Arrange);
    steps.for_each(|step| *counts.entry(step.operation.name()).or_default() += 1);
    counts
}

fn a_residual_network_is_its_convolutions(device: Device) {
    for (name, source, convolutions, sums) in [
        ("resnet18", zoo::ResNet18, 20, 8),
        ("resnet50", zoo::ResNet50, 53, 16),
        ("resnet152", zoo::ResNet152, 155, 50),
    ] {
        let plan = infer(device, &graph(source), 1, false);
        let expected = BTreeMap::from([("conv", convolutions), ("maxpool", 1), ("gap", 1), ("linear", 1)]);
        assert_eq!(counts(&plan), expected, "{name}");
        let adds = |step: &&Step| step.outputs[0].start != Start::Unset;
        assert_eq!(plan.steps.iter().filter(adds).count(), sums, "{name}: sums computed onto a branch");
        let copies = |step: &&Step| matches!(step.outputs[0].start, Start::Copy(_));
        // cuDNN writes over what lies there.
        let elsewhere = if device.is_graphics() { sums } else { 0 };
        assert_eq!(plan.steps.iter().filter(copies).count(), elsewhere, "{name}: sums in place");
        println!("{name}: {} steps for {} operations", plan.steps.len(), graph(source).nodes.len());
    }
}

fn concatenations_cost_nothing(device: Device) {
    for (name, source) in [
        ("densenet121", zoo::DenseNet121),
        ("densenet201", zoo::DenseNet201),
        ("googlenet", zoo::GoogLeNet),
        ("googlenet_aux", zoo::GoogLeNetAux),
    ] {
        for batch in [1, 8] {
            let plan = infer(device, &graph(source), batch, true);
            let counts = counts(&plan);
            assert!(!counts.contains_key("copy") && !counts.contains_key("concat"), "{name}: {counts:?}");
        }
        let plan = train(device, &graph(source), TrainerOptions { batch: 8, ..Default::default() });
        let copies = plan.steps.iter().filter(|step| step.operation == Operation::Copy).count();
        assert_eq!(copies, 0, "{name} in training");
        println!("{name}: no copy, inference and training");
    }
}

fn what_inference_does_not_need_is_gone(device: Device) {
    let plan = infer(device, &graph(zoo::EfficientNetB0), 4, false);
    let counts = counts(&plan);
    for absent in ["bn", "dropout", "drop_path", "affine", "activation", "add", "copy"] {
        assert!(!counts.contains_key(absent), "{absent} in {counts:?}");
    }
    let gates = plan.steps.iter().filter(|step| step.operation == Operation::Gate);
    assert!(gates.clone().count() == 16 && gates.clone().all(|step| step.outputs[0].start == Start::Input(0)));

    let (with, without) =
        (infer(device, &graph(zoo::GoogLeNetAux), 1, true), infer(device, &graph(zoo::GoogLeNetAux), 1, false));
    assert!(without.steps.len() < with.steps.len() && without.report.weights < with.report.weights);
    let plain = infer(device, &graph(zoo::GoogLeNet), 1, false);
    assert_eq!((plain.steps.len(), plain.report), (without.steps.len(), without.report));
}

fn training_fuses_both_ways(device: Device) {
    let plan = train(device, &graph(zoo::ResNet18), TrainerOptions { batch: 8, ..Default::default() });
    let counts = counts(&plan);
    assert_eq!((counts["bn"], counts["bn gradient"]), (20, 20));
    assert!(!counts.contains_key("activation") && !counts.contains_key("add"), "{counts:?}");
    // The norms' gradients know the activations, where a sum stands before one too.
    assert!(!counts.contains_key("activation gradient"), "{counts:?}");
    assert_eq!((counts["maxpool"], counts["maxpool gradient"]), (1, 1));
    assert_eq!(counts["update"], graph(zoo::ResNet18).tensors().iter().filter(|(name, _)| !is_buffer(name)).count());
    println!("resnet18 in training: {counts:?}");
    let plan = train(device, &graph(zoo::EfficientNetB0), TrainerOptions { batch: 2, ..Default::default() });
    let counts = self::counts(&plan);
    // Squeeze-and-excite is taken back by the norm in front of it: what is left is the mean before the head.
    assert_eq!((counts["gate"], counts["gate gradient"], counts["layer gradient"]), (16, 16, 1));
    println!("efficientnet_b0 in training: {counts:?}");
    let plan = train(device, &graph(zoo::VGG11), TrainerOptions { batch: 2, ..Default::default() });
    let counts = self::counts(&plan);
    // Where a maximum follows, what comes before its activation is pooled first: five of ten activations behind a layer are apart.
    assert_eq!((counts["maxpool"], counts["activation"], counts["maxpool gradient"]), (5, 5, 5));
    println!("vgg11 in training: {counts:?}");
}

/// On every back end.
macro_rules! everywhere {
    ($($check:ident)*) => {$(
        #[test]
        fn $check() {
            f32::devices().into_iter().for_each(super::$check);
        }
    )*};
}

mod tests {
    use super::*;

    everywhere!(a_residual_network_is_its_convolutions concatenations_cost_nothing what_inference_does_not_need_is_gone training_fuses_both_ways gradients_give_their_memory_back_unless_they_are_kept a_plan_reads_well);
}

fn is_buffer(name: &str) -> bool {
    name.contains("running") || name.contains("num_batches")
}

fn gradients_give_their_memory_back_unless_they_are_kept(device: Device) {
    for (name, source) in [("vgg11", zoo::VGG11), ("resnet18", zoo::ResNet18)] {
        let options = |keep_gradients| TrainerOptions { batch: 1, keep_gradients, ..Default::default() };
        let [free, kept] = [false, true].map(|keep| train(device, &graph(source), options(keep)).report);
        println!("{name}: {} bytes, with kept gradients {}", free.arena, kept.arena);
        // Where all updates are done in one go, gradients wait for it.
        assert!(free.arena < kept.arena || device.is_graphics() && free.arena == kept.arena);
    }
}

fn a_plan_reads_well(device: Device) {
    let plan = infer(device, &graph(zoo::LeNet5), 1, false);
    let text = plan.to_string();
    println!("{text}");
    assert!(text.contains("weights") && text.contains("arena") && text.contains("conv"));
    let large = infer(device, &graph(zoo::ResNet50), 64, false).report.total();
    let small = infer(device, &graph(zoo::ResNet50), 1, false).report.total();
    assert!(large > small && large < 64 * small);
}
