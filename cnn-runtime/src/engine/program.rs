//! Instructions on values, each value computed once: what is to be done, not yet where.

use cnn_lang::graph::Shape;

use super::constants::{Constants, Recipe};
use super::operation::Operation;
use super::storage::Layout;

/// Index of a [`Value`] in [`Program::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub usize);

/// How many numbers a value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many for each sample.
    Batch(Shape),
    /// So many whatever the batch.
    Fixed(usize),
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The images that a run is given.
    Input,
    /// An instruction; it lives in the arena.
    Computed,
    /// Index into [`Program::constants`]: the same in every run.
    Constant(usize),
    /// Index into [`Program::states`]: kept, and changed, from run to run.
    State(usize),
}

/// A tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// How many numbers.
    pub extent: Extent,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is counted as.
    pub class: Class,
}

/// What memory is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Parameters, running statistics, and what was made of them.
    Weight,
    /// What optimizer and moving averages remember.
    Optimizer,
    /// What layers give, and what backward passes need of it.
    Activation,
    /// What backward passes give.
    Gradient,
}

/// What an instruction writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// The value.
    pub value: ValueId,
    /// What it starts as.
    pub onto: Option<ValueId>,
}

/// One computation on values.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// What is computed.
    pub operation: Operation,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it writes.
    pub outputs: Vec<Output>,
    /// States that it changes.
    pub changes: Vec<ValueId>,
    /// The layer it belongs to: `layer1.0.conv1`; joins have the scope around them.
    pub place: String,
}

impl Instruction {
    /// Everything it reads, what outputs start as included.
    pub fn reads(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.inputs.iter().copied().chain(self.outputs.iter().filter_map(|output| output.onto))
    }
}

/// A number kept from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What it holds.
    pub content: Content,
    /// How many numbers.
    pub elements: usize,
}

/// What a state holds; indices are into the network's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// An entry of the network's state dict: a parameter or buffer.
    Entry(usize),
    /// What the optimizer remembers of a parameter: which of its states.
    Optimizer(usize, usize),
    /// The moving average of a parameter or buffer.
    Average(usize),
    /// The gradient of a parameter, summed over the parts of a step; nothing between two steps.
    Gradient(usize),
}

/// Something that can be read after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `logits`, or the name of an auxiliary output.
    pub name: String,
    /// The value.
    pub value: ValueId,
}

/// A whole computation.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Every tensor.
    pub values: Vec<Value>,
    /// In an order of execution.
    pub instructions: Vec<Instruction>,
    /// Recipes of what does not change.
    pub constants: Constants,
    /// What is kept from run to run.
    pub states: Vec<State>,
    /// What can be read after a run: the logits first.
    pub outputs: Vec<Named>,
}

impl Program {
    /// A new value.
    pub fn value(&mut self, extent: Extent, origin: Origin, class: Class) -> ValueId {
        self.values.push(Value { extent, origin, class });
        ValueId(self.values.len() - 1)
    }

    /// A new value that an instruction computes.
    pub fn computed(&mut self, extent: Extent, class: Class) -> ValueId {
        self.value(extent, Origin::Computed, class)
    }

    /// A new value that does not change from run to run.
    pub fn constant(&mut self, recipe: Recipe, elements: usize) -> ValueId {
        let index = self.constants.add(recipe);
        self.value(Extent::Fixed(elements), Origin::Constant(index), Class::Weight)
    }

    /// How many numbers a value has.
    pub fn extent(&self, id: ValueId) -> Extent {
        self.values[id.0].extent
    }

    /// The size of a value for one sample; a fixed one is a vector.
    pub fn shape(&self, id: ValueId) -> Shape {
        match self.extent(id) {
            Extent::Batch(shape) => shape,
            Extent::Fixed(elements) => Shape::Vector(elements),
        }
    }

    /// For every value how many instructions and outputs read it.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let reads = self.instructions.iter().flat_map(Instruction::reads);
        for id in reads.chain(self.outputs.iter().map(|output| output.value)) {
            uses[id.0] += 1;
        }
        uses
    }

    /// Lets an instruction bring the images, which are f32 and whose channels come first, into the order and the numbers of maps
    /// whose channels come last. Those of one channel, or one pixel, are in the order.
    pub fn arrange_images(&mut self, layout: Layout) {
        let is_input = |value: &Value| value.origin == Origin::Input;
        let Some(images) = self.values.iter().position(is_input).map(ValueId) else { return };
        let shape = self.shape(images);
        let in_order = shape.channels() == 1 || shape.elements() == shape.channels();
        if in_order && layout.activation == layout.element {
            return;
        }
        let value = self.computed(self.extent(images), Class::Activation);
        for instruction in &mut self.instructions {
            let onto = instruction.outputs.iter_mut().filter_map(|output| output.onto.as_mut());
            for id in instruction.inputs.iter_mut().chain(onto).filter(|id| **id == images) {
                *id = value;
            }
        }
        let outputs = vec![Output { value, onto: None }];
        let arrange = Instruction {
            operation: Operation::Arrange,
            inputs: vec![images],
            outputs,
            changes: Vec::new(),
            place: String::new(),
        };
        self.instructions.insert(0, arrange);
    }

    /// Removes what nobody reads.
    pub fn remove_dead(&mut self) {
        let mut live = vec![false; self.values.len()];
        self.outputs.iter().for_each(|output| live[output.value.0] = true);
        let mut kept: Vec<Instruction> = Vec::with_capacity(self.instructions.len());
        for instruction in std::mem::take(&mut self.instructions).into_iter().rev() {
            let wanted = instruction.outputs.iter().any(|output| live[output.value.0]);
            let measures = matches!(instruction.operation, Operation::CrossEntropy { .. });
            if wanted || measures || !instruction.changes.is_empty() {
                instruction.reads().for_each(|id| live[id.0] = true);
                kept.push(instruction);
            }
        }
        kept.reverse();
        self.instructions = kept;
    }
}
