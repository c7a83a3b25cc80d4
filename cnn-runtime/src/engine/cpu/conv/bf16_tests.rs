use super::bf16::{Form, join, round};
use super::tests::{Case, Map, cases, elements, forward, random};
use super::way::{Conv, Onto};
use super::weight_way::ConvWeight;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::precision::Precision;
use crate::kernels::conv as reference;

/// The nearest of the two bf16 around a number, the even one of two as near.
fn nearest(x: f32) -> f32 {
    let below = f32::from_bits(x.to_bits() & 0xFFFF_0000);
    let above = f32::from_bits((x.to_bits() & 0xFFFF_0000) + 0x1_0000);
    let off = |y: f32| (f64::from(y) - f64::from(x)).abs();
    let even = |y: f32| (y.to_bits() >> 16).is_multiple_of(2);
    if off(below) < off(above) || (off(below) == off(above) && even(below)) { below } else { above }
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().map(|&x| nearest(x)).collect()
}

#[test]
fn rounds_to_nearest_ties_to_even() {
    let mut values = random(1, 10_000);
    let scales = [1.0, 1e-30, 3e37, 129.0];
    values.iter_mut().enumerate().for_each(|(i, x)| *x *= scales[i % scales.len()]);
    // Ties: to 1, and to 1 + 2^-6.
    values.extend([1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -1.0 - 1.0 / 256.0, 0.0, -0.0, 1.0]);
    let expected = rounded(&values);
    let mut found = values.clone();
    round(&mut found);
    assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
    let mut words = values.clone();
    join(&mut words, &values);
    for (word, value) in words.iter().zip(&expected) {
        assert_eq!(word.to_bits(), value.to_bits() | value.to_bits() >> 16);
    }
    let mut special = [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::from_bits(0x7F80_0001), f32::NAN];
    round(&mut special);
    assert_eq!(special[..3], [f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY]);
    assert!(special[3].is_nan() && special[4].is_nan());
}

/// Every way of this processor.
fn ways() -> Vec<(Isa, Form)> {
    let mut ways: Vec<_> = Isa::all().iter().map(|&isa| (isa, Form::Rounded)).collect();
    let best = Form::of(Precision::Bf16, Isa::best());
    // Who has matrices has pairs.
    let others: &[Form] = match best {
        Form::Number | Form::Rounded => &[],
        Form::Pair => &[Form::Pair],
        Form::Matrix => &[Form::Pair, Form::Matrix],
    };
    ways.extend(others.iter().map(|&form| (Isa::best(), form)));
    ways
}

/// Exact sums, and those of the magnitudes of terms.
type Sums = [Vec<f64>; 2];

/// Within 3e-5 of the sum of rounded factors' terms, as f32 is of its own, and within 2^-7 of the exact sum: what two
/// roundings to eight digits allow.
fn check(what: &str, found: &[f32], exact: &Sums, of_rounded: &Sums) {
    for (index, &y) in found.iter().enumerate() {
        let (off, most) = ((f64::from(y) - of_rounded[0][index]).abs(), 3e-5 * of_rounded[1][index] + 1e-6);
        assert!(off <= most, "{what}: number {index} is off by {off:e} of rounded factors, {most:e} allowed");
        let (off, most) = ((f64::from(y) - exact[0][index]).abs(), exact[1][index] / 128.0 + 1e-6);
        assert!(off <= most, "{what}: number {index} is off by {off:e}, {most:e} allowed");
    }
}

fn double(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn magnitudes(values: &[f64]) -> Vec<f64> {
    values.iter().map(|x| x.abs()).collect()
}

/// A reference kernel: its two factors, what it adds to, its workspace.
type Apply = fn(&reference::Conv, &[f64], &[f64], &mut [f64], &mut [f64]);

/// `apply(conv, a, b, sums, workspace)` of numbers and of their magnitudes.
fn sums(case: &Case, len: usize, [a, b]: [&[f32]; 2], apply: Apply) -> Sums {
    let conv = case.reference().0;
    let mut workspace = vec![0.0; conv.workspace(1)];
    let (a, b) = (double(a), double(b));
    [[a.clone(), b.clone()], [magnitudes(&a), magnitudes(&b)]].map(|[a, b]| {
        let mut sums = vec![0.0; len];
        apply(&conv, &a, &b, &mut sums, &mut workspace);
        sums
    })
}

#[test]
fn forward_is_that_of_rounded_factors() {
    for case in cases().iter().filter(|case| !super::depthwise::is_depthwise(&case.shape)) {
        let (shape, batch) = (case.shape, case.batch);
        let x = random(1, elements(batch, case.input()));
        let weight = random(2, shape.weights());
        let len = elements(batch, case.output());
        let apply = |x: &[f32], w: &[f32]| sums(case, len, [x, w], |conv, x, w, y, ws| conv.forward_onto(x, w, y, ws));
        let (exact, of_rounded) = (apply(&x, &weight), apply(&rounded(&x), &rounded(&weight)));
        for (isa, form) in ways() {
            for (gap, lanes) in [(0, 1), (3, 2)] {
                let mut x = Map::new(batch, case.input(), gap, &x);
                let mut y = Map::new(batch, case.output(), gap, &vec![0.0; len]);
                let (from, to) = (x.grid(), y.grid());
                Team::run(lanes, isa, |team| {
                    forward(team, isa, form, &shape, &weight, from, &[], Onto::Nothing, to, None);
                });
                check(&format!("{shape:?} {} {form:?} gap {gap}", isa.name()), &y.dense(), &exact, &of_rounded);
            }
        }
    }
}

#[test]
fn input_gradients_are_those_of_rounded_factors() {
    for case in cases().iter().filter(|case| !super::depthwise::is_depthwise(&case.shape)) {
        let (shape, batch) = (case.shape, case.batch);
        let dy = random(1, elements(batch, case.output()));
        let weight = random(2, shape.weights());
        let len = elements(batch, case.input());
        let apply =
            |dy: &[f32], w: &[f32]| sums(case, len, [dy, w], |conv, dy, w, dx, ws| conv.input_grad(w, dy, dx, ws));
        let (exact, of_rounded) = (apply(&dy, &weight), apply(&rounded(&dy), &rounded(&weight)));
        for (isa, form) in ways() {
            let lanes = 2;
            let mut dy = Map::new(batch, case.output(), 3, &dy);
            let mut dx = Map::new(batch, case.input(), 3, &vec![0.0; len]);
            let (from, to) = (dy.grid(), dx.grid());
            Team::run(lanes, isa, |team| {
                for kernel in Conv::backward(isa, form, &shape) {
                    let mut filters = vec![f32::NAN; kernel.filters()];
                    let mut scratch = vec![f32::NAN; lanes * kernel.scratch()];
                    let chunks = kernel.chunks();
                    kernel.pack(team, &weight, chunks.clone(), &mut filters);
                    let (filters, scratch, bias) = (filters.as_ptr(), scratch.as_mut_ptr(), std::ptr::null());
                    unsafe { kernel.run(team, from, filters, chunks, bias, Onto::Nothing, to, None, scratch) };
                }
            });
            check(&format!("{shape:?} {} {form:?}", isa.name()), &dx.dense(), &exact, &of_rounded);
        }
    }
}

#[test]
fn weight_gradients_are_those_of_rounded_factors() {
    for case in cases().iter().filter(|case| !super::depthwise::is_depthwise(&case.shape)) {
        let (shape, batch) = (case.shape, case.batch);
        let x = random(1, elements(batch, case.input()));
        let dy = random(2, elements(batch, case.output()));
        let len = shape.weights();
        let apply =
            |x: &[f32], dy: &[f32]| sums(case, len, [x, dy], |conv, x, dy, dw, ws| conv.weight_grad(x, dy, dw, ws));
        let (exact, of_rounded) = (apply(&x, &dy), apply(&rounded(&x), &rounded(&dy)));
        for (isa, form) in ways() {
            let results = [1, 2].map(|lanes| {
                let mut x = Map::new(batch, case.input(), 3, &x);
                let mut dy = Map::new(batch, case.output(), 3, &dy);
                let (x, dy) = (x.grid(), dy.grid());
                let mut dweight = vec![f32::NAN; len];
                Team::run(lanes, isa, |team| {
                    let kernel = ConvWeight::new(isa, form, &shape, batch);
                    let mut scratch = vec![f32::NAN; kernel.scratch(lanes)];
                    unsafe { kernel.run(team, x, dy, &mut dweight, false, scratch.as_mut_ptr()) };
                });
                dweight
            });
            assert_eq!(results[0], results[1], "threads change bits");
            check(&format!("{shape:?} {} {form:?}", isa.name()), &results[0], &exact, &of_rounded);
        }
    }
}
