//! Convolutions that the library computes together with what follows them, where that is faster.

use std::env;
use std::sync::Arc;

use super::Lowering;
use super::conv::Convolution;
use crate::engine::cuda::cudnn::{self, Addresses, Curve, Epilogue, Pass, Problem};
use crate::engine::cuda::device::Planned;
use crate::engine::cuda::words::Map;
use crate::engine::operation::Activation;
use crate::engine::plan::Step;

/// Bytes of workspace that there are at least: the fastest ways often want a few hundred.
pub(super) const WORKSPACE: usize = 1 << 10;
/// Bytes that a kernel for a map of its own reads and writes in a millisecond.
const BYTES: f32 = 2e9;
/// Milliseconds that one takes beside those.
const LAUNCH: f32 = 3e-3;

/// What follows a convolution: `y = activation(onto + y + bias)`.
pub(super) struct After {
    /// Address of an f32 for each channel; 0 is none.
    pub bias: u64,
    pub onto: Option<Map>,
    pub activation: Option<Activation>,
}

impl After {
    /// Whether nothing follows.
    pub fn is_empty(&self) -> bool {
        self.bias == 0 && self.onto.is_none() && self.activation.is_none()
    }

    /// As the library is asked for it, if it can be.
    fn epilogue(&self, y: &Map) -> Option<Epilogue> {
        let activation = match self.activation {
            Some(activation) => Some(Curve::of(activation)?),
            None => None,
        };
        let sizes = |map: &Map| (map.number, map.samples, map.height, map.width, map.channels);
        let is_aligned = |address: u64| address.is_multiple_of(cudnn::ALIGNMENT);
        let fits = self.onto.is_none_or(|onto| sizes(&onto) == sizes(y) && is_aligned(onto.start));
        (fits && is_aligned(self.bias)).then(|| Epilogue {
            bias: self.bias != 0,
            onto: self.onto.map(|onto| onto.pitch),
            activation,
        })
    }

    /// The convolution's addresses and what follows it.
    pub fn addresses(&self, addresses: [u64; 3]) -> Addresses {
        let bias = (self.bias != 0).then_some(self.bias);
        Addresses { bias, onto: self.onto.map(|onto| onto.start), ..Addresses::of(addresses) }
    }

    /// An estimate of the milliseconds of a kernel of its own, which reads y and writes it again.
    fn milliseconds(&self, y: &Map) -> f32 {
        let maps = 2 + usize::from(self.onto.is_some());
        pass_milliseconds(maps * y.len() * y.number.bytes())
    }
}

/// An estimate of the milliseconds of a kernel that reads and writes so many bytes.
pub(super) fn pass_milliseconds(bytes: usize) -> f32 {
    bytes as f32 / BYTES + LAUNCH
}

/// Set to 1 in the environment: convolutions of inference are compiled together with what follows them.
const FUSE: &str = "CNN_CUDA_FUSE";

impl Lowering<'_> {
    /// What follows a convolution; `left` says that the next step adds what its output is to be added to.
    pub(super) fn after(&self, step: &Step, convolution: &Convolution, left: bool) -> After {
        let bias = if convolution.pass == Pass::Forward { self.address(step, 2) } else { 0 };
        // The gradient of a weight is added to where it is brought into the order of weights.
        let adds = convolution.pass != Pass::WeightGradient && !left;
        let onto = if adds { self.onto(&step.outputs[0]) } else { None };
        After { bias, onto, activation: convolution.activation }
    }

    /// How the library computes a convolution and what follows it at once, where it can and that takes less time than
    /// the convolution by `alone` and a kernel.
    pub(super) fn fused(
        &self,
        problem: &Problem,
        (after, y): (&After, &Map),
        alone: &dyn Planned,
        most: usize,
    ) -> Option<Arc<dyn Planned>> {
        // Other batches than the planned one are rare: ways that are compiled would cost more time than they save.
        let wanted = env::var(FUSE).is_ok_and(|fuse| fuse == "1");
        if !wanted || problem.pass != Pass::Forward || after.is_empty() || self.samples != self.plan.batch {
            return None;
        }
        let problem = Problem { epilogue: Some(after.epilogue(y)?), ..*problem };
        let apart = alone.milliseconds().map(|time| time + after.milliseconds(y));
        let is_worth = |time: Option<f32>| time.zip(apart).is_none_or(|(fused, apart)| fused <= apart);
        if !is_worth(self.device.known_milliseconds(&problem, Some(most))) {
            return None;
        }
        // Should that fail, there still is the convolution by itself.
        let plan = self.device.convolution(&problem, Some(most), true).ok().flatten()?;
        is_worth(plan.milliseconds()).then_some(plan)
    }
}
