//! Inference: a graph and its weights, planned and fused, run on batches.

use std::sync::Arc;

use cnn_lang::graph::{Graph, Shape};

use super::backend::{Backend, Executor, Feed, Images, Part, Preloaded, Targets};
use super::constant_reader::ConstantReader;
use super::device::Device;
use super::error::EngineError;
use super::fuse::fuse;
use super::lower::{Mode, lower};
use super::pixels::Given;
use super::plan::Plan;
use super::precision::Precision;
use super::program::Extent;
use super::reference::Number;
use crate::weights::{NamedTensor, StateDict, WeightSource};

/// How a network is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// The most samples of a run; memory is planned for it.
    pub batch: usize,
    /// Whether auxiliary outputs are computed too.
    pub auxiliary: bool,
    /// How convolutions and fully connected layers multiply.
    pub precision: Precision,
    /// Where it runs.
    pub device: Device,
}

impl Default for SessionOptions {
    fn default() -> Self {
        SessionOptions { batch: 1, auxiliary: false, precision: Precision::Full, device: Device::Cpu }
    }
}

/// A network ready to run: memory planned, batch normalisation folded, kernels chosen.
///
/// ```
/// use cnn_runtime::engine::{Session, SessionOptions};
/// use cnn_runtime::weights::StateDict;
///
/// let graph = cnn_lang::load(cnn_runtime::zoo::LeNet5, None).unwrap();
/// let weights = StateDict::<f32>::init(&graph, 1).unwrap();
/// let mut session = Session::new(&graph, &weights, SessionOptions { batch: 8, ..Default::default() }).unwrap();
/// let logits = session.run(&vec![0.5; 3 * 28 * 28]).unwrap();       // three images; no new plan for fewer than eight
/// assert_eq!(logits.len(), 3 * 10);
/// ```
pub struct Session<E: Number = f32> {
    plan: Arc<Plan>,
    executor: Box<dyn Executor<E>>,
    input: Shape,
    /// Names and sizes of the network's tensors.
    tensors: Arc<[(String, usize)]>,
    /// Of the last run, one for each output of the plan.
    results: Vec<Vec<E>>,
    samples: usize,
    preloaded: Option<Preloaded<E>>,
}

impl<E: Number> Session<E> {
    /// Plans a network for [`SessionOptions::device`].
    ///
    /// Beside its own copy of the weights and what they are given as, making a session takes a few MiB and the largest grouped
    /// convolution. Weights that are given away are freed tensor by tensor; those of a file
    /// ([`StoredWeights`](crate::weights::StoredWeights)) are never all in memory twice.
    ///
    /// # Errors
    /// If a layer has no kernel, the weights are of another network or cannot be read, the batch is 0, nothing multiplies in the
    /// precision, the device or memory is not to be had.
    pub fn new(
        graph: &Graph,
        weights: impl WeightSource<Element = E>,
        options: SessionOptions,
    ) -> Result<Self, EngineError> {
        Self::on(&*E::backend_on(options.device, options.precision)?, graph, weights, options)
    }

    /// Plans a network for a back end, whatever [`SessionOptions::device`] says.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn on(
        backend: &dyn Backend<E>,
        graph: &Graph,
        mut weights: impl WeightSource<Element = E>,
        options: SessionOptions,
    ) -> Result<Self, EngineError> {
        Self::of(backend, graph, &mut weights, options)
    }

    fn of(
        backend: &dyn Backend<E>,
        graph: &Graph,
        weights: &mut dyn WeightSource<Element = E>,
        options: SessionOptions,
    ) -> Result<Self, EngineError> {
        are(&sizes(graph), weights.layout())?;
        let plan = Arc::new(plan_inference(backend, graph, options)?);
        let executor = backend.prepare(plan.clone(), &mut ConstantReader::new(&plan, weights)?)?;
        let results = plan.outputs.iter().map(|(_, operand)| vec![E::ZERO; elements(operand.extent) * plan.batch]);
        let (input, tensors) = (graph.input_shape(), sizes(graph).into());
        Ok(Session { results: results.collect(), input, tensors, plan, executor, samples: 0, preloaded: None })
    }

    /// The logits of a batch: `images` holds 1 to [`SessionOptions::batch`] samples, each channels x height x width, as numbers
    /// or as [`Pixels`](super::Pixels); the result a row for each.
    ///
    /// # Errors
    /// If `images` is no whole number of samples or too many.
    pub fn run<'a>(&mut self, images: impl Into<Given<'a, E>>) -> Result<&[E], EngineError> {
        let images = images.into();
        let samples = images.samples(self.input, self.plan.batch)?;
        match images {
            Given::Pixels(pixels) if self.executor.takes_pixels() => self.go(Images::Pixels(pixels), samples, None)?,
            images => self.go(Images::Here(&images.numbers()), samples, None)?,
        }
        Ok(self.logits())
    }

    /// Brings the images of the next run to the device: [`Self::run_preloaded`] takes them from there.
    ///
    /// # Errors
    /// As [`Self::run`], and if memory is not to be had.
    pub fn preload<'a>(&mut self, images: impl Into<Given<'a, E>>) -> Result<(), EngineError> {
        let images = images.into();
        let samples = images.samples(self.input, self.plan.batch)?;
        let there = self.executor.preload(images)?.then_some(samples);
        self.preloaded = Some(Preloaded::of(images, there));
        Ok(())
    }

    /// [`Self::run`] on the images that were preloaded. Those of the run after this one, if they are given, are copied to the
    /// device while it computes this one.
    ///
    /// # Errors
    /// As [`Self::run`], and if nothing was preloaded.
    pub fn run_preloaded(&mut self, next: Option<Given<'_, E>>) -> Result<&[E], EngineError> {
        let following = next.map(|images| images.samples(self.input, self.plan.batch)).transpose()?;
        let Some(preloaded) = self.preloaded.take() else { return Err(EngineError::NotPreloaded) };
        let there = following.filter(|_| self.executor.preloads());
        let (images, count) = preloaded.images(self.input.elements());
        self.go(images, count, next.filter(|_| there.is_some()))?;
        self.preloaded = next.map(|images| Preloaded::of(images, there));
        Ok(self.logits())
    }

    /// Those of the last run.
    fn logits(&self) -> &[E] {
        &self.results[0][..elements(self.plan.outputs[0].1.extent) * self.samples]
    }

    fn go(&mut self, images: Images<'_, E>, samples: usize, next: Option<Given<'_, E>>) -> Result<(), EngineError> {
        let (targets, part) = (Targets::Labels(&[]), Part::WHOLE);
        let feed = Feed {
            images,
            samples,
            next,
            targets,
            update: None,
            paces: &[],
            part,
            seed: 0,
            loss_scale: 1.0,
            dropout: 0.0,
        };
        self.executor.run(feed, &mut [])?;
        for (index, (values, (_, operand))) in self.results.iter_mut().zip(&self.plan.outputs).enumerate() {
            self.executor.read(index, samples, &mut values[..elements(operand.extent) * samples]);
        }
        self.samples = samples;
        Ok(())
    }

    /// An output of the last run by name: `logits`, or an auxiliary one.
    pub fn output(&self, name: &str) -> Option<&[E]> {
        let index = self.plan.outputs.iter().position(|(known, _)| known == name)?;
        Some(&self.results[index][..elements(self.plan.outputs[index].1.extent) * self.samples])
    }

    /// Names and sizes of the outputs: `logits`, then the auxiliary ones if they were asked for.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, Shape)> {
        self.plan.outputs.iter().map(|(name, operand)| (name.as_str(), shape(operand.extent)))
    }

    /// Takes other weights of the same network, in place of the old ones unless [forks](Self::fork) share those.
    ///
    /// # Errors
    /// If they are of another network, or forks share the old ones and memory for others is not to be had.
    pub fn set_weights(&mut self, weights: &StateDict<E>) -> Result<(), EngineError> {
        are(&self.tensors, weights.tensors())?;
        self.executor.set_constants(&mut ConstantReader::new(&self.plan, &mut &*weights)?)
    }

    /// A session for another thread: the weights are shared, the memory is its own.
    ///
    /// # Errors
    /// If memory is not to be had.
    pub fn fork(&self) -> Result<Self, EngineError> {
        let (plan, results, tensors) = (self.plan.clone(), self.results.clone(), self.tensors.clone());
        Ok(Session {
            plan,
            results,
            tensors,
            executor: self.executor.fork()?,
            input: self.input,
            samples: 0,
            preloaded: None,
        })
    }

    /// Notes from now on how long each step of the plan takes, or stops it.
    pub fn watch(&mut self, on: bool) {
        self.executor.watch(on);
    }

    /// Seconds that each step of the plan took in the last run, while they are noted: see [`Self::watch`].
    pub fn seconds(&self) -> &[f64] {
        self.executor.seconds()
    }

    /// What runs, where it lies, what it takes.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Bytes that the session holds for weights and arena; the plan's report said so before.
    pub fn allocated(&self) -> usize {
        self.executor.allocated()
    }
}

/// The plan of a session, without taking its memory.
///
/// # Errors
/// If a layer has no kernel, the batch is 0, or the back end does not multiply in the precision.
pub fn plan_inference<E>(
    backend: &dyn Backend<E>,
    graph: &Graph,
    options: SessionOptions,
) -> Result<Plan, EngineError> {
    if options.batch == 0 {
        return Err(EngineError::EmptyBatch);
    }
    options.precision.check(backend.precision())?;
    let mut program = lower(graph, Mode::Inference { auxiliary: options.auxiliary })?;
    fuse(&mut program, false);
    Plan::new(program, backend, options.batch)
}

/// Whether the weights are a network's.
pub(crate) fn fits<E: Number>(graph: &Graph, weights: &StateDict<E>) -> Result<(), EngineError> {
    are(&sizes(graph), weights.tensors())
}

/// Names and sizes of a network's tensors.
fn sizes(graph: &Graph) -> Vec<(String, usize)> {
    graph.tensors().into_iter().map(|(name, tensor)| (name, tensor.elements() as usize)).collect()
}

/// Whether the weights have these names and sizes.
fn are<E>(expected: &[(String, usize)], tensors: &[NamedTensor<E>]) -> Result<(), EngineError> {
    if expected.len() != tensors.len() {
        return Err(EngineError::Tensors { expected: expected.len(), got: tensors.len() });
    }
    for ((expected_name, expected), NamedTensor { name, shape, .. }) in expected.iter().zip(tensors) {
        let got = shape.iter().product();
        if got != *expected || name != expected_name {
            let (name, expected_name) = (name.clone(), expected_name.clone());
            return Err(EngineError::TensorSize { name, expected_name, expected: *expected, got });
        }
    }
    Ok(())
}

/// How many samples so many values are.
pub(super) fn samples(values: usize, input: Shape, batch: usize) -> Result<usize, EngineError> {
    let elements = input.elements();
    let samples = values / elements.max(1);
    if samples == 0 || samples > batch || samples * elements != values {
        if values == 0 {
            return Err(EngineError::EmptyBatch);
        }
        return Err(EngineError::BatchSize { batch, shape: input.to_string(), elements, got: values });
    }
    Ok(samples)
}

pub(super) fn shape(extent: Extent) -> Shape {
    match extent {
        Extent::Batch(shape) => shape,
        Extent::Fixed(elements) => Shape::Vector(elements),
    }
}

/// Channels, height and width; a vector is a map of one pixel.
pub(super) fn sizes_of_map(extent: Extent) -> [usize; 3] {
    match shape(extent) {
        Shape::Map { channels, height, width } => [channels, height, width],
        Shape::Vector(channels) => [channels, 1, 1],
    }
}

pub(super) fn elements(extent: Extent) -> usize {
    shape(extent).elements()
}

/// Height times width; 1 of a vector.
pub(super) fn plane(extent: Extent) -> usize {
    shape(extent).spatial().map_or(1, |[height, width]| height * width)
}
