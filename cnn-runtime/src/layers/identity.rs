//! `identity`: the tensor itself. Nothing is computed, so there is no kernel.

use dfdx::prelude::*;

use crate::eager::Eager;

/// The same tensor.
pub fn identity<S: Shape, E: Dtype, D: Eager<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    _: &mut T,
) -> Result<Tensor<S, E, D>, D::Err> {
    Ok(x.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;

    #[test]
    fn gradients() {
        check_everywhere(|x, tape| identity(x, tape).unwrap());
    }
}
