//! Convolutions and fully connected layers.

use super::Run;
use crate::engine::cpu::conv::way::{Conv, Onto};
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::kernel::{Kernel, PACKED};
use crate::engine::cpu::team::Team;
use crate::engine::operation::{Activation, Operation};
use crate::engine::plan::Step;

impl Run<'_> {
    pub(super) fn convolution(&self, step: &Step, kernel: &Kernel, activation: Option<Activation>) {
        let team = self.team;
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
                unsafe { dot.run(team, x, weight, bias, onto, y, activation) };
            }
            Kernel::Conv(direct) | Kernel::Linear(direct, _) => {
                // SAFETY: `verify` has shown that operands and workspace are the step's own.
                unsafe {
                    let packed = |weight: &[f32], workspace: &mut [f32]| {
                        passes(direct, team, weight, workspace, |filters, chunks, scratch| {
                            direct.run(team, x, filters, chunks, bias, onto, y, activation, scratch);
                        });
                    };
                    match filters {
                        Some(filters) => {
                            let scratch = workspace.as_mut_ptr();
                            direct.run(team, x, filters, direct.chunks(), bias, onto, y, activation, scratch);
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
                unsafe { depthwise.run(team, x, filters, bias, onto, y, activation) };
            }
            _ => unreachable!("the kernel of a convolution"),
        }
    }

    pub(super) fn input_gradient(&self, step: &Step, kernel: &Kernel) {
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

    pub(super) fn weight_gradient(&self, step: &Step, kernel: &Kernel) {
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
}

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
