//! `drop_path`: stochastic depth. Rule and paper: [`kernels::drop_path`](crate::kernels::drop_path).

use dfdx::prelude::*;

use super::sizes::Sizes;
use crate::eager::{Eager, Known, flat, run};
use crate::kernels::drop_path::DropPath;

/// Sets each sample to 0 with probability `p` and divides the others by `1 - p`. For training; in inference a network
/// leaves the step out. Which samples stay comes from one number of the device's generator.
pub fn drop_path<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    p: f64,
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    let Sizes { channels, plane, .. } = Sizes::of("drop_path", x.shape());
    let seed = x.device().random_u64();
    run(DropPath { len: channels * plane, p, seed }, &[flat(x, tape)?], *x.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    /// The choice depends on the device's generator, so every call starts from the same one.
    #[test]
    fn the_gradient_drops_the_samples_that_the_values_drop() {
        let values = tensor::<Rank4<16, 2, 1, 2>>(1).as_vec();
        let x: Tensor<Rank4<16, 2, 1, 2>, f64, Cpu> = Cpu::seed_from_u64(5).tensor_from_vec(values, Default::default());
        let mut tape = Recorder::default();
        let y = drop_path(&x, 0.25, &mut tape).unwrap();
        let grads = y.clone().put_tape(tape).sum::<Rank0, _>().backward();
        let factors = grads.get(&x).as_vec();
        let kept = factors.chunks(4).filter(|sample| sample[0] != 0.0).count();
        assert!((1..16).contains(&kept), "{kept} of 16 samples stay");
        assert!(factors.chunks(4).all(|sample| sample == [0.0; 4] || sample == [4.0 / 3.0; 4]));
        for ((x, y), factor) in x.as_vec().iter().zip(y.as_vec()).zip(factors) {
            assert_eq!(y, x * factor);
        }
    }
}
