//! Exponential moving average of a module's tensors.

use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::tensor_ops::Device;

use super::{Element, NamedTensor, WeightsError, visit};

/// A shadow of a module whose tensors follow `average = decay * average + (1 - decay) * value` (Polyak & Juditsky 1992;
/// decay 0.999 and more in Tan & Le 2019). Every tensor is averaged, running statistics too; batch counters are copied.
///
/// ```
/// use cnn_runtime::weights::Ema;
/// use dfdx::prelude::{AsArray, Cpu, DeviceBuildExt, builders::Linear};
///
/// let mut module = Cpu::default().build_module::<Linear<1, 1>, f32>();
/// module.weight.copy_from(&[1.0]);
/// let mut ema = Ema::new(&module, 0.9)?;
/// module.weight.copy_from(&[2.0]);
/// ema.update(&module)?;
/// assert_eq!(ema.module().weight.array(), [[1.1]]);
/// # Ok::<(), cnn_runtime::weights::WeightsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ema<M> {
    module: M,
    decay: f64,
    warm_up: bool,
    updates: u64,
}

impl<M: Clone> Ema<M> {
    /// Begins with the module as it is.
    ///
    /// # Errors
    /// If `decay` is not from 0 to 1.
    pub fn new(module: &M, decay: f64) -> Result<Self, WeightsError> {
        if !(0.0..=1.0).contains(&decay) {
            return Err(WeightsError::Decay { got: decay });
        }
        Ok(Self { module: module.clone(), decay, warm_up: false, updates: 0 })
    }

    /// Uses decay `min(decay, (1 + n) / (10 + n))` for update `n` = 0, 1, …, so that early updates are not outweighed by the
    /// initial values.
    pub fn with_warm_up(mut self) -> Self {
        self.warm_up = true;
        self
    }

    /// Goes on after `updates` updates: the state of a resumed run, which begins with the average as it was saved.
    pub fn with_updates(mut self, updates: u64) -> Self {
        self.updates = updates;
        self
    }

    /// How many updates there have been.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The decay of the next update.
    pub fn decay(&self) -> f64 {
        let n = self.updates as f64;
        match self.warm_up {
            true => self.decay.min((1.0 + n) / (10.0 + n)),
            false => self.decay,
        }
    }

    /// The average, a module to evaluate or save.
    pub fn module(&self) -> &M {
        &self.module
    }

    /// Moves the average towards the module.
    ///
    /// # Errors
    /// If the module has other tensors than the one this began with, or the device fails.
    pub fn update<E, D>(&mut self, module: &M) -> Result<(), WeightsError>
    where
        E: Element,
        D: Device<E>,
        M: TensorCollection<E, D>,
    {
        let mut average = visit::read(&self.module, true);
        blend(&mut average, &visit::read(module, true), self.decay())?;
        visit::write(&mut self.module, data(average))?;
        self.updates += 1;
        Ok(())
    }

    /// Sets the module's tensors to the average.
    ///
    /// # Errors
    /// If the module has other tensors than the one this began with, or the device fails.
    pub fn apply_to<E, D>(&self, module: &mut M) -> Result<(), WeightsError>
    where
        E: Element,
        D: Device<E>,
        M: TensorCollection<E, D>,
    {
        let average = visit::read(&self.module, true);
        check(&average, &visit::read(module, false))?;
        visit::write(module, data(average))
    }
}

/// Sums in `f64`, kept in the module's own type so that a saved average is the whole state.
fn blend<E: Element>(
    average: &mut [NamedTensor<E>],
    module: &[NamedTensor<E>],
    decay: f64,
) -> Result<(), WeightsError> {
    check(average, module)?;
    for (average, new) in average.iter_mut().zip(module) {
        let decay = if new.is_counter() { 0.0 } else { decay };
        for (average, new) in average.data.iter_mut().zip(&new.data) {
            // Not decay * average + …: a tensor that does not change stays exactly.
            let (old, new) = (average.widen(), new.widen());
            *average = E::narrow(old + (1.0 - decay) * (new - old));
        }
    }
    Ok(())
}

/// Lists of blocks may differ in length though their type is one.
fn check<E: Element>(average: &[NamedTensor<E>], module: &[NamedTensor<E>]) -> Result<(), WeightsError> {
    for i in 0..average.len().max(module.len()) {
        let told = |tensors: &[NamedTensor<E>]| match tensors.get(i) {
            Some(tensor) => format!("{} of shape {:?}", tensor.name, tensor.shape),
            None => "nothing more".into(),
        };
        let (expected, got) = (told(average), told(module));
        if expected != got {
            return Err(WeightsError::Structure { expected, got });
        }
    }
    Ok(())
}

fn data<E>(tensors: Vec<NamedTensor<E>>) -> Vec<Option<Vec<E>>> {
    tensors.into_iter().map(|tensor| Some(tensor.data)).collect()
}
