//! Group normalisation: the values of each group of channels in a sample have their own mean and variance,
//! `y = (x - mean) / sqrt(var + eps) * weight + bias`. Wu & He 2018, <https://arxiv.org/abs/1803.08494>.

use super::norm::Sets;
use super::{Float, Kernel, Needs, object};

/// Inputs: x `[batch, channels, plane]`, weight `[channels]` and bias `[channels]`. Output: as x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gn {
    /// Channels, a multiple of the groups.
    pub channels: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
}

impl Gn {
    fn sets(&self) -> Sets {
        let Self { channels, plane, groups, eps } = *self;
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "gn: {groups} groups do not divide {channels} channels; this is a bug in the calling code"
        );
        Sets { op: "gn", channels, plane, count: groups, channels_each: channels / groups, along: 0, eps }
    }
}

impl Kernel for Gn {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.sets().forward(inputs, y);
    }

    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.sets().backward(inputs, dy, grads);
    }
}

object!(Gn);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let gn = Gn { channels: 4, plane: 1, groups: 2, eps: 0.0 };
        let x = vec![1.0, 3.0, 10.0, 30.0];
        let y = run(&gn, &[x, vec![1.0, 2.0, 1.0, 1.0], vec![0.0, 0.5, 0.0, 0.0]], 4);
        assert_eq!(y, [-1.0, 2.5, -1.0, 1.0]);
    }

    #[test]
    fn gradients() {
        for (batch, channels, plane, groups) in [(1, 4, 6, 1), (3, 6, 5, 3), (2, 4, 3, 4), (3, 6, 1, 2)] {
            let gn = Gn { channels, plane, groups, eps: 1e-3 };
            let len = batch * channels * plane;
            check_gradients(&gn, &randoms(&[len, channels, channels]), len);
        }
    }
}
