//! Zero-cost proxies: what one look at an untrained network says of how well it will learn. Abdelfattah et al. 2021,
//! <https://arxiv.org/abs/2101.08134>, compare them.
//!
//! The larger, the better. Where numbers overflow a score is not finite, and says nothing.

mod grad_norm;
mod jacob_cov;
mod synflow;

use crate::engine::Probe;
use crate::engine::reference::Number;
use crate::weights::StateDict;

pub use grad_norm::grad_norm;
pub use jacob_cov::{correlation_score, jacob_cov};
pub use synflow::synflow;

/// Images that [`grad_norm`] and [`jacob_cov`] look at in a study: as many as Abdelfattah et al. take.
pub const IMAGES: usize = 64;

/// Calls with the weights of each convolution and fully connected layer, and their gradient.
fn each_layer<E: Number>(weights: &StateDict<E>, probe: &Probe<E>, mut call: impl FnMut(&[E], &[E])) {
    for (name, gradient) in probe.parameters() {
        // Biases, and what norms learn, are vectors.
        if let Some(tensor) = weights.get(&name).filter(|tensor| tensor.shape.len() > 1) {
            call(&tensor.data, &gradient);
        }
    }
}

#[cfg(test)]
mod tests;
