//! What the layers' tests share.

use dfdx::prelude::*;

use crate::eager::{Known, Map, flat};
use crate::kernels::testing::random;

pub(super) type Recorder = OwnedTape<f64, Cpu>;

/// The input of most tests: 2 samples, 3 channels, 4 rows, 5 columns.
pub(super) type X = Map<Const<2>, 3, 4, 5, f64, Cpu>;

/// A repeatable tensor.
pub(super) fn tensor<S: ConstShape>(seed: u64) -> Tensor<S, f64, Cpu> {
    Cpu::default().tensor_from_vec(random(seed, S::NUMEL), S::default())
}

/// Runs a step of dfdx's own on the tape that is kept apart.
pub(super) fn taped<S: Shape, Out: Shape>(
    x: &Tensor<S, f64, Cpu>,
    tape: &mut Recorder,
    step: impl FnOnce(Tensor<S, f64, Cpu, Recorder>) -> Tensor<Out, f64, Cpu, Recorder>,
) -> Tensor<Out, f64, Cpu> {
    let (y, back) = step(x.clone().put_tape(std::mem::take(tape))).split_tape();
    *tape = back;
    y
}

/// Checks the gradient of `sum r f(x)`, r random, against central differences.
#[track_caller]
pub(super) fn check<S: ConstShape, Out: Known>(
    x: Tensor<S, f64, Cpu>,
    f: impl Fn(&Tensor<S, f64, Cpu>, &mut Recorder) -> Tensor<Out, f64, Cpu>,
) {
    let run = |x: &Tensor<S, f64, Cpu>| {
        let mut tape = Recorder::default();
        let y = flat(&f(x, &mut tape), &mut tape).unwrap();
        let len = y.shape().0;
        let r = Cpu::default().tensor_from_vec(random(99, len), (len,));
        (y.put_tape(tape) * r).sum::<Rank0, _>()
    };
    let found = run(&x).backward().get(&x).as_vec();
    let values = x.as_vec();
    let scale = found.iter().fold(1e-3, |max: f64, g| max.max(g.abs()));
    for (i, found) in found.iter().enumerate() {
        let h = 1e-5;
        let at = |delta: f64| {
            let mut values = values.clone();
            values[i] += delta;
            run(&Cpu::default().tensor_from_vec(values, S::default())).as_vec()[0]
        };
        let (wide, narrow) = ((at(h) - at(-h)) / (2.0 * h), (at(h / 2.0) - at(-h / 2.0)) / h);
        let expected = (4.0 * narrow - wide) / 3.0; // Richardson's extrapolation
        assert!((found - expected).abs() <= 1e-6 * scale, "gradient at {i}: {found}, differences give {expected}");
    }
}

/// Checks gradients with respect to an ordinary input, a permuted and a broadcast one, and one that is used twice; and
/// that the values are the same without a tape.
#[track_caller]
pub(super) fn check_everywhere<Out: Known>(f: impl Fn(&X, &mut Recorder) -> Tensor<Out, f64, Cpu>) {
    check(tensor(1), &f);
    check(tensor::<Rank4<5, 3, 2, 4>>(2), |x, tape| {
        let x = taped(x, tape, |x| x.permute::<Rank4<2, 3, 4, 5>, Axes4<2, 1, 3, 0>>());
        f(&x, tape)
    });
    check(tensor::<Rank2<3, 5>>(3), |x, tape| {
        let x = taped(x, tape, |x| x.broadcast::<Rank4<2, 3, 4, 5>, Axes2<0, 2>>());
        f(&x, tape)
    });
    check(tensor(4), |x, tape| {
        let (a, b) = (f(x, tape), f(x, tape));
        super::add(&[&a, &b, &a], tape).unwrap()
    });
}

/// Checks that a permuted input gives the values that its ordered copy gives.
#[track_caller]
pub(super) fn check_order<Out: Shape>(f: impl Fn(&X) -> Tensor<Out, f64, Cpu>) {
    let permuted = tensor::<Rank4<5, 3, 2, 4>>(2).permute::<Rank4<2, 3, 4, 5>, Axes4<2, 1, 3, 0>>();
    let ordered: X = Cpu::default().tensor_from_vec(permuted.as_vec(), Default::default());
    assert_eq!(f(&permuted).as_vec(), f(&ordered).as_vec());
}
