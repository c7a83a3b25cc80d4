//! Loss and optimizer, as launches.

use super::Lowering;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::words::{Map, Words};
use crate::engine::error::EngineError;
use crate::engine::operation::Operation;
use crate::engine::plan::Step;
use crate::engine::program::{Content, Extent};
use crate::engine::session::elements;

/// Numbers of a tensor that are a block's share.
const SHARE: usize = 4096;

/// The shares of tensors of so many numbers: `Share` in `kernels/training.cu`.
fn shares(lens: impl IntoIterator<Item = usize>) -> Vec<[u64; 2]> {
    let of = |(tensor, len): (usize, usize)| (0..len).step_by(SHARE).map(move |first| [tensor as u64, first as u64]);
    lens.into_iter().enumerate().flat_map(of).collect()
}

/// Numbers of scratch for the norm of such gradients.
pub(super) fn norm_scratch(gradients: &[Extent]) -> usize {
    shares(gradients.iter().map(|&extent| elements(extent))).len()
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

    pub(super) fn gradient_norm(&self, step: &Step) -> Result<Vec<Launch>, EngineError> {
        let gradients: Vec<Map> = (0..step.inputs.len()).map(|index| self.input(step, index)).collect();
        let words = gradients.iter().fold(Words::new(), |words, of| words.address(of.start).size(of.len()));
        let (shares, scratch) = (shares(gradients.iter().map(Map::len)), self.scratch(step));
        let squares = Words::new().address(self.table(words.get())?).address(self.table(shares.as_flattened())?);
        let norm = Words::new().address(scratch).size(shares.len()).address(self.output(step, 0).start);
        Ok(vec![
            self.blocks("squares", shares.len(), squares.size(SHARE).address(scratch)),
            self.blocks("gradient_norm", 1, norm.address(self.memory.run())),
        ])
    }

    /// All updates of a plan; those that follow one another are done in one go, by the first one's step.
    pub(in crate::engine::cuda) fn updates(&self) -> Result<Vec<(usize, Launch)>, EngineError> {
        let is_update = |index: &usize| matches!(self.plan.steps[*index].operation, Operation::Update { .. });
        let all: Vec<usize> = (0..self.plan.steps.len()).filter(is_update).collect();
        all.chunk_by(|a, b| a + 1 == *b).map(|run| self.update(run)).collect()
    }

    fn update(&self, steps: &[usize]) -> Result<(usize, Launch), EngineError> {
        let (mut parameters, mut lens) = (Vec::new(), Vec::new());
        for &index in steps {
            let step = &self.plan.steps[index];
            let Operation::Update { decay } = step.operation else { unreachable!("they are updates") };
            parameters.extend_from_slice(self.parameter(step, decay).get());
            lens.push(self.input(step, 0).len());
        }
        let shares = shares(lens);
        let blocks = shares.len() as u32;
        let words = Words::new().address(self.table(&parameters)?).address(self.table(shares.as_flattened())?);
        let words = words.size(SHARE);
        let launch = self.each("update", blocks as usize, words.address(self.memory.run()));
        let launch = Launch { blocks: [blocks, 1], threads: self.device.block() as u32, ..launch };
        Ok((steps[0], launch))
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
