//! Latency from a table of measured operations, as Cai et al. 2019 (ProxylessNAS, <https://arxiv.org/abs/1812.00332>) predict it.

use std::collections::HashMap;
use std::sync::Arc;

use cnn_lang::graph::Graph;

use super::latency::{image, latency, median, options, session};
use crate::engine::plan::Step;
use crate::engine::{Backend, EngineError, plan_inference};

/// Seconds of each step that a back end's plans can hold: an operation with its sizes and layouts. A network's latency is the sum of
/// its steps. A step that the table lacks is measured when it is first met, in the network that it was met in. On a graphics processor
/// each is waited for by itself, so that sums are above what is measured, where all are one launch.
#[derive(Clone)]
pub struct Lookup {
    backend: Arc<dyn Backend<f32>>,
    seconds: HashMap<String, Vec<f64>>,
}

/// How far predictions are from measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookupError {
    /// Mean of the distances, each as a share of what was measured.
    pub mean: f64,
    /// The median of them.
    pub median: f64,
    /// The largest of them.
    pub largest: f64,
    /// Kendall's rank correlation between predicted and measured latencies.
    pub tau: f64,
    /// How many networks were compared.
    pub networks: usize,
}

const RUNS: usize = 21;

impl Lookup {
    /// Knows nothing yet.
    pub fn new(backend: Arc<dyn Backend<f32>>) -> Lookup {
        Lookup { backend, seconds: HashMap::new() }
    }

    /// How many operations are known.
    pub fn len(&self) -> usize {
        self.seconds.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    /// Measures every step of a network.
    ///
    /// # Errors
    /// If the engine cannot run it.
    pub fn learn(&mut self, graph: &Graph) -> Result<(), EngineError> {
        let mut session = session(&*self.backend, graph)?;
        let image = image(graph);
        session.watch(true);
        let mut laps: Vec<Vec<f64>> = vec![Vec::new(); session.plan().steps.len()];
        for run in 0..RUNS + 3 {
            session.run(&image)?;
            if run >= 3 {
                laps.iter_mut().zip(session.seconds()).for_each(|(all, &seconds)| all.push(seconds));
            }
        }
        for (step, mut times) in session.plan().steps.iter().zip(laps) {
            self.seconds.entry(key(step)).or_default().push(median(&mut times));
        }
        Ok(())
    }

    /// Milliseconds of one image, and nothing runs if all steps are known.
    ///
    /// # Errors
    /// If the engine cannot run the network.
    pub fn predict(&mut self, graph: &Graph) -> Result<f64, EngineError> {
        let plan = plan_inference(&*self.backend, graph, options(&*self.backend))?;
        if plan.steps.iter().any(|step| !self.seconds.contains_key(&key(step))) {
            self.learn(graph)?;
        }
        let known = |step: &Step| self.seconds.get(&key(step)).map_or(0.0, |times| median(&mut times.clone()));
        Ok(1e3 * plan.steps.iter().map(known).sum::<f64>())
    }

    /// How far predictions are from measurements of these networks, none of which should have been learned.
    ///
    /// # Errors
    /// If the engine cannot run one.
    pub fn error(&mut self, graphs: &[Graph]) -> Result<LookupError, EngineError> {
        let mut pairs = Vec::with_capacity(graphs.len());
        for graph in graphs {
            pairs.push((self.predict(graph)?, latency(&*self.backend, graph)?.median));
        }
        let mut off: Vec<f64> = pairs.iter().map(|(predicted, measured)| (predicted / measured - 1.0).abs()).collect();
        let mean = off.iter().sum::<f64>() / off.len().max(1) as f64;
        let largest = off.iter().copied().fold(0.0, f64::max);
        let (median, tau) = (median(&mut off), kendall_tau(&pairs));
        Ok(LookupError { mean, median, largest, tau, networks: graphs.len() })
    }
}

impl std::fmt::Display for LookupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LookupError { mean, median, largest, tau, networks } = self;
        let [mean, median, largest] = [mean, median, largest].map(|share| 100.0 * share);
        write!(
            f,
            "predicted against measured latency of {networks} networks: off by {median:.1} % in the median, {mean:.1} % on average, \
             {largest:.1} % at most; Kendall tau {tau:.2}"
        )
    }
}

/// What tells steps apart: the operation, and sizes and layout of what it reads and writes, wherever they lie.
fn key(step: &Step) -> String {
    use std::fmt::Write;
    let mut key = format!("{:?}", step.operation);
    for operand in step.inputs.iter().chain(step.outputs.iter().map(|target| &target.operand)) {
        // Writing to a text does not fail.
        let _ = write!(key, " {}:{}:{}", operand.size(), operand.stride, operand.pitch);
    }
    key
}

/// Kendall's tau-b: 1 where both orders agree, 0 where one says nothing of the other.
pub fn kendall_tau(pairs: &[(f64, f64)]) -> f64 {
    let (mut agree, mut ties_a, mut ties_b) = (0i64, 0i64, 0i64);
    let mut all = 0i64;
    for (index, a) in pairs.iter().enumerate() {
        for b in &pairs[..index] {
            let (x, y) = (a.0.total_cmp(&b.0) as i64, a.1.total_cmp(&b.1) as i64);
            all += 1;
            agree += x * y;
            ties_a += i64::from(x == 0);
            ties_b += i64::from(y == 0);
        }
    }
    let scale = ((all - ties_a) as f64 * (all - ties_b) as f64).sqrt();
    if scale > 0.0 { agree as f64 / scale } else { 0.0 }
}
