//! `jacob_cov`: Mellor et al. 2020, "Neural architecture search without training", the first version,
//! <https://arxiv.org/abs/2006.04647v1>.

use cnn_lang::graph::Graph;

use crate::engine::{Backend, EngineError, Probe, Probed, Targets};
use crate::weights::StateDict;

/// How far the gradients of the logits' sum by the images of a mini-batch are from being correlated with one another: a network that sees images as
/// different from the beginning can learn to tell them apart. With the eigenvalues v of the gradients' correlation matrix and
/// k = 1e-5, it is - Σ (ln(v + k) + 1 / (v + k)). The gradients are a back end's, all else is f64.
///
/// # Errors
/// If the engine cannot run the network, or `images` is no whole number of samples.
pub fn jacob_cov(
    backend: &dyn Backend<f32>,
    graph: &Graph,
    weights: &StateDict<f32>,
    images: &[f32],
) -> Result<f64, EngineError> {
    let pixels = graph.input_shape().elements();
    let mut probe = Probe::on(backend, graph, weights, images.len() / pixels.max(1), Probed::Logits)?;
    probe.run(images, Targets::Labels(&[]))?;
    let gradients: Vec<f64> = probe.images().into_iter().map(f64::from).collect();
    Ok(correlation_score(&gradients, pixels))
}

/// The score of rows of so many numbers. A row that does not vary is correlated with none.
pub fn correlation_score(rows: &[f64], length: usize) -> f64 {
    const K: f64 = 1e-5;
    let rows: Vec<Vec<f64>> = rows.chunks_exact(length.max(1)).map(unit).collect();
    let count = rows.len();
    let mut matrix = vec![0.0; count * count];
    for (i, a) in rows.iter().enumerate() {
        for (j, b) in rows[..=i].iter().enumerate() {
            let correlation = if i == j { 1.0 } else { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            matrix[i * count + j] = correlation;
        }
        matrix[i * count + i] += K;
    }
    // Of the matrix with K on its diagonal, the logarithms of the eigenvalues sum to that of the determinant, their inverses
    // to the trace of the inverse: a Cholesky factor L has both, without an eigenvalue.
    cholesky(&mut matrix, count);
    let logarithms: f64 = (0..count).map(|i| 2.0 * libm::log(matrix[i * count + i])).sum();
    -(logarithms + squares_of_inverse(&matrix, count))
}

/// Without its mean, of length 1; zeros if it does not vary.
fn unit(row: &[f64]) -> Vec<f64> {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let norm = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>().sqrt();
    row.iter().map(|x| if norm > 0.0 || norm.is_nan() { (x - mean) / norm } else { 0.0 }).collect()
}

/// Replaces the lower triangle of a positive definite matrix by its factor L, A = L Lᵀ. NaN where it is none.
fn cholesky(matrix: &mut [f64], count: usize) {
    for i in 0..count {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| matrix[i * count + k] * matrix[j * count + k]).sum();
            let rest = matrix[i * count + j] - sum;
            matrix[i * count + j] = if i == j { rest.sqrt() } else { rest / matrix[j * count + j] };
        }
    }
}

/// The sum of squares of L⁻¹, which is the trace of A⁻¹ = L⁻ᵀ L⁻¹.
fn squares_of_inverse(factor: &[f64], count: usize) -> f64 {
    let mut sum = 0.0;
    let mut column = vec![0.0; count];
    for j in 0..count {
        for i in j..count {
            let known: f64 = (j..i).map(|k| factor[i * count + k] * column[k]).sum();
            column[i] = (f64::from(u8::from(i == j)) - known) / factor[i * count + i];
            sum += column[i] * column[i];
        }
    }
    sum
}
