//! How long a member takes on this machine's device.

use std::time::{Duration, Instant};

use cnn_lang::graph::Graph;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::engine::{Backend, EngineError, Session, SessionOptions};
use crate::weights::InitialWeights;

/// How long a network takes for one image, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The median of all runs: half of them may be disturbed without moving it far.
    pub median: f64,
    /// The median of the runs' distances from the median.
    pub spread: f64,
    /// How many runs were measured.
    pub runs: usize,
}

const WARM_UP: usize = 5;
const MEASURED: Duration = Duration::from_millis(150);
const FEWEST: usize = 11;
const MOST: usize = 1001;

/// Runs a network with random weights on one image, on a back end and the threads of the pool that this runs in: some runs to warm
/// up, then for 150 ms, at least 11 times. On a graphics processor that is from the image here to the logits here.
///
/// # Errors
/// If the engine cannot run the network.
pub fn latency(backend: &dyn Backend<f32>, graph: &Graph) -> Result<Latency, EngineError> {
    let mut session = session(backend, graph)?;
    let image = image(graph);
    for _ in 0..WARM_UP {
        session.run(&image)?;
    }
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < FEWEST || (began.elapsed() < MEASURED && times.len() < MOST) {
        let run = Instant::now();
        session.run(&image)?;
        times.push(1e3 * run.elapsed().as_secs_f64());
    }
    let runs = times.len();
    let middle = median(&mut times);
    let mut off: Vec<f64> = times.iter().map(|time| (time - middle).abs()).collect();
    Ok(Latency { median: middle, spread: median(&mut off), runs })
}

pub(super) fn session(backend: &dyn Backend<f32>, graph: &Graph) -> Result<Session, EngineError> {
    let weights = InitialWeights::<f32>::new(graph, 0)?;
    Session::on(backend, graph, weights, options(backend))
}

/// One image, as the back end multiplies.
pub(super) fn options(backend: &dyn Backend<f32>) -> SessionOptions {
    SessionOptions { precision: backend.precision(), ..SessionOptions::default() }
}

pub(super) fn image(graph: &Graph) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    (0..graph.input_shape().elements()).map(|_| rng.gen_range(-1.0..1.0)).collect()
}

/// Sorts, and gives the middle; 0 of none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 0 => f64::midpoint(values[n / 2 - 1], values[n / 2]),
        n => values[n / 2],
    }
}
