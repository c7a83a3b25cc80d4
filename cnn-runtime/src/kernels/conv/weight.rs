//! What `conv` does to its weight before use: standardisation, and a table of connections.

use std::borrow::Cow;
use std::ops::Range;

use crate::kernels::{Float, Kernel, Needs, expect_len, object, parallel, wide};

/// What keeps the division of [`Standardize`] finite in every network: the BiT reference's.
pub const STANDARDIZATION_EPS: f64 = 1e-8;

/// Each filter with mean 0 and variance 1: `ŵ = (w − mean) / √(var + eps)`, biased variance, over input channels and window.
/// Qiao et al. 2019, <https://arxiv.org/abs/1903.10520>.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standardize {
    /// Output channels.
    pub filters: usize,
    /// Keeps the division finite.
    pub eps: f64,
}

impl Standardize {
    /// Mean and 1 / √(variance + eps) of one filter.
    fn moments<E: Float>(&self, filter: &[E]) -> (f64, f64) {
        let count = filter.len() as f64;
        let mean = parallel::sum(filter) / count;
        let variance = parallel::sum_of(filter, filter, |w, _| (w.double() - mean) * (w.double() - mean)) / count;
        (mean, 1.0 / (variance + self.eps).sqrt())
    }
}

impl Kernel for Standardize {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len("conv: standardised weight", y.len(), inputs[0].len());
        let size = (y.len() / self.filters.max(1)).max(1);
        for (y, w) in y.chunks_exact_mut(size).zip(inputs[0].chunks_exact(size)) {
            let (mean, scale) = self.moments(w);
            wide(|| y.iter_mut().zip(w).for_each(|(y, w)| *y = E::of((w.double() - mean) * scale)));
        }
    }

    /// `dw = (dŵ − mean(dŵ) − ŵ · mean(dŵ · ŵ)) / √(var + eps)`.
    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        let size = (dy.len() / self.filters.max(1)).max(1);
        let rows = grads[0].chunks_exact_mut(size).zip(inputs[0].chunks_exact(size)).zip(dy.chunks_exact(size));
        for ((dw, w), dy) in rows {
            let (mean, scale) = self.moments(w);
            let normal = |w: E| (w.double() - mean) * scale;
            let count = size as f64;
            let dy_mean = parallel::sum(dy) / count;
            let dot_mean = parallel::sum_of(dy, w, |g, w| g.double() * normal(w)) / count;
            wide(|| {
                for ((dw, &w), g) in dw.iter_mut().zip(w).zip(dy) {
                    *dw += E::of((g.double() - dy_mean - normal(w) * dot_mean) * scale);
                }
            });
        }
    }
}

object!(Standardize);

/// The weight where the table connects, zero elsewhere. LeCun et al. 1998, table I.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// For each output channel the input channels that it sees; one that is named twice is connected once.
    pub table: Cow<'a, [Vec<usize>]>,
    /// Input channels.
    pub inputs: usize,
    /// Height times width of the window.
    pub window: usize,
}

impl Connect<'_> {
    /// The elements of the weight that the table connects.
    fn connected(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.table.iter().enumerate().flat_map(move |(out, inputs)| {
            let first = move |&(at, input): &(usize, &usize)| !inputs[..at].contains(input);
            inputs.iter().enumerate().filter(first).map(move |(_, input)| {
                let start = (out * self.inputs + input) * self.window;
                start..start + self.window
            })
        })
    }
}

impl Kernel for Connect<'_> {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        expect_len("conv: connected weight", y.len(), self.table.len() * self.inputs * self.window);
        y.fill(E::ZERO);
        for part in self.connected() {
            y[part.clone()].copy_from_slice(&inputs[0][part]);
        }
    }

    /// `dw = dy` where the table connects.
    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        for part in self.connected() {
            grads[0][part.clone()].iter_mut().zip(&dy[part]).for_each(|(dw, dy)| *dw += *dy);
        }
    }
}

object!(Connect<'_>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn filters_have_mean_0_and_variance_1() {
        let weight: Vec<f64> = randoms(&[3 * 20]).remove(0);
        let mut y = vec![0.0; 60];
        Standardize { filters: 3, eps: 1e-12 }.forward(&[&weight], &mut y);
        for filter in y.chunks(20) {
            let mean = filter.iter().sum::<f64>() / 20.0;
            let variance = filter.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 20.0;
            assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-9, "mean {mean}, variance {variance}");
        }
    }

    #[test]
    fn gradients() {
        check_gradients(&Standardize { filters: 4, eps: 1e-5 }, &randoms(&[4 * 18]), 4 * 18);
        let table = vec![vec![0, 2], vec![1], vec![0, 1, 2], vec![2, 2]];
        check_gradients(&Connect { table: table.into(), inputs: 3, window: 4 }, &randoms(&[4 * 3 * 4]), 4 * 3 * 4);
    }

    #[test]
    fn only_connected_weights_stay() {
        let mut y = [9.0f32; 8];
        let connect = Connect { table: vec![vec![1], vec![0]].into(), inputs: 2, window: 2 };
        connect.forward(&[&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]], &mut y);
        assert_eq!(y, [0.0, 0.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0]);
    }
}
