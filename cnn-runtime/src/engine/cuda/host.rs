//! Steps that no kernel of this back end computes: their operands come to the processor, the reference kernels compute, and the
//! results go back. Right, and slow: each such step waits for the device twice.

use super::memory::Memory;
use super::words::Map;
use crate::engine::error::EngineError;
use crate::engine::layers;
use crate::engine::operation::{LayerGradient, Operation, WeightForm};
use crate::engine::plan::{Operand, Start, Step, Target};
use crate::engine::program::Extent;
use crate::kernels::conv::weight::{Connect, STANDARDIZATION_EPS, Standardize};
use crate::kernels::{DynKernel, Kernel};

/// A tensor whose channels come first, sample by sample.
struct Dense {
    numbers: Vec<f32>,
    /// Numbers of a sample; all of them where they are the same for every one.
    each: usize,
    batched: bool,
}

impl Dense {
    /// What of it a sample reads.
    fn of(&self, sample: usize) -> &[f32] {
        let first = if self.batched { sample * self.each } else { 0 };
        &self.numbers[first..first + self.each]
    }

    fn of_mut(&mut self, sample: usize) -> &mut [f32] {
        let first = if self.batched { sample * self.each } else { 0 };
        &mut self.numbers[first..first + self.each]
    }
}

/// Computes the steps of a run of so many samples.
pub(super) struct Host<'a> {
    pub memory: &'a Memory,
    pub samples: usize,
}

/// For each number of a map its place with channels first, and its place in the span.
fn places(map: &Map) -> impl Iterator<Item = (usize, usize)> + '_ {
    let each = map.plane() * map.channels;
    (0..map.samples).flat_map(move |sample| {
        (0..map.channels).flat_map(move |channel| {
            (0..map.plane())
                .map(move |pixel| (sample * each + channel * map.plane() + pixel, map.at(sample, pixel, channel)))
        })
    })
}

impl Host<'_> {
    fn get(&self, operand: &Operand) -> Result<Dense, EngineError> {
        let map = self.memory.map(operand, self.samples);
        let span = self.memory.download(operand, self.samples)?;
        let mut numbers = vec![0.0; map.len()];
        places(&map).for_each(|(dense, at)| numbers[dense] = span[at]);
        Ok(Dense { numbers, each: map.plane() * map.channels, batched: matches!(operand.extent, Extent::Batch(_)) })
    }

    fn put(&self, operand: &Operand, dense: &Dense) -> Result<(), EngineError> {
        let map = self.memory.map(operand, self.samples);
        // What lies between stays as it is.
        let mut span = self.memory.download(operand, self.samples)?;
        places(&map).for_each(|(from, at)| span[at] = dense.numbers[from]);
        self.memory.upload(operand, &span)
    }

    /// The output, holding what the result is to be added to: zeros if nothing.
    fn sum(&self, target: &Target) -> Result<Dense, EngineError> {
        let mut dense = match target.start {
            Start::Copy(other) => return self.get(&other),
            Start::Sum | Start::Unset | Start::Input(_) => self.get(&target.operand)?,
        };
        if target.start != Start::Sum {
            dense.numbers.fill(0.0);
        }
        Ok(dense)
    }

    fn inputs(&self, step: &Step) -> Result<Vec<Dense>, EngineError> {
        step.inputs.iter().map(|operand| self.get(operand)).collect()
    }

    /// Computes a step.
    pub fn step(&self, step: &Step) -> Result<(), EngineError> {
        let inputs = self.inputs(step)?;
        match &step.operation {
            Operation::Layer(layer) => {
                let kernel = layers::kernel(layer, 1);
                let mut y = self.get(&step.outputs[0].operand)?;
                for sample in 0..self.samples {
                    let reads: Vec<&[f32]> = inputs.iter().map(|input| input.of(sample)).collect();
                    kernel.forward_f32(&reads, y.of_mut(sample));
                }
                self.put(&step.outputs[0].operand, &y)
            }
            Operation::LayerGradient(gradient) => self.gradient(step, gradient, inputs),
            Operation::Weight(form) => {
                let mut formed = self.get(&step.outputs[0].operand)?;
                let weight: &[&[f32]] = &[&inputs[0].numbers];
                match form {
                    WeightForm::Standardized { filters } => {
                        Standardize { filters: *filters, eps: STANDARDIZATION_EPS }
                            .forward(weight, &mut formed.numbers);
                    }
                    WeightForm::Connected { table, inputs, window } => {
                        let connect = Connect { table: table.into(), inputs: *inputs, window: *window };
                        connect.forward(weight, &mut formed.numbers);
                    }
                }
                self.put(&step.outputs[0].operand, &formed)
            }
            Operation::WeightGradient(form) => {
                let mut dweight = self.sum(&step.outputs[0])?;
                let (weight, gradient): (&[&[f32]], _) = (&[&inputs[0].numbers], &inputs[1].numbers);
                let grads: &mut [&mut [f32]] = &mut [&mut dweight.numbers];
                match form {
                    WeightForm::Standardized { filters } => {
                        let standardize = Standardize { filters: *filters, eps: STANDARDIZATION_EPS };
                        standardize.backward(weight, &[], gradient, grads);
                    }
                    WeightForm::Connected { table, inputs, window } => {
                        let connect = Connect { table: table.into(), inputs: *inputs, window: *window };
                        connect.backward(weight, &[], gradient, grads);
                    }
                }
                self.put(&step.outputs[0].operand, &dweight)
            }
            other => unreachable!("{} has a kernel", other.name()),
        }
    }

    fn gradient(&self, step: &Step, gradient: &LayerGradient, inputs: Vec<Dense>) -> Result<(), EngineError> {
        let count = gradient.wanted.len();
        let kernel: Box<dyn DynKernel> = layers::kernel(&gradient.layer, 1);
        let mut outputs: Vec<Dense> =
            step.outputs.iter().map(|target| self.get(&target.operand)).collect::<Result<_, _>>()?;
        outputs.iter_mut().for_each(|dense| dense.numbers.fill(0.0));
        let len = |index: usize| match gradient.layer.inputs.get(index) {
            Some(shape) => shape.elements(),
            None => gradient.parameters[index - gradient.layer.inputs.len()],
        };
        // Kernels write all gradients; those that nobody wants go here.
        let unwanted = (0..count).filter(|&index| !gradient.wanted[index]);
        let mut spare: Vec<Vec<f32>> = unwanted.map(|index| vec![0.0; len(index)]).collect();
        for sample in 0..self.samples {
            let mut reads = inputs.iter().map(|input| input.of(sample));
            let values: Vec<&[f32]> = match gradient.reads_inputs {
                true => reads.by_ref().take(count).collect(),
                false => vec![&[]; count],
            };
            let y = if gradient.reads_output { reads.next().unwrap_or(&[]) } else { &[] };
            let Some(dy) = reads.next() else { unreachable!("a gradient reads that of the output") };
            let (mut wanted, mut others) = (outputs.iter_mut(), spare.iter_mut());
            let mut slices: Vec<&mut [f32]> = Vec::with_capacity(count);
            for wants in &gradient.wanted {
                slices.extend(match wants {
                    true => wanted.next().map(|dense| dense.of_mut(sample)),
                    false => others.next().map(Vec::as_mut_slice),
                });
            }
            kernel.backward_f32(&values, y, dy, &mut slices);
        }
        // One by one: a tensor that was read twice has two gradients, the second onto the first.
        for (target, gradient) in step.outputs.iter().zip(&outputs) {
            let mut sum = self.sum(target)?;
            sum.numbers.iter_mut().zip(&gradient.numbers).for_each(|(sum, gradient)| *sum += gradient);
            self.put(&target.operand, &sum)?;
        }
        Ok(())
    }

    /// Whether all is finite that a step wrote.
    pub fn finite(&self, step: &Step) -> Result<bool, EngineError> {
        for target in &step.outputs {
            if self.get(&target.operand)?.numbers.iter().any(|number| !number.is_finite()) {
                return Ok(false);
            }
        }
        for &state in &step.changes {
            if self.memory.states.get(state)?.iter().any(|number| !number.is_finite()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An output, samples one behind the other, channels first.
    pub fn read(&self, operand: &Operand) -> Result<Vec<f32>, EngineError> {
        Ok(self.get(operand)?.numbers)
    }
}
