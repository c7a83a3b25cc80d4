//! Products of maps, as launches.

use super::Lowering;
use crate::engine::cuda::device::Launch;
use crate::engine::cuda::source::THREADS;
use crate::engine::cuda::words::{Map, Words};
use crate::engine::error::EngineError;
use crate::engine::operation::LayerGradient;
use crate::engine::plan::{Step, Target};

/// The factors of a product, as kernels find them.
struct Factors {
    /// The address of their maps.
    table: u64,
    count: usize,
    /// Whether channels of each that are not stretched are packs.
    packs: bool,
}

impl Lowering<'_> {
    fn factors(&self, step: &Step, count: usize) -> Result<Factors, EngineError> {
        let maps: Vec<Map> = (0..count).map(|index| self.input(step, index)).collect();
        let words = maps.iter().fold(Words::new(), |words, map| words.map(map));
        let packs = maps.iter().all(|map| map.channels == 1 || map.is_packs());
        Ok(Factors { table: self.table(words.get())?, count, packs })
    }

    /// A kernel that works on packs where all factors do.
    fn product(&self, kernel: &'static str, numbers: usize, words: Words, factors: &Factors) -> Launch {
        self.each(kernel, numbers, if factors.packs { words } else { words.one_by_one() })
    }

    /// `y` = all inputs.
    pub(super) fn mul(&self, step: &Step) -> Result<Vec<Launch>, EngineError> {
        let (factors, y) = (self.factors(step, step.inputs.len())?, self.output(step, 0));
        let words = Words::new().address(factors.table).size(factors.count).map(&y);
        Ok(vec![self.product("mul", y.len(), words, &factors)])
    }

    /// One gradient after the other.
    pub(super) fn mul_gradient(&self, step: &Step, gradient: &LayerGradient) -> Result<Vec<Launch>, EngineError> {
        let factors = self.factors(step, gradient.wanted.len())?;
        let dy = self.input(step, step.inputs.len() - 1);
        let wanted = (0..factors.count).filter(|&index| gradient.wanted[index]);
        let launch = |(which, target): (usize, &Target)| {
            let dx = self.memory.map(&target.operand, self.samples);
            let words = Words::new().address(factors.table).size(factors.count).size(which).map(&dy);
            let words = words.optional(self.onto(target).as_ref()).map(&dx);
            let stretched = dy.len() / dx.len().max(1);
            match stretched >= THREADS {
                true => self.blocks("mul_gradient_sums", dx.len(), words),
                false => self.product("mul_gradient", dx.len(), words, &factors),
            }
        };
        Ok(wanted.zip(&step.outputs).map(launch).collect())
    }
}
