//! Weights that are asked for a part at a time.

use std::borrow::Cow;
use std::ops::Range;

use cnn_lang::graph::Graph;

use super::state_dict::initial::{self, Start};
use super::{Element, NamedTensor, StateDict, WeightsError};

/// Where the tensors of a network come from: who takes them asks for a part at a time, and says what is not needed any more.
///
/// A [`StateDict`] that is given away is freed tensor by tensor; one that is lent stays. [`StoredWeights`](super::StoredWeights) are
/// read from a file, [`InitialWeights`] drawn, when they are asked for.
///
/// ```
/// use cnn_runtime::engine::{Session, SessionOptions};
/// use cnn_runtime::weights::{LoadOptions, StateDict, StoredWeights};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("weights.safetensors");
///
/// let graph = cnn_lang::load(cnn_runtime::zoo::LeNet5, None).map_err(|_| "LeNet-5 compiles")?;
/// let weights = StateDict::<f32>::init(&graph, 1)?;
/// weights.save(&path)?;
/// let stored = StoredWeights::<f32>::open(&graph, &path, &LoadOptions::default())?;
///
/// let mut lent = Session::new(&graph, &weights, SessionOptions::default())?;
/// let mut read = Session::new(&graph, stored, SessionOptions::default())?;            // never in memory twice
/// let mut given = Session::new(&graph, weights, SessionOptions::default())?;          // freed as the session takes them
/// let image = vec![0.5; 28 * 28];
/// assert_eq!(lent.run(&image)?, read.run(&image)?);
/// assert_eq!(lent.run(&image)?, given.run(&image)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait WeightSource {
    /// The type of the numbers.
    type Element: Element;

    /// Names and shapes, in the order of [`Graph::tensors`]; data need not be there.
    fn layout(&self) -> &[NamedTensor<Self::Element>];

    /// Numbers `range` of tensor number `index`, last dimension running fastest. Panics if it has not as many.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&self, index: usize, range: Range<usize>) -> Result<Cow<'_, [Self::Element]>, WeightsError>;

    /// Says that nobody will read tensor number `index` again.
    fn release(&mut self, index: usize) {
        let _ = index;
    }
}

/// Lent: nothing is released.
impl<S: WeightSource + ?Sized> WeightSource for &S {
    type Element = S::Element;

    fn layout(&self) -> &[NamedTensor<Self::Element>] {
        (**self).layout()
    }

    fn read(&self, index: usize, range: Range<usize>) -> Result<Cow<'_, [Self::Element]>, WeightsError> {
        (**self).read(index, range)
    }
}

impl<E: Element> WeightSource for StateDict<E> {
    type Element = E;

    fn layout(&self) -> &[NamedTensor<E>] {
        self.tensors()
    }

    fn read(&self, index: usize, range: Range<usize>) -> Result<Cow<'_, [E]>, WeightsError> {
        Ok(self.tensors()[index].data[range].into())
    }

    fn release(&mut self, index: usize) {
        *self.tensor_mut(index) = Vec::new();
    }
}

/// The tensors of [`StateDict::init`], each number drawn when it is asked for.
#[derive(Clone, Debug)]
pub struct InitialWeights<E> {
    /// Without data.
    layout: Vec<NamedTensor<E>>,
    starts: Vec<Start>,
    seed: u64,
}

impl<E: Element> InitialWeights<E> {
    /// What [`StateDict::init`] draws of the same seed.
    ///
    /// # Errors
    /// If the network holds custom modules.
    pub fn new(graph: &Graph, seed: u64) -> Result<Self, WeightsError> {
        Ok(InitialWeights { layout: StateDict::layout(graph)?.into_tensors(), starts: initial::starts(graph), seed })
    }
}

impl<E: Element> WeightSource for InitialWeights<E> {
    type Element = E;

    fn layout(&self) -> &[NamedTensor<E>] {
        &self.layout
    }

    fn read(&self, index: usize, range: Range<usize>) -> Result<Cow<'_, [E]>, WeightsError> {
        Ok(initial::values(&self.layout[index], self.starts[index], self.seed, range)?.into())
    }
}
