//! A run of channels, `y = x[:, from..to]`.

use super::{Float, Kernel, Needs, expect_len, object};

/// Input: `[batch, inputs, plane]`. Output: `[batch, to - from, plane]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select {
    /// Samples in the batch.
    pub batch: usize,
    /// Input channels.
    pub inputs: usize,
    /// The first channel that stays.
    pub from: usize,
    /// The channel behind the last that stays.
    pub to: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
}

impl Select {
    fn check(&self, x: usize, y: usize) {
        let Self { inputs, from, to, .. } = *self;
        assert!(from < to && to <= inputs, "select: {from}..{to} of {inputs}; this is a bug in the calling code");
        expect_len("select: x", x, self.batch * inputs * self.plane);
        expect_len("select: y", y, self.batch * (to - from) * self.plane);
    }
}

impl Kernel for Select {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs[0].len(), y.len());
        let (len, start) = ((self.to - self.from) * self.plane, self.from * self.plane);
        for (x, y) in inputs[0].chunks(self.inputs * self.plane).zip(y.chunks_mut(len)) {
            y.copy_from_slice(&x[start..][..len]);
        }
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(grads[0].len(), dy.len());
        let (len, start) = ((self.to - self.from) * self.plane, self.from * self.plane);
        for (dx, dy) in grads[0].chunks_mut(self.inputs * self.plane).zip(dy.chunks(len)) {
            dx[start..].iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
        }
    }
}

object!(Select);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let select = Select { batch: 2, inputs: 3, from: 1, to: 3, plane: 1 };
        let y = run(&select, &[(0..6).map(f64::from).collect()], 4);
        assert_eq!(y, [1.0, 2.0, 4.0, 5.0]);
    }

    #[test]
    fn gradients() {
        for (from, to) in [(0, 1), (1, 3), (0, 4)] {
            let select = Select { batch: 2, inputs: 4, from, to, plane: 3 };
            check_gradients(&select, &randoms(&[24]), 2 * (to - from) * 3);
        }
    }
}
