use std::collections::BTreeSet;
use std::sync::Arc;

use cnn_lang::graph::{Graph, Shape};

use crate::engine::operation::{Behind, Operation};
use crate::engine::plan::{Operand, Plan, Source, Start};
use crate::engine::program::Extent;
use crate::engine::session::plane;
use crate::engine::storage::Order;
use crate::engine::{
    Backend, Clip, ConstantReader, Cpu, EngineError, Optimizer, Precision, Reference, SessionOptions, TrainerOptions,
    plan_inference, plan_training,
};
use crate::weights::InitialWeights;

/// Every operation that a plan may hold.
const SOURCE: &str = "
    Small: 5x9x9 -> 3;
    stem conv(6, 3, pad = 1) -> bn -> relu -> maxpool(2) -> lrn(5) -> gn(2) -> ln -> affine -> shift -> pad([1, -1, -1, 1])
        -> dropout(0.1) -> prelu(per_channel = true) -> conv(6, 3, pad = 1, std = true) -> leaky(0.1);
    body concat { conv(3, 3, stride = 2, pad = 1); { maxpool(2) -> conv(4, 1) }; }
        -> mul { identity; { gap -> linear(7) -> sigmoid }; } -> conv(7, 1, groups = 7) -> bn(affine = false) -> relu6
        -> add { identity; conv(7, 1) -> tanh; } -> add { identity; conv(7, 1) -> bn; } -> relu
        -> conv(7, 1) -> bn -> silu -> mul { identity; { gap -> linear(7) -> sigmoid }; } -> concat { select(0, 3) -> conv(3, 1); select(3, 7) -> conv(5, 1); };
    head avgpool(2, 1) -> prelu -> softmax -> flatten -> linear(8) -> affine -> linear(3);";

fn graph() -> Graph {
    cnn_lang::load(SOURCE, None).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn plans(backend: &dyn Backend<f32>, graph: &Graph) -> [Plan; 2] {
    let options = TrainerOptions {
        batch: 6,
        parts: 2,
        optimizer: Optimizer::ADAMW,
        average: Some(0.99),
        clip: Some(Clip::Norm(1.0)),
        precision: backend.precision(),
        ..Default::default()
    };
    let session = SessionOptions { batch: 3, precision: backend.precision(), ..Default::default() };
    [plan_inference(backend, graph, session).unwrap(), plan_training(backend, graph, &options).unwrap().0]
}

/// Whether a back end refuses a plan, and why.
fn refusal(backend: &dyn Backend<f32>, graph: &Graph, plan: Plan) -> Option<EngineError> {
    let plan = Arc::new(plan);
    let mut weights = InitialWeights::<f32>::new(graph, 1).unwrap();
    let mut constants = ConstantReader::new(&plan, &mut weights).unwrap();
    backend.prepare(plan.clone(), &mut constants).err()
}

fn larger(extent: Extent) -> Extent {
    match extent {
        Extent::Batch(Shape::Map { channels, height, width }) => {
            Extent::Batch(Shape::Map { channels: channels + 1, height, width })
        }
        Extent::Batch(Shape::Vector(count)) => Extent::Batch(Shape::Vector(count + 1)),
        Extent::Fixed(count) => Extent::Fixed(count + 1),
    }
}

/// What is wrong with a plan, and the plan.
type Harmed = (String, Plan);

/// A plan with each harm that its steps can suffer, one at a time. Not every step that has a workspace must have one.
fn harms(plan: &Plan, must_have_workspace: fn(&Operation) -> bool) -> Vec<Harmed> {
    let mut harmed: Vec<Harmed> = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let mut harm = |what: &str, change: &dyn Fn(&mut Plan)| {
            let mut plan = plan.clone();
            change(&mut plan);
            harmed.push((format!("step {index}, {}: {what}", step.operation.name()), plan));
        };
        for input in 0..step.inputs.len() {
            harm("a larger input", &|plan| {
                let operand = &mut plan.steps[index].inputs[input];
                operand.extent = larger(operand.extent);
            });
        }
        for input in 0..step.inputs.len() {
            let Operand { source, extent, pitch, .. } = step.inputs[input];
            if let Source::Constant(constant) = source {
                harm("a constant of another form", &|plan| plan.constants[constant].stored += 1);
            }
            // Channels that lie behind one another may well begin elsewhere.
            if plan.layout.order == Order::ChannelsLast && matches!(source, Source::Arena(_)) && plane(extent) > 1 {
                harm("an input a pixel further", &|plan| plan.steps[index].inputs[input].offset += pitch);
            }
        }
        if step.operation != Operation::GradientNorm {
            harm("no inputs", &|plan| plan.steps[index].inputs.clear());
        }
        if matches!(step.operation, Operation::Slice { .. }) {
            harm("a part from nowhere", &|plan| plan.steps[index].operation = Operation::Slice { first: usize::MAX });
        }
        for output in 0..step.outputs.len() {
            harm("a larger output", &|plan| {
                let operand = &mut plan.steps[index].outputs[output].operand;
                operand.extent = larger(operand.extent);
            });
            harm("a start that is none", &|plan| plan.steps[index].outputs[output].start = Start::Input(70));
            if !step.operation.adds(output) {
                harm("a sum that is none", &|plan| plan.steps[index].outputs[output].start = Start::Sum);
            }
        }
        for &change in &step.changes {
            harm("a larger state", &|plan| plan.states[change].elements += 1);
        }
        if step.workspace.is_some() && must_have_workspace(&step.operation) {
            harm("no workspace", &|plan| plan.steps[index].workspace = None);
        }
    }
    harmed
}

/// Whatever is larger than its operation says is found, and a workspace that is not there.
fn every_harm_is_found(name: &str, backend: &dyn Backend<f32>, must_have_workspace: fn(&Operation) -> bool) {
    let graph = graph();
    let (mut operations, mut taken_back) = (BTreeSet::new(), Vec::new());
    let mut found = 0;
    for plan in plans(backend, &graph) {
        operations.extend(plan.steps.iter().map(|step| step.operation.name()));
        taken_back.extend(plan.steps.iter().filter_map(|step| match step.operation {
            Operation::BatchNormGradient { behind, .. } => Some(behind),
            _ => None,
        }));
        for (what, harmed) in harms(&plan, must_have_workspace) {
            let refusal = refusal(backend, &graph, harmed);
            assert!(matches!(refusal, Some(EngineError::Plan(_))), "{name}, {what}: {refusal:?}");
            found += 1;
        }
        assert!(refusal(backend, &graph, plan).is_none());
    }
    println!(
        "{name}: {found} plans with one harm each are refused, of {} operations: {operations:?}",
        operations.len()
    );
    assert!(found > 300, "{found}");
    for operation in ["cross-entropy", "accumulate", "gradient norm", "update", "average", "weight form gradient"] {
        assert!(operations.contains(operation), "{operation}");
    }
    for behind in [Behind::Activation, Behind::Sum, Behind::Gate] {
        assert!(taken_back.contains(&behind), "{behind:?}: {taken_back:?}");
    }
}

#[test]
fn harm_is_found() {
    // It takes slices of its workspaces.
    every_harm_is_found("reference", &Reference::default(), |_| false);
    for precision in [Precision::Full, Precision::Bf16] {
        every_harm_is_found(&format!("cpu, {precision:?}"), &Cpu::default().with_precision(precision), |_| true);
    }
}

#[cfg(feature = "cuda")]
#[test]
fn harm_is_found_by_cuda() {
    let Some(cuda) = crate::engine::Cuda::for_tests() else { return };
    // The library takes what there is.
    let must_have_workspace = |operation: &Operation| operation.macs() == 0;
    for precision in [Precision::Full, Precision::Bf16] {
        let (name, cuda) = (format!("emulated CUDA, {precision:?}"), cuda.clone().with_precision(precision));
        every_harm_is_found(&name, &cuda, must_have_workspace);
    }
}
