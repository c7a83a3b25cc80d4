//! Loss and optimizer, as launches.

use super::device::Launch;
use super::lower::{Lowering, THREADS};
use super::words::Words;
use crate::engine::plan::Step;
use crate::engine::program::{Content, Extent};
use crate::engine::session::elements;

/// Numbers of a thread that are worth a block of their own, and the most blocks for a gradient.
const NUMBERS: usize = 8;
const MOST_SQUARES: usize = 64;

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

    pub(super) fn update(&self, step: &Step, decays: bool) -> Launch {
        let gradient = self.input(step, 0);
        let address = |state: &usize| self.memory.states.address(*state);
        let is_average = |state: &&usize| matches!(self.plan.states[**state].content, Content::Average(_));
        let (weight, others) = (step.changes[0], &step.changes[1..]);
        let mut states = others.iter().filter(|state| !is_average(state)).map(address);
        let words = Words::new().address(gradient.start).address(self.memory.states.address(weight));
        let words = words.address(states.next().unwrap_or(0)).address(states.next().unwrap_or(0));
        let words = words.address(others.iter().find(is_average).map_or(0, address)).size(gradient.len());
        let words = words.flag(decays).address(self.memory.run()).address(self.memory.pace(weight));
        self.each("update", gradient.len(), words)
    }
}

