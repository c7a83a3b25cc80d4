//! One step of a plan on its operands.

mod conv;
mod layers;
mod norm;

use super::conv::way::Onto;
use super::grid::Grid;
use super::kernel::Kernel;
use super::team::Team;
use super::{affine, bias, pointwise, weight_form};
use crate::engine::backend::{Feed, Measure};
use crate::engine::host::memory::Access;
use crate::engine::operation::{Operation, WeightForm};
use crate::engine::optimizer::Rule;
use crate::engine::plan::{Operand, Source, Start, Step, Target};
use crate::engine::reference::update::{self, Update};
use crate::engine::reference::{backward, forward};
use crate::engine::trainer::mix;

/// What steps work on.
pub(super) struct Run<'a> {
    pub team: &'a Team,
    pub access: Access<'a, f32>,
    pub feed: Feed<'a, f32>,
    pub measures: &'a mut [Measure],
    pub norm: Option<f64>,
}

impl<'a> Run<'a> {
    fn grid(&self, operand: &Operand) -> Grid {
        Grid::new(self.access.start(*operand), self.access.samples_of(*operand), operand)
    }

    fn input(&self, step: &Step, index: usize) -> Grid {
        self.grid(&step.inputs[index])
    }

    /// What an output is added to.
    fn onto(&self, target: &Target) -> Onto {
        match target.start {
            Start::Unset | Start::Input(_) => Onto::Nothing,
            Start::Sum => Onto::Itself,
            Start::Copy(other) => Onto::Other(self.grid(&other)),
        }
    }

    /// The output, holding what the result is to be added to, if anything.
    fn sum(&self, target: &Target) -> (Grid, bool) {
        let y = self.grid(&target.operand);
        match target.start {
            Start::Unset | Start::Input(_) => (y, false),
            Start::Sum => (y, true),
            Start::Copy(other) => {
                pointwise::copy(self.team, self.grid(&other), y);
                (y, true)
            }
        }
    }

    /// The output, holding what the result is to be added to: zeros if nothing.
    fn filled(&self, target: &Target) -> Grid {
        let (y, holds) = self.sum(target);
        if !holds {
            pointwise::zero(self.team, y);
        }
        y
    }

    fn numbers(&self, operand: &Operand) -> &'a [f32] {
        self.access.view(*operand).all()
    }

    fn is_constant(operand: &Operand) -> bool {
        matches!(operand.source, Source::Constant(_))
    }

    /// A weight's address in a kernel's own form, if it is kept so.
    fn filters(&self, operand: &Operand) -> Option<*const f32> {
        Self::is_constant(operand).then(|| self.access.start(*operand).cast_const())
    }

    pub fn step(&mut self, step: &Step, kernel: &Kernel) {
        let team = self.team;
        match &step.operation {
            Operation::Conv { activation, .. } | Operation::Linear { activation, .. } => {
                self.convolution(step, kernel, *activation);
            }
            Operation::ConvInputGradient(_) | Operation::LinearInputGradient(_) => self.input_gradient(step, kernel),
            Operation::ConvWeightGradient(_) | Operation::LinearWeightGradient(_) => self.weight_gradient(step, kernel),
            Operation::BiasGradient => {
                let dy = self.input(step, 0);
                let (_, onto) = self.sum(&step.outputs[0]);
                let mut dbias = self.access.view_mut(step.outputs[0].operand);
                let scratch = self.access.workspace(step.workspace);
                bias::gradient(team, dy, onto, dbias.all(), scratch);
            }
            Operation::Affine { activation } => {
                let target = &step.outputs[0];
                let [scale, shift] = [1, 2].map(|i| self.numbers(&step.inputs[i]));
                let (x, y) = (self.input(step, 0), self.grid(&target.operand));
                affine::forward(team, x, scale, Some(shift), self.onto(target), y, *activation);
            }
            Operation::BatchNorm(norm) => self.batch_norm(step, norm),
            Operation::BatchNormGradient { norm, behind } => self.batch_norm_gradient(step, norm, *behind),
            Operation::Activate(activation) => {
                let target = &step.outputs[0];
                let y = self.grid(&target.operand);
                if target.start != Start::Input(0) {
                    pointwise::copy(team, self.input(step, 0), y);
                }
                pointwise::activate(team, *activation, y);
            }
            Operation::ActivateGradient(activation) => {
                let dx = self.grid(&step.outputs[0].operand);
                pointwise::chain(team, *activation, self.input(step, 0), self.input(step, 1), dx);
            }
            Operation::Add { activation } => {
                let target = &step.outputs[0];
                let mut xs = [self.input(step, 0); MOST_TERMS];
                let y = self.grid(&target.operand);
                let mut onto = self.onto(target);
                // More terms than fit are added in turns, the activation in the last.
                let turns = step.inputs.len().div_ceil(MOST_TERMS);
                for (turn, inputs) in step.inputs.chunks(MOST_TERMS).enumerate() {
                    xs.iter_mut().zip(inputs).for_each(|(x, input)| *x = self.grid(input));
                    let activation = activation.filter(|_| turn + 1 == turns);
                    pointwise::add(team, &xs[..inputs.len()], onto, y, activation);
                    onto = Onto::Itself;
                }
            }
            Operation::Gate => {
                let y = self.grid(&step.outputs[0].operand);
                pointwise::gate(team, self.input(step, 0), self.input(step, 1), y);
            }
            Operation::GateGradient => {
                let (dgate, onto) = self.sum(&step.outputs[0]);
                pointwise::gate_gradient(team, self.input(step, 0), self.input(step, 1), onto, dgate);
            }
            Operation::Copy => pointwise::copy(team, self.input(step, 0), self.grid(&step.outputs[0].operand)),
            Operation::Arrange => {
                let images = self.access.start(step.inputs[0]).cast_const();
                pointwise::arrange(team, images, self.grid(&step.outputs[0].operand));
            }
            Operation::Reshape => pointwise::reshape(team, self.input(step, 0), self.grid(&step.outputs[0].operand)),
            Operation::Slice { first } => {
                let y = self.grid(&step.outputs[0].operand);
                pointwise::copy(team, self.input(step, 0).slice(*first, y.channels), y);
            }
            Operation::Embed { first } => {
                let dx = self.filled(&step.outputs[0]);
                pointwise::embed(team, self.input(step, 0), *first, dx);
            }
            Operation::Dropout { p, samples, index } => {
                let seed = mix(self.feed.seed.wrapping_add(*index as u64 + 1));
                let (x, y) = (self.input(step, 0), self.grid(&step.outputs[0].operand));
                let p = *p * self.feed.dropout;
                match samples {
                    true => pointwise::drop_path(team, x, p, seed, y),
                    false => pointwise::dropout(team, x, p, seed, y),
                }
            }
            Operation::Layer(layer) => self.layer(step, layer, kernel),
            Operation::LayerGradient(gradient) => self.layer_gradient(step, gradient, kernel),
            Operation::MaxPool(_) => self.max_pool(step, kernel),
            Operation::MaxPoolGradient(_) => self.max_pool_gradient(step, kernel),
            Operation::Weight(WeightForm::Standardized { filters }) => {
                let weight = self.numbers(&step.inputs[0]);
                let mut formed = self.access.view_mut(step.outputs[0].operand);
                weight_form::forward(team, *filters, weight, formed.all());
            }
            Operation::WeightGradient(WeightForm::Standardized { filters }) => {
                let [weight, gradient] = [0, 1].map(|i| self.numbers(&step.inputs[i]));
                self.filled(&step.outputs[0]);
                let mut dweight = self.access.view_mut(step.outputs[0].operand);
                weight_form::backward(team, *filters, weight, gradient, dweight.all());
            }
            Operation::Weight(form @ WeightForm::Connected { .. }) => forward::weight(&self.access, step, form),
            Operation::WeightGradient(form @ WeightForm::Connected { .. }) => {
                backward::weight(&self.access, step, form);
            }
            Operation::CrossEntropy { output, weight, smoothing } => {
                let measure = update::cross_entropy(&self.access, step, &self.feed, *weight, *smoothing);
                if let Some(slot) = self.measures.get_mut(*output) {
                    *slot = measure;
                }
            }
            Operation::Accumulate => {
                update::accumulate_on(&self.access, step, self.feed.part, |count, f| {
                    team.each(count, |task, _| f(task))
                });
            }
            Operation::GradientNorm => {
                if self.feed.update.is_some() {
                    self.norm = Some(update::gradient_norm(&self.access, step, self.feed.loss_scale));
                }
            }
            Operation::Update { decay } => {
                if let Some(rule) = self.feed.moves(self.norm) {
                    self.update(step, rule, *decay);
                }
            }
            Operation::Average => {
                if let Some(rule) = self.feed.moves(self.norm) {
                    update::average(&self.access, step, rule.average_decay);
                }
            }
            Operation::Concat => unreachable!("a plan holds copies instead"),
        }
    }

    /// The optimizer on runs of a parameter, each by itself.
    fn update(&self, step: &Step, rule: &Rule, decay: bool) {
        let loss_scale = self.feed.loss_scale;
        let update = Update { rule, pace: self.feed.pace(step), decay, norm: self.norm, loss_scale };
        update::update_on(&self.access, step, &update, |count, f| {
            self.team.each(count, |task, _| f(task));
        });
    }
}

/// The most terms that are added in one turn.
const MOST_TERMS: usize = 8;
