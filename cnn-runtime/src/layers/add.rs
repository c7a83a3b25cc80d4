//! `add`: the sum of branches. Paper: [`kernels::add`](crate::kernels::add).

use dfdx::prelude::*;

use crate::eager::{Eager, Known, flat, run};
use crate::kernels::add::Add;

/// The sum of one or more tensors of one shape.
pub fn add<S: Known, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    xs: &[&Tensor<S, E, D>],
    tape: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    let first = xs.first().expect("add: no branches; this is a bug in the calling code");
    let inputs = xs.iter().map(|x| flat(x, tape)).collect::<Result<Vec<_>, _>>()?;
    run(Add, &inputs, *first.shape(), tape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| add(&[x], tape).unwrap());
        check_everywhere(|x, tape| add(&[x, &tensor(7), x], tape).unwrap());
        check_order(|x| add(&[x, x], &mut NoneTape).unwrap());
    }

    #[test]
    fn a_tensor_added_to_itself_gets_two_gradients() {
        let x = tensor::<Rank1<3>>(1);
        let mut tape = Recorder::default();
        let y = add(&[&x, &x], &mut tape).unwrap();
        let grads = y.put_tape(tape).sum::<Rank0, _>().backward();
        assert_eq!(grads.get(&x).array(), [2.0; 3]);
    }
}
