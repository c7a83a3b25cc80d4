//! The backward pass, derived instruction by instruction from the last to the first.
//!
//! A gradient that reaches a value from several readers is summed by computing each further one onto the sum so far, so
//! it costs no buffer and no pass of its own. Where the gradient of an input is that of the output, both are one value.

mod rules;

use cnn_lang::graph::{Graph, Role};

use super::constants::Recipe;
use super::error::EngineError;
use super::operation::{Activation, Operation};
use super::program::{Class, Content, Extent, Instruction, Named, Origin, Output, Program, State, ValueId};

/// The name of the images' gradient among a plan's outputs; no tensor of a network is called so.
pub const INPUT: &str = "the images";

/// What gradients are taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The cross-entropy of each output, times its share.
    Loss,
    /// The sum of all logits of all samples.
    Logits,
}

/// What a training step is to do with gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// What gradients are taken of.
    pub of: Of,
    /// Shares of the outputs in the loss: the logits, then the auxiliary ones.
    pub weights: Vec<f64>,
    /// Label smoothing.
    pub smoothing: f64,
    /// Numbers that the optimizer keeps for every parameter.
    pub optimizer_states: usize,
    /// Whether norms and biases are spared from weight decay.
    pub decay_matrices_only: bool,
    /// Whether moving averages are kept.
    pub averages: bool,
    /// Whether a step goes through in parts, whose gradients are summed.
    pub accumulate: bool,
    /// Whether updates need the norm of all gradients.
    pub gradient_norm: bool,
    /// Whether all updates are at the end: devices that do them in one go have little use for a gradient's memory before.
    pub updates_together: bool,
    /// Whether gradients can be read after the step.
    pub keep_gradients: bool,
    /// Whether that of the images can be read too, behind all others.
    pub keep_input: bool,
    /// Whether parameters follow their gradients.
    pub updates: bool,
    /// For each tensor of the network whether it stays as it is.
    pub frozen: Vec<bool>,
}

/// Appends loss, backward pass and updates to a forward pass for training.
pub fn differentiate(program: &mut Program, graph: &Graph, objective: &Objective) -> Result<(), EngineError> {
    let forward = program.instructions.clone();
    let outputs = std::mem::take(&mut program.outputs);
    let mut reverse = Reverse::new(program, graph, objective);
    for (output, (named, &weight)) in outputs.iter().zip(&objective.weights).enumerate() {
        let gradient = match objective.of {
            Of::Loss => {
                let operation = Operation::CrossEntropy { output, weight, smoothing: objective.smoothing };
                reverse.fresh(operation, vec![named.value], named.value, &named.name)
            }
            Of::Logits => reverse.ones(named.value, &named.name),
        };
        reverse.contribute(named.value, gradient, &named.name);
    }
    for (index, instruction) in forward.iter().enumerate().rev() {
        reverse.instruction(index, instruction);
        reverse.updates(instruction);
    }
    reverse.finish();
    program.remove_dead();
    Ok(())
}

struct Reverse<'a> {
    program: &'a mut Program,
    objective: &'a Objective,
    names: Vec<String>,
    /// Of each tensor, whether weight decay applies to it.
    decays: Vec<bool>,
    /// What each tensor is for.
    roles: Vec<Role>,
    /// Whether a value is learned or depends on what is.
    wanted: Vec<bool>,
    /// The gradient of each value, as far as it is summed.
    gradients: Vec<Option<ValueId>>,
    /// Parameters whose update waits for the end of the pass.
    waiting: Vec<(usize, ValueId)>,
}

impl<'a> Reverse<'a> {
    fn new(program: &'a mut Program, graph: &Graph, objective: &'a Objective) -> Reverse<'a> {
        let tensors = graph.tensors();
        let roles: Vec<Role> = tensors.iter().map(|(_, tensor)| tensor.role).collect();
        let decays =
            tensors.iter().map(|(_, tensor)| !objective.decay_matrices_only || tensor.shape.len() > 1).collect();
        let names = tensors.into_iter().map(|(name, _)| name).collect();
        let mut wanted: Vec<bool> = vec![false; program.values.len()];
        for (value, wanted) in program.values.iter().zip(&mut wanted) {
            let learned = |index: usize| roles[index] == Role::Parameter && !objective.frozen[index];
            *wanted = match value.origin {
                Origin::State(index) => learned(index),
                Origin::Input => objective.keep_input,
                Origin::Computed | Origin::Constant(_) => false,
            };
        }
        for instruction in &program.instructions {
            let any = instruction.reads().any(|id| wanted[id.0]);
            instruction.outputs.iter().for_each(|output| wanted[output.value.0] = any);
        }
        let gradients = vec![None; program.values.len()];
        Reverse { program, objective, names, decays, roles, wanted, gradients, waiting: Vec::new() }
    }

    fn emit(&mut self, operation: Operation, inputs: Vec<ValueId>, outputs: Vec<Output>, place: &str) {
        let (changes, place) = (Vec::new(), place.to_owned());
        self.program.instructions.push(Instruction { operation, inputs, outputs, changes, place });
    }

    /// A gradient as large as `like`.
    fn gradient(&mut self, like: ValueId) -> ValueId {
        let extent = self.program.extent(like);
        self.program.computed(extent, Class::Gradient)
    }

    /// The result of an operation, as large as `like`.
    fn fresh(&mut self, operation: Operation, inputs: Vec<ValueId>, like: ValueId, place: &str) -> ValueId {
        let value = self.gradient(like);
        self.emit(operation, inputs, vec![Output { value, onto: None }], place);
        value
    }

    /// As large as `like`, and 1 everywhere: the gradient of its sum.
    fn ones(&mut self, like: ValueId, place: &str) -> ValueId {
        let channels = self.program.shape(like).channels();
        let [zero, one] = [0.0, 1.0].map(|value| self.program.constant(Recipe::Fill(value, channels), channels));
        self.fresh(Operation::Affine { activation: None }, vec![like, zero, one], like, place)
    }

    /// Adds a gradient to those of a value.
    fn contribute(&mut self, id: ValueId, gradient: ValueId, place: &str) {
        if !self.wanted[id.0] {
            return;
        }
        self.gradients[id.0] = Some(match self.gradients[id.0] {
            None => gradient,
            Some(sum) => {
                let value = self.gradient(id);
                let output = Output { value, onto: Some(sum) };
                self.emit(Operation::Add { activation: None }, vec![gradient], vec![output], place);
                value
            }
        });
    }

    /// Computes a gradient of a value onto those that it has.
    fn onto(&mut self, operation: Operation, inputs: Vec<ValueId>, id: ValueId, place: &str) {
        if !self.wanted[id.0] {
            return;
        }
        let output = self.output(id);
        self.emit(operation, inputs, vec![output], place);
    }

    /// The next sum of gradients of a value.
    fn output(&mut self, id: ValueId) -> Output {
        let value = self.gradient(id);
        let onto = self.gradients[id.0].replace(value);
        Output { value, onto }
    }

    /// The gradient before an activation, given the one behind it.
    fn through(&mut self, activation: Option<Activation>, y: ValueId, dy: ValueId, place: &str) -> ValueId {
        match activation {
            Some(activation) => self.fresh(Operation::ActivateGradient(activation), vec![y, dy], y, place),
            None => dy,
        }
    }

    /// What an instruction learns can be updated once its backward pass is done: then its gradient's memory is free.
    fn updates(&mut self, instruction: &Instruction) {
        for &id in &instruction.inputs {
            let Origin::State(tensor) = self.program.values[id.0].origin else { continue };
            // A batch norm gives all its gradients, wanted or not.
            let Some(gradient) = self.gradients[id.0].filter(|_| self.wanted[id.0]) else { continue };
            let gradient = if self.objective.accumulate { self.accumulate(tensor, gradient) } else { gradient };
            let Objective { gradient_norm, keep_gradients, updates_together, .. } = self.objective;
            if *gradient_norm || *keep_gradients || *updates_together {
                self.waiting.push((tensor, gradient));
            } else {
                self.update(tensor, gradient, None);
            }
        }
    }

    /// The gradient of a step whose parts have been summed.
    fn accumulate(&mut self, tensor: usize, gradient: ValueId) -> ValueId {
        let sum = self.state(Content::Gradient(tensor), self.program.states[tensor].elements);
        let value = self.gradient(gradient);
        let (outputs, place) = (vec![Output { value, onto: None }], self.names[tensor].clone());
        let (operation, inputs, changes) = (Operation::Accumulate, vec![gradient], vec![sum]);
        self.program.instructions.push(Instruction { operation, inputs, outputs, changes, place });
        value
    }

    fn update(&mut self, tensor: usize, gradient: ValueId, norm: Option<ValueId>) {
        let elements = self.program.states[tensor].elements;
        let mut changes = vec![ValueId(tensor)];
        for k in 0..self.objective.optimizer_states {
            changes.push(self.state(Content::Optimizer(tensor, k), elements));
        }
        if self.objective.averages {
            changes.push(self.state(Content::Average(tensor), elements));
        }
        let inputs = [Some(gradient), norm].into_iter().flatten().collect();
        let (operation, place) = (Operation::Update { decay: self.decays[tensor] }, self.names[tensor].clone());
        self.program.instructions.push(Instruction { operation, inputs, outputs: Vec::new(), changes, place });
    }

    fn state(&mut self, content: Content, elements: usize) -> ValueId {
        self.program.states.push(State { content, elements });
        let class = if matches!(content, Content::Entry(_)) { Class::Weight } else { Class::Optimizer };
        self.program.value(Extent::Fixed(elements), Origin::State(self.program.states.len() - 1), class)
    }

    /// Updates that waited for all gradients, then averages of what is not learned.
    fn finish(mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let norm = self.objective.gradient_norm.then(|| {
            let value = self.program.computed(Extent::Fixed(1), Class::Gradient);
            let inputs = waiting.iter().map(|&(_, gradient)| gradient).collect();
            self.emit(Operation::GradientNorm, inputs, vec![Output { value, onto: None }], "");
            value
        });
        if self.objective.updates {
            for &(tensor, gradient) in &waiting {
                self.update(tensor, gradient, norm);
            }
        }
        if self.objective.keep_gradients {
            let named = |&(tensor, value): &(usize, ValueId)| Named { name: self.names[tensor].clone(), value };
            self.program.outputs = waiting.iter().map(named).collect();
        }
        if self.objective.keep_input {
            let input = self.program.values.iter().position(|value| value.origin == Origin::Input);
            let gradient = input.and_then(|input| self.gradients.get(input).copied().flatten());
            let named = gradient.map(|value| Named { name: INPUT.to_owned(), value });
            self.program.outputs.extend(named);
        }
        if self.objective.averages {
            let roles = std::mem::take(&mut self.roles);
            let moves = |&tensor: &usize| roles[tensor] == Role::Buffer && !self.objective.frozen[tensor];
            for tensor in (0..roles.len()).filter(moves) {
                let average = self.state(Content::Average(tensor), self.program.states[tensor].elements);
                let (inputs, changes, place) = (vec![ValueId(tensor)], vec![average], self.names[tensor].clone());
                let operation = Operation::Average;
                self.program.instructions.push(Instruction { operation, inputs, outputs: Vec::new(), changes, place });
            }
        }
    }
}
