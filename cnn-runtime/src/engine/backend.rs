//! What a device must offer to run plans.

use std::sync::Arc;

use super::constant_reader::ConstantReader;
use super::error::EngineError;
use super::operation::Operation;
use super::optimizer::{Pace, Rule};
use super::pixels::{Given, Pixels};
use super::plan::{Plan, Step};
use super::precision::Precision;
use super::program::Extent;
use super::reference::Number;
use super::storage::Layout;

/// A device and its kernels for numbers of type `E`. It sees plans, never a graph.
pub trait Backend<E>: Send + Sync {
    /// How tensors are laid out.
    fn layout(&self) -> Layout;

    /// How convolutions and fully connected layers multiply.
    fn precision(&self) -> Precision {
        Precision::Full
    }

    /// Bytes of scratch that an operation wants.
    fn workspace(&self, of: &Use<'_>) -> usize;

    /// Numbers that it keeps of a constant which an operation reads as this input, where it is kept in another form.
    fn stored(&self, operation: &Operation, input: usize) -> Option<usize>;

    /// Whether it does all updates of a step in one go, at the end.
    fn updates_together(&self) -> bool {
        false
    }

    /// Bytes that it keeps for some steps beside what a plan lays out.
    fn beside(&self, steps: &[Step]) -> usize {
        let _ = steps;
        0
    }

    /// Takes the plan's memory, chooses a kernel for every step, and takes each constant once.
    ///
    /// # Errors
    /// If the memory is not to be had, or the weights cannot be read.
    fn prepare(
        &self,
        plan: Arc<Plan>,
        constants: &mut ConstantReader<'_, E>,
    ) -> Result<Box<dyn Executor<E>>, EngineError>
    where
        E: Number;
}

/// An operation as a program uses it.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// What is computed.
    pub operation: &'a Operation,
    /// Sizes of what it reads.
    pub inputs: &'a [Extent],
    /// Whether it reads a constant that is kept as [`Backend::stored`] says.
    pub constant: bool,
    /// The most samples.
    pub batch: usize,
}

/// What a run is given.
#[derive(Clone, Copy, Debug)]
pub struct Feed<'a, E> {
    /// Where its samples are.
    pub images: Images<'a, E>,
    /// How many.
    pub samples: usize,
    /// Images of the run after this one, which are copied while it computes: where [`Executor::preloads`].
    pub next: Option<Given<'a, E>>,
    /// In training, what they are.
    pub targets: Targets<'a, E>,
    /// In training, how the optimizer steps; nothing in a part of a step that others follow.
    pub update: Option<Rule>,
    /// Of each of the network's tensors, how its steps differ from the others'; as `Pace::default` behind the end.
    pub paces: &'a [Pace],
    /// Of a step that goes through in parts, which one.
    pub part: Part,
    /// Names the masks of dropout.
    pub seed: u64,
    /// In training, what the loss is multiplied by: gradients are so many times what they are, until the optimizer takes them.
    pub loss_scale: f64,
    /// The rates of dropout and drop path are so many times what the network says, from 0 to 1.
    pub dropout: f64,
}

impl<E> Feed<'_, E> {
    /// Panics unless it is as many images as it says, from 1 to as many as were planned.
    pub(super) fn check(&self, plan: &Plan) {
        let (Plan { batch, input, .. }, samples) = (plan, self.samples);
        assert!(
            (1..=*batch).contains(&samples) && self.images.len().is_none_or(|len| len == samples * input),
            "{:?} values are no {samples} images of {input}, at most {batch}; this is a bug in the calling code",
            self.images.len()
        );
    }

    /// The rule by which parameters and averages move now, if they do.
    pub(super) fn moves(&self, norm: Option<f64>) -> Option<&Rule> {
        self.update.as_ref().filter(|rule| !rule.skip_non_finite || norm.is_none_or(f64::is_finite))
    }

    /// The pace of the parameter that a step updates: the network's tensors are the first states, in their order.
    pub(super) fn pace(&self, step: &Step) -> Pace {
        step.changes.first().and_then(|&tensor| self.paces.get(tensor)).copied().unwrap_or_default()
    }
}

/// Where the images of a run are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Images<'a, E> {
    /// Here, one behind the other.
    Here(&'a [E]),
    /// Here, as pixels, for a device that makes numbers of them: where [`Executor::preloads`].
    Pixels(&'a Pixels),
    /// On the device: [`Executor::preload`] or the last run's `next` brought them there.
    Preloaded,
}

impl<'a, E> Images<'a, E> {
    fn len(&self) -> Option<usize> {
        match self {
            Images::Here(images) => Some(images.len()),
            Images::Pixels(pixels) => Some(pixels.len()),
            Images::Preloaded => None,
        }
    }

    /// The numbers that are here. Panics on a back end that preloads nothing if there are none.
    pub(super) fn here(&self) -> &'a [E] {
        match self {
            Images::Here(images) => images,
            Images::Pixels(_) => panic!("pixels are no numbers; this is a bug in the calling code"),
            Images::Preloaded => panic!("nothing was preloaded; this is a bug in the calling code"),
        }
    }
}

/// The images of the next run, given ahead.
pub(super) enum Preloaded<E> {
    /// On the device, of so many samples.
    There(usize),
    /// Here, where the device takes none ahead.
    Here(Vec<E>),
}

impl<E: Number> Preloaded<E> {
    /// Images of the next run, which the device has, so many samples, or which stay here.
    pub fn of(images: Given<'_, E>, there: Option<usize>) -> Preloaded<E> {
        there.map_or_else(|| Preloaded::Here(images.numbers().into_owned()), Preloaded::There)
    }

    /// Where they are, and how many samples of so many numbers.
    pub fn images(&self, sample: usize) -> (Images<'_, E>, usize) {
        match self {
            Preloaded::There(samples) => (Images::Preloaded, *samples),
            Preloaded::Here(images) => (Images::Here(images), images.len() / sample),
        }
    }
}

/// A part of a step: gradients of its parts are summed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Whether the sum begins with it.
    pub first: bool,
    /// Whether it ends with it.
    pub last: bool,
    /// Its share of the step's samples.
    pub share: f64,
}

impl Part {
    /// All of a step.
    pub const WHOLE: Part = Part { first: true, last: true, share: 1.0 };
}

/// What samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Targets<'a, E> {
    /// The class of each.
    Labels(&'a [usize]),
    /// The probability of each class for each.
    Soft(&'a [E]),
}

/// What a run measured at an output.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    /// Mean cross-entropy, not yet times its share.
    pub loss: f64,
    /// Samples whose largest logit is at the largest target.
    pub correct: usize,
}

/// A plan on a device, with memory of its own.
pub trait Executor<E>: Send {
    /// Runs every step. In training `measures` gets one entry for each output with a loss; the norm of all gradients
    /// comes back where the plan has one. Panics if there are no samples, more than planned, or other images than so many.
    ///
    /// # Errors
    /// If the device fails.
    fn run(&mut self, feed: Feed<'_, E>, measures: &mut [Measure]) -> Result<Option<f64>, EngineError>;

    /// Whether it makes numbers of pixels.
    fn takes_pixels(&self) -> bool {
        false
    }

    /// Whether images can be copied to the device while it computes something else.
    fn preloads(&self) -> bool {
        false
    }

    /// Brings the images of the next run to the device. Whether it did.
    ///
    /// # Errors
    /// If the device fails, or memory is not to be had.
    fn preload(&mut self, images: Given<'_, E>) -> Result<bool, EngineError> {
        let _ = images;
        Ok(false)
    }

    /// Notes from now on how long each step takes, or stops it.
    fn watch(&mut self, on: bool);

    /// Seconds that each step of the last run took, while they are noted.
    fn seconds(&self) -> &[f64];

    /// Looks from now on whether what each step writes is finite, or stops it.
    fn audit(&mut self, on: bool);

    /// The first step of the last run that wrote something else, while it is looked at.
    fn fault(&self) -> Option<usize>;

    /// Copies output number `index` of the last run, samples one behind the other.
    fn read(&self, index: usize, samples: usize, values: &mut [E]);

    /// A state.
    fn state(&self, index: usize) -> Vec<E>;

    /// Sets a state, which has as many numbers.
    fn set_state(&mut self, index: usize, values: &[E]);

    /// Replaces all constants: in place, or by others where executors share them.
    ///
    /// # Errors
    /// If the memory is not to be had, or the weights cannot be read; some may be replaced then.
    fn set_constants(&mut self, constants: &mut ConstantReader<'_, E>) -> Result<(), EngineError>
    where
        E: Number;

    /// The same plan and constants with an arena and states of its own, all zero.
    ///
    /// # Errors
    /// If the memory is not to be had.
    fn fork(&self) -> Result<Box<dyn Executor<E>>, EngineError>;

    /// Bytes that it holds, shared weights included.
    fn allocated(&self) -> usize;
}
