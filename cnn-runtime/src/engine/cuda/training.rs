//! Loss and optimizer, as launches.

use super::device::{Launch, Region};
use super::lower::{Lowering, THREADS};
use super::memory::bytes;
use super::words::Words;
use crate::engine::error::EngineError;
use crate::engine::operation::Operation;
use crate::engine::plan::Step;
use crate::engine::program::{Content, Extent};
use crate::engine::session::elements;

/// Numbers of a thread that are worth a block of their own, and the most blocks for a gradient.
const NUMBERS: usize = 8;
const MOST_SQUARES: usize = 64;
/// Numbers of a parameter that a block moves.
const SHARE: usize = 4096;

/// Blocks that share a gradient.
fn square_blocks(numbers: usize) -> usize {
    numbers.div_ceil(THREADS * NUMBERS).clamp(1, MOST_SQUARES)
}

/// Numbers of scratch for the norm of such gradients.
pub(super) fn norm_scratch(gradients: &[Extent]) -> usize {
    gradients.iter().map(|&extent| square_blocks(elements(extent))).sum()
}

impl Lowering<'_> {
    pub(super) fn cross_entropy(&self, step: &Step, output: usize, weight: f64, smoothing: f64) -> Vec<Launch> {
        let (logits, scratch) = (self.input(step, 0), self.scratch(step));
        let words = Words::new().map(&logits).map(&self.output(step, 0)).address(self.memory.run());
        let words = words.address(self.memory.labels()).address(self.memory.soft());
        let words = words.double(weight).double(smoothing).address(scratch);
        let mut launches = vec![self.blocks("cross_entropy", logits.samples, words)];
        if let Some(measure) = self.memory.measure(output) {
            let words = Words::new().address(scratch).size(logits.samples).address(measure);
            launches.push(self.blocks("measure", 1, words));
        }
        launches
    }

    pub(super) fn gradient_norm(&self, step: &Step) -> Vec<Launch> {
        let (scratch, mut noted) = (self.scratch(step), 0);
        let mut launches = Vec::new();
        for index in 0..step.inputs.len() {
            let gradient = self.input(step, index);
            let blocks = square_blocks(gradient.len());
            let at = scratch + (noted * size_of::<f64>()) as u64;
            let words = Words::new().address(gradient.start).size(gradient.len()).address(at);
            launches.push(self.blocks("squares", blocks, words));
            noted += blocks;
        }
        let words = Words::new().address(scratch).size(noted).address(self.output(step, 0).start);
        let words = words.address(self.memory.run());
        launches.push(self.blocks("gradient_norm", 1, words));
        launches
    }

    /// All updates of a plan; those that follow one another are done in one go.
    pub(super) fn updates(&self) -> Result<Vec<Update>, EngineError> {
        let is_update = |index: &usize| matches!(self.plan.steps[*index].operation, Operation::Update { .. });
        let all: Vec<usize> = (0..self.plan.steps.len()).filter(is_update).collect();
        all.chunk_by(|a, b| a + 1 == *b).map(|run| self.update(run)).collect()
    }

    fn update(&self, steps: &[usize]) -> Result<Update, EngineError> {
        let (mut parameters, mut shares) = (Vec::new(), Vec::new());
        for (parameter, &index) in steps.iter().enumerate() {
            let step = &self.plan.steps[index];
            let Operation::Update { decay } = step.operation else { unreachable!("they are updates") };
            let gradient = self.input(step, 0);
            parameters.extend_from_slice(self.parameter(step, decay).get());
            let firsts = (0..gradient.len()).step_by(SHARE);
            shares.extend(firsts.flat_map(|first| [parameter as u64, first as u64]));
        }
        let blocks = (shares.len() / 2) as u32;
        let table = |words: &[u64]| -> Result<Region, EngineError> {
            let table = Region::new(self.device, "a table of parameters", size_of_val(words))?;
            table.upload(0, &bytes(words))?;
            Ok(table)
        };
        let tables = [table(&parameters)?, table(&shares)?];
        let words = Words::new().address(tables[0].at(0)).address(tables[1].at(0)).size(SHARE);
        let launch = self.each("update", blocks as usize, words.address(self.memory.run()));
        let launch = Launch { blocks: [blocks, 1], threads: self.device.block() as u32, ..launch };
        Ok(Update { step: steps[0], launch, _tables: tables })
    }

    /// What the optimizer moves in a step: `Parameter` in `kernels/training.cu`.
    fn parameter(&self, step: &Step, decays: bool) -> Words {
        let gradient = self.input(step, 0);
        let address = |state: &usize| self.memory.states.address(*state);
        let is_average = |state: &&usize| matches!(self.plan.states[**state].content, Content::Average(_));
        let (weight, others) = (step.changes[0], &step.changes[1..]);
        let mut states = others.iter().filter(|state| !is_average(state)).map(address);
        let words = Words::new().address(gradient.start).address(self.memory.states.address(weight));
        let words = words.address(states.next().unwrap_or(0)).address(states.next().unwrap_or(0));
        let words = words.address(others.iter().find(is_average).map_or(0, address)).size(gradient.len());
        words.flag(decays).address(self.memory.pace(weight))
    }
}

/// Updates of parameters one behind the other, in one go.
pub(super) struct Update {
    /// The first step that it does.
    pub step: usize,
    pub launch: Launch,
    /// What the kernel reads.
    _tables: [Region; 2],
}
