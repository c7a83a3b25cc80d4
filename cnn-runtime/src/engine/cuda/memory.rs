//! A plan's memory on a device.

mod filters;
mod images;
mod reading;
mod room;

use std::sync::Arc;

use filters::Filters;
pub(super) use filters::bytes as filter_bytes;
use images::Images;
pub(super) use reading::Reading;

use super::device::{Device, Region, bytes_of, bytes_of_mut};
use super::words::{Map, Number};
use crate::engine::backend::{Feed, Measure, Targets};
use crate::engine::constant_reader::ConstantReader;
use crate::engine::error::EngineError;
use crate::engine::memory::ALIGNMENT;
use crate::engine::operation::Operation;
use crate::engine::optimizer::{Clip, Optimizer, Rule};
use crate::engine::plan::{Operand, Plan, Source};
use crate::engine::program::Extent;
use crate::engine::session::elements;

/// Many tensors one behind the other.
#[derive(Debug)]
pub(super) struct Tensors {
    region: Region,
    /// The byte at which each begins.
    at: Vec<usize>,
    pub lens: Vec<usize>,
}

impl Tensors {
    fn new(device: &Arc<dyn Device>, what: &'static str, lens: Vec<usize>) -> Result<Tensors, EngineError> {
        let mut at = vec![0];
        for len in &lens {
            at.push(at[at.len() - 1] + (len * size_of::<f32>()).next_multiple_of(ALIGNMENT));
        }
        Ok(Tensors { region: Region::new(device, what, at[at.len() - 1])?, at, lens })
    }

    pub fn address(&self, index: usize) -> u64 {
        self.region.at(self.at[index])
    }

    pub fn get(&self, index: usize) -> Result<Vec<f32>, EngineError> {
        let mut values = vec![0.0; self.lens[index]];
        self.region.download(self.at[index], bytes_of_mut(&mut values))?;
        Ok(values)
    }

    pub fn set(&self, index: usize, values: &[f32]) -> Result<(), EngineError> {
        assert_eq!(values.len(), self.lens[index], "this is a bug in the calling code");
        self.region.upload(self.at[index], bytes_of(values))
    }

    /// Sets one whose numbers are already as they lie on the device.
    fn write(&self, index: usize, bytes: &[u8]) -> Result<(), EngineError> {
        assert!(bytes.len() <= self.lens[index] * size_of::<f32>(), "this is a bug in the engine");
        self.region.upload(self.at[index], bytes)
    }
}

/// Words of `Run` in `kernels/common.cu`.
const RUN_WORDS: usize = 21;
/// Words of `Pace`.
const PACE_WORDS: usize = 3;
/// Numbers of a [`Measure`].
const MEASURE_WORDS: usize = 2;

/// Everything that kernels may read and write.
#[derive(Debug)]
pub(super) struct Memory {
    /// What maps are of.
    pub number: Number,
    pub filters: Filters,
    arena: Region,
    pub states: Tensors,
    pub constants: Arc<Tensors>,
    pub images: Images,
    soft: Region,
    /// What else a run is given, in one piece: `Run`, the paces of all states, the labels.
    settings: Region,
    /// The word at which labels begin.
    labels_at: usize,
    measures: Region,
}

impl Memory {
    pub fn new(device: &Arc<dyn Device>, plan: &Plan, number: Number) -> Result<Memory, EngineError> {
        room::check(&**device, plan, false)?;
        let lens = plan.constants.iter().map(|constant| constant.stored).collect();
        Memory::of(device, plan, number, Arc::new(Tensors::new(device, "the weights of a session", lens)?))
    }

    /// Another one with the same constants.
    pub fn beside(&self, device: &Arc<dyn Device>, plan: &Plan) -> Result<Memory, EngineError> {
        room::check(&**device, plan, true)?;
        Memory::of(device, plan, self.number, self.constants.clone())
    }

    fn of(
        device: &Arc<dyn Device>,
        plan: &Plan,
        number: Number,
        constants: Arc<Tensors>,
    ) -> Result<Memory, EngineError> {
        let classes = |step: &crate::engine::plan::Step| match step.operation {
            Operation::CrossEntropy { .. } => Some(elements(step.inputs[0].extent)),
            _ => None,
        };
        let losses: Vec<usize> = plan.steps.iter().filter_map(classes).collect();
        let classes = losses.iter().copied().max().unwrap_or(0);
        let region = |what, numbers: usize, size: usize| Region::new(device, what, numbers * size);
        let states = plan.states.iter().map(|state| state.elements).collect();
        let labels_at = RUN_WORDS + plan.states.len() * PACE_WORDS;
        let mut memory = Memory {
            number,
            filters: Filters::default(),
            arena: region("the arena", plan.arena, 1)?,
            states: Tensors::new(device, "the state of a training", states)?,
            constants,
            images: Images::new(device, number, plan.batch * plan.input)?,
            soft: region("the targets of a run", plan.batch * classes, size_of::<f32>())?,
            settings: region("the settings of a run", labels_at + plan.batch, size_of::<u64>())?,
            labels_at,
            measures: region("the measures of a run", losses.len() * MEASURE_WORDS, size_of::<f64>())?,
        };
        memory.filters = Filters::new(device, plan, number, |weight| memory.map(weight, 1).start)?;
        Ok(memory)
    }

    /// Takes every constant: in place, or as others where executors share them.
    pub fn set_constants(
        &mut self,
        device: &Arc<dyn Device>,
        plan: &Plan,
        reader: &mut ConstantReader<'_, f32>,
    ) -> Result<(), EngineError> {
        if Arc::get_mut(&mut self.constants).is_none() {
            self.constants = Arc::new(Tensors::new(device, "the weights of a session", self.constants.lens.clone())?);
        }
        for (index, constant) in plan.constants.iter().enumerate() {
            let mut values = vec![0.0; constant.elements];
            reader.copy(index, &mut values)?;
            self.constants.write(index, &self.filters.constant(index, self.number, &values))?;
        }
        Ok(())
    }

    /// Bytes that weights, states and arena take.
    pub fn bytes(&self) -> usize {
        self.arena.bytes() + self.states.region.bytes() + self.constants.region.bytes() + self.filters.bytes()
    }

    /// The address of a byte of the arena.
    pub fn arena(&self, byte: usize) -> u64 {
        self.arena.at(byte)
    }

    pub fn labels(&self) -> u64 {
        self.settings.at(self.labels_at * size_of::<u64>())
    }

    pub fn soft(&self) -> u64 {
        self.soft.at(0)
    }

    pub fn run(&self) -> u64 {
        self.settings.at(0)
    }

    /// How the steps of the parameter in a state differ from the others'.
    pub fn pace(&self, state: usize) -> u64 {
        self.settings.at((RUN_WORDS + state * PACE_WORDS) * size_of::<u64>())
    }

    /// Where the loss of an output is noted, if there is room for it.
    pub fn measure(&self, output: usize) -> Option<u64> {
        let byte = output * MEASURE_WORDS * size_of::<f64>();
        (byte < self.measures.bytes()).then(|| self.measures.at(byte))
    }

    /// What an operand is of: the images of a run and what there is once for all samples are f32.
    fn number_of(&self, operand: &Operand) -> Number {
        let is_map = matches!(operand.extent, Extent::Batch(_)) && operand.source != Source::Input;
        if is_map { self.number } else { Number::F32 }
    }

    fn place(&self, operand: &Operand) -> (&Region, usize) {
        let (region, byte) = match operand.source {
            Source::Arena(byte) => (&self.arena, byte),
            Source::Input => (self.images.numbers(), 0),
            Source::Constant(index) => (&self.constants.region, self.constants.at[index]),
            Source::State(index) => (&self.states.region, self.states.at[index]),
        };
        (region, byte + operand.offset * self.number_of(operand).bytes())
    }

    /// Where a tensor lies, in a run of so many samples.
    pub fn map(&self, operand: &Operand, samples: usize) -> Map {
        let (region, byte) = self.place(operand);
        let samples = if matches!(operand.extent, Extent::Batch(_)) { samples } else { 1 };
        Map::new(self.number_of(operand), region.at(byte), samples, operand)
    }

    /// A tensor's numbers from the first to the last, what lies between included.
    pub fn download(&self, operand: &Operand, samples: usize) -> Result<Vec<f32>, EngineError> {
        let (region, byte) = self.place(operand);
        let number = self.number_of(operand);
        let mut span = vec![0; self.map(operand, samples).span() * number.bytes()];
        region.download(byte, &mut span)?;
        Ok(number.read(&span))
    }

    /// What kernels find in a run.
    pub fn feed(&mut self, plan: &Plan, feed: &Feed<'_, f32>) -> Result<(), EngineError> {
        self.images.feed(feed.images)?;
        let mut words = run(feed).to_vec();
        let pace = |state| feed.paces.get(state).copied().unwrap_or_default();
        let paces = (0..plan.states.len()).map(pace);
        words.extend(paces.flat_map(|pace| [pace.rate, pace.weight_decay, pace.since as f64].map(f64::to_bits)));
        match feed.targets {
            Targets::Labels(labels) => words.extend(labels.iter().map(|&label| label as u64)),
            Targets::Soft(rows) => self.soft.upload(0, bytes_of(rows))?,
        }
        self.settings.upload(0, &bytes(&words))
    }

    /// The norm of all gradients that the last run noted.
    pub fn norm(&self) -> Result<f64, EngineError> {
        let mut number = [0; size_of::<f64>()];
        self.settings.download((RUN_WORDS - 1) * size_of::<u64>(), &mut number)?;
        Ok(f64::from_le_bytes(number))
    }

    /// The losses of the last run.
    pub fn measures(&self, to: &mut [Measure]) -> Result<(), EngineError> {
        let mut all = vec![0; self.measures.bytes()];
        if all.is_empty() {
            return Ok(());
        }
        self.measures.download(0, &mut all)?;
        let (numbers, _) = all.as_chunks::<{ size_of::<f64>() }>();
        for (to, pair) in to.iter_mut().zip(numbers.chunks_exact(MEASURE_WORDS)) {
            let [loss, correct] = [0, 1].map(|index| f64::from_le_bytes(pair[index]));
            *to = Measure { loss, correct: correct as usize };
        }
        Ok(())
    }
}

/// Words as they lie on a device.
pub(super) fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// `Run` of the kernels.
fn run(feed: &Feed<'_, f32>) -> [u64; RUN_WORDS] {
    let still = Rule {
        optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
        rate: 0.0,
        weight_decay: 0.0,
        clip: None,
        average_decay: 0.0,
        number: 1,
        skip_non_finite: false,
    };
    let rule = feed.update.as_ref().unwrap_or(&still);
    let (optimizer, [a, b, eps]) = match rule.optimizer {
        Optimizer::Sgd { momentum, nesterov } => (u64::from(nesterov), [momentum, 0.0, 0.0]),
        Optimizer::AdamW { beta1, beta2, eps } => (2, [beta1, beta2, eps]),
        Optimizer::RmsProp { alpha, eps, momentum, tensorflow } => (3 + u64::from(tensorflow), [alpha, momentum, eps]),
    };
    let (clip, limit) = match rule.clip {
        None => (0, 0.0),
        Some(Clip::Norm(limit)) => (1, limit),
        Some(Clip::Value(limit)) => (2, limit),
    };
    [
        feed.seed,
        feed.dropout.to_bits(),
        u64::from(feed.update.is_some()),
        optimizer,
        a.to_bits(),
        b.to_bits(),
        eps.to_bits(),
        0,
        rule.rate.to_bits(),
        rule.weight_decay.to_bits(),
        clip,
        f64::to_bits(limit),
        rule.average_decay.to_bits(),
        (rule.number as f64).to_bits(),
        u64::from(rule.skip_non_finite),
        u64::from(feed.part.first),
        u64::from(feed.part.last),
        feed.part.share.to_bits(),
        u64::from(matches!(feed.targets, Targets::Soft(_))),
        feed.loss_scale.to_bits(),
        // The norm, which a kernel notes: until then it is finite.
        0,
    ]
}
