use super::*;
use crate::kernels::activation::{Activation, with_function};

struct Each<F> {
    x: Rows,
    y: Rows,
    by: [bool; 2],
    f: F,
}

impl<F: Curve> Body for Each<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: numbers of the rows.
        unsafe {
            let x = get::<S, FULL>(self.x.at(row).add(c), width);
            let y = match self.by {
                [false, _] => self.f.value::<S>(x),
                [true, false] => self.f.slope::<S>(x),
                [true, true] => self.f.slope_at_value::<S>(x),
            };
            put::<S, FULL>(self.y.at(row).add(c), y, width);
        }
    }
}

fn each(isa: Isa, activation: Activation, by: [bool; 2], x: &[f32]) -> Vec<f32> {
    let (mut from, mut to) = (x.to_vec(), vec![9.0; x.len()]);
    let (x, y) = (Rows::new(from.as_mut_ptr(), 0), Rows::new(to.as_mut_ptr(), 0));
    // SAFETY: one row of numbers each.
    with_function!(Some(activation), |f| unsafe { sweep(isa, 1, from.len(), Each { x, y, by, f }) });
    to
}

const ALL: [Activation; 9] = [
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

/// Values to a few parts in 2^24 of themselves, slopes of 1; against the layers in f64.
#[test]
fn agree_with_the_layers() {
    let steps: i32 = if cfg!(miri) { 77 } else { 40_003 };
    let mut x: Vec<f32> = (-steps..=steps).map(|i| i as f32 * (5.0 / steps as f32)).collect();
    x.extend([3.0, -3.0, 6.0, 0.0, -0.0, 1e-20, -1e-20]);
    for &isa in Isa::all() {
        for activation in ALL {
            let (mut value, mut slope, mut by_output) = (0.0f64, 0.0f64, 0.0f64);
            let y = each(isa, activation, [false, false], &x);
            let d = each(isa, activation, [true, false], &x);
            let kept = each(isa, activation, [true, true], &y);
            for (((&x, y), d), kept) in x.iter().zip(y).zip(d).zip(kept) {
                let exact = activation.value(f64::from(x));
                value = value.max((f64::from(y) - exact).abs() / exact.abs().max(1e-30));
                slope = slope.max((f64::from(d) - activation.slope(f64::from(x))).abs());
                if let Some(exact) = activation.slope_from_output(f64::from(y)) {
                    by_output = by_output.max((f64::from(kept) - exact).abs());
                }
            }
            println!("{isa:?} {activation:?}: {value:.1e}, {slope:.1e}, {by_output:.1e}");
            // Where hswish is nearly 0, so is the rounded sum of x and 3.
            let most = if activation == Activation::Hswish || activation == Activation::Hsigmoid { 2e-3 } else { 1e-6 };
            assert!(value < most && slope < 5e-7 && by_output < 2e-7, "{isa:?} {activation:?}");
        }
    }
}

#[test]
fn at_the_ends() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for &isa in Isa::all() {
        for activation in ALL {
            let y = each(isa, activation, [false, false], &[inf, 1e30, 100.0, -100.0, -1e30, -inf, nan]);
            let flat = matches!(activation, Activation::Sigmoid | Activation::Tanh | Activation::Hsigmoid);
            let (left, right) = match activation {
                Activation::Tanh => ([-1.0; 3], [1.0; 3]),
                Activation::Relu6 => ([0.0; 3], [6.0; 3]),
                Activation::Leaky(_) => ([-10.0, -1e29, -inf], [inf, 1e30, 100.0]),
                _ => ([0.0; 3], if flat { [1.0; 3] } else { [inf, 1e30, 100.0] }),
            };
            assert_eq!(y[..3], right, "{isa:?} {activation:?}");
            let near =
                y[3..6].iter().zip(left).all(|(&y, left)| y == left || (y - left).abs() < 1e-30 + 1e-6 * left.abs());
            assert!(near, "{isa:?} {activation:?}: {y:?}");
            assert!(y[6].is_nan(), "{isa:?} {activation:?}: {}", y[6]);
            let slopes = each(isa, activation, [true, false], &[1e30, -1e30]);
            assert!(slopes.iter().all(|slope| slope.is_finite()), "{isa:?} {activation:?}: {slopes:?}");
        }
    }
}
