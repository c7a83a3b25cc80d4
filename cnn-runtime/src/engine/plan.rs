//! Storage → plan: every operand an address, every byte counted, before anything runs.
//!
//! A plan knows no back end: it is told how tensors are laid out and how much workspace an operation wants. A back end
//! knows no graph: it gets steps and addresses.

use std::fmt;

use super::backend::{Backend, Use};
use super::constants::Constants;
use super::error::EngineError;
use super::memory::{self, ALIGNMENT, Lifetime};
use super::operation::Operation;
use super::program::{Class, Extent, Instruction, Origin, Program, State, ValueId};
use super::report::Report;
use super::session::{elements, shape};
use super::storage::{Layout, Order, Storage};
use super::verify::verify;

/// What holds a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The arena, from this byte on.
    Arena(usize),
    /// The images of a run.
    Input,
    /// Index into [`Plan::constants`].
    Constant(usize),
    /// Index into [`Plan::states`].
    State(usize),
}

/// A tensor's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// What holds it.
    pub source: Source,
    /// Numbers before it in each sample.
    pub offset: usize,
    /// Numbers from a sample to the next.
    pub stride: usize,
    /// Numbers from a pixel of a map to the next; 1 where channels come first.
    pub pitch: usize,
    /// How many numbers it has.
    pub extent: Extent,
}

impl Operand {
    /// Its size for one sample, as `64x56x56`.
    pub fn size(&self) -> String {
        shape(self.extent).to_string()
    }
}

/// What an output's memory holds when its step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Anything.
    Unset,
    /// What the result is to be added to.
    Sum,
    /// Anything; what the result is to be added to is there.
    Copy(Operand),
    /// The input of this number, which the result replaces.
    Input(usize),
}

/// An output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it goes.
    pub operand: Operand,
    /// What is there.
    pub start: Start,
}

/// One computation on addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is computed.
    pub operation: Operation,
    /// What it reads.
    pub inputs: Vec<Operand>,
    /// What it writes; none of them meets another output, or an input that [`Start::Input`] does not name.
    pub outputs: Vec<Target>,
    /// States that it changes.
    pub changes: Vec<usize>,
    /// Scratch: its byte in the arena and its length.
    pub workspace: Option<(usize, usize)>,
    /// The layer it belongs to.
    pub place: String,
}

/// What a step reads that is the same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Index of its recipe.
    pub recipe: usize,
    /// How many numbers the recipe gives.
    pub elements: usize,
    /// How many the back end keeps of them, in its own form.
    pub stored: usize,
}

/// Everything that is known before the first batch.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The most samples of a run.
    pub batch: usize,
    /// Numbers of one sample's image.
    pub input: usize,
    /// How tensors are laid out.
    pub layout: Layout,
    /// In order of execution.
    pub steps: Vec<Step>,
    /// Bytes of the arena.
    pub arena: usize,
    /// What steps read.
    pub constants: Vec<Constant>,
    /// How constants come about.
    pub recipes: Constants,
    /// What is kept from run to run.
    pub states: Vec<State>,
    /// What can be read after a run.
    pub outputs: Vec<(String, Operand)>,
    /// What it takes.
    pub report: Report,
}

impl Plan {
    /// Lays out a program for a back end.
    pub fn new<E>(mut program: Program, backend: &dyn Backend<E>, batch: usize) -> Result<Plan, EngineError> {
        let layout = backend.layout();
        if layout.order == Order::ChannelsLast {
            program.arrange_images(layout);
        }
        let storage = Storage::of(&program, layout);
        let workspace = |instruction: &Instruction| {
            let Instruction { operation, inputs, .. } = instruction;
            let extents: Vec<Extent> = inputs.iter().map(|&id| program.extent(id)).collect();
            let is_constant = |id: ValueId| matches!(program.values[id.0].origin, Origin::Constant(_));
            let stored =
                |(index, &id): (usize, &ValueId)| is_constant(id) && backend.stored(operation, index).is_some();
            let constant = inputs.iter().enumerate().any(stored);
            backend.workspace(&Use { operation, inputs: &extents, constant, batch })
        };
        let scratch: Vec<usize> = program.instructions.iter().map(workspace).collect();
        let mut lifetimes: Vec<Lifetime> = storage
            .buffers
            .iter()
            .map(|buffer| {
                let samples = if buffer.batched { batch } else { 1 };
                let bytes = buffer.sample * samples * layout.element_where(buffer.batched);
                Lifetime { bytes, first: buffer.first, last: buffer.last }
            })
            .collect();
        let with_scratch: Vec<usize> = (0..scratch.len()).filter(|&index| scratch[index] > 0).collect();
        let scratch_lifetime = |&index: &usize| Lifetime { bytes: scratch[index], first: index, last: index };
        lifetimes.extend(with_scratch.iter().map(scratch_lifetime));
        let (offsets, arena) = memory::assign(&lifetimes);

        let stored = |operation: &Operation, input: usize| backend.stored(operation, input);
        let mut planner = Planner {
            program: &program,
            storage: &storage,
            layout,
            offsets: &offsets,
            stored: &stored,
            constants: Vec::new(),
        };
        let mut steps = Vec::new();
        for (index, instruction) in program.instructions.iter().enumerate() {
            let at = with_scratch.binary_search(&index).ok();
            let workspace = at.map(|at| (offsets[storage.buffers.len() + at], scratch[index]));
            planner.steps(instruction, workspace, &mut steps);
        }
        let outputs =
            program.outputs.iter().map(|named| (named.name.clone(), planner.operand(named.value, None))).collect();
        let constants = planner.constants;
        let mut report = Report::of(&program, &storage, layout, batch, &scratch, arena, &constants);
        report.weights += backend.beside(&steps);
        let input = program.values.iter().find(|value| value.origin == Origin::Input);
        let input = input.map_or(0, |value| elements(value.extent));
        let Program { constants: recipes, states, .. } = program;
        let plan = Plan { batch, input, layout, steps, arena, constants, recipes, states, outputs, report };
        match verify(&plan) {
            Ok(()) => Ok(plan),
            Err(flaw) => Err(EngineError::Plan(flaw.0)),
        }
    }
}

struct Planner<'a> {
    program: &'a Program,
    storage: &'a Storage,
    layout: Layout,
    offsets: &'a [usize],
    /// What the back end makes of a constant: see [`Backend::stored`].
    stored: &'a dyn Fn(&Operation, usize) -> Option<usize>,
    constants: Vec<Constant>,
}

impl Planner<'_> {
    fn operand(&mut self, id: ValueId, stored: Option<usize>) -> Operand {
        let extent = self.program.extent(id);
        let elements = elements(extent);
        let pitch = self.layout.pitch_of(extent);
        let dense = |source| Operand { source, offset: 0, stride: elements, pitch, extent };
        match self.program.values[id.0].origin {
            Origin::Input => dense(Source::Input),
            Origin::State(index) => dense(Source::State(index)),
            Origin::Constant(index) => {
                let constant = Constant { recipe: index, elements, stored: stored.unwrap_or(elements) };
                let at = self.constants.iter().position(|&known| known == constant).unwrap_or_else(|| {
                    self.constants.push(constant);
                    self.constants.len() - 1
                });
                dense(Source::Constant(at))
            }
            Origin::Computed => {
                let Some(place) = self.storage.places[id.0] else {
                    unreachable!("every value that is read has been computed")
                };
                let source = Source::Arena(self.offsets[place.buffer]);
                let stride = self.storage.buffers[place.buffer].sample;
                Operand { source, offset: place.offset, stride, pitch: place.pitch, extent }
            }
        }
    }

    /// The steps of an instruction: none if it only looks at memory.
    fn steps(&mut self, instruction: &Instruction, workspace: Option<(usize, usize)>, steps: &mut Vec<Step>) {
        let Instruction { operation, inputs, outputs, changes, place } = instruction;
        let read = |(index, &id): (usize, &ValueId)| self.operand(id, (self.stored)(operation, index));
        let inputs: Vec<Operand> = inputs.iter().enumerate().map(read).collect();
        let address = |operand: &Operand| (operand.source, operand.offset, operand.stride);
        let mut targets = Vec::new();
        for (k, output) in outputs.iter().enumerate() {
            let operand = self.operand(output.value, None);
            let over = operation.overwrites(k).filter(|&i| address(&inputs[i]) == address(&operand));
            let start = match output.onto.map(|onto| self.operand(onto, None)) {
                Some(onto) if address(&onto) == address(&operand) => Start::Sum,
                Some(onto) => Start::Copy(onto),
                None => over.map_or(Start::Unset, Start::Input),
            };
            targets.push(Target { operand, start });
        }
        match operation {
            Operation::Slice { .. } | Operation::Reshape if address(&inputs[0]).0 == address(&targets[0].operand).0 => {
            }
            Operation::Concat => self.concat(&inputs, targets[0].operand, place, steps),
            _ => {
                let state = |id: &ValueId| match self.program.values[id.0].origin {
                    Origin::State(index) => index,
                    Origin::Input | Origin::Computed | Origin::Constant(_) => unreachable!("only states are changed"),
                };
                let changes = changes.iter().map(state).collect();
                let (operation, place) = (operation.clone(), place.clone());
                steps.push(Step { operation, inputs, outputs: targets, changes, workspace, place });
            }
        }
    }

    /// Copies of the parts that were not computed in place.
    fn concat(&mut self, parts: &[Operand], whole: Operand, place: &str, steps: &mut Vec<Step>) {
        let mut offset = whole.offset;
        for &part in parts {
            let there = Operand { offset, extent: part.extent, ..whole };
            if (part.source, part.offset, part.pitch) != (there.source, there.offset, there.pitch) {
                let outputs = vec![Target { operand: there, start: Start::Unset }];
                let (changes, place) = (Vec::new(), place.to_owned());
                steps.push(Step {
                    operation: Operation::Copy,
                    inputs: vec![part],
                    outputs,
                    changes,
                    workspace: None,
                    place,
                });
            }
            offset += self.layout.channels_of(part.extent);
        }
    }
}

impl fmt::Display for Plan {
    /// A line for each step: what, where, which bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)?;
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "{index:5} {:<22} {:<28}", step.operation.name(), step.place)?;
            for target in &step.outputs {
                let Operand { source, offset, .. } = target.operand;
                let start = match target.start {
                    Start::Unset => "",
                    Start::Sum => " onto",
                    Start::Copy(_) => " onto a copy",
                    Start::Input(_) => " in place",
                };
                write!(f, " -> {source:?}+{offset}{start}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Bytes of weights and optimizer states in a program, each tensor on its own cache lines.
pub(super) fn kept(program: &Program, constants: &[Constant], layout: Layout) -> (usize, usize) {
    let bytes = |elements: usize| (elements * layout.element).next_multiple_of(ALIGNMENT);
    let mut weights: usize = constants.iter().map(|constant| bytes(constant.stored)).sum();
    let mut optimizer = 0;
    for value in &program.values {
        if let (Origin::State(_), Extent::Fixed(elements)) = (value.origin, value.extent) {
            match value.class {
                Class::Optimizer => optimizer += bytes(elements),
                Class::Weight | Class::Activation | Class::Gradient => weights += bytes(elements),
            }
        }
    }
    (weights, optimizer)
}
