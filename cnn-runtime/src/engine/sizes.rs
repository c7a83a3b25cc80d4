//! Shows that the operands and states of a step are as large as its operation says.
//!
//! Kernels compute addresses from the sizes of operations; that operands of those sizes lie inside of their memory and apart from
//! each other, [`verify`](super::verify) shows. A plan's fields are open, so none of this is taken on trust.

mod layer;

use super::operation::{BatchNorm, Behind, ConvShape, LinearShape, Operation, WeightForm};
use super::plan::{Operand, Plan, Source, Start, Step};
use super::program::Extent;
use super::session::{elements, sizes_of_map};

/// What an operand must be: so large for each sample, or so many numbers whatever the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Map([usize; 3]),
    Numbers(usize),
}

/// What is wrong with a step, if anything.
type Checked = Result<(), String>;

/// Checks a step of a plan against its operation.
pub(super) fn check(plan: &Plan, index: usize) -> Checked {
    let step = &plan.steps[index];
    Sizes::of(step).check(&step.operation)?;
    sources(&plan.steps[..index], step)?;
    starts(step)?;
    states(plan, step)
}

fn size(operand: &Operand) -> Size {
    match operand.extent {
        Extent::Batch(_) => Size::Map(sizes_of_map(operand.extent)),
        Extent::Fixed(count) => Size::Numbers(count),
    }
}

/// The sizes of what a step reads and writes.
struct Sizes {
    inputs: Vec<Size>,
    outputs: Vec<Size>,
}

impl Sizes {
    fn of(step: &Step) -> Sizes {
        let outputs = step.outputs.iter().map(|target| size(&target.operand)).collect();
        Sizes { inputs: step.inputs.iter().map(size).collect(), outputs }
    }

    fn are(&self, inputs: &[Size], outputs: &[Size]) -> Checked {
        match self.inputs == inputs && self.outputs == outputs {
            true => Ok(()),
            false => Err(format!("{:?} -> {:?} is not {inputs:?} -> {outputs:?}", self.inputs, self.outputs)),
        }
    }

    /// Channels, height and width of an input.
    fn map(&self, index: usize) -> Result<[usize; 3], String> {
        match self.inputs.get(index) {
            Some(Size::Map(size)) => Ok(*size),
            other => Err(format!("input {index} is {other:?}, no map")),
        }
    }

    /// The length of the first input.
    fn numbers(&self) -> Result<usize, String> {
        match self.inputs.first() {
            Some(Size::Numbers(count)) => Ok(*count),
            other => Err(format!("input 0 is {other:?}, no numbers")),
        }
    }

    fn check(&self, operation: &Operation) -> Checked {
        let first = || self.map(0).map(Size::Map);
        let each = || self.map(0).map(|[channels, ..]| Size::Numbers(channels));
        let fixed = || self.numbers().map(Size::Numbers);
        match operation {
            Operation::Conv { shape, bias, .. } => {
                let ([x, y], weight) = conv(shape)?;
                self.are(&with_bias(x, weight, *bias, shape.outputs), &[y])
            }
            Operation::ConvInputGradient(shape) => {
                conv(shape).and_then(|([x, y], weight)| self.are(&[weight, y], &[x]))
            }
            Operation::ConvWeightGradient(shape) => conv(shape).and_then(|(maps, weight)| self.are(&maps, &[weight])),
            Operation::Linear { shape, bias, .. } => {
                let ([x, y], weight) = linear(shape)?;
                self.are(&with_bias(x, weight, *bias, shape.outputs), &[y])
            }
            Operation::LinearInputGradient(shape) => {
                let ([x, y], weight) = linear(shape)?;
                self.are(&[weight, y], &[x])
            }
            Operation::LinearWeightGradient(shape) => {
                let (maps, weight) = linear(shape)?;
                self.are(&maps, &[weight])
            }
            Operation::BiasGradient => self.are(&[first()?], &[each()?]),
            Operation::Affine { .. } => self.are(&[first()?, each()?, each()?], &[first()?]),
            Operation::BatchNorm(BatchNorm { affine, .. }) => {
                let (x, each) = (first()?, each()?);
                let reads: &[Size] = if *affine { &[x, each, each] } else { &[x] };
                self.are(reads, &[x, each, each])
            }
            Operation::BatchNormGradient { norm, behind } => {
                let (x, each) = (first()?, each()?);
                let parameters = vec![each; if norm.affine { 2 } else { 0 }];
                let [channels, height, width] = self.map(0)?;
                let vector = Size::Map([channels, 1, 1]);
                let is_told = norm.activation.is_some_and(|activation| activation.known_by_output());
                if *behind == Behind::Sum && !is_told || *behind == Behind::Gate && height * width == 1 {
                    return Err(format!("nothing of {:?} stands behind {:?}", behind, norm.activation));
                }
                let (between, sum) = match behind {
                    Behind::Activation => (vec![], vec![]),
                    Behind::Sum => (vec![x], vec![x]),
                    Behind::Gate => (vec![vector; 2], vec![]),
                };
                let reads = [&[x, each, each], &parameters[..], &between, &[x]].concat();
                self.are(&reads, &[&sum[..], &[x], &parameters].concat())
            }
            Operation::Activate(_) | Operation::Dropout { .. } | Operation::Copy | Operation::Arrange => {
                self.are(&[first()?], &[first()?])
            }
            Operation::ActivateGradient(_) => self.are(&[first()?; 2], &[first()?]),
            Operation::Add { .. } => self.are(&vec![first()?; self.inputs.len()], &[first()?]),
            Operation::Gate | Operation::GateGradient => {
                let (x, gate) = (first()?, Size::Map([self.map(0)?[0], 1, 1]));
                match operation {
                    Operation::Gate => self.are(&[x, gate], &[x]),
                    _ => self.are(&[x, x], &[gate]),
                }
            }
            Operation::Slice { first } => part(&self.inputs, &self.outputs, *first),
            Operation::Embed { first } => part(&self.outputs, &self.inputs, *first),
            Operation::Reshape => match (&self.inputs[..], &self.outputs[..]) {
                ([Size::Map(x)], [Size::Map(y)]) if x.iter().product::<usize>() == y.iter().product::<usize>() => {
                    Ok(())
                }
                _ => Err(format!("{:?} has other numbers than {:?}", self.inputs, self.outputs)),
            },
            Operation::Layer(layer) => self.layer(layer),
            Operation::LayerGradient(gradient) => self.layer_gradient(gradient),
            Operation::MaxPool(layer) => self.max_pool(layer),
            Operation::MaxPoolGradient(layer) => self.max_pool_gradient(layer),
            Operation::Weight(form) => self.are(&[fixed()?], &[fixed()?]).and_then(|()| formed(form, self.numbers()?)),
            Operation::WeightGradient(form) => {
                self.are(&[fixed()?; 2], &[fixed()?]).and_then(|()| formed(form, self.numbers()?))
            }
            Operation::CrossEntropy { .. } => {
                let logits = Size::Map([self.map(0)?[0], 1, 1]);
                self.are(&[logits], &[logits])
            }
            Operation::Accumulate => self.are(&[fixed()?], &[fixed()?]),
            // `sources` knows how long each gradient is.
            Operation::GradientNorm => self.are(&self.inputs, &[Size::Numbers(1)]),
            Operation::Update { .. } => {
                let norm = (self.inputs.len() > 1).then_some(Size::Numbers(1));
                let reads: Vec<Size> = [Some(fixed()?), norm].into_iter().flatten().collect();
                self.are(&reads, &[])
            }
            Operation::Average => self.are(&[fixed()?], &[]),
            Operation::Concat => Err("it is no step".into()),
        }
    }
}

/// What a convolution reads and writes, and its weight.
fn conv(shape: &ConvShape) -> Result<([Size; 2], Size), String> {
    let ConvShape { inputs, outputs, groups, rows, cols } = *shape;
    if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
        return Err(format!("{groups} groups do not divide {inputs} and {outputs} channels"));
    }
    let weights = product(&[outputs, inputs / groups, rows.kernel, cols.kernel])?;
    let size = |channels: usize, of: [usize; 2]| Size::Map([channels, of[0], of[1]]);
    let maps = [size(inputs, [rows.input, cols.input]), size(outputs, [rows.output, cols.output])];
    Ok((maps, Size::Numbers(weights)))
}

/// What a fully connected layer reads and writes, and its weight.
fn linear(shape: &LinearShape) -> Result<([Size; 2], Size), String> {
    let vector = |count: usize| Size::Map([count, 1, 1]);
    let weights = product(&[shape.inputs, shape.outputs])?;
    Ok(([vector(shape.inputs), vector(shape.outputs)], Size::Numbers(weights)))
}

fn with_bias(x: Size, weight: Size, bias: bool, filters: usize) -> Vec<Size> {
    [Some(x), Some(weight), bias.then_some(Size::Numbers(filters))].into_iter().flatten().collect()
}

/// Numbers of a weight.
fn product(sizes: &[usize]) -> Result<usize, String> {
    let count = sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    count.ok_or_else(|| format!("a weight of {sizes:?} has more numbers than can be counted"))
}

/// One map is some channels of another.
fn part(whole: &[Size], part: &[Size], first: usize) -> Checked {
    match (whole, part) {
        ([Size::Map([all, of @ ..])], [Size::Map([some, size @ ..])])
            if of == size && first <= *all && *some <= all - first =>
        {
            Ok(())
        }
        _ => Err(format!("{part:?} is no part of {whole:?}")),
    }
}

/// A weight of so many numbers can go through this.
fn formed(form: &WeightForm, count: usize) -> Checked {
    let fits = match form {
        WeightForm::Standardized { filters } => *filters > 0 && count.is_multiple_of(*filters),
        WeightForm::Connected { table, inputs, window } => {
            product(&[table.len(), *inputs, *window]) == Ok(count)
                && table.iter().flatten().all(|channel| channel < inputs)
        }
    };
    if fits { Ok(()) } else { Err(format!("a weight of {count} numbers is of another form")) }
}

/// Where an operation looks beyond sizes: images are those of the run, and gradients of a norm as the last step left them.
fn sources(before: &[Step], step: &Step) -> Checked {
    match step.operation {
        Operation::Arrange if step.inputs[0].source != Source::Input => Err("it arranges no images".into()),
        Operation::GradientNorm => {
            let written = |gradient: &Operand| {
                let place = |operand: &Operand| (operand.source, operand.offset);
                let mut targets = before.iter().rev().flat_map(|step| &step.outputs);
                targets.find(|target| place(&target.operand) == place(gradient)).map(|target| size(&target.operand))
            };
            match step.inputs.iter().find(|&gradient| written(gradient) != Some(size(gradient))) {
                Some(gradient) => Err(format!("{gradient:?} is no gradient")),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// What outputs start as has their sizes; what is replaced is what the operation may write over.
fn starts(step: &Step) -> Checked {
    for (k, target) in step.outputs.iter().enumerate() {
        match &target.start {
            Start::Sum | Start::Copy(_) if !step.operation.adds(k) => {
                return Err(format!("output {k} is added to something"));
            }
            Start::Copy(other) if size(other) != size(&target.operand) => {
                return Err("an output starts as something of another size".into());
            }
            Start::Input(index) if step.operation.overwrites(k) != Some(*index) => {
                return Err(format!("output {k} replaces input {index}"));
            }
            Start::Copy(_) | Start::Input(_) | Start::Unset | Start::Sum => {}
        }
    }
    Ok(())
}

/// As many states change as the operation says, each as long as what changes it.
fn states(plan: &Plan, step: &Step) -> Checked {
    let counts = match step.operation {
        Operation::BatchNorm(_) => 2..=2,
        Operation::Accumulate | Operation::Average => 1..=1,
        Operation::Update { .. } => 1..=usize::MAX,
        _ => 0..=0,
    };
    if !counts.contains(&step.changes.len()) {
        return Err(format!("it changes {} states", step.changes.len()));
    }
    let len = step.inputs.first().map(|input| match input.extent {
        Extent::Batch(shape) => shape.channels(),
        Extent::Fixed(_) => elements(input.extent),
    });
    let other = |&change: &usize| plan.states.get(change).map(|state| state.elements) != len;
    match step.changes.iter().any(other) {
        true => Err("it changes a state of another size".into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
