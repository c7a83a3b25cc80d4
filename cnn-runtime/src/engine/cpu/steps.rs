//! One step of a plan on its operands.

mod layers;

use super::conv::way::{Conv, Onto};
use super::grid::Grid;
use super::kernel::{Kernel, PACKED};
use super::norm::{Gradient, ParameterGradients, bn};
use super::team::Team;
use super::{affine, bias, pointwise, weight_form};
use crate::engine::backend::{Feed, Measure};
use crate::engine::host::memory::Access;
use crate::engine::operation::{BatchNorm, Behind, Operation, WeightForm};
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
                let target = &step.outputs[0];
                let linear = matches!(step.operation, Operation::Linear { .. });
                let row = |grid: Grid| if linear { grid.as_row() } else { grid };
                let (x, y) = (row(self.input(step, 0)), row(self.grid(&target.operand)));
                let onto = match self.onto(target) {
                    Onto::Other(other) => Onto::Other(row(other)),
                    onto => onto,
                };
                let bias = step.inputs.get(2).map_or(std::ptr::null(), |bias| self.access.start(*bias).cast_const());
                let workspace = self.access.workspace(step.workspace);
                let filters = self.filters(&step.inputs[1]);
                match kernel {
                    Kernel::Linear(_, Some(dot)) if filters.is_none() => {
                        let weight = self.numbers(&step.inputs[1]);
                        // SAFETY: `verify` has shown that operands are the step's own and of these sizes.
                        unsafe { dot.run(team, x, weight, bias, onto, y, *activation) };
                    }
                    Kernel::Conv(direct) | Kernel::Linear(direct, _) => {
                        // SAFETY: `verify` has shown that operands and workspace are the step's own.
                        unsafe {
                            let packed = |weight: &[f32], workspace: &mut [f32]| {
                                passes(direct, team, weight, workspace, |filters, chunks, scratch| {
                                    direct.run(team, x, filters, chunks, bias, onto, y, *activation, scratch);
                                });
                            };
                            match filters {
                                Some(filters) => {
                                    let scratch = workspace.as_mut_ptr();
                                    direct.run(team, x, filters, direct.chunks(), bias, onto, y, *activation, scratch);
                                }
                                None => packed(self.numbers(&step.inputs[1]), workspace),
                            }
                        }
                    }
                    Kernel::Depthwise(depthwise) => {
                        let filters = filters.unwrap_or_else(|| {
                            let packed = &mut workspace[..depthwise.filters()];
                            depthwise.pack(self.numbers(&step.inputs[1]), packed);
                            packed.as_ptr()
                        });
                        // SAFETY: as above.
                        unsafe { depthwise.run(team, x, filters, bias, onto, y, *activation) };
                    }
                    _ => unreachable!("the kernel of a convolution"),
                }
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

    fn input_gradient(&self, step: &Step, kernel: &Kernel) {
        let linear = matches!(step.operation, Operation::LinearInputGradient(_));
        let row = |grid: Grid| if linear { grid.as_row() } else { grid };
        let (weight, target) = (self.numbers(&step.inputs[0]), &step.outputs[0]);
        let (dy, dx) = (row(self.input(step, 1)), row(self.grid(&target.operand)));
        let onto = match self.onto(target) {
            Onto::Other(other) => Onto::Other(row(other)),
            onto => onto,
        };
        let (team, workspace) = (self.team, self.access.workspace(step.workspace));
        match kernel {
            Kernel::ConvInput(phases) => {
                for direct in phases {
                    passes(direct, team, weight, workspace, |filters, chunks, scratch| {
                        // SAFETY: `verify` has shown that operands and workspace are the step's own.
                        unsafe { direct.run(team, dy, filters, chunks, std::ptr::null(), onto, dx, None, scratch) };
                    });
                }
            }
            Kernel::LinearInput(few) => {
                // SAFETY: `verify` has shown that operands are the step's own and of these sizes.
                unsafe { few.run(team, weight, dy, onto, dx) };
            }
            Kernel::DepthwiseInput(phases) => {
                let Some(first) = phases.first() else { return };
                let filters = &mut workspace[..first.filters()];
                first.pack(weight, filters);
                for depthwise in phases {
                    // SAFETY: as above.
                    unsafe { depthwise.run(team, dy, filters.as_ptr(), std::ptr::null(), onto, dx, None) };
                }
            }
            _ => unreachable!("the kernel of an input's gradient"),
        }
    }

    fn weight_gradient(&self, step: &Step, kernel: &Kernel) {
        let linear = matches!(step.operation, Operation::LinearWeightGradient(_));
        let row = |grid: Grid| if linear { grid.as_row() } else { grid };
        let (x, dy) = (row(self.input(step, 0)), row(self.input(step, 1)));
        let (_, onto) = self.sum(&step.outputs[0]);
        let mut dweight = self.access.view_mut(step.outputs[0].operand);
        let (team, scratch) = (self.team, self.access.workspace(step.workspace).as_mut_ptr());
        // SAFETY: `verify` has shown that operands and workspace are the step's own.
        unsafe {
            match kernel {
                Kernel::ConvWeight(gradient) => gradient.run(team, x, dy, dweight.all(), onto, scratch),
                Kernel::DepthwiseWeight(gradient) => gradient.run(team, x, dy, dweight.all(), onto, scratch),
                _ => unreachable!("the kernel of a weight's gradient"),
            }
        }
    }

    fn batch_norm(&self, step: &Step, norm: &BatchNorm) {
        let [target, mean, inverse] = &step.outputs[..] else { unreachable!("y, mean, inverse deviation") };
        let [running_mean, running_var] = [0, 1].map(|i| self.access.state(step.changes[i]));
        let [mut mean, mut inverse] = [mean, inverse].map(|target| self.access.view_mut(target.operand));
        let statistics = bn::Statistics { mean: mean.all(), inverse: inverse.all(), running_mean, running_var };
        let (x, y) = (self.input(step, 0), self.grid(&target.operand));
        let scratch = self.access.workspace(step.workspace);
        bn::forward(self.team, norm, x, self.parameters(step, norm, 1), statistics, self.onto(target), y, scratch);
    }

    fn batch_norm_gradient(&self, step: &Step, norm: &BatchNorm, behind: Behind) {
        let [mean, inverse] = [1, 2].map(|i| self.numbers(&step.inputs[i]));
        let last = step.inputs.len() - 1;
        let (dy, first) = (self.input(step, last), usize::from(behind == Behind::Sum));
        let arriving = match behind {
            Behind::Activation => bn::Arriving::Plain,
            Behind::Sum => bn::Arriving::Sum { y: self.input(step, last - 1), to: self.grid(&step.outputs[0].operand) },
            Behind::Gate => bn::Arriving::Gated { gate: self.input(step, last - 2), dmean: self.input(step, last - 1) },
        };
        let (dx, onto) = self.sum(&step.outputs[first]);
        // Frozen parameters have no gradients.
        let parameter = |i: usize| step.outputs.get(first + i).map(|target| self.parameter_gradient(target));
        let gradients = ParameterGradients { weight: parameter(1), bias: parameter(2) };
        let (x, parameters) = (self.input(step, 0), self.parameters(step, norm, 3));
        let scratch = self.access.workspace(step.workspace);
        bn::backward(self.team, norm, x, mean, inverse, parameters, dy, arriving, onto, dx, gradients, scratch);
    }

    fn parameter_gradient(&self, target: &Target) -> Gradient {
        let (_, onto) = self.sum(target);
        Gradient::new(self.access.view_mut(target.operand).all(), onto)
    }

    fn parameters(&self, step: &Step, norm: &BatchNorm, first: usize) -> bn::Parameters<'a> {
        let numbers = |i: usize| norm.affine.then(|| self.numbers(&step.inputs[i]));
        bn::Parameters { weight: numbers(first), bias: numbers(first + 1) }
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

/// Packs filters, as many tiles at a time as the workspace was made for, and runs with them.
fn passes(
    direct: &Conv,
    team: &Team,
    weight: &[f32],
    workspace: &mut [f32],
    run: impl Fn(*const f32, std::ops::Range<usize>, *mut f32),
) {
    let (at_once, len) = direct.filters_at_once(PACKED);
    let (filters, scratch) = workspace.split_at_mut(len);
    let all = direct.chunks();
    for first in all.clone().step_by(at_once.max(1)) {
        let chunks = first..(first + at_once).min(all.end);
        direct.pack(team, weight, chunks.clone(), filters);
        run(filters.as_ptr(), chunks, scratch.as_mut_ptr());
    }
}
