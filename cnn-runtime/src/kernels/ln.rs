//! Layer normalisation over the channels, of a vector or of every pixel of a map by itself:
//! `y = (x - mean) / sqrt(var + eps) * weight + bias`. Ba et al. 2016, <https://arxiv.org/abs/1607.06450>; on the
//! pixels of a map as in Liu et al. 2022, <https://arxiv.org/abs/2201.03545>.

use super::norm::Sets;
use super::{Float, Kernel, Needs, object};

/// Inputs: x `[batch, channels, plane]`, weight `[channels]` and bias `[channels]`. Output: as x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ln {
    /// Channels.
    pub channels: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
    /// Added to the variance.
    pub eps: f64,
}

impl Ln {
    fn sets(&self) -> Sets {
        let Self { channels, plane, eps } = *self;
        Sets { op: "ln", channels, plane, count: plane, channels_each: channels, along: 1, eps }
    }
}

impl Kernel for Ln {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.sets().forward(inputs, y);
    }

    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.sets().backward(inputs, dy, grads);
    }
}

object!(Ln);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let ln = Ln { channels: 2, plane: 2, eps: 0.0 };
        let y = run(&ln, &[vec![1.0, 30.0, 3.0, 10.0], vec![1.0, 2.0], vec![0.0, 0.5]], 4);
        assert_eq!(y, [-1.0, 1.0, 2.5, -1.5]);
    }

    #[test]
    fn gradients() {
        for (batch, channels, plane) in [(1, 4, 6), (3, 5, 4), (3, 7, 1)] {
            let ln = Ln { channels, plane, eps: 1e-3 };
            let len = batch * channels * plane;
            check_gradients(&ln, &randoms(&[len, channels, channels]), len);
        }
    }
}
