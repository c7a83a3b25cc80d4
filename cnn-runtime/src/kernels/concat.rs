//! Tensors one behind the other along the channels. Szegedy et al. 2014, <https://arxiv.org/abs/1409.4842>; Huang et
//! al. 2016, <https://arxiv.org/abs/1608.06993>.

use super::{Float, Kernel, Needs, expect_inputs, expect_len, object};

/// Inputs: `[batch, lens[i]]` each. Output: `[batch, sum of lens]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concat {
    /// Samples in the batch.
    pub batch: usize,
    /// Channels times height times width of every input.
    pub lens: Vec<usize>,
}

impl Concat {
    /// The length of an output sample; checks the lengths of everything.
    fn check(&self, inputs: impl ExactSizeIterator<Item = usize>, y: usize) -> usize {
        expect_inputs("concat", inputs.len(), self.lens.len());
        for (input, len) in inputs.zip(&self.lens) {
            expect_len("concat: x", input, self.batch * len);
        }
        let sum = self.lens.iter().sum();
        expect_len("concat: y", y, self.batch * sum);
        sum
    }
}

impl Kernel for Concat {
    const NEEDS: Needs = Needs::Nothing;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        let sum = self.check(inputs.iter().map(|x| x.len()), y.len());
        for (b, mut y) in y.chunks_mut(sum.max(1)).enumerate() {
            for (x, &len) in inputs.iter().zip(&self.lens) {
                let part = y.split_off_mut(..len).expect("the lengths add up");
                part.copy_from_slice(&x[b * len..][..len]);
            }
        }
    }

    fn backward<E: Float>(&self, _: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        let sum = self.check(grads.iter().map(|dx| dx.len()), dy.len());
        for (b, mut dy) in dy.chunks(sum.max(1)).enumerate() {
            for (dx, &len) in grads.iter_mut().zip(&self.lens) {
                let part = dy.split_off(..len).expect("the lengths add up");
                dx[b * len..][..len].iter_mut().zip(part).for_each(|(dx, &dy)| *dx += dy);
            }
        }
    }
}

object!(Concat);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let concat = Concat { batch: 2, lens: vec![1, 2] };
        assert_eq!(run(&concat, &[vec![1.0, 2.0], vec![3.0, 4.0, 5.0, 6.0]], 6), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
    }

    #[test]
    fn gradients() {
        for (batch, lens) in [(1, vec![4]), (3, vec![2, 5, 1])] {
            let inputs: Vec<usize> = lens.iter().map(|len| batch * len).collect();
            let len = inputs.iter().sum();
            check_gradients(&Concat { batch, lens }, &randoms(&inputs), len);
        }
    }
}
