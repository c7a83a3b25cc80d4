//! Channels of zeros in front and behind: the shortcut without parameters of He et al. 2015, option A,
//! <https://arxiv.org/abs/1512.03385>.

use super::{Float, Kernel, Needs, expect_len, object};

/// Input: `[batch, inputs, plane]`. Output: `[batch, outputs, plane]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PadChannels {
    /// Samples in the batch.
    pub batch: usize,
    /// Input channels.
    pub inputs: usize,
    /// Output channels, at least `before + inputs`.
    pub outputs: usize,
    /// Channels of zeros in front.
    pub before: usize,
    /// Height times width.
    pub plane: usize,
}

impl PadChannels {
    fn check(&self, x: usize, y: usize) {
        assert!(
            self.before + self.inputs <= self.outputs,
            "pad_channels: {} channels behind {} zeros do not fit {}; this is a bug in the calling code",
            self.inputs,
            self.before,
            self.outputs
        );
        expect_len("pad_channels: x", x, self.batch * self.inputs * self.plane);
        expect_len("pad_channels: y", y, self.batch * self.outputs * self.plane);
    }
}

impl Kernel for PadChannels {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        y.fill(E::ZERO);
        let (len, start) = (self.inputs * self.plane, self.before * self.plane);
        for (x, y) in inputs[0].chunks(len).zip(y.chunks_mut(self.outputs * self.plane)) {
            y[start..][..len].copy_from_slice(x);
        }
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let (len, start) = (self.inputs * self.plane, self.before * self.plane);
        for (dx, dy) in grads[0].chunks_mut(len).zip(dy.chunks(self.outputs * self.plane)) {
            dx.iter_mut().zip(&dy[start..]).for_each(|(dx, &dy)| *dx += dy);
        }
    }
}

object!(PadChannels);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let pad = PadChannels { batch: 2, inputs: 1, outputs: 3, before: 1, plane: 2 };
        let y = run(&pad, &[vec![1.0, 2.0, 3.0, 4.0]], 12);
        assert_eq!(y, [0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0]);
    }

    #[test]
    fn gradients() {
        for before in [0, 1, 3] {
            let pad = PadChannels { batch: 3, inputs: 2, outputs: 5, before, plane: 4 };
            check_gradients(&pad, &randoms(&[3 * 2 * 4]), 3 * 5 * 4);
        }
    }
}
