//! `dropout`: zeros at random. Rule and paper: [`kernels::dropout`](crate::kernels::dropout).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::dropout::Dropout;

/// Sets each value to 0 with probability `p` and divides the others by `1 - p`. For training; in inference a network
/// leaves the step out. The mask comes from one number of the device's generator.
pub fn dropout<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    p: f64,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    let seed = x.device().random_u64();
    run(Dropout { p, seed }, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    /// The mask depends on the device's generator, so every call starts from the same one.
    fn seeded<S: Known>(x: &Tensor<S, f64, Cpu>) -> Tensor<S, f64, Cpu> {
        Cpu::seed_from_u64(5).tensor_from_vec(x.as_vec(), *x.shape())
    }

    #[test]
    fn repeats_under_a_seed() {
        let x = tensor::<Rank4<2, 3, 4, 5>>(1);
        let y = |x: &Tensor<_, f64, Cpu>| dropout(x, 0.5, &mut NoneTape).unwrap().as_vec();
        assert_eq!(y(&seeded(&x)), y(&seeded(&x)));
        let same = seeded(&x);
        assert_ne!(y(&same), y(&same));
    }

    /// Kept values and their gradients are multiplied by 1 / (1 - p), dropped ones by 0.
    #[test]
    fn the_gradient_has_the_mask_of_the_values() {
        let x = seeded(&tensor::<Rank4<2, 3, 4, 5>>(1));
        let mut tape = Recorder::default();
        let y = dropout(&x, 0.25, &mut tape).unwrap();
        let grads = y.clone().put_tape(tape).sum::<Rank0, _>().backward();
        for ((x, y), g) in x.as_vec().iter().zip(y.as_vec()).zip(grads.get(&x).as_vec()) {
            assert!(g == 0.0 || g == 1.0 / 0.75);
            assert_eq!(y, x * g);
        }
    }
}
