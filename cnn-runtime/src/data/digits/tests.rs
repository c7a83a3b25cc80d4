use super::*;
use crate::kernels::linear::Linear;

fn shaped(shape: [usize; 3]) -> Digits {
    Digits { shape, ..Digits::default() }
}

#[test]
fn an_item_depends_on_seed_and_index_alone() {
    let digits = shaped([1, 28, 28]);
    let (short, long) = (digits.dataset(7).unwrap(), digits.dataset(23).unwrap());
    assert_eq!(short.images, long.images[..short.images.len()]);
    assert_eq!(long.labels[9..12], [9, 0, 1]);

    let other = Digits { seed: 1, ..digits.clone() };
    assert_ne!(other.dataset(7).unwrap().images, short.images);
}

/// The promise of one seed, same pixels everywhere: a digest of the bits, computed once and kept.
#[test]
fn pixels_are_the_same_on_every_machine() {
    for (shape, expected) in [([1, 28, 28], GREY), ([3, 20, 33], COLOUR)] {
        let data = Digits { seed: 42, ..shaped(shape) }.dataset(20).unwrap();
        // FNV-1a over the bits
        let digest = data
            .images
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, x| (hash ^ u64::from(x.to_bits())).wrapping_mul(0x0100_0000_01b3));
        assert_eq!(digest, expected, "{shape:?}: {digest:#x}");
    }
}
const GREY: u64 = 0x361b_291f_f8c1_8a45;
const COLOUR: u64 = 0x7739_5cc0_d3fb_3e6e;

#[test]
fn held_out_images_are_others() {
    let (train, test) = shaped([1, 12, 12]).train_and_test(60, 60).unwrap();
    for i in 0..60 {
        assert!((0..60).all(|k| train.image(k) != test.image(i)));
    }
}

#[test]
fn every_size_is_drawn_within_range_and_with_ink() {
    for shape in [[1, 12, 12], [3, 32, 32], [1, 28, 100], [2, 60, 17], [3, 224, 224]] {
        let data = shaped(shape).dataset(20).unwrap();
        for i in 0..20 {
            let image = data.image(i);
            assert!(image.iter().all(|x| (0.0..=1.0).contains(x)), "{shape:?}");
            let (low, high) = image.iter().fold((1f32, 0f32), |(l, h), &x| (l.min(x), h.max(x)));
            assert!(high - low > 0.25, "{shape:?} {i}: {low} to {high}");
        }
    }
}

#[test]
fn without_strengths_only_variant_and_colour_are_random() {
    let plain = Digits { pose: 0.0, noise: 0.0, clutter: f32::NAN, ..shaped([1, 28, 28]) };
    let data = plain.dataset(40).unwrap();
    // The corner is paper and paper is flat.
    for i in 0..40 {
        let image = data.image(i);
        assert!(image[..28].iter().all(|&x| x == image[0]));
    }
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    for shape in [[0, 28, 28], [1, 11, 28], [1, 28, 1025], [17, 28, 28]] {
        let error = shaped(shape).dataset(1).unwrap_err().to_string();
        assert!(error.contains("expected 1 to 16 channels and sides from 12 to 1024"), "{error}");
    }
    let error = shaped([1, 28, 28]).dataset(usize::MAX / 784).unwrap_err();
    assert!(matches!(error, DataError::Memory { .. }), "{error}");
}

/// The promised difficulty: softmax regression by full-batch gradient descent with momentum, watched on held-out
/// images all the way, so that neither early stopping nor convergence beats the promise.
#[test]
fn a_linear_classifier_stays_under_90_percent() {
    let digits = shaped([1, 28, 28]);
    let (mut train, mut test) = digits.train_and_test(10_000, 2_000).unwrap();
    let (mean, std) = train.channel_statistics();
    train.normalize(&mean, &std).unwrap();
    test.normalize(&mean, &std).unwrap();

    let mut model = Softmax { weight: vec![0.0; 784 * 10], bias: vec![0.0; 10] };
    let mut velocity = vec![0.0f32; 784 * 10 + 10];
    let targets = targets(&train);
    let (mut best, mut last) = (0.0f32, 0.0);
    for step in 0..300 {
        let mut error = model.probabilities(&train);
        error.iter_mut().zip(&targets).for_each(|(p, t)| *p = (*p - t) / 10_000.0);
        let gradient = gradient(&train, &error);
        let parameters = model.weight.iter_mut().chain(&mut model.bias);
        for ((p, v), g) in parameters.zip(&mut velocity).zip(gradient) {
            *v = 0.9 * *v + g;
            *p -= 0.05 * *v;
        }
        if step % 10 == 9 {
            last = model.accuracy(&test);
            best = best.max(last);
        }
    }
    let fitted = model.accuracy(&train);
    println!("linear classifier: {best:.4} at best, {last:.4} at the end, {fitted:.4} on its training images");
    assert!((0.6..0.9).contains(&best), "{best}");
}

struct Softmax {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Softmax {
    fn probabilities(&self, data: &Dataset) -> Vec<f32> {
        let n = data.len();
        let mut rows: Vec<f32> = self.bias.iter().copied().cycle().take(10 * n).collect();
        product(&mut rows, &data.images, &self.weight, [n, 784, 10], false);
        for row in rows.chunks_mut(10) {
            let most = row.iter().copied().fold(f32::MIN, f32::max);
            row.iter_mut().for_each(|x| *x = (*x - most).exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        }
        rows
    }

    fn accuracy(&self, data: &Dataset) -> f32 {
        let rows = self.probabilities(data);
        let right = rows.chunks(10).zip(&data.labels).filter(|(row, label)| row.iter().all(|x| *x <= row[**label]));
        right.count() as f32 / data.len() as f32
    }
}

fn targets(data: &Dataset) -> Vec<f32> {
    data.batches_in_order(data.len()).flat_map(|batch| batch.one_hot(10)).collect()
}

fn gradient(data: &Dataset, error: &[f32]) -> Vec<f32> {
    let mut weight = vec![0.0; 784 * 10];
    product(&mut weight, &data.images, error, [784, data.len(), 10], true);
    let bias = (0..10).map(|k| error.iter().skip(k).step_by(10).sum::<f32>());
    weight.into_iter().chain(bias.collect::<Vec<_>>()).collect()
}

/// `out += a b` for row-major matrices, `a` given transposed on request.
fn product(out: &mut [f32], a: &[f32], b: &[f32], [m, k, n]: [usize; 3], transposed: bool) {
    let layer = |batch, outputs| Linear { batch, inputs: n, outputs, bias: false };
    let mut workspace = vec![0.0; layer(1, 1).workspace(1)];
    match transposed {
        true => layer(k, m).weight_grad(b, a, out, &mut workspace),
        false => layer(m, k).input_grad(b, a, out, &mut workspace),
    }
}
