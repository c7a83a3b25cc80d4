//! `mul`: the product of branches. Rule and paper: [`kernels::mul`](crate::kernels::mul).
//!
//! A builder as in [`concat`](super::concat): every branch has its own size, and an axis of length 1 is stretched.

use dfdx::prelude::*;

use crate::eager::{Eager, Flat, Map, Vector, flat, run};
use crate::kernels::mul as kernel;

/// Multiplies maps and vectors; a vector of C against a map is `C x 1 x 1`.
#[derive(Clone, Debug)]
pub struct Mul<B: Dim, E: Dtype = f32, D: Storage<E> = Cpu> {
    batch: Option<B>,
    branches: Vec<Flat<E, D>>,
    sizes: Vec<[usize; 3]>,
}

impl<B: Dim, E: Dtype, D: Eager<E>> Mul<B, E, D> {
    /// No branches yet.
    #[expect(clippy::new_without_default, reason = "without branches it is of no use")]
    pub fn new() -> Self {
        Self { batch: None, branches: Vec::new(), sizes: Vec::new() }
    }

    /// Adds a map.
    pub fn with<const C: usize, const H: usize, const W: usize, T: Tape<E, D>>(
        self,
        x: &Map<B, C, H, W, E, D>,
        tape: &mut T,
    ) -> Result<Self, D::Err> {
        Ok(self.and(x.shape().0, flat(x, tape)?, [C, H, W]))
    }

    /// Adds a vector.
    pub fn with_vector<const C: usize, T: Tape<E, D>>(
        self,
        x: &Vector<B, C, E, D>,
        tape: &mut T,
    ) -> Result<Self, D::Err> {
        Ok(self.and(x.shape().0, flat(x, tape)?, [C, 1, 1]))
    }

    fn and(mut self, batch: B, x: Flat<E, D>, size: [usize; 3]) -> Self {
        self.batch.get_or_insert(batch);
        self.branches.push(x);
        self.sizes.push(size);
        self
    }

    /// To a map of the largest channels, height and width.
    pub fn forward<const C: usize, const H: usize, const W: usize, T: Tape<E, D>>(
        self,
        tape: &mut T,
    ) -> Result<Map<B, C, H, W, E, D>, D::Err> {
        let (batch, kernel) = self.describe([C, H, W]);
        run(kernel, &self.branches, (batch, Const, Const, Const), tape)
    }

    /// To a vector of the largest length, where all branches are vectors.
    pub fn forward_vector<const C: usize, T: Tape<E, D>>(self, tape: &mut T) -> Result<Vector<B, C, E, D>, D::Err> {
        let (batch, kernel) = self.describe([C, 1, 1]);
        run(kernel, &self.branches, (batch, Const), tape)
    }

    fn describe(&self, said: [usize; 3]) -> (B, kernel::Mul) {
        let batch = self.batch.expect("mul: no branches; this is a bug in the calling code");
        let kernel = kernel::Mul { batch: batch.size(), sizes: self.sizes.clone() };
        assert_eq!(
            said,
            kernel.output(),
            "mul: {:?} (left: said to be; right: is); this is a bug in the calling code",
            self.sizes
        );
        (batch, kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    type Y = Map<Const<2>, 3, 4, 5, f64, Cpu>;

    fn square(x: &X, tape: &mut Recorder) -> Y {
        Mul::new().with(x, tape).unwrap().with(x, tape).unwrap().forward(tape).unwrap()
    }

    #[test]
    fn gradients() {
        check_everywhere(square);
        check_order(|x| square(x, &mut Recorder::default()));
        let x: X = tensor(1);
        check(tensor::<Rank4<2, 3, 1, 1>>(2), |gate, tape| -> Y {
            Mul::new().with(&x, tape).unwrap().with(gate, tape).unwrap().forward(tape).unwrap()
        });
        check(tensor::<Rank4<2, 1, 4, 5>>(2), |gate, tape| -> Y {
            Mul::new().with(gate, tape).unwrap().with(&x, tape).unwrap().forward(tape).unwrap()
        });
        check(tensor::<Rank2<3, 2>>(2), |gate, tape| -> Y {
            let gate = taped(gate, tape, |gate| gate.permute::<Rank2<2, 3>, _>());
            let product = Mul::new().with(&x, tape).unwrap().with_vector(&gate, tape).unwrap();
            product.with(&x, tape).unwrap().forward(tape).unwrap()
        });
        check(tensor::<Rank2<2, 3>>(2), |x, tape| -> Tensor<Rank2<2, 3>, f64, Cpu> {
            let (one, twice) = (tensor::<Rank2<2, 1>>(3), Mul::new().with_vector(x, tape).unwrap());
            let product = twice.with_vector(x, tape).unwrap().with_vector(&one, tape).unwrap();
            product.forward_vector(tape).unwrap()
        });
    }

    #[test]
    #[should_panic(expected = "mul: [[3, 4, 5], [3, 4, 5]]")]
    fn a_wrong_size_is_refused() {
        let x: X = tensor(1);
        let both = Mul::new().with(&x, &mut NoneTape).unwrap().with(&x, &mut NoneTape).unwrap();
        let _: Map<_, 3, 5, 4, _, _> = both.forward(&mut NoneTape).unwrap();
    }
}
