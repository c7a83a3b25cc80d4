//! Shows that a plan's operands are as large as its operations say, and workspaces as large as the kernels want.
//!
//! Kernels here compute addresses from the sizes of operations; that operands of those sizes lie inside of their memory and
//! apart from each other, [`verify`](crate::engine::verify) shows. A plan's fields are open, so none of this is taken on trust.

use cnn_lang::graph::Shape;

use super::kernel::Kernel;
use crate::engine::backend::Use;
use crate::engine::operation::{ConvShape, Layer, LayerGradient, LinearShape, Operation};
use crate::engine::plan::{Operand, Plan, Source, Start, Step};
use crate::engine::program::Extent;

/// What an operand must be: so large for each sample, or so many numbers whatever the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Map([usize; 3]),
    Numbers(usize),
}

/// What is wrong with a step, if anything.
type Checked = Result<(), String>;

/// Checks every step of a plan against its kernel.
pub(super) fn check(plan: &Plan, kernels: &[Kernel], lanes: usize) -> Checked {
    for (index, (step, kernel)) in plan.steps.iter().zip(kernels).enumerate() {
        sizes(plan, step, kernel)
            .and_then(|()| starts(step))
            .and_then(|()| workspace(plan, step, kernel, lanes))
            .map_err(|flaw| format!("step {index} ({} at {}): {flaw}", step.operation.name(), step.place))?;
    }
    Ok(())
}

/// Channels, height and width.
fn dimensions(size: Shape) -> [usize; 3] {
    let [height, width] = size.spatial().unwrap_or([1, 1]);
    [size.channels(), height, width]
}

fn size(operand: &Operand) -> Size {
    match operand.extent {
        Extent::Batch(shape) => Size::Map(dimensions(shape)),
        Extent::Fixed(count) => Size::Numbers(count),
    }
}

fn workspace(plan: &Plan, step: &Step, kernel: &Kernel, lanes: usize) -> Checked {
    let inputs: Vec<Extent> = step.inputs.iter().map(|input| input.extent).collect();
    let constant =
        kernel.filters().is_some() && step.inputs.get(1).is_some_and(|i| matches!(i.source, Source::Constant(_)));
    let of = Use { operation: &step.operation, inputs: &inputs, constant, batch: plan.batch };
    let (wanted, got) = (kernel.scratch(&of, lanes) * size_of::<f32>(), step.workspace.map_or(0, |(_, len)| len));
    if got < wanted { Err(format!("a workspace of {got} bytes, {wanted} wanted")) } else { Ok(()) }
}

/// What outputs start as has their sizes.
fn starts(step: &Step) -> Checked {
    for target in &step.outputs {
        match &target.start {
            Start::Copy(other) if size(other) != size(&target.operand) => {
                return Err("an output starts as something of another size".into());
            }
            Start::Input(index) if *index >= step.inputs.len() => {
                return Err("it replaces an input that is not there".into());
            }
            Start::Copy(_) | Start::Input(_) | Start::Unset | Start::Sum => {}
        }
    }
    Ok(())
}

/// Inputs, outputs and states of a step are as its operation says.
fn sizes(plan: &Plan, step: &Step, kernel: &Kernel) -> Checked {
    let inputs: Vec<Size> = step.inputs.iter().map(size).collect();
    let outputs: Vec<Size> = step.outputs.iter().map(|target| size(&target.operand)).collect();
    let is = |expected_in: &[Size], expected_out: &[Size]| match inputs == expected_in && outputs == expected_out {
        true => Ok(()),
        false => Err(format!("{inputs:?} -> {outputs:?} is not {expected_in:?} -> {expected_out:?}")),
    };
    let map = |index: usize| match inputs.get(index) {
        Some(Size::Map(size)) => Ok(*size),
        other => Err(format!("input {index} is {other:?}, no map")),
    };
    let with_bias = |x: Size, weight: usize, bias: bool, filters: usize| {
        let mut reads = vec![x, Size::Numbers(weight)];
        reads.extend(bias.then_some(Size::Numbers(filters)));
        reads
    };
    match &step.operation {
        Operation::Conv { shape, bias, .. } => {
            let [x, y] = conv(shape);
            is(&with_bias(x, shape.weights(), *bias, shape.outputs), &[y])
        }
        Operation::ConvInputGradient(shape) => {
            let [x, y] = conv(shape);
            is(&[Size::Numbers(shape.weights()), y], &[x])
        }
        Operation::ConvWeightGradient(shape) => is(&conv(shape), &[Size::Numbers(shape.weights())]),
        Operation::Linear { shape, bias, .. } => {
            let ([x, y], weight) = linear(shape);
            is(&with_bias(x, weight, *bias, shape.outputs), &[y])
        }
        Operation::LinearInputGradient(shape) => {
            let ([x, y], weight) = linear(shape);
            is(&[Size::Numbers(weight), y], &[x])
        }
        Operation::LinearWeightGradient(shape) => {
            let ([x, y], weight) = linear(shape);
            is(&[x, y], &[Size::Numbers(weight)])
        }
        Operation::BiasGradient => is(&[Size::Map(map(0)?)], &[Size::Numbers(map(0)?[0])]),
        Operation::Affine { .. } => {
            let (x, each) = (Size::Map(map(0)?), Size::Numbers(map(0)?[0]));
            is(&[x, each, each], &[x])
        }
        Operation::BatchNorm(norm) => {
            let (x, each) = (Size::Map(map(0)?), Size::Numbers(map(0)?[0]));
            let reads: &[Size] = if norm.affine { &[x, each, each] } else { &[x] };
            is(reads, &[x, each, each])?;
            let states = step.changes.iter().map(|&change| plan.states.get(change).map(|state| state.elements));
            match states.eq([Some(map(0)?[0]); 2]) {
                true => Ok(()),
                false => Err("running statistics of another size".into()),
            }
        }
        Operation::BatchNormGradient(norm) => {
            let (x, each) = (Size::Map(map(0)?), Size::Numbers(map(0)?[0]));
            let reads: &[Size] = if norm.affine { &[x, each, each, each, each, x] } else { &[x, each, each, x] };
            // Frozen parameters have no gradients.
            let writes: &[Size] = if outputs.len() == 1 { &[x] } else { &[x, each, each] };
            is(reads, writes)
        }
        Operation::Activate(_) | Operation::Dropout { .. } => is(&[Size::Map(map(0)?)], &[Size::Map(map(0)?)]),
        Operation::ActivateGradient(_) => is(&[Size::Map(map(0)?); 2], &[Size::Map(map(0)?)]),
        Operation::Add { .. } => is(&vec![Size::Map(map(0)?); inputs.len()], &[Size::Map(map(0)?)]),
        Operation::Gate => {
            let [channels, height, width] = map(0)?;
            let x = Size::Map([channels, height, width]);
            is(&[x, Size::Map([channels, 1, 1])], &[x])
        }
        Operation::GateGradient => {
            let [channels, height, width] = map(0)?;
            is(&[Size::Map([channels, height, width]); 2], &[Size::Map([channels, 1, 1])])
        }
        Operation::Copy => is(&[Size::Map(map(0)?)], &[Size::Map(map(0)?)]),
        Operation::Slice { first } => part(&inputs, &outputs, *first),
        Operation::Embed { first } => part(&outputs, &inputs, *first),
        Operation::Arrange | Operation::Reshape => match (&inputs[..], &outputs[..]) {
            ([Size::Map(x)], [Size::Map(y)]) if x.iter().product::<usize>() == y.iter().product::<usize>() => Ok(()),
            _ => Err(format!("{inputs:?} has other numbers than {outputs:?}")),
        },
        Operation::Layer(layer) => {
            let (reads, writes) = of_layer(layer);
            let parameters = inputs.get(reads.len()..).unwrap_or(&[]);
            is(&[&reads[..], parameters].concat(), &[writes])?;
            own(layer, parameters, kernel)
        }
        Operation::LayerGradient(gradient) => {
            let (reads, writes) = gradient_of_layer(gradient);
            is(&reads, &writes)?;
            let parameters: Vec<Size> = gradient.parameters.iter().map(|&count| Size::Numbers(count)).collect();
            let wants = gradient.wanted.len() == 1 + parameters.len();
            let reads = gradient.reads_inputs || !(learns(kernel) || matches!(kernel, Kernel::Lrn(_)));
            if learns(kernel) && !wants || !reads {
                return Err("a gradient of other inputs".into());
            }
            own(&gradient.layer, &parameters, kernel)
        }
        // Through slices, which know how long they are. Of updates `verify` knows.
        Operation::Weight(_)
        | Operation::WeightGradient(_)
        | Operation::CrossEntropy { .. }
        | Operation::Accumulate
        | Operation::GradientNorm
        | Operation::Update { .. }
        | Operation::Average => Ok(()),
        Operation::Concat => Err("it is no step".into()),
    }
}

/// What a convolution reads and writes.
fn conv(shape: &ConvShape) -> [Size; 2] {
    let size = |channels: usize, of: [usize; 2]| Size::Map([channels, of[0], of[1]]);
    let ConvShape { inputs, outputs, rows, cols, .. } = *shape;
    [size(inputs, [rows.input, cols.input]), size(outputs, [rows.output, cols.output])]
}

/// What a fully connected layer reads and writes, and how many weights it has.
fn linear(shape: &LinearShape) -> ([Size; 2], usize) {
    let vector = |count: usize| Size::Map([count, 1, 1]);
    ([vector(shape.inputs), vector(shape.outputs)], shape.inputs * shape.outputs)
}

/// One map is some channels of another.
fn part(whole: &[Size], part: &[Size], first: usize) -> Checked {
    match (whole, part) {
        ([Size::Map([all, of @ ..])], [Size::Map([some, size @ ..])]) if of == size && first + some <= *all => Ok(()),
        _ => Err(format!("{part:?} is no part of {whole:?}")),
    }
}

fn of_layer(layer: &Layer) -> (Vec<Size>, Size) {
    let size = |of: &Shape| Size::Map(dimensions(*of));
    (layer.inputs.iter().map(size).collect(), size(&layer.output))
}

fn gradient_of_layer(gradient: &LayerGradient) -> (Vec<Size>, Vec<Size>) {
    let (maps, output) = of_layer(&gradient.layer);
    let parameters = gradient.parameters.iter().map(|&count| Size::Numbers(count));
    let all: Vec<Size> = maps.into_iter().chain(parameters).collect();
    let mut reads = if gradient.reads_inputs { all.clone() } else { Vec::new() };
    reads.extend(gradient.reads_output.then_some(output));
    reads.push(output);
    let wanted = all.into_iter().zip(&gradient.wanted).filter(|(_, wanted)| **wanted);
    (reads, wanted.map(|(size, _)| size).collect())
}

/// Kernels here of layers with a number of each parameter for each channel.
fn learns(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Ln(_) | Kernel::Gn(_) | Kernel::Affine)
}

/// Layers with a kernel here have one input, of whose channels each gives one.
fn own(layer: &Layer, parameters: &[Size], kernel: &Kernel) -> Checked {
    if matches!(kernel, Kernel::Reference(_)) {
        return Ok(());
    }
    let [input] = layer.inputs[..] else { return Err("a layer of other inputs".into()) };
    let channels = input.channels();
    if channels != layer.output.channels() {
        return Err("a window of other channels".into());
    }
    let same = dimensions(input) == dimensions(layer.output);
    if matches!(kernel, Kernel::Lrn(_)) && !same {
        return Err("a norm of another size".into());
    }
    if !learns(kernel) {
        return Ok(());
    }
    let each = parameters.iter().all(|&size| size == Size::Numbers(channels));
    // Only the affine layer may do without a bias.
    let count = matches!((kernel, parameters.len()), (_, 2) | (Kernel::Affine, 1));
    let groups = if let Kernel::Gn(groups) = kernel { groups.count } else { 1 };
    let divided = groups > 0 && channels.is_multiple_of(groups);
    match same && each && count && divided {
        true => Ok(()),
        false => Err(format!("{parameters:?} and {groups} groups are not of {channels} channels each way")),
    }
}

#[cfg(test)]
mod tests {
    use cnn_lang::graph::Graph;

    use super::*;
    use crate::engine::cpu::{Cpu, Isa};
    use crate::engine::{
        Backend, ConstantReader, Precision, SessionOptions, TrainerOptions, plan_inference, plan_training,
    };
    use crate::weights::InitialWeights;

    const SOURCE: &str = "
        Small: 5x9x9 -> 3;
        stem conv(6, 3, pad = 1) -> bn -> relu -> maxpool(2) -> lrn(5) -> gn(2) -> ln -> affine -> shift -> pad([1, -1, -1, 1]);
        body concat { conv(3, 3, stride = 2, pad = 1); { maxpool(2) -> conv(4, 1) }; }
            -> mul { identity; { gap -> linear(7) -> sigmoid }; } -> conv(7, 1, groups = 7) -> bn -> relu6;
        head avgpool(2, 1) -> gap -> linear(3);";

    fn kernels(plan: &Plan, precision: Precision) -> Vec<Kernel> {
        plan.steps.iter().map(|step| Kernel::of(Isa::best(), precision, &step.operation, plan.batch)).collect()
    }

    fn graph() -> Graph {
        cnn_lang::load(SOURCE, None).unwrap_or_else(|errors| panic!("{}", errors[0]))
    }

    fn plans(cpu: &Cpu) -> [Plan; 2] {
        let graph = graph();
        let training = plan_training(cpu, &graph, &TrainerOptions { batch: 3, ..Default::default() }).unwrap().0;
        [plan_inference(cpu, &graph, SessionOptions { batch: 3, ..Default::default() }).unwrap(), training]
    }

    /// Whatever is larger or smaller than a kernel believes is found.
    #[test]
    fn harm_is_found() {
        let of = |precision| plans(&Cpu { lanes: 2, isa: Isa::best(), precision }).map(|plan| (precision, plan));
        for (precision, plan) in [Precision::Full, Precision::Bf16].into_iter().flat_map(of) {
            assert_eq!(check(&plan, &kernels(&plan, precision), 2), Ok(()));
            let mut found = 0;
            for index in 0..plan.steps.len() {
                if matches!(
                    plan.steps[index].operation,
                    Operation::CrossEntropy { .. }
                        | Operation::Accumulate
                        | Operation::GradientNorm
                        | Operation::Update { .. }
                        | Operation::Average
                ) {
                    continue;
                }
                let mut refused = |change: &dyn Fn(&mut Step)| {
                    let mut harmed = plan.clone();
                    change(&mut harmed.steps[index]);
                    let kernels = kernels(&harmed, precision);
                    assert!(check(&harmed, &kernels, 2).is_err(), "{:?}", harmed.steps[index]);
                    found += 1;
                };
                let other = |extent: Extent| match extent {
                    Extent::Batch(Shape::Map { channels, height, width }) => {
                        Extent::Batch(Shape::Map { channels: channels + 1, height, width })
                    }
                    Extent::Batch(Shape::Vector(count)) => Extent::Batch(Shape::Vector(count + 1)),
                    Extent::Fixed(count) => Extent::Fixed(count + 1),
                };
                for input in 0..plan.steps[index].inputs.len() {
                    refused(&|step| step.inputs[input].extent = other(step.inputs[input].extent));
                }
                for output in 0..plan.steps[index].outputs.len() {
                    refused(&|step| step.outputs[output].operand.extent = other(step.outputs[output].operand.extent));
                }
                if plan.steps[index].workspace.is_some() {
                    refused(&|step| step.workspace = None);
                }
            }
            println!("{found} plans with one harm each are refused");
            assert!(found > 30, "{found}");
        }
    }

    /// Scratch is planned for the threads that there are.
    #[test]
    fn a_plan_for_fewer_threads_is_refused() {
        let [of_one, of_many] = [1, 8].map(|lanes| Cpu { lanes, ..Cpu::default() });
        let plan = std::sync::Arc::new(plans(&of_one)[0].clone());
        let mut weights = InitialWeights::<f32>::new(&graph(), 1).unwrap();
        let mut constants = ConstantReader::new(&plan, &mut weights).unwrap();
        let error = of_many.prepare(plan.clone(), &mut constants).err().map(|error| error.to_string()).unwrap();
        assert!(error.contains("a workspace of"), "{error}");
    }
}
