//! The constants of a plan, made of weights a part at a time.

use std::borrow::Cow;
use std::ops::Range;

use super::constants::Entries;
use super::error::EngineError;
use super::plan::Plan;
use super::reference::Number;
use crate::weights::{WeightSource, WeightsError};

/// Numbers that are read, evaluated or packed at once, where there is a choice: little beside the weights, enough for all threads.
pub(super) const PART: usize = 1 << 20;

/// Numbers that are evaluated at once: in f64, and as the caller's numbers beside.
const EVALUATED: usize = 1 << 17;

/// Gives a back end the constants of a plan, as their recipes make them of the network's weights. A back end takes each in parts,
/// puts them where it keeps them, and says when it is done: so weights need not be in memory twice.
pub struct ConstantReader<'a, E: Number> {
    plan: &'a Plan,
    weights: &'a mut dyn WeightSource<Element = E>,
    /// For each of the network's tensors how many constants still want it.
    wanted: Vec<usize>,
}

impl<'a, E: Number> ConstantReader<'a, E> {
    /// Reads weights, which are the network's. Tensors that nothing is made of are released at once.
    ///
    /// # Errors
    /// If the plan has constants that it has no recipes for: it is no plan of the engine's.
    pub fn new(plan: &'a Plan, weights: &'a mut dyn WeightSource<Element = E>) -> Result<Self, EngineError> {
        let mut wanted = vec![0; weights.layout().len()];
        for constant in &plan.constants {
            let known = constant.recipe < plan.recipes.len();
            if !known || plan.recipes.count(constant.recipe, &Tensors(&*weights)) != constant.elements {
                return Err(EngineError::Plan("its constants have other lengths".into()));
            }
            plan.recipes.entries(constant.recipe, &mut |entry| wanted[entry] += 1);
        }
        for (index, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted == 0) {
            weights.release(index);
        }
        Ok(ConstantReader { plan, weights, wanted })
    }

    /// Numbers `range` of constant number `index` of the plan.
    ///
    /// # Errors
    /// If the weights cannot be read.
    pub fn read(&self, index: usize, range: Range<usize>) -> Result<Cow<'_, [E]>, EngineError> {
        let (recipe, recipes) = (self.plan.constants[index].recipe, &self.plan.recipes);
        if let Some(entry) = recipes.plain(recipe) {
            return Ok(self.weights.read(entry, range)?);
        }
        let mut values = Vec::with_capacity(range.len());
        for start in range.clone().step_by(EVALUATED) {
            let part = start..(start + EVALUATED).min(range.end);
            values.extend(recipes.evaluate(recipe, part, &Tensors(&*self.weights))?.into_iter().map(E::of));
        }
        Ok(values.into())
    }

    /// Copies all of a constant, and releases it.
    ///
    /// # Errors
    /// If the weights cannot be read.
    pub fn copy(&mut self, index: usize, to: &mut [E]) -> Result<(), EngineError> {
        for (part, to) in to.chunks_mut(PART).enumerate() {
            let start = part * PART;
            to.copy_from_slice(&self.read(index, start..start + to.len())?);
        }
        self.release(index);
        Ok(())
    }

    /// Says that a constant will not be read again. What it was made of is freed, if nothing else is made of it and the weights are
    /// the session's to take.
    pub fn release(&mut self, index: usize) {
        let (wanted, weights) = (&mut self.wanted, &mut self.weights);
        self.plan.recipes.entries(self.plan.constants[index].recipe, &mut |entry| {
            wanted[entry] -= 1;
            if wanted[entry] == 0 {
                weights.release(entry);
            }
        });
    }
}

/// Weights as recipes want them.
struct Tensors<'a, E: Number>(&'a dyn WeightSource<Element = E>);

impl<E: Number> Entries for Tensors<'_, E> {
    type Failed = WeightsError;

    fn count(&self, entry: usize) -> usize {
        self.0.layout()[entry].shape.iter().product()
    }

    fn numbers(&self, entry: usize, range: Range<usize>) -> Result<Vec<f64>, WeightsError> {
        Ok(self.0.read(entry, range)?.iter().map(|&value| value.double()).collect())
    }
}
