//! Steps of gradient descent on flat parameters, and what goes with them: moving averages and the norm for clipping.
//!
//! A rule keeps so many buffers ([`Optimizer::states`]) as long as the parameters; whoever calls owns them. Nothing is
//! allocated, and every element is by itself, so results do not depend on the threads.

mod adamw;
mod rmsprop;
mod sgd;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use super::{Float, expect_len, parallel};

pub use adamw::AdamW;
pub use rmsprop::{RmsProp, RmsPropForm};
pub use sgd::Sgd;

/// What changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Learning rate.
    pub lr: f64,
    /// Weight decay of these parameters; 0 for those that should not decay.
    pub weight_decay: f64,
    /// Multiplies the gradient before anything else: below 1 where the norm is clipped.
    pub gradient_scale: f64,
    /// The step's number, from 1.
    pub number: u64,
}

/// A rule that turns gradients into steps.
pub trait Optimizer: Send + Sync {
    /// Buffers that the rule keeps.
    fn states(&self) -> usize;

    /// What every element of buffer `index` starts with.
    fn initial(&self, index: usize) -> f64;

    /// Moves `weight` and `state` by one step. All buffers are as long as the weight.
    fn update<E: Float>(&self, at: &Step, weight: &mut [E], gradient: &[E], state: &mut [&mut [E]]);
}

/// `average = decay average + (1 - decay) value`, the moving average of parameters. Polyak & Juditsky 1992,
/// <https://doi.org/10.1137/0330046>.
pub fn ema<E: Float>(average: &mut [E], value: &[E], decay: f64) {
    expect_len("ema: average", average.len(), value.len());
    let (keep, take) = (E::of(decay), E::of(1.0 - decay));
    parallel::zip(average, value, |average, value| *average = keep * *average + take * value);
}

/// The gradient is summed in so many parts, whatever the threads.
const PARTS: usize = 64;

/// The sum of squares, in f64. Square roots of sums over all gradients are what clipping compares. Pascanu et al. 2012,
/// <https://arxiv.org/abs/1211.5063>.
pub fn squared_norm<E: Float>(gradient: &[E]) -> f64 {
    let mut parts = [0.0; PARTS];
    parts.par_iter_mut().with_min_len(if gradient.len() < 1 << 14 { PARTS } else { 1 }).enumerate().for_each(
        |(i, sum)| {
            let part = &gradient[i * gradient.len() / PARTS..(i + 1) * gradient.len() / PARTS];
            let (runs, rest) = part.as_chunks::<8>();
            let mut sums = [0.0; 8];
            for run in runs {
                sums.iter_mut().zip(run).for_each(|(sum, g)| *sum += g.double() * g.double());
            }
            *sum = sums.iter().sum::<f64>() + rest.iter().map(|g| g.double() * g.double()).sum::<f64>();
        },
    );
    parts.iter().sum()
}

/// The states, if there are as many as the rule keeps and all buffers are as long as the weight; panics otherwise.
#[track_caller]
fn checked<'a, E, const STATES: usize>(
    rule: &str,
    weight: &[E],
    gradient: &[E],
    state: &'a mut [&mut [E]],
) -> [&'a mut [E]; STATES] {
    expect_len(rule, gradient.len(), weight.len());
    assert_eq!(state.len(), STATES, "{rule} keeps {STATES} buffers; this is a bug in the calling code");
    for state in &*state {
        expect_len(rule, state.len(), weight.len());
    }
    let mut state = state.iter_mut();
    std::array::from_fn(|_| &mut **state.next().expect("as many as were counted"))
}

/// Below this many elements a loop is not worth waking a thread for.
const GRAIN: usize = 1 << 14;

/// `f(weight[i], gradient[i])` for every i.
fn each<E: Float>(weight: &mut [E], gradient: &[E], f: impl Fn(&mut E, E) + Sync) {
    parallel::zip(weight, gradient, f);
}

/// `f(weight[i], gradient[i], state[i])` for every i.
fn each1<E: Float>(weight: &mut [E], gradient: &[E], state: &mut [E], f: impl Fn(&mut E, E, &mut E) + Sync) {
    let weights = weight.par_chunks_mut(GRAIN).zip(gradient.par_chunks(GRAIN)).zip(state.par_chunks_mut(GRAIN));
    weights.for_each(|((weight, gradient), state)| {
        weight.iter_mut().zip(gradient).zip(state).for_each(|((w, &g), s)| f(w, g, s));
    });
}

/// `f(weight[i], gradient[i], a[i], b[i])` for every i.
fn each2<E: Float>(
    weight: &mut [E],
    gradient: &[E],
    [a, b]: [&mut [E]; 2],
    f: impl Fn(&mut E, E, &mut E, &mut E) + Sync,
) {
    let states = a.par_chunks_mut(GRAIN).zip(b.par_chunks_mut(GRAIN));
    let weights = weight.par_chunks_mut(GRAIN).zip(gradient.par_chunks(GRAIN)).zip(states);
    weights.for_each(|((weight, gradient), (a, b))| {
        for (((w, &g), a), b) in weight.iter_mut().zip(gradient).zip(a).zip(b) {
            f(w, g, a, b);
        }
    });
}
