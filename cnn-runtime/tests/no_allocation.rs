//! The kernels of the engine allocate nothing, on any thread, once the threads are there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use cnn_runtime::kernels::activation::Activation;
use cnn_runtime::kernels::bn_act::{Affine, BnAct, Gradients, Kept, Running, Samples, Saved};
use cnn_runtime::kernels::conv::Conv;
use cnn_runtime::kernels::cross_entropy::{CrossEntropy, Gradient, Targets};
use cnn_runtime::kernels::optimizer::{AdamW, Optimizer, Sgd, Step, ema, squared_norm};
use cnn_runtime::kernels::window::Axis;

/// The system's allocator, counting.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of twenty calls, after one to warm up. From within the pool: handing work to it from outside may allocate a
/// block of its queue.
fn allocations(mut f: impl FnMut() + Send) -> usize {
    rayon::scope(|_| {
        f();
        let before = COUNT.load(Ordering::Relaxed);
        (0..20).for_each(|_| f());
        COUNT.load(Ordering::Relaxed) - before
    })
}

/// One test, because tests on other threads would be counted too.
#[test]
fn nothing_is_allocated() {
    let axis = |stride: usize| {
        let output = (20 - 1) / stride + 1;
        Axis { input: 20, output, kernel: 3, stride, before: 1, after: 1, dilation: 1 }
    };
    for (groups, stride) in [(1, 1), (1, 2), (2, 1), (32, 1), (32, 2)] {
        let side = axis(stride);
        let conv = Conv { batch: 6, inputs: 32, outputs: 32, groups, rows: side, cols: side, bias: true };
        let mut x = vec![0.5f32; 6 * 32 * 400];
        let mut w = vec![0.5f32; 32 * 32 / groups * 9];
        let mut y = vec![0.5f32; 6 * 32 * side.output * side.output];
        let (mut dw, mut dx, mut db) = (w.clone(), x.clone(), [0.0; 32]);
        let mut workspace = vec![0.0; conv.workspace(rayon::current_num_threads())];
        let count = allocations(|| {
            conv.forward_onto(&x, &w, &mut y, &mut workspace);
            conv.input_grad(&w, &y, &mut dx, &mut workspace);
            conv.weight_grad(&x, &y, &mut dw, &mut workspace);
            conv.bias_grad(&y, &mut db);
            y.fill(0.5);
        });
        assert_eq!(count, 0, "{conv:?}");
        x.fill(0.0);
        w.fill(0.0);
    }

    let bn = BnAct { batch: 6, channels: 32, plane: 400, eps: 1e-5, activation: Some(Activation::Silu) };
    let x: Vec<f32> = (0..6 * 32 * 400).map(|i| (i % 17) as f32).collect();
    let (mut y, mut dx) = (x.clone(), x.clone());
    let [mut mean, mut inverse, mut weight, mut bias] = [[0.0f32; 32]; 4];
    let stride = 32 * 400;
    let count = allocations(|| {
        let (mut running_mean, mut var) = ([0.0; 32], [1.0; 32]);
        let running = Running { mean: &mut running_mean, var: &mut var, momentum: 0.1 };
        let affine = Affine { weight: &[1.0; 32], bias: &[0.0; 32] };
        let samples = Samples { data: &x[..], stride };
        let saved = Saved { mean: &mut mean, inverse: &mut inverse };
        bn.forward(samples, Some(samples), Some(affine), Some(running), saved, Samples { data: &mut y, stride });
        let gradients = Gradients {
            dx: Samples { data: &mut dx, stride },
            accumulate_dx: false,
            dresidual: None,
            accumulate_dresidual: false,
            affine: Some([&mut weight, &mut bias]),
            accumulate_affine: true,
        };
        bn.backward(samples, Kept::Input(Some(samples)), Some(affine), &mean, &inverse, Some(samples), gradients);
    });
    assert_eq!(count, 0, "batch normalisation");

    let kernel = CrossEntropy { samples: 64, classes: 100, smoothing: 0.1 };
    let (logits, labels, mut d) = (vec![0.5f32; 6400], vec![3; 64], vec![0.0; 6400]);
    let count = allocations(|| {
        let gradient = Gradient { dlogits: &mut d, weight: 1.0, accumulate: false };
        kernel.run(&logits, Targets::Labels(&labels), Some(gradient)).expect("labels below 100");
    });
    assert_eq!(count, 0, "cross-entropy");

    let at = Step { lr: 0.1, weight_decay: 0.1, gradient_scale: 1.0, number: 1 };
    let (gradient, mut weight, mut a, mut b) = (x.clone(), x.clone(), x.clone(), x.clone());
    let count = allocations(|| {
        Sgd { momentum: 0.9, nesterov: true }.update(&at, &mut weight, &gradient, &mut [&mut a]);
        AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8 }.update(&at, &mut weight, &gradient, &mut [&mut a, &mut b]);
        ema(&mut a, &weight, 0.9);
        assert!(squared_norm(&gradient) > 0.0);
    });
    assert_eq!(count, 0, "optimizers");
}
