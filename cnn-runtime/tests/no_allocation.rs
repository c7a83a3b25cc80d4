//! The engine and its kernels allocate nothing, on any thread, once the threads are there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use cnn_lang::graph::{Graph, Shape};
use cnn_lang::{load, load_at};
use cnn_runtime::engine::{self, Clip, Session, SessionOptions, Trainer, TrainerOptions};
use cnn_runtime::kernels::activation::Activation;
use cnn_runtime::kernels::bn_act::{Affine, BnAct, Gradients, Kept, Residual, Running, Samples, Saved};
use cnn_runtime::kernels::conv::Conv;
use cnn_runtime::kernels::cross_entropy::{CrossEntropy, Gradient, Targets};
use cnn_runtime::kernels::optimizer::{AdamW, Optimizer, Sgd, Step, ema, squared_norm};
use cnn_runtime::kernels::window::Axis;
use cnn_runtime::weights::StateDict;
use cnn_runtime::zoo;

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

/// Allocations of twenty calls, after as many to warm up: a thread that helps for the first time sets itself up. From within the pool: handing work to it from outside may allocate a
/// block of its queue.
fn allocations(mut f: impl FnMut() + Send) -> usize {
    rayon::scope(|_| {
        (0..20).for_each(|_| f());
        let before = COUNT.load(Ordering::Relaxed);
        (0..20).for_each(|_| f());
        COUNT.load(Ordering::Relaxed) - before
    })
}

/// Networks that hold every kind of step between them, with inputs that are small and still leave a pixel.
const NETWORKS: &[(&str, [usize; 3])] = &[
    ("lenet5", [1, 28, 28]),
    ("alexnet", [3, 63, 63]),
    ("resnet18", [3, 33, 33]),
    ("densenet121", [3, 32, 32]),
    ("googlenet_aux", [3, 64, 64]),
    ("mobilenet_v3_small", [3, 32, 32]),
    ("efficientnet_b0", [3, 32, 32]),
    ("regnet_x_400mf", [3, 32, 32]),
];

fn network(name: &str, [channels, height, width]: [usize; 3]) -> Graph {
    let (_, source) = zoo::ALL.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}"));
    load_at(source, None, &[], Some(Shape::Map { channels, height, width })).expect("a network of the zoo")
}

/// Layers of the language that no network above has.
const OTHERS: &str = "
    pub Others(classes = 5): 3x16x16 -> classes;
    stem conv(8, 3, pad = 1, std = true) -> conv(4, 3, pad = 1, connect = [[0, 1], [2], [3, 4, 5], [6, 7]]) -> conv(8, 1)
         -> prelu -> maxpool(3, stride = 2, pad = 1);
    body lrn(3, alpha = 0.5) -> gn(2) -> relu6 -> shuffle(4) -> shift(3)
         -> add { { linear(8, pixelwise = true) -> ln -> gelu -> drop_path(0.1) -> affine(init = 0.1) }; identity; zero; }
         -> mul { identity; adaptive_avgpool(1); { gap -> softmax -> scale(8.0) }; }
         -> concat { { select(0, 4) -> leaky(0.1) -> softmax }; { select(4, 8) -> prelu(per_channel = true) -> tanh }; }
         -> add { { conv(12, 3, stride = 2, pad = 1) -> hswish }; { subsample(2) -> pad_channels(12, before = 2) }; }
         -> upsample(2, bilinear) -> pad([1, -1, -2, 2]) -> avgpool(2, pad = 1) -> upsample(2);
    head flatten -> dropout(0.5) -> linear(16) -> ln -> sigmoid -> linear(classes);
";

fn sessions_allocate_nothing() {
    let zoo = NETWORKS.iter().map(|&(name, input)| network(name, input));
    let others = load(OTHERS, None).expect("a network of the other layers");
    for graph in zoo.chain([others]) {
        let weights = StateDict::<f32>::init(&graph, 1).expect("weights");
        let options = SessionOptions { batch: 3, auxiliary: true };
        let mut session = Session::new(&graph, &weights, options).expect("a session");
        for samples in [3, 2] {
            let images = vec![0.5; samples * graph.input_shape().elements()];
            let count = allocations(|| {
                session.run(&images).expect("images that fit");
            });
            assert_eq!(count, 0, "{} in batches of {samples}", graph.name);
        }
        // From outside, the pool's queue takes a block now and then.
        let images = vec![0.5; graph.input_shape().elements()];
        let before = COUNT.load(Ordering::Relaxed);
        (0..20).for_each(|_| {
            session.run(&images).expect("an image that fits");
        });
        let count = COUNT.load(Ordering::Relaxed) - before;
        assert!(count <= 2, "{}: {count} allocations in twenty runs", graph.name);
    }
}

/// A step allocates nothing but the list of auxiliary losses in its report, where there are any.
fn steps_allocate_nothing() {
    for (name, input) in [("lenet5", [1, 28, 28]), ("mobilenet_v3_small", [3, 32, 32]), ("googlenet_aux", [3, 64, 64])]
    {
        let graph = network(name, input);
        let weights = StateDict::<f32>::init(&graph, 1).expect("weights");
        let options =
            TrainerOptions { batch: 2, clip: Some(Clip::Norm(1.0)), average: Some(0.9), ..Default::default() };
        let mut trainer = Trainer::new(&graph, &weights, options).expect("a trainer");
        let images = vec![0.5; 2 * graph.input_shape().elements()];
        let count = allocations(|| {
            trainer.step(&images, engine::Targets::Labels(&[1, 2]), 1e-3).expect("a batch that fits");
        });
        assert_eq!(count, if graph.auxiliary.is_empty() { 0 } else { 20 }, "{name}");
    }
}

/// One test, because tests on other threads would be counted too.
#[test]
fn nothing_is_allocated() {
    sessions_allocate_nothing();
    steps_allocate_nothing();
    kernels_allocate_nothing();
}

fn kernels_allocate_nothing() {
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
        bn.forward(
            samples,
            Residual::At(samples),
            Some(affine),
            Some(running),
            saved,
            Samples { data: &mut y, stride },
        );
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
    let (logits, labels, mut d) = (vec![0.5f32; 6400], vec![3usize; 64], vec![0.0; 6400]);
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
