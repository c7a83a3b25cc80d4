use super::*;
use crate::engine::{Cpu, Probe, Probed, Targets};

/// Small enough for loops by hand, with everything that counts: a rectifier, a bias, a norm, a join.
const SOURCE: &str = "Tiny: 2x4x4 -> 3;
    stem conv(4, 3, pad = 1, bias = true) -> bn -> relu;
    body add { conv(4, 1, bias = false); identity; } -> relu;
    head flatten -> linear(3);";

/// Of its tensors those of the batch norm.
const NORM: std::ops::Range<usize> = 2..7;

fn noise(count: usize, seed: f64) -> Vec<f64> {
    (0..count).map(|index| ((index as f64 + seed) * 12.9898).sin() * 43_758.545_3).map(|x| x.fract()).collect()
}

/// 3x3 (or 1x1) convolution of a 4x4 map in plain loops.
fn conv(x: &[f64], w: &[f64], bias: &[f64], [inp, out, k]: [usize; 3]) -> Vec<f64> {
    let mut y = vec![0.0; out * 16];
    let pad = k as i64 / 2;
    for (at, y) in y.iter_mut().enumerate() {
        let (o, r, c) = (at / 16, (at / 4 % 4) as i64, (at % 4) as i64);
        *y = bias.get(o).copied().unwrap_or(0.0);
        for (i, u, v) in (0..inp).flat_map(|i| (0..k).flat_map(move |u| (0..k).map(move |v| (i, u, v)))) {
            let (row, col) = (r + u as i64 - pad, c + v as i64 - pad);
            if (0..4).contains(&row) && (0..4).contains(&col) {
                *y += w[((o * inp + i) * k + u) * k + v] * x[i * 16 + (row * 4 + col) as usize];
            }
        }
    }
    y
}

/// The sum of the logits of the network without its norm.
fn sum_of_logits(weights: &[Vec<f64>], x: &[f64]) -> f64 {
    let relu = |x: Vec<f64>| x.into_iter().map(|x| x.max(0.0)).collect::<Vec<_>>();
    let [first, bias, second, last, shift] = weights else { panic!("{} tensors", weights.len()) };
    let y = relu(conv(x, first, bias, [2, 4, 3]));
    let z = conv(&y, second, &[], [4, 4, 1]);
    let joined = relu(z.iter().zip(&y).map(|(z, y)| z + y).collect());
    (0..3).map(|o| shift[o] + (0..64).map(|i| last[o * 64 + i] * joined[i]).sum::<f64>()).sum()
}

/// |θ ∂R/∂θ| of each weight by central differences of loops written for this network alone.
#[test]
fn synflow_is_what_differences_say() {
    let graph = cnn_lang::load(SOURCE, None).unwrap();
    let weights = StateDict::<f64>::init(&graph, 7).unwrap();
    let mut tensors: Vec<Vec<f64>> = weights
        .tensors()
        .iter()
        .enumerate()
        .filter(|(index, _)| !NORM.contains(index))
        .map(|(_, tensor)| tensor.data.iter().map(|x| x.abs()).collect())
        .collect();
    let ones = [1.0; 32];
    let mut sum = 0.0;
    for tensor in [0, 2, 3] {
        for at in 0..tensors[tensor].len() {
            let value = tensors[tensor][at];
            let mut moved = |by: f64| {
                tensors[tensor][at] = value + by;
                sum_of_logits(&tensors, &ones)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            tensors[tensor][at] = value;
            sum += (value * slope).abs();
        }
    }
    let found = synflow(&graph, 7).unwrap();
    println!("synflow {found} by the engine, {} by differences", sum.ln());
    assert!((found - sum.ln()).abs() < 1e-7, "{found} {}", sum.ln());
}

/// A chain without biases passes on what it is given: each of its layers has R as its part of the sum. Tanaka et al. 2020,
/// theorem 2.
#[test]
fn synflow_is_conserved_from_layer_to_layer() {
    let chain = |layers: usize| {
        let body = "conv(4, 3, pad = 1, bias = false) -> relu -> ".repeat(layers);
        let source = format!("Chain: 4x6x6 -> 3;\n head {body}gap -> linear(3, bias = false);");
        let graph = cnn_lang::load(&source, None).unwrap();
        let mut weights = StateDict::<f64>::init(&graph, 1).unwrap();
        for index in 0..weights.tensors().len() {
            weights.tensor_mut(index).iter_mut().for_each(|value| *value = value.abs());
        }
        let mut session = crate::engine::Session::new(&graph, &weights, Default::default()).unwrap();
        let logits: f64 = session.run(&[1.0; 144]).unwrap().iter().sum();
        (synflow(&graph, 1).unwrap(), logits)
    };
    for layers in [1, 3, 6] {
        let (found, logits) = chain(layers);
        assert!((found - ((layers + 1) as f64 * logits).ln()).abs() < 1e-9, "{found} {logits}");
    }
}

/// Scores grow with depth to hundreds of digits; the logarithm stays a number.
#[test]
fn synflow_of_a_deep_network_is_a_number() {
    let graph = cnn_lang::load(crate::zoo::ResNet20Cifar, None).unwrap();
    let score = synflow(&graph, 0).unwrap();
    println!("synflow of ResNet-20: e^{score:.1}");
    assert!(score.is_finite() && score > 10.0);
}

#[test]
fn grad_norm_is_what_differences_say() {
    let graph = cnn_lang::load(SOURCE, None).unwrap();
    let weights = StateDict::<f64>::init(&graph, 7).unwrap();
    let (images, labels) = (noise(5 * 32, 0.5), [0, 2, 1, 1, 0]);
    let loss = |weights: &StateDict<f64>| {
        let mut probe = Probe::new(&graph, weights, 5, Probed::Loss).unwrap();
        probe.run(&images, Targets::Labels(&labels)).unwrap()
    };
    let mut expected = 0.0;
    for tensor in weights.tensors().iter().filter(|tensor| tensor.shape.len() > 1) {
        let slope = |at: usize| {
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights.get_mut(&tensor.name).unwrap()[at] += by;
                loss(&weights)
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        };
        expected += (0..tensor.data.len()).map(|at| slope(at).powi(2)).sum::<f64>().sqrt();
    }
    let narrow: Vec<f32> = images.iter().map(|&x| x as f32).collect();
    let found = grad_norm(&Cpu::default(), &graph, &weights.cast(), &narrow, &labels).unwrap();
    println!("grad_norm {found} by the engine, {expected} by differences");
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
}

/// Eigenvalues by Jacobi's rotations, as the paper sums over them, of gradients by central differences of the reference kernels in f64.
#[test]
fn jacob_cov_is_what_eigenvalues_say() {
    let graph = cnn_lang::load(SOURCE, None).unwrap();
    let weights = StateDict::<f64>::init(&graph, 7).unwrap();
    let images = noise(6 * 32, 0.25);
    let mut probe = Probe::new(&graph, &weights, 6, Probed::Logits).unwrap();
    probe.run(&images, Targets::Labels(&[])).unwrap();
    let gradients = probe.images();
    // With batch norms, the sum of all samples' logits, as automatic differentiation has it.
    let sum = |images: &[f64]| logits_of_a_batch(&weights, images).iter().sum::<f64>();
    for at in (0..images.len()).step_by(17) {
        let moved = |by: f64| {
            let mut images = images.clone();
            images[at] += by;
            sum(&images)
        };
        let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((gradients[at] - slope).abs() < 1e-6, "{at}: {} {slope}", gradients[at]);
    }
    let values = eigenvalues(correlations(&gradients, 32));
    let expected = -values.iter().map(|v| (v + 1e-5).ln() + 1.0 / (v + 1e-5)).sum::<f64>();
    let narrow: Vec<f32> = images.iter().map(|&x| x as f32).collect();
    let found = jacob_cov(&Cpu::default(), &graph, &weights.cast(), &narrow).unwrap();
    println!("jacob_cov {found} by the engine, {expected} from eigenvalues {values:?}");
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
    // Rows without correlation: N eigenvalues of 1.
    let apart = correlation_score(&[1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0], 4);
    assert!((apart + 2.0 * ((1.0f64 + 1e-5).ln() + 1.0 / (1.0 + 1e-5))).abs() < 1e-12, "{apart}");
    // The same row twice: eigenvalues 2 and 0, and 1 / k of the second.
    let same = correlation_score(&[1.0, 2.0, 4.0, 1.0, 2.0, 4.0], 3);
    assert!((same + 1e5).abs() < 20.0, "{same}");
}

/// Logits with a batch norm that sees the batch, in plain loops.
fn logits_of_a_batch(weights: &StateDict<f64>, images: &[f64]) -> Vec<f64> {
    let [first, bias, second, last, shift] =
        [0, 1, NORM.end, NORM.end + 1, NORM.end + 2].map(|index| &weights.tensors()[index].data[..]);
    let mut maps: Vec<Vec<f64>> = images.chunks_exact(32).map(|x| conv(x, first, bias, [2, 4, 3])).collect();
    let count = (maps.len() * 16) as f64;
    for channel in 0..4 {
        let values: Vec<f64> = maps.iter().flat_map(|map| map[channel * 16..][..16].to_vec()).collect();
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        for map in &mut maps {
            map[channel * 16..][..16].iter_mut().for_each(|x| *x = ((*x - mean) / (variance + 1e-5).sqrt()).max(0.0));
        }
    }
    let logits = |y: &Vec<f64>| {
        let z = conv(y, second, &[], [4, 4, 1]);
        let joined: Vec<f64> = z.iter().zip(y).map(|(z, y)| (z + y).max(0.0)).collect();
        let of = |o: usize| shift[o] + (0..64).map(|i| last[o * 64 + i] * joined[i]).sum::<f64>();
        (0..3).map(of).collect::<Vec<_>>()
    };
    maps.iter().flat_map(logits).collect()
}

fn correlations(rows: &[f64], length: usize) -> Vec<Vec<f64>> {
    let rows: Vec<&[f64]> = rows.chunks_exact(length).collect();
    let mean = |row: &[f64]| row.iter().sum::<f64>() / length as f64;
    let covariance = |a: &[f64], b: &[f64]| {
        let (m, n) = (mean(a), mean(b));
        a.iter().zip(b).map(|(a, b)| (a - m) * (b - n)).sum::<f64>()
    };
    let of = |a: &[f64], b: &[f64]| covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt();
    rows.iter().map(|a| rows.iter().map(|b| of(a, b)).collect()).collect()
}

/// Of a symmetric matrix, by rotations that clear one pair of entries after another.
fn eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for _ in 0..60 {
        for p in 0..n {
            for q in p + 1..n {
                let angle = 0.5 * (2.0 * a[p][q]).atan2(a[q][q] - a[p][p]);
                let (s, c) = angle.sin_cos();
                for row in &mut a {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (x, y) = (a[p].clone(), a[q].clone());
                a[p] = x.iter().zip(&y).map(|(x, y)| c * x - s * y).collect();
                a[q] = x.iter().zip(&y).map(|(x, y)| s * x + c * y).collect();
            }
        }
    }
    (0..n).map(|i| a[i][i]).collect()
}
