//! Fewer, larger instructions: normalisation folded into weights, sums and activations computed where their input is.

use cnn_lang::graph::Op;

use super::constants::Recipe;
use super::layers;
use super::operation::{Activation, Operation};
use super::program::{Class, Instruction, Origin, Program, ValueId};
use crate::kernels::window::Axis;

/// Fuses what can be fused. With `gradients`, only what a backward pass can undo.
pub fn fuse(program: &mut Program, gradients: bool) {
    if !gradients {
        over(program, Fusion::fold_affine);
    }
    over(program, Fusion::add_onto);
    if gradients {
        over(program, Fusion::pool_first);
    }
    over(program, if gradients { Fusion::activate_reversibly } else { Fusion::activate });
}

/// Takes a step at every instruction.
fn over<'a>(program: &'a mut Program, step: fn(&mut Fusion<'a>, usize)) {
    let uses = program.uses();
    let mut producer = vec![None; program.values.len()];
    for (index, instruction) in program.instructions.iter().enumerate() {
        instruction.outputs.iter().for_each(|output| producer[output.value.0] = Some(index));
    }
    let list: Vec<_> = std::mem::take(&mut program.instructions).into_iter().map(Some).collect();
    let count = list.len();
    let mut fusion = Fusion { program, list, producer, uses };
    for index in 0..count {
        step(&mut fusion, index);
    }
    let Fusion { program, list, .. } = fusion;
    program.instructions = list.into_iter().flatten().collect();
}

/// A walk over the instructions, each of which may swallow an earlier one.
struct Fusion<'a> {
    program: &'a mut Program,
    /// Instructions that were swallowed are `None`.
    list: Vec<Option<Instruction>>,
    /// Which instruction computes a value.
    producer: Vec<Option<usize>>,
    uses: Vec<usize>,
}

impl Fusion<'_> {
    /// The instruction that computes a value which nobody else reads, if it could still do more to it.
    fn open_producer(&self, id: ValueId) -> Option<usize> {
        let index = self.producer[id.0].filter(|_| self.uses[id.0] == 1)?;
        let instruction = self.list[index].as_ref()?;
        let mut operation = instruction.operation.clone();
        let free = operation.activation_mut().is_some_and(|activation| activation.is_none());
        (free && instruction.outputs[0].value == id).then_some(index)
    }

    /// The instruction at `from` goes to `to` and gives the value of the one there.
    fn replace(&mut self, from: usize, to: usize) {
        let swallowed = self.list[to].take();
        let mut instruction = self.list[from].take();
        if let (Some(swallowed), Some(instruction)) = (swallowed, &mut instruction) {
            instruction.outputs[0].value = swallowed.outputs[0].value;
            for output in &instruction.outputs {
                self.producer[output.value.0] = Some(to);
            }
        }
        self.list[to] = instruction;
    }

    fn recipe_of(&self, id: ValueId) -> Option<usize> {
        match self.program.values[id.0].origin {
            Origin::Constant(index) => Some(index),
            Origin::Input | Origin::Computed | Origin::State(_) => None,
        }
    }

    fn elements(&self, id: ValueId) -> usize {
        self.program.shape(id).elements()
    }

    /// A factor and a summand per channel go into the weight and the bias before them.
    fn fold_affine(&mut self, index: usize) {
        let Some(Instruction { operation: Operation::Affine { .. }, inputs, .. }) = &self.list[index] else { return };
        let (x, scale, shift) = (inputs[0], inputs[1], inputs[2]);
        let (Some(scale), Some(shift_recipe)) = (self.recipe_of(scale), self.recipe_of(shift)) else { return };
        let Some(from) = self.open_producer(x) else { return };
        let Some(Instruction { operation, inputs, outputs, .. }) = self.list[from].clone() else { return };
        let has_bias = match operation {
            Operation::Conv { bias, .. } | Operation::Linear { bias, .. } => bias,
            Operation::Affine { .. } => true,
            _ => return,
        };
        let Some(weight) = self.recipe_of(inputs[1]).filter(|_| outputs[0].onto.is_none()) else { return };
        let mut operands = vec![inputs[0]];
        let elements = self.elements(inputs[1]);
        operands.push(self.program.constant(Recipe::Scaled { weight, scale }, elements));
        operands.push(match inputs.get(2).filter(|_| has_bias).and_then(|&bias| self.recipe_of(bias)) {
            Some(bias) => {
                let elements = self.elements(shift);
                self.program.constant(Recipe::Shifted { bias, scale, shift: shift_recipe }, elements)
            }
            None => shift,
        });
        if let Some(instruction) = &mut self.list[from] {
            instruction.inputs = operands;
            if let Operation::Conv { bias, .. } | Operation::Linear { bias, .. } = &mut instruction.operation {
                *bias = true;
            }
        }
        self.replace(from, index);
    }

    /// A sum of two is computed onto one by what computes the other, the later one if both could.
    fn add_onto(&mut self, index: usize) {
        let Some(Instruction { operation: Operation::Add { .. }, inputs, .. }) = &self.list[index] else { return };
        let &[a, b] = &inputs[..] else { return };
        let able = |id: ValueId| {
            let from = self.open_producer(id)?;
            let instruction = self.list[from].as_ref()?;
            let sums = matches!(
                instruction.operation,
                Operation::Conv { .. } | Operation::Linear { .. } | Operation::Affine { .. } | Operation::BatchNorm(_)
            );
            (sums && instruction.outputs[0].onto.is_none()).then_some(from)
        };
        let (from, onto) = match (able(a), able(b)) {
            (Some(first), Some(second)) if first > second => (first, b),
            (_, Some(second)) => (second, a),
            (Some(first), None) => (first, b),
            (None, None) => return,
        };
        if let Some(instruction) = &mut self.list[from] {
            instruction.outputs[0].onto = Some(onto);
        }
        self.replace(from, index);
    }

    /// An activation of straight lines that falls nowhere gives the same behind a maximum over windows as before it, and its gradient goes
    /// the same way. Behind it there are fewer numbers, and what came before need not be kept. A norm has its activation for nothing.
    fn pool_first(&mut self, index: usize) {
        let Some(Instruction { operation: Operation::Layer(layer), inputs, outputs, .. }) = &self.list[index] else {
            return;
        };
        let Op::MaxPool(pool) = &layer.op else { return };
        let (activated, y) = (inputs[0], outputs[0].value);
        // Where a window lies in the padding entirely there is nothing to activate.
        let is_seen = |axis: &Axis| (0..axis.output).all(|output| !axis.taps(output).is_empty());
        let shrinks = self.elements(y) < self.elements(activated);
        if !shrinks || !layers::window(layer, pool).iter().all(is_seen) || self.uses[activated.0] != 1 {
            return;
        }
        let Some(before) = self.producer[activated.0] else { return };
        let Some(Instruction { operation: Operation::Activate(activation), inputs, .. }) = &self.list[before] else {
            return;
        };
        let x = inputs[0];
        let made = self.producer[x.0].and_then(|made| self.list[made].as_ref());
        let by_norm = made.is_some_and(|made| matches!(made.operation, Operation::BatchNorm(_)));
        let rises = match *activation {
            Activation::Relu | Activation::Relu6 => true,
            Activation::Leaky(slope) => slope > 0.0,
            Activation::Sigmoid
            | Activation::Tanh
            | Activation::Silu
            | Activation::Hswish
            | Activation::Hsigmoid
            | Activation::Gelu => false,
        };
        if by_norm || !rises {
            return;
        }
        let pooled = self.program.computed(self.program.extent(y), Class::Activation);
        self.producer.push(Some(before));
        self.uses.push(1);
        self.list.swap(before, index);
        for (at, input, output) in [(before, x, pooled), (index, pooled, y)] {
            if let Some(instruction) = &mut self.list[at] {
                (instruction.inputs[0], instruction.outputs[0].value) = (input, output);
            }
        }
    }

    fn activate(&mut self, index: usize) {
        self.activate_if(index, |_, _| true);
    }

    /// A backward pass finds the slope by the output alone, or normalises the input again.
    fn activate_reversibly(&mut self, index: usize) {
        self.activate_if(index, |instruction, from_output| {
            from_output
                || matches!(instruction.operation, Operation::BatchNorm(_)) && instruction.outputs[0].onto.is_none()
        });
    }

    fn activate_if(&mut self, index: usize, allowed: impl Fn(&Instruction, bool) -> bool) {
        let Some(Instruction { operation: Operation::Activate(activation), inputs, .. }) = &self.list[index] else {
            return;
        };
        let (activation, x) = (*activation, inputs[0]);
        let Some(from) = self.open_producer(x) else { return };
        let Some(instruction) = &mut self.list[from] else { return };
        if !allowed(instruction, activation.known_by_output()) {
            return;
        }
        if let Some(slot) = instruction.operation.activation_mut() {
            *slot = Some(activation);
        }
        self.replace(from, index);
    }
}
