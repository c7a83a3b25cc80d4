//! What the gradient of each operation is.

use cnn_lang::graph::Op;

use super::Reverse;
use crate::engine::constants::Recipe;
use crate::engine::layers;
use crate::engine::operation::{BatchNorm, Behind, Layer, LayerGradient, Operation};
use crate::engine::program::{Class, Instruction, Output, ValueId};
use crate::kernels::Needs;

impl Reverse<'_> {
    /// Appends the backward pass of an instruction of the forward pass.
    pub(super) fn instruction(&mut self, index: usize, instruction: &Instruction) {
        let Instruction { operation, inputs, outputs, place, .. } = instruction;
        let Output { value: y, onto } = outputs[0];
        let Some(dy) = self.gradients[y.0] else { return };
        match operation {
            Operation::Conv { shape, bias, activation } => {
                let dz = self.through(*activation, y, dy, place);
                onto.into_iter().for_each(|onto| self.contribute(onto, dz, place));
                self.onto(Operation::ConvWeightGradient(*shape), vec![inputs[0], dz], inputs[1], place);
                if *bias {
                    self.onto(Operation::BiasGradient, vec![dz], inputs[2], place);
                }
                self.onto(Operation::ConvInputGradient(*shape), vec![inputs[1], dz], inputs[0], place);
            }
            Operation::Linear { shape, bias, activation } => {
                let dz = self.through(*activation, y, dy, place);
                onto.into_iter().for_each(|onto| self.contribute(onto, dz, place));
                self.onto(Operation::LinearWeightGradient(*shape), vec![inputs[0], dz], inputs[1], place);
                if *bias {
                    self.onto(Operation::BiasGradient, vec![dz], inputs[2], place);
                }
                self.onto(Operation::LinearInputGradient(*shape), vec![inputs[1], dz], inputs[0], place);
            }
            Operation::BatchNorm(norm) => self.batch_norm(*norm, instruction, dy),
            // A frozen batch norm: its factor and its summand are constants.
            Operation::Affine { activation } => {
                let dz = self.through(*activation, y, dy, place);
                onto.into_iter().for_each(|onto| self.contribute(onto, dz, place));
                if self.wanted[inputs[0].0] {
                    let channels = self.program.shape(inputs[1]).elements();
                    let zero = self.program.constant(Recipe::Fill(0.0, channels), channels);
                    let reads = vec![dz, inputs[1], zero];
                    let dx = self.fresh(Operation::Affine { activation: None }, reads, inputs[0], place);
                    self.contribute(inputs[0], dx, place);
                }
            }
            Operation::Activate(activation) => {
                let known = if activation.known_by_output() { y } else { inputs[0] };
                let dx = self.through(Some(*activation), known, dy, place);
                self.contribute(inputs[0], dx, place);
            }
            Operation::Add { activation } => {
                let dz = self.through(*activation, y, dy, place);
                inputs.iter().copied().chain(onto).for_each(|id| self.contribute(id, dz, place));
            }
            Operation::Gate => {
                self.onto(Operation::GateGradient, vec![inputs[0], dy], inputs[1], place);
                if self.wanted[inputs[0].0] {
                    let dx = self.fresh(Operation::Gate, vec![dy, inputs[1]], inputs[0], place);
                    self.contribute(inputs[0], dx, place);
                }
            }
            Operation::Concat => {
                let mut first = 0;
                for &part in inputs {
                    let slice = self.fresh(Operation::Slice { first }, vec![dy], part, place);
                    first += self.program.shape(part).channels();
                    self.contribute(part, slice, place);
                }
            }
            Operation::Slice { first } => self.onto(Operation::Embed { first: *first }, vec![dy], inputs[0], place),
            Operation::Copy | Operation::Reshape => {
                let dx = self.fresh(operation.clone(), vec![dy], inputs[0], place);
                self.contribute(inputs[0], dx, place);
            }
            Operation::Dropout { .. } => {
                let dx = self.fresh(operation.clone(), vec![dy], inputs[0], place);
                self.contribute(inputs[0], dx, place);
            }
            Operation::Layer(Layer { op: Op::MaxPool(_), .. }) => self.max_pool(index, instruction, dy),
            Operation::Layer(_) => self.layer(instruction, dy),
            Operation::Weight(form) => {
                self.onto(Operation::WeightGradient(form.clone()), vec![inputs[0], dy], inputs[0], place);
            }
            Operation::Arrange
            | Operation::ConvInputGradient(_)
            | Operation::ConvWeightGradient(_)
            | Operation::LinearInputGradient(_)
            | Operation::LinearWeightGradient(_)
            | Operation::BiasGradient
            | Operation::BatchNormGradient { .. }
            | Operation::ActivateGradient(_)
            | Operation::GateGradient
            | Operation::Embed { .. }
            | Operation::LayerGradient(_)
            | Operation::MaxPool(_)
            | Operation::MaxPoolGradient(_)
            | Operation::WeightGradient(_)
            | Operation::CrossEntropy { .. }
            | Operation::Accumulate
            | Operation::GradientNorm
            | Operation::Update { .. }
            | Operation::Average => unreachable!("a forward pass for training holds no {}", operation.name()),
        }
    }

    fn batch_norm(&mut self, norm: BatchNorm, instruction: &Instruction, dy: ValueId) {
        let Instruction { inputs, outputs, place, .. } = instruction;
        let [y, mean, inverse] = [0, 1, 2].map(|i: usize| outputs[i].value);
        let parameters = &inputs[1..];
        let mut reads = vec![inputs[0], mean, inverse];
        reads.extend_from_slice(parameters);
        let onto = outputs[0].onto;
        let is_first = self.gradients[inputs[0].0].is_none();
        let gate = if onto.is_none() && is_first { self.gate(dy) } else { None };
        let (behind, dy) = match gate {
            Some([gate, dmean, dy]) => {
                reads.extend([gate, dmean]);
                (Behind::Gate, dy)
            }
            None if onto.is_some() && norm.activation.is_some() => {
                reads.push(y);
                (Behind::Sum, dy)
            }
            None => (Behind::Activation, dy),
        };
        reads.push(dy);
        let dsum = (behind == Behind::Sum).then(|| self.gradient(y));
        let mut writes: Vec<Output> = dsum.map(|value| Output { value, onto: None }).into_iter().collect();
        writes.extend(inputs.iter().map(|&id| self.output(id)));
        self.emit(Operation::BatchNormGradient { norm, behind }, reads, writes, place);
        onto.into_iter().for_each(|onto| self.contribute(onto, dsum.unwrap_or(dy), place));
    }

    /// The gate, the gradient of the mean and that behind the gate, where a gradient is made of these alone: of a map that is
    /// averaged, and goes through the gate that hangs on its mean. What made it is dead then.
    fn gate(&self, gradient: ValueId) -> Option<[ValueId; 3]> {
        let made =
            |id: ValueId| self.program.instructions.iter().rfind(|made| made.outputs.iter().any(|o| o.value == id));
        let mean = made(gradient)?;
        let Operation::LayerGradient(LayerGradient { layer, .. }) = &mean.operation else { return None };
        let of_mean = matches!(layer.op, Op::Gap | Op::AdaptiveAvgPool { out: [1, 1] });
        let gated = made(mean.outputs[0].onto.filter(|_| of_mean)?)?;
        let is_whole = gated.operation == Operation::Gate && gated.outputs[0].onto.is_none();
        let is_map = self.program.shape(gradient).spatial().is_some_and(|size| size != [1, 1]);
        (is_whole && is_map).then(|| [gated.inputs[1], mean.inputs[mean.inputs.len() - 1], gated.inputs[0]])
    }

    /// Lets the forward pass keep who wins: its input need not be kept then, which is larger and would be searched again.
    fn max_pool(&mut self, index: usize, instruction: &Instruction, dy: ValueId) {
        let Instruction { operation: Operation::Layer(layer), inputs, outputs, place, .. } = instruction else {
            return;
        };
        if !self.wanted[inputs[0].0] {
            return;
        }
        let value = self.program.computed(self.program.extent(outputs[0].value), Class::Activation);
        let forward = &mut self.program.instructions[index];
        forward.operation = Operation::MaxPool(layer.clone());
        forward.outputs.push(Output { value, onto: None });
        self.onto(Operation::MaxPoolGradient(layer.clone()), vec![value, dy], inputs[0], place);
    }

    fn layer(&mut self, instruction: &Instruction, dy: ValueId) {
        let Instruction { operation: Operation::Layer(layer), inputs, outputs, place, .. } = instruction else {
            return;
        };
        let wanted: Vec<usize> = (0..inputs.len()).filter(|&i| self.wanted[inputs[i].0]).collect();
        let needs = layers::kernel(layer, 1).needs();
        let parameters = inputs[layer.inputs.len()..].iter().map(|&id| self.program.shape(id).elements()).collect();
        let mut reads = Vec::new();
        if needs == Needs::Inputs {
            reads.extend_from_slice(inputs);
        }
        if needs == Needs::Output {
            reads.push(outputs[0].value);
        }
        reads.push(dy);
        let gradient = LayerGradient {
            layer: layer.clone(),
            parameters,
            reads_inputs: needs == Needs::Inputs,
            reads_output: needs == Needs::Output,
            wanted: Vec::new(),
        };
        let twice = wanted.iter().any(|&i| wanted.iter().any(|&j| i != j && inputs[i] == inputs[j]));
        // A tensor that is several inputs gets its gradients one after the other.
        let passes: Vec<&[usize]> = if twice { wanted.chunks(1).collect() } else { vec![&wanted[..]] };
        for pass in passes.into_iter().filter(|pass| !pass.is_empty()) {
            let outputs = pass.iter().map(|&i| self.output(inputs[i])).collect();
            let flags = (0..inputs.len()).map(|i| pass.contains(&i)).collect();
            let gradient = LayerGradient { wanted: flags, ..gradient.clone() };
            self.emit(Operation::LayerGradient(gradient), reads.clone(), outputs, place);
        }
    }
}
