//! What the kernels' tests share.

use super::window::Axis;
use super::{Kernel, Needs};

/// `len` repeatable values between -1 and 1.
pub(crate) fn random(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..8 + len).map(|_| next()).skip(8).collect()
}

/// One random buffer per length.
pub(crate) fn randoms(lens: &[usize]) -> Vec<Vec<f64>> {
    lens.iter().zip(1..).map(|(&len, seed)| random(seed, len)).collect()
}

/// Forward into fresh memory, poisoned so that an element left out shows.
pub(crate) fn run<K: Kernel>(kernel: &K, inputs: &[Vec<f64>], len: usize) -> Vec<f64> {
    let inputs: Vec<&[f64]> = inputs.iter().map(|input| &input[..]).collect();
    let mut y = vec![f64::NAN; len];
    kernel.forward(&inputs, &mut y);
    y
}

/// Checks the gradient of `sum r * y`, r random, against central differences for every input, to 1e-6 of the largest
/// one; that gradients are added to what is there; and that f32 agrees with f64.
#[track_caller]
pub(crate) fn check_gradients<K: Kernel>(kernel: &K, inputs: &[Vec<f64>], len: usize) {
    let dy = random(99, len);
    let loss = |inputs: &[Vec<f64>]| -> f64 { run(kernel, inputs, len).iter().zip(&dy).map(|(y, r)| y * r).sum() };
    let y = run(kernel, inputs, len);

    let mut grads: Vec<Vec<f64>> = inputs.iter().map(|input| vec![1.0; input.len()]).collect();
    let none: Vec<&[f64]> = inputs.iter().map(|_| &[][..]).collect();
    let all: Vec<&[f64]> = inputs.iter().map(|input| &input[..]).collect();
    let (kept_inputs, kept_y) = match K::NEEDS {
        Needs::Inputs => (&all, &[][..]),
        Needs::Output => (&none, &y[..]),
        Needs::Nothing => (&none, &[][..]),
    };
    let mut slots: Vec<&mut [f64]> = grads.iter_mut().map(|grad| &mut grad[..]).collect();
    kernel.backward(kept_inputs, kept_y, &dy, &mut slots);

    for (i, grad) in grads.iter().enumerate() {
        let scale = grad.iter().fold(1e-3, |max: f64, g| max.max((g - 1.0).abs()));
        for j in 0..grad.len() {
            let h = 1e-5;
            let at = |delta: f64| {
                let mut inputs = inputs.to_vec();
                inputs[i][j] += delta;
                loss(&inputs)
            };
            // Richardson's extrapolation leaves an error of h^4
            let (wide, narrow) = ((at(h) - at(-h)) / (2.0 * h), (at(h / 2.0) - at(-h / 2.0)) / h);
            let (found, expected) = (grad[j] - 1.0, (4.0 * narrow - wide) / 3.0);
            assert!(
                (found - expected).abs() <= 1e-6 * scale,
                "gradient of input {i} at {j}: {found}, differences give {expected}"
            );
        }
    }
    let max_grad = grads.iter().flatten().fold(1.0, |max: f64, g| max.max((g - 1.0).abs()));
    let (single_y, single_grads) = single(kernel, inputs, &dy);
    let scale = y.iter().fold(1.0, |max: f64, y| max.max(y.abs()));
    for (found, y) in single_y.iter().zip(&y) {
        assert!((f64::from(*found) - y).abs() <= 1e-5 * scale, "f32: {found}, f64 gives {y}");
    }
    for (found, grad) in single_grads.iter().flatten().zip(grads.iter().flatten()) {
        assert!((f64::from(*found) - grad).abs() <= 1e-5 * max_grad, "f32 gradient: {found}, f64 gives {grad}");
    }
}

/// Output and gradients, counted from 1, in f32.
fn single<K: Kernel>(kernel: &K, inputs: &[Vec<f64>], dy: &[f64]) -> (Vec<f32>, Vec<Vec<f32>>) {
    let round = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
    let inputs: Vec<Vec<f32>> = inputs.iter().map(|input| round(input)).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(|input| &input[..]).collect();
    let mut y = vec![f32::NAN; dy.len()];
    kernel.forward(&inputs, &mut y);
    let mut grads: Vec<Vec<f32>> = inputs.iter().map(|input| vec![1.0; input.len()]).collect();
    let mut slots: Vec<&mut [f32]> = grads.iter_mut().map(|grad| &mut grad[..]).collect();
    kernel.backward(&inputs, &y, &round(dy), &mut slots);
    (y, grads)
}

/// An axis with the output that its window gives.
pub(crate) fn axis(
    input: usize,
    kernel: usize,
    stride: usize,
    before: usize,
    after: usize,
    dilation: usize,
    ceil: bool,
) -> Axis {
    let mut axis = Axis { input, output: 0, kernel, stride, before, after, dilation };
    axis.output = if ceil { axis.ceil_windows() } else { axis.whole_windows() };
    axis
}

/// Windows of every kind, rows and columns.
pub(crate) fn windows() -> Vec<(Axis, Axis)> {
    vec![
        (axis(4, 2, 2, 0, 0, 1, false), axis(4, 2, 2, 0, 0, 1, false)),
        (axis(5, 3, 2, 1, 1, 1, false), axis(7, 3, 2, 1, 0, 1, false)),
        (axis(6, 3, 2, 0, 0, 1, true), axis(6, 4, 3, 1, 1, 1, true)),
        (axis(1, 1, 1, 0, 0, 1, false), axis(9, 3, 1, 2, 1, 2, false)),
        (axis(5, 1, 3, 0, 0, 1, true), axis(6, 2, 1, 1, 0, 3, false)),
    ]
}
