//! Activations by name, for kernels that apply one to what they have just computed. The functions themselves are those of
//! the layers: [`relu`](super::relu), [`silu`](super::silu) and so on.

use super::elementwise;
use super::gelu::Gelu;
use super::hsigmoid::Hsigmoid;
use super::hswish::Hswish;
use super::leaky::Leaky;
use super::relu::Relu;
use super::relu6::Relu6;
use super::sigmoid::Sigmoid;
use super::silu::Silu;
use super::tanh::Tanh;
use super::wide::wide;
use super::{Float, expect_len};

/// A function of single values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` where positive, this times x elsewhere
    Leaky(f64),
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// The hyperbolic tangent
    Tanh,
    /// `x sigmoid(x)`
    Silu,
    /// `x min(max(x + 3, 0), 6) / 6`
    Hswish,
    /// `min(max(x + 3, 0), 6) / 6`
    Hsigmoid,
    /// `x P(x)`, P the distribution function of the standard normal
    Gelu,
}

/// What a backward pass kept of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// What went in.
    Input,
    /// What came out; only where [`Activation::known_by_output`].
    Output,
}

/// An activation as a type, so that loops over values are compiled for each.
pub(crate) trait Function: Copy + Sync {
    fn value<E: Float>(&self, x: E) -> E;
    fn slope<E: Float>(&self, x: E) -> E;
    /// The slope where the value is y.
    fn slope_at_value<E: Float>(&self, y: E) -> E;
}

/// No activation.
#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl Function for Identity {
    #[inline(always)]
    fn value<E: Float>(&self, x: E) -> E {
        x
    }
    #[inline(always)]
    fn slope<E: Float>(&self, _: E) -> E {
        E::ONE
    }
    #[inline(always)]
    fn slope_at_value<E: Float>(&self, _: E) -> E {
        E::ONE
    }
}

/// Of layers that keep their output.
macro_rules! by_output {
    ($($layer:ty),*) => {$(
        impl Function for $layer {
            #[inline(always)]
            fn value<E: Float>(&self, x: E) -> E {
                <$layer>::value(x)
            }
            #[inline(always)]
            fn slope<E: Float>(&self, x: E) -> E {
                <$layer>::slope_at_value(<$layer>::value(x))
            }
            #[inline(always)]
            fn slope_at_value<E: Float>(&self, y: E) -> E {
                <$layer>::slope_at_value(y)
            }
        }
    )*};
}
by_output!(Relu, Sigmoid, Tanh);

/// Of layers that keep their input. Those of straight lines through 0 have the same slope at x and at their value.
macro_rules! by_input {
    ($($layer:ty),*) => {$(
        impl Function for $layer {
            #[inline(always)]
            fn value<E: Float>(&self, x: E) -> E {
                elementwise::Elementwise::value(self, x)
            }
            #[inline(always)]
            fn slope<E: Float>(&self, x: E) -> E {
                elementwise::Elementwise::slope(self, x)
            }
            #[inline(always)]
            fn slope_at_value<E: Float>(&self, y: E) -> E {
                elementwise::Elementwise::slope(self, y)
            }
        }
    )*};
}
by_input!(Relu6, Leaky, Silu, Hswish, Hsigmoid, Gelu);

/// The expression with `$function` bound to the activation as a [`Function`]; none is the identity.
macro_rules! with_function {
    ($activation:expr, |$function:ident| $body:expr) => {{
        use $crate::kernels::activation::{Activation, Identity};
        match $activation {
            None => {
                let $function = Identity;
                $body
            }
            Some(Activation::Relu) => {
                let $function = $crate::kernels::relu::Relu;
                $body
            }
            Some(Activation::Relu6) => {
                let $function = $crate::kernels::relu6::Relu6;
                $body
            }
            Some(Activation::Leaky(slope)) => {
                let $function = $crate::kernels::leaky::Leaky { slope };
                $body
            }
            Some(Activation::Sigmoid) => {
                let $function = $crate::kernels::sigmoid::Sigmoid;
                $body
            }
            Some(Activation::Tanh) => {
                let $function = $crate::kernels::tanh::Tanh;
                $body
            }
            Some(Activation::Silu) => {
                let $function = $crate::kernels::silu::Silu;
                $body
            }
            Some(Activation::Hswish) => {
                let $function = $crate::kernels::hswish::Hswish;
                $body
            }
            Some(Activation::Hsigmoid) => {
                let $function = $crate::kernels::hsigmoid::Hsigmoid;
                $body
            }
            Some(Activation::Gelu) => {
                let $function = $crate::kernels::gelu::Gelu;
                $body
            }
        }
    }};
}
pub(crate) use with_function;

impl Activation {
    /// `f(x)`
    pub fn value<E: Float>(&self, x: E) -> E {
        with_function!(Some(*self), |f| f.value(x))
    }

    /// `f'(x)`; where f has a kink, what PyTorch takes.
    pub fn slope<E: Float>(&self, x: E) -> E {
        with_function!(Some(*self), |f| f.slope(x))
    }

    /// Whether the value tells the slope, so that a backward pass can do without the input.
    pub fn known_by_output(&self) -> bool {
        match *self {
            Self::Relu | Self::Relu6 | Self::Sigmoid | Self::Tanh => true,
            Self::Leaky(slope) => slope >= 0.0,
            Self::Silu | Self::Hswish | Self::Hsigmoid | Self::Gelu => false,
        }
    }

    /// The slope where f is y; none where y does not tell it.
    pub fn slope_from_output<E: Float>(&self, y: E) -> Option<E> {
        self.known_by_output().then(|| with_function!(Some(*self), |f| f.slope_at_value(y)))
    }

    /// Applies the function in place, on this thread.
    pub fn apply<E: Float>(&self, values: &mut [E]) {
        with_function!(Some(*self), |f| wide(|| values.iter_mut().for_each(|x| *x = f.value(*x))));
    }

    /// Multiplies `dy` by the slope, on this thread: the gradient with respect to what went in.
    pub fn chain<E: Float>(&self, kept: Kept, values: &[E], dy: &mut [E]) {
        expect_len("activation: dy", dy.len(), values.len());
        assert!(
            kept == Kept::Input || self.known_by_output(),
            "the output of {self:?} does not tell its slope, keep the input; this is a bug in the calling code"
        );
        with_function!(Some(*self), |f| {
            let pairs = dy.iter_mut().zip(values);
            match kept {
                Kept::Input => wide(|| pairs.for_each(|(dy, &x)| *dy *= f.slope(x))),
                Kept::Output => wide(|| pairs.for_each(|(dy, &y)| *dy *= f.slope_at_value(y))),
            }
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kernels::testing::random;
    use crate::kernels::{DynKernel, Kernel};

    pub const ALL: [Activation; 9] = [
        Activation::Relu,
        Activation::Relu6,
        Activation::Leaky(0.1),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Silu,
        Activation::Hswish,
        Activation::Hsigmoid,
        Activation::Gelu,
    ];

    /// Each against the layer of its name, both ways, in place and one by one.
    #[test]
    fn agree_with_the_layers() {
        let layers: [&dyn DynKernel; 9] =
            [&Relu, &Relu6, &Leaky { slope: 0.1 }, &Sigmoid, &Tanh, &Silu, &Hswish, &Hsigmoid, &Gelu];
        let x: Vec<f64> = random(3, 200).iter().map(|x| 8.0 * x).chain([0.0, -0.0, 6.0, 3.0, -3.0]).collect();
        let dy = random(4, x.len());
        for (activation, layer) in ALL.iter().zip(layers) {
            let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            layer.forward_f64(&[&x], &mut y);
            layer.backward_f64(&[&x], &y, &dy, &mut [&mut dx]);
            let mut found = x.clone();
            activation.apply(&mut found);
            assert_eq!(found, y, "{activation:?}");
            assert!(x.iter().zip(&y).all(|(&x, &y)| activation.value(x) == y), "{activation:?}");

            let near = |found: &[f64]| found.iter().zip(&dx).all(|(f, e)| (f - e).abs() <= 1e-15);
            let mut found = dy.clone();
            activation.chain(Kept::Input, &x, &mut found);
            assert!(near(&found), "{activation:?}: {found:?} is not {dx:?}");
            let found: Vec<f64> = x.iter().zip(&dy).map(|(&x, dy)| dy * activation.slope(x)).collect();
            assert!(near(&found), "{activation:?}: {found:?} is not {dx:?}");
            if activation.known_by_output() {
                let mut found = dy.clone();
                activation.chain(Kept::Output, &y, &mut found);
                assert!(near(&found), "{activation:?} by its output: {found:?} is not {dx:?}");
                let slopes = y.iter().map(|&y| activation.slope_from_output(y).unwrap());
                assert!(near(&slopes.zip(&dy).map(|(s, dy)| s * dy).collect::<Vec<_>>()), "{activation:?}");
            } else {
                assert_eq!(activation.slope_from_output(1.0), None);
            }
        }
        let mut y = [0.0f64; 1];
        Relu.forward(&[&[-1.0]], &mut y);
        assert_eq!(y, [0.0]);
    }

    #[test]
    #[should_panic(expected = "the output of Silu does not tell its slope")]
    fn an_output_that_tells_nothing_is_refused() {
        Activation::Silu.chain(Kept::Output, &[1.0], &mut [1.0]);
    }
}
