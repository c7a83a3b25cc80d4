//! Gradients of a network that is looked at and not trained.

use std::sync::Arc;

use cnn_lang::graph::{Graph, Shape};

use super::backend::{Backend, Executor, Feed, Images, Measure, Part, Targets};
use super::constant_reader::ConstantReader;
use super::error::EngineError;
use super::fuse::fuse;
use super::gradients::{INPUT, Objective, Of, differentiate};
use super::lower::{Mode, lower};
use super::plan::Plan;
use super::program::Content;
use super::reference::Number;
use super::session::{elements, fits, samples};
use crate::weights::StateDict;

/// What gradients are taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    /// The mean cross-entropy of the logits, as in training.
    Loss,
    /// The sum of all logits of all samples.
    Logits,
}

/// A network whose gradients are read and whose parameters stay: forward and backward are one plan, without an update. Batch
/// norms normalise by their batch; nothing is dropped.
///
/// ```
/// use cnn_runtime::engine::{Probe, Probed, Targets};
/// use cnn_runtime::weights::StateDict;
///
/// let graph = cnn_lang::load(cnn_runtime::zoo::LeNet5, None).unwrap();
/// let weights = StateDict::<f32>::init(&graph, 1).unwrap();
/// let mut probe = Probe::new(&graph, &weights, 2, Probed::Loss).unwrap();
/// let loss = probe.run(&vec![0.5; 2 * 28 * 28], Targets::Labels(&[3, 7])).unwrap();
/// assert!(loss > 0.0);
/// assert!(probe.parameters().iter().any(|parameter| parameter.0 == "net.11.weight"));
/// assert_eq!(probe.images().len(), 2 * 28 * 28);
/// ```
pub struct Probe<E: Number = f32> {
    plan: Arc<Plan>,
    executor: Box<dyn Executor<E>>,
    input: Shape,
    classes: usize,
    of: Probed,
    /// What gradients are multiplied by until they are read.
    loss_scale: f64,
    /// Of the last run.
    samples: usize,
}

/// What the loss is multiplied by where gradients have few digits: those of a mean over images are small.
const LOSS_SCALE: f64 = 256.0;

impl<E: Number> Probe<E> {
    /// Plans the gradients on the CPU: [`Number::backend`].
    ///
    /// # Errors
    /// If a layer has no kernel, the output is no vector, the weights are of another network, the batch is 0, or memory is not to
    /// be had.
    pub fn new(graph: &Graph, weights: &StateDict<E>, batch: usize, of: Probed) -> Result<Self, EngineError> {
        Self::on(&*E::backend(), graph, weights, batch, of)
    }

    /// Plans the gradients for a back end.
    ///
    /// # Errors
    /// As [`Probe::new`].
    pub fn on(
        backend: &dyn Backend<E>,
        graph: &Graph,
        weights: &StateDict<E>,
        batch: usize,
        of: Probed,
    ) -> Result<Self, EngineError> {
        fits(graph, weights)?;
        if batch == 0 {
            return Err(EngineError::EmptyBatch);
        }
        let Shape::Vector(classes) = graph.output_shape() else {
            let (network, shape) = (graph.name.clone(), graph.output_shape().to_string());
            return Err(EngineError::NotLogits { network, output: "logits".to_owned(), shape });
        };
        let mut program = lower(graph, Mode::Training)?;
        program.outputs.truncate(1);
        fuse(&mut program, true);
        let objective = Objective {
            of: match of {
                Probed::Loss => Of::Loss,
                Probed::Logits => Of::Logits,
            },
            weights: vec![1.0],
            smoothing: 0.0,
            optimizer_states: 0,
            decay_matrices_only: false,
            averages: false,
            accumulate: false,
            gradient_norm: false,
            updates_together: false,
            keep_gradients: true,
            keep_input: true,
            updates: false,
            frozen: vec![false; weights.tensors().len()],
        };
        differentiate(&mut program, graph, &objective)?;
        let plan = Arc::new(Plan::new(program, backend, batch)?);
        let mut executor = backend.prepare(plan.clone(), &mut ConstantReader::new(&plan, &mut &*weights)?)?;
        for (index, state) in plan.states.iter().enumerate() {
            if let Content::Entry(tensor) = state.content {
                executor.set_state(index, &weights.tensors()[tensor].data);
            }
        }
        let scales = of == Probed::Loss && backend.precision().scales_loss();
        let loss_scale = if scales { LOSS_SCALE } else { 1.0 };
        Ok(Probe { plan, executor, input: graph.input_shape(), classes, of, loss_scale, samples: 0 })
    }

    /// Forward and backward for 1 to so many samples as were planned. The mean cross-entropy, where that is what is probed; the targets
    /// count for nothing otherwise and may be none.
    ///
    /// # Errors
    /// If images and targets do not fit each other or the network.
    pub fn run(&mut self, images: &[E], targets: Targets<'_, E>) -> Result<f64, EngineError> {
        let samples = samples(images.len(), self.input, self.plan.batch)?;
        if self.of == Probed::Loss {
            self.check(targets, samples)?;
        }
        let mut measures = [Measure::default()];
        let (paces, part) = (&[], Part::WHOLE);
        let (images, next, loss_scale) = (Images::Here(images), None, self.loss_scale);
        let feed =
            Feed { images, samples, next, targets, update: None, paces, part, seed: 0, loss_scale, dropout: 0.0 };
        self.executor.run(feed, &mut measures)?;
        self.samples = samples;
        Ok(measures[0].loss)
    }

    fn check(&self, targets: Targets<'_, E>, samples: usize) -> Result<(), EngineError> {
        let (what, expected, got) = match targets {
            Targets::Labels(labels) => ("labels", samples, labels.len()),
            Targets::Soft(rows) => ("probabilities", samples * self.classes, rows.len()),
        };
        if expected != got {
            return Err(EngineError::Targets { samples, what, expected, got });
        }
        let classes = self.classes;
        match targets {
            Targets::Labels(labels) => match labels.iter().position(|&label| label >= classes) {
                Some(sample) => Err(EngineError::Label { sample, label: labels[sample], classes }),
                None => Ok(()),
            },
            Targets::Soft(_) => Ok(()),
        }
    }

    /// Gradients of the last run by parameter; parameters that take no part have none.
    pub fn parameters(&self) -> Vec<(String, Vec<E>)> {
        let outputs = self.plan.outputs.iter().enumerate().filter(|(_, (name, _))| name != INPUT);
        let read = |(index, (name, operand)): (usize, &(String, super::plan::Operand))| {
            let mut values = vec![E::ZERO; elements(operand.extent)];
            self.read(index, 1, &mut values);
            (name.clone(), values)
        };
        outputs.map(read).collect()
    }

    /// Gradients of the last run by image, one behind the other; zeros if the images take no part.
    pub fn images(&self) -> Vec<E> {
        let mut values = vec![E::ZERO; self.input.elements() * self.samples];
        if let Some(index) = self.plan.outputs.iter().position(|(name, _)| name == INPUT) {
            self.read(index, self.samples, &mut values);
        }
        values
    }

    fn read(&self, index: usize, samples: usize, values: &mut [E]) {
        self.executor.read(index, samples, values);
        let unscaled = E::of(1.0 / self.loss_scale);
        values.iter_mut().for_each(|value| *value *= unscaled);
    }

    /// What runs, where it lies, what it takes.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Convolutions of an image's stem and of a blocked map, a batch norm, a join, a gate, pooling, a fully connected layer.
    const SOURCE: &str = "Small: 3x9x9 -> 5;
        stem conv(16, 3, stride = 2, pad = 1) -> bn -> silu;
        body \"join\": add { conv(16, 3, pad = 1) -> tanh; dwconv(3, pad = 1); } -> mul { identity; gap -> linear(16) -> sigmoid; };
        head gap -> linear(5);";

    const LABELS: [usize; 3] = [4, 0, 2];

    fn images() -> Vec<f64> {
        let noise = |index: usize| ((index as f64 * 12.9898).sin() * 43_758.545_3).fract();
        (0..3 * 243).map(noise).collect()
    }

    /// What is probed, by a forward pass alone: a probe of weights and images that were moved.
    fn value(graph: &Graph, weights: &StateDict<f64>, images: &[f64]) -> f64 {
        let mut probe = Probe::new(graph, weights, 3, Probed::Loss).unwrap();
        probe.run(images, Targets::Labels(&LABELS)).unwrap()
    }

    #[test]
    fn gradients_are_differences_of_the_loss() {
        let graph = cnn_lang::load(SOURCE, None).unwrap();
        let weights = StateDict::<f64>::init(&graph, 3).unwrap();
        let mut probe = Probe::new(&graph, &weights, 3, Probed::Loss).unwrap();
        let (images, step) = (images(), 1e-5);
        probe.run(&images, Targets::Labels(&LABELS)).unwrap();
        let mut worst: f64 = 0.0;
        let mut compare = |found: f64, [up, down]: [f64; 2]| {
            let expected = (up - down) / (2.0 * step);
            worst = worst.max((found - expected).abs() / (1e-3 + expected.abs()));
        };
        let by_image = probe.images();
        for at in (0..images.len()).step_by(97) {
            let moved = |by: f64| {
                let mut images = images.clone();
                images[at] += by;
                value(&graph, &weights, &images)
            };
            compare(by_image[at], [moved(step), moved(-step)]);
        }
        for (name, gradient) in probe.parameters() {
            let at = gradient.len() / 2;
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights.get_mut(&name).unwrap()[at] += by;
                value(&graph, &weights, &images)
            };
            compare(gradient[at], [moved(step), moved(-step)]);
        }
        println!("largest distance from central differences: {worst:.1e}");
        assert!(worst < 1e-5, "{worst}");
    }

    /// The fast back end's layouts, against the reference kernels in f64; the sum of logits moves with the last bias by 1 a sample.
    #[test]
    fn the_fast_back_end_gives_the_same() {
        let graph = cnn_lang::load(SOURCE, None).unwrap();
        let weights = StateDict::<f64>::init(&graph, 3).unwrap();
        let images = images();
        let narrow: Vec<f32> = images.iter().map(|&value| value as f32).collect();
        for of in [Probed::Loss, Probed::Logits] {
            let mut exact = Probe::new(&graph, &weights, 4, of).unwrap();
            let mut fast = Probe::<f32>::new(&graph, &weights.cast(), 4, of).unwrap();
            exact.run(&images, Targets::Labels(&LABELS)).unwrap();
            fast.run(&narrow, Targets::Labels(&LABELS)).unwrap();
            let mut pairs = vec![("images".to_owned(), exact.images(), fast.images())];
            for ((name, exact), (_, fast)) in exact.parameters().into_iter().zip(fast.parameters()) {
                pairs.push((name, exact, fast));
            }
            assert_eq!(
                pairs.len(),
                weights.roles().iter().filter(|role| **role == cnn_lang::graph::Role::Parameter).count() + 1
            );
            for (name, exact, fast) in &pairs {
                let norm = exact.iter().map(|x| x * x).sum::<f64>().sqrt();
                let off = exact.iter().zip(fast).map(|(a, b)| (a - f64::from(*b)).powi(2)).sum::<f64>().sqrt();
                assert!(off < 1e-4 * norm + 1e-6, "{of:?} {name}: {off} of {norm}");
            }
            if of == Probed::Logits {
                let last = &weights.tensors().last().unwrap().name;
                let (_, exact, _) = pairs.iter().find(|(name, ..)| name == last).unwrap();
                assert_eq!(exact, &[3.0; 5], "{last}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let graph = cnn_lang::load(SOURCE, None).unwrap();
        let weights = StateDict::<f32>::init(&graph, 3).unwrap();
        assert!(matches!(Probe::new(&graph, &weights, 0, Probed::Loss), Err(EngineError::EmptyBatch)));
        let mut probe = Probe::new(&graph, &weights, 1, Probed::Loss).unwrap();
        let image = [0.0; 243];
        let targets = probe.run(&image, Targets::Labels(&[])).unwrap_err();
        assert!(matches!(targets, EngineError::Targets { expected: 1, got: 0, .. }), "{targets}");
        let label = probe.run(&image, Targets::Labels(&[5])).unwrap_err();
        assert!(matches!(label, EngineError::Label { label: 5, classes: 5, .. }), "{label}");
        assert!(probe.run(&image[1..], Targets::Labels(&[0])).is_err());
    }
}
