//! `concat`: branches one behind the other along the channels. Papers: [`kernels::concat`](crate::kernels::concat).
//!
//! A builder, so that rustc sees every branch with its own number of channels and that all else agrees:
//! `Concat::new().with(&a)?.with(&b)?.forward(tape)?`.

use dfdx::prelude::*;

use crate::eager::{Eager, Flat, Map, Vector, flat, run};
use crate::kernels::concat as kernel;

/// Joins maps of `H x W`.
#[derive(Clone, Debug)]
pub struct Concat<B: Dim, const H: usize, const W: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    branches: Vec<Branch<B, H, W, E, D>>,
}

/// A map that has forgotten its number of channels.
type Branch<B, const H: usize, const W: usize, E, D> = Tensor<(B, usize, Const<H>, Const<W>), E, D>;

/// Joins vectors.
#[derive(Clone, Debug)]
pub struct ConcatVectors<B: Dim, E: Dtype = f32, D: Storage<E> = Cpu> {
    branches: Vec<Tensor<(B, usize), E, D>>,
}

impl<B: Dim, const H: usize, const W: usize, E: Dtype, D: Eager<E>> Concat<B, H, W, E, D> {
    /// No branches yet.
    #[expect(clippy::new_without_default, reason = "without branches it is of no use")]
    pub fn new() -> Self {
        Self { branches: Vec::new() }
    }

    /// Adds a branch behind the others.
    pub fn with<const C: usize>(mut self, x: &Map<B, C, H, W, E, D>) -> Result<Self, D::Err> {
        let same = x.clone().try_realize().unwrap_or_else(|_| unreachable!("only a size less is known"));
        self.branches.push(same);
        Ok(self)
    }

    /// To `K` channels, as many as all branches have together.
    pub fn forward<const K: usize, T: Tape<E, D>>(self, tape: &mut T) -> Result<Map<B, K, H, W, E, D>, D::Err> {
        let (batch, ..) = *self.branches.first().expect(NO_BRANCHES).shape();
        let inputs = self.branches.iter().map(|x| flat(x, tape)).collect::<Result<Vec<_>, _>>()?;
        run(describe(batch.size(), &inputs, K, H * W), &inputs, (batch, Const, Const, Const), tape)
    }
}

impl<B: Dim, E: Dtype, D: Eager<E>> ConcatVectors<B, E, D> {
    /// No branches yet.
    #[expect(clippy::new_without_default, reason = "without branches it is of no use")]
    pub fn new() -> Self {
        Self { branches: Vec::new() }
    }

    /// Adds a branch behind the others.
    pub fn with<const C: usize>(mut self, x: &Vector<B, C, E, D>) -> Result<Self, D::Err> {
        let same = x.clone().try_realize().unwrap_or_else(|_| unreachable!("only a size less is known"));
        self.branches.push(same);
        Ok(self)
    }

    /// To `K` values, as many as all branches have together.
    pub fn forward<const K: usize, T: Tape<E, D>>(self, tape: &mut T) -> Result<Vector<B, K, E, D>, D::Err> {
        let (batch, _) = *self.branches.first().expect(NO_BRANCHES).shape();
        let inputs = self.branches.iter().map(|x| flat(x, tape)).collect::<Result<Vec<_>, _>>()?;
        run(describe(batch.size(), &inputs, K, 1), &inputs, (batch, Const), tape)
    }
}

const NO_BRANCHES: &str = "concat: no branches; this is a bug in the calling code";

fn describe<E: Dtype, D: Eager<E>>(
    batch: usize,
    inputs: &[Flat<E, D>],
    channels: usize,
    plane: usize,
) -> kernel::Concat {
    let lens: Vec<usize> = inputs.iter().map(|x| x.shape().0 / batch.max(1)).collect();
    let sum = lens.iter().sum::<usize>() / plane.max(1);
    assert!(
        batch == 0 || sum == channels,
        "concat: the branches have {sum} channels, said to be {channels}; this is a bug in the calling code"
    );
    kernel::Concat { batch, lens }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients_of_maps() {
        let join = |x: &X, tape: &mut Recorder| -> Map<_, 8, 4, 5, _, _> {
            let other = tensor::<Rank4<2, 2, 4, 5>>(8);
            let joined = Concat::new().with(x).unwrap().with(&other).unwrap().with(x).unwrap();
            joined.forward(tape).unwrap()
        };
        check_everywhere(join);
        check_order(|x| join(x, &mut Recorder::default()));
    }

    #[test]
    fn gradients_of_vectors() {
        check(tensor::<Rank2<4, 3>>(1), |x, tape| -> Tensor<Rank2<3, 9>, f64, Cpu> {
            let a = taped(x, tape, |x| x.permute::<Rank2<3, 4>, _>());
            let b = tensor::<Rank2<3, 1>>(2);
            let joined = ConcatVectors::new().with(&a).unwrap().with(&b).unwrap().with(&a).unwrap();
            joined.forward(tape).unwrap()
        });
    }

    #[test]
    #[should_panic(expected = "concat: the branches have 6 channels, said to be 7")]
    fn a_wrong_size_is_refused() {
        let x: X = tensor(1);
        let joined = Concat::new().with(&x).unwrap().with(&x).unwrap();
        joined.forward::<7, _>(&mut NoneTape).unwrap();
    }
}
