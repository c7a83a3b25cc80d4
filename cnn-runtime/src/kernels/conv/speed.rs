//! How fast convolution is: `cargo test -p cnn-runtime --release conv::speed -- --ignored --nocapture`.

use std::time::Instant;

use super::Conv;
use crate::kernels::Kernel;
use crate::kernels::testing::{axis, random};

/// The least of some runs, in seconds.
fn time(mut f: impl FnMut()) -> f64 {
    f();
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 0.4 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

#[test]
#[ignore = "measures, checks nothing"]
fn report() {
    let cases = [
        ("3x3  64 -> 64  56", [64, 64, 1], 56, 3, 1),
        ("3x3 256 -> 256 14", [256, 256, 1], 14, 3, 1),
        ("3x3 512 -> 512  7", [512, 512, 1], 7, 3, 1),
        ("1x1 256 -> 64  56", [256, 64, 1], 56, 1, 1),
        ("3x3 128 -> 128 28 /2", [128, 128, 1], 56, 3, 2),
        ("depthwise 96  112", [96, 96, 96], 112, 3, 1),
        ("depthwise 96  112 /2", [96, 96, 96], 112, 3, 2),
    ];
    for (name, [inputs, outputs, groups], size, kernel, stride) in cases {
        for batch in [1, 16] {
            let side = axis(size, kernel, stride, kernel / 2, kernel / 2, 1, false);
            let conv = Conv { batch, inputs, outputs, groups, rows: side, cols: side, bias: false };
            let draw = |seed, len| random(seed, len).iter().map(|&x| x as f32).collect::<Vec<f32>>();
            let (x, w) = (draw(1, batch * inputs * size * size), draw(2, outputs * conv.taps()));
            let mut y = draw(3, batch * outputs * conv.out_plane());
            let (mut dx, mut dw) = (x.clone(), w.clone());
            let flops = 2.0 * (y.len() * conv.taps()) as f64;
            let forward = time(|| conv.forward(&[&x, &w], &mut y));
            let backward = time(|| conv.backward(&[&x, &w], &[], &y, &mut [&mut dx[..], &mut dw[..]]));
            let speed = |times: f64, seconds: f64| times * flops / seconds / 1e9;
            println!(
                "{name:22} batch {batch:2}: forward {:6.1} GFLOP/s, backward {:6.1} GFLOP/s",
                speed(1.0, forward),
                speed(2.0, backward)
            );
        }
    }
}
