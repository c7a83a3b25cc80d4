//! Fully connected layers on few samples against sums in f64, on every kind of vectors.

use super::dot::Dot;
use super::outer::{FewInputs, FewWeights};
use super::tests::{Map, near, random};
use super::way::Onto;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::operation::Activation;

/// Samples, inputs, outputs.
const SIZES: &[[usize; 3]] = &[
    [1, 1, 1],
    [1, 100, 30],
    [2, 48, 64],
    [3, 17, 5],
    [5, 40, 129],
    [8, 96, 24],
    [9, 1030, 7],
    [13, 2100, 70],
    [32, 65, 66],
];

/// `sum over k of f(m, n, k)`, in f64.
fn sums([rows, columns, terms]: [usize; 3], f: impl Fn(usize, usize, usize) -> f64) -> Vec<f32> {
    let sum = |m: usize, n: usize| (0..terms).map(|k| f(m, n, k)).sum::<f64>() as f32;
    (0..rows * columns).map(|i| sum(i / columns, i % columns)).collect()
}

fn plus(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The same numbers at multiples of a cache line's size, one beside them, and onto what is there, on one thread and two.
#[test]
fn few_samples_are_the_definition() {
    for &[samples, inputs, outputs] in SIZES.iter().filter(|size| !cfg!(miri) || size.iter().product::<usize>() < 5000)
    {
        let x = random(1, samples * inputs);
        let weight = random(2, outputs * inputs);
        let dy = random(3, samples * outputs);
        let bias = random(4, outputs);
        let (y0, dx0, dw0) = (random(5, dy.len()), random(6, x.len()), random(7, weight.len()));
        let product = |a: f32, b: f32| f64::from(a) * f64::from(b);
        let y = sums([samples, outputs, inputs], |s, o, i| product(x[s * inputs + i], weight[o * inputs + i]));
        let dx = sums([samples, inputs, outputs], |s, i, o| product(dy[s * outputs + o], weight[o * inputs + i]));
        let dw = sums([outputs, inputs, samples], |o, i, s| product(dy[s * outputs + o], x[s * inputs + i]));
        for &isa in Isa::all() {
            for (gap, lanes) in [(0, 1), (3, 2)] {
                let what = format!("{samples} x {inputs} -> {outputs} {} gap {gap}", isa.name());
                let row = |of: &[f32]| Map::new(samples, [of.len() / samples, 1, 1], gap, of);
                let (mut x, mut dy) = (row(&x), row(&dy));
                let (x_grid, dy_grid) = (x.grid().as_row(), dy.grid().as_row());
                Team::run(lanes, isa, |team| {
                    for start in 0..3u8 {
                        let (mut to, mut other) = (row(&y0), row(&y0));
                        let onto =
                            [Onto::Nothing, Onto::Itself, Onto::Other(other.grid().as_row())][usize::from(start)];
                        let activation = (start == 2).then_some(Activation::Relu);
                        let biased = start == 0;
                        let bias_at = if biased { bias.as_ptr() } else { std::ptr::null() };
                        let dot = Dot::new(isa, inputs, outputs, samples).expect("few samples");
                        let y_grid = to.grid().as_row();
                        unsafe { dot.run(team, x_grid, &weight, bias_at, onto, y_grid, activation) };
                        let each: Vec<f32> = (0..y.len()).map(|i| bias[i % outputs]).collect();
                        let mut expected = plus(&y, if biased { &each } else { &y0 });
                        activation.iter().for_each(|activation| activation.apply(&mut expected));
                        near(&what, &to.dense(), &expected);

                        let (mut to, mut other) = (row(&dx0), row(&dx0));
                        let onto =
                            [Onto::Nothing, Onto::Itself, Onto::Other(other.grid().as_row())][usize::from(start)];
                        let back = FewInputs::new(isa, inputs, outputs, samples).expect("few samples");
                        unsafe { back.run(team, &weight, dy_grid, onto, to.grid().as_row()) };
                        near(&what, &to.dense(), &if start == 0 { dx.clone() } else { plus(&dx, &dx0) });

                        let mut to = dw0.clone();
                        let back = FewWeights::new(isa, inputs, outputs, samples).expect("few samples");
                        unsafe { back.run(team, x_grid, dy_grid, &mut to, start > 0) };
                        near(&what, &to, &if start == 0 { dw.clone() } else { plus(&dw, &dw0) });
                    }
                });
            }
        }
    }
}

/// A gradient so large that it passes by the caches is all there when it is read.
#[test]
#[cfg_attr(miri, ignore = "no vectors here pass by caches, and it is large")]
fn streamed_gradients_are_complete() {
    let (samples, inputs, outputs) = (2, 2048, 2100);
    let (x, dy) = (random(1, samples * inputs), random(2, samples * outputs));
    for &isa in Isa::all() {
        let results = [1, 2].map(|lanes| {
            let mut x = Map::new(samples, [inputs, 1, 1], 0, &x);
            let mut dy = Map::new(samples, [outputs, 1, 1], 0, &dy);
            let (x, dy) = (x.grid().as_row(), dy.grid().as_row());
            // From a multiple of 64 bytes on.
            let mut memory = vec![f32::NAN; inputs * outputs + 16];
            let first = memory.as_ptr().align_offset(64);
            let to = &mut memory[first..first + inputs * outputs];
            let back = FewWeights::new(isa, inputs, outputs, samples).expect("few samples");
            Team::run(lanes, isa, |team| unsafe { back.run(team, x, dy, to, false) });
            memory[first..first + inputs * outputs].to_vec()
        });
        assert!(results[0] == results[1], "threads change bits");
        for (index, &found) in results[0].iter().enumerate() {
            let (o, i) = (index / inputs, index % inputs);
            let expected: f32 = (0..samples).map(|s| dy[s * outputs + o] * x[s * inputs + i]).sum();
            assert!((found - expected).abs() <= 1e-6, "{found} is not {expected} at {o}, {i}");
        }
    }
}
