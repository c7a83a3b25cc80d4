//! Loss and optimizer.

use rayon::prelude::*;

use super::Number;
use crate::engine::backend::{Feed, Measure, Part, Targets};
use crate::engine::host::memory::Access;
use crate::engine::optimizer::{Clip, Optimizer, Pace, Rule};
use crate::engine::plan::{Start, Step};
use crate::kernels::cross_entropy::{self, CrossEntropy, Gradient, Outcome};
use crate::kernels::optimizer::{self, AdamW, Optimizer as _, RmsProp, RmsPropForm, Sgd};

pub(in crate::engine) fn cross_entropy<E: Number>(
    access: &Access<E>,
    step: &Step,
    feed: &Feed<'_, E>,
    weight: f64,
    smoothing: f64,
) -> Measure {
    let weight = weight * feed.loss_scale;
    let logits = access.view(step.inputs[0]);
    let mut dlogits = access.view_mut(step.outputs[0].operand);
    let (batch, classes) = (logits.samples, logits.len);
    // Strided samples one by one, each with its share of the mean.
    let dense = logits.is_dense() && dlogits.is_dense();
    let (passes, samples) = if dense { (1, batch) } else { (batch, 1) };
    let mut measure = Measure::default();
    for pass in 0..passes {
        let targets = match feed.targets {
            Targets::Labels(labels) => cross_entropy::Targets::Labels(&labels[pass * samples..][..samples]),
            Targets::Soft(rows) => cross_entropy::Targets::Soft(&rows[pass * samples * classes..][..samples * classes]),
        };
        let (logits, dlogits) =
            if dense { (logits.all(), dlogits.all()) } else { (logits.sample(pass), dlogits.sample(pass)) };
        let gradient = Gradient { dlogits, weight: weight / passes as f64, accumulate: false };
        let kernel = CrossEntropy { samples, classes, smoothing };
        // Labels have been checked against the classes before the run.
        if let Ok(Outcome { loss, hits }) = kernel.run(logits, targets, Some(gradient)) {
            measure.loss += loss / passes as f64;
            measure.correct += hits;
        }
    }
    measure
}

pub(super) fn accumulate<E: Number>(access: &Access<E>, step: &Step, part: Part) {
    accumulate_on(access, step, part, |count, f| (0..count).into_par_iter().for_each(f));
}

/// Adds a part's gradient to those before it; the last one's is the sum. Tasks as in [`update_on`].
pub(in crate::engine) fn accumulate_on<E: Number>(
    access: &Access<E>,
    step: &Step,
    part: Part,
    each: impl Fn(usize, &(dyn Fn(usize) + Sync)),
) {
    let target = &step.outputs[0];
    let mut gradient = access.view_mut(target.operand);
    if target.start != Start::Input(0) {
        gradient.copy(access.view(step.inputs[0]));
    }
    if part == Part::WHOLE {
        return;
    }
    let (gradient, sum) = (Parts::of(gradient.all()), Parts::of(access.state(step.changes[0])));
    let share = E::of(part.share);
    let add = |task: usize| {
        // SAFETY: tasks take different numbers of each.
        let (gradient, sum) = unsafe { (gradient.part(task), sum.part(task)) };
        for (gradient, sum) in gradient.iter_mut().zip(sum) {
            let so_far = if part.first { share * *gradient } else { *sum + share * *gradient };
            *(if part.last { gradient } else { sum }) = so_far;
        }
    };
    each(gradient.count().min(sum.count()), &add);
}

/// The norm of all gradients as one vector, of a loss that is multiplied by `loss_scale`.
pub(in crate::engine) fn gradient_norm<E: Number>(access: &Access<E>, step: &Step, loss_scale: f64) -> f64 {
    let squares: f64 = step.inputs.iter().map(|&gradient| optimizer::squared_norm(access.view(gradient).all())).sum();
    let norm = squares.sqrt() / loss_scale;
    access.view_mut(step.outputs[0].operand).all()[0] = E::of(norm);
    norm
}

/// The most numbers that an optimizer keeps for a parameter.
const MOST_STATES: usize = 2;

/// A step of the optimizer: its rule, the tensor's pace, whether the tensor decays, the norm of all gradients where it is known, what
/// the loss was multiplied by.
pub(in crate::engine) struct Update<'a> {
    pub rule: &'a Rule,
    pub pace: Pace,
    pub decay: bool,
    pub norm: Option<f64>,
    pub loss_scale: f64,
}

pub(super) fn update<E: Number>(access: &Access<E>, step: &Step, update: &Update<'_>) {
    update_on(access, step, update, |count, f| (0..count).into_par_iter().for_each(f));
}

/// Numbers of a parameter that are a task.
const RUN: usize = 1 << 14;

/// An update whose tasks `each` shares out: so many, each by its number.
pub(in crate::engine) fn update_on<E: Number>(
    access: &Access<E>,
    step: &Step,
    &Update { rule, pace, decay, norm, loss_scale }: &Update<'_>,
    each: impl Fn(usize, &(dyn Fn(usize) + Sync)),
) {
    let gradient_scale = match (rule.clip, norm) {
        // PyTorch's: the sum keeps the division finite.
        (Some(Clip::Norm(limit)), Some(norm)) => (limit / (norm + 1e-6)).min(1.0),
        _ => 1.0,
    } / loss_scale;
    let at = optimizer::Step {
        lr: rule.rate * pace.rate,
        weight_decay: if decay { rule.weight_decay * pace.weight_decay } else { 0.0 },
        gradient_scale,
        number: rule.number.saturating_sub(pace.since).max(1),
    };
    let count = rule.optimizer.states();
    let gradient = Parts::of(access.view_mut(step.inputs[0]).all());
    let weight = Parts::of(access.state(step.changes[0]));
    let states: [Option<Parts<E>>; MOST_STATES] =
        std::array::from_fn(|k| (k < count).then(|| Parts::of(access.state(step.changes[1 + k]))));
    let average = step.changes.get(1 + count).map(|&average| Parts::of(access.state(average)));
    let part = |task: usize| {
        // SAFETY: tasks take different numbers of each.
        let (gradient, weight) = unsafe { (gradient.part(task), weight.part(task)) };
        if let Some(Clip::Value(limit)) = rule.clip {
            let limit = E::of(limit * loss_scale);
            for g in gradient.iter_mut() {
                *g = if *g > limit {
                    limit
                } else if *g < -limit {
                    -limit
                } else {
                    *g
                };
            }
        }
        // SAFETY: as above.
        let mut states: [&mut [E]; MOST_STATES] =
            std::array::from_fn(|k| states[k].as_ref().map_or(&mut [][..], |state| unsafe { state.part(task) }));
        let states = &mut states[..count];
        match rule.optimizer {
            Optimizer::Sgd { momentum, nesterov } => Sgd { momentum, nesterov }.update(&at, weight, gradient, states),
            Optimizer::AdamW { beta1, beta2, eps } => AdamW { beta1, beta2, eps }.update(&at, weight, gradient, states),
            Optimizer::RmsProp { alpha, eps, momentum, tensorflow } => {
                let form = if tensorflow { RmsPropForm::TensorFlow } else { RmsPropForm::PyTorch };
                RmsProp { alpha, eps, momentum, form }.update(&at, weight, gradient, states);
            }
        }
        if let Some(average) = &average {
            // SAFETY: as above.
            optimizer::ema(unsafe { average.part(task) }, weight, rule.average_decay);
        }
    };
    each(weight.count(), &part);
}

/// Numbers in runs that threads take one by one.
struct Parts<E> {
    start: *mut E,
    len: usize,
}

// SAFETY: runs are reached through `part` alone, whose callers keep threads apart.
unsafe impl<E: Send> Sync for Parts<E> {}

impl<E> Parts<E> {
    /// Of a step's own numbers: nothing else reaches them while it runs.
    fn of(numbers: &mut [E]) -> Parts<E> {
        Parts { start: numbers.as_mut_ptr(), len: numbers.len() }
    }

    fn count(&self) -> usize {
        self.len.div_ceil(RUN)
    }

    /// # Safety
    /// Nobody else touches this run while the slice lives.
    unsafe fn part<'a>(&self, index: usize) -> &'a mut [E] {
        let first = index * RUN;
        // SAFETY: within the numbers.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), RUN.min(self.len - first)) }
    }
}

pub(in crate::engine) fn average<E: Number>(access: &Access<E>, step: &Step, decay: f64) {
    optimizer::ema(access.state(step.changes[0]), access.view(step.inputs[0]).all(), decay);
}
