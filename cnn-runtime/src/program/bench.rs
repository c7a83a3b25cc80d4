//! `cnn bench NET`: how fast a network runs or trains here, and what memory it takes.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use cnn_lang::graph::Graph;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Output;
use super::count::count;
use super::failure::Failure;
use super::network::NetworkArg;
use super::text::json;
use crate::engine::plan::{Plan, Step};
use crate::engine::{
    Device, EngineError, Precision, Report, Session, SessionOptions, Targets, Trainer, TrainerOptions,
};
use crate::weights::{InitialWeights, StateDict};

/// Of weights and images.
const SEED: u64 = 0;

/// Measures the time of a step and the memory that it takes, with random weights
#[derive(Args)]
pub(super) struct Bench {
    #[command(flatten)]
    network: NetworkArg,
    /// Images of a step
    #[arg(long, default_value_t = 1, value_parser = count::<usize>(1..))]
    batch: usize,
    /// What is measured
    #[arg(long, value_enum, default_value_t = Mode::Infer)]
    mode: Mode,
    /// How convolutions and fully connected layers multiply: f32, bf16, or on a GPU tf32 or f16
    #[arg(long, default_value_t)]
    precision: Precision,
    /// Where it runs: cpu, cuda or cuda:N
    #[arg(long, default_value_t)]
    device: Device,
    /// Steps that are measured [default: as many as take three seconds, at least 5]
    #[arg(long, value_parser = count::<usize>(1..))]
    repeat: Option<usize>,
    /// Show how long each step takes
    #[arg(long)]
    layers: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// A step of the plan in `cnn bench --layers`: medians over all runs.
#[derive(Serialize)]
struct LayerTime {
    layer: String,
    operation: &'static str,
    output: String,
    ms: f64,
    share: f64,
    gmacs_per_second: f64,
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// The forward pass
    Infer,
    /// Forward, backward, and a step of SGD with momentum
    Train,
}

/// The output of `cnn bench --json`; times in milliseconds, memory in bytes.
#[derive(Serialize)]
struct Measured {
    network: String,
    mode: Mode,
    batch: usize,
    precision: Precision,
    device: Device,
    threads: usize,
    steps: usize,
    median_ms: f64,
    p10_ms: f64,
    p90_ms: f64,
    min_ms: f64,
    images_per_second: f64,
    gmacs_per_second: f64,
    plan_bytes: usize,
    peak_resident_bytes: Option<u64>,
    /// With `--layers`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<LayerTime>,
}

/// What running gave.
struct Runs {
    /// Seconds of each run, in rising order.
    times: Vec<f64>,
    report: Report,
    layers: Vec<LayerTime>,
}

impl Bench {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let graph = self.network.load()?.graph;
        let values = graph.input_shape().elements().checked_mul(self.batch);
        let values = values.filter(|&values| values <= MOST_VALUES).ok_or_else(|| {
            Failure::mistake(format!("{} images of {} are too many", self.batch, graph.input_shape()))
                .help("a smaller --batch needs less memory")
        })?;
        let mut generator = ChaCha8Rng::seed_from_u64(SEED);
        // A batch of 0 is the engine's to refuse.
        let images: Vec<f32> = (0..values).map(|_| generator.gen_range(-1.0..1.0)).collect();
        let runs = match self.mode {
            Mode::Infer => self.infer(&graph, &images)?,
            Mode::Train => self.train(&graph, &images)?,
        };
        let report = runs.report.clone();
        let measured = self.measured(&graph, runs);
        match self.json {
            true => json(output.out, &measured),
            false => lines(&measured, &report, output),
        }
    }

    fn infer(&self, graph: &Graph, images: &[f32]) -> Result<Runs, Failure> {
        let weights = InitialWeights::<f32>::new(graph, SEED)?;
        let Bench { batch, precision, device, .. } = *self;
        let options = SessionOptions { batch, precision, device, ..Default::default() };
        let mut session = Session::new(graph, weights, options)?;
        session.watch(self.layers);
        let mut laps = Laps::default();
        let ahead = self.ahead();
        if ahead {
            session.preload(images)?;
        }
        let times = self.times(|| {
            let logits = if ahead { session.run_preloaded(Some(images.into())) } else { session.run(images) };
            logits?;
            laps.add(session.seconds());
            Ok(())
        })?;
        Ok(Runs { times, report: session.plan().report.clone(), layers: laps.layers(session.plan()) })
    }

    fn train(&self, graph: &Graph, images: &[f32]) -> Result<Runs, Failure> {
        let Bench { batch, precision, device, .. } = *self;
        let options = TrainerOptions { batch, precision, device, ..TrainerOptions::default() };
        let mut trainer = Trainer::new(graph, &StateDict::<f32>::init(graph, SEED)?, options)?;
        trainer.watch(self.layers);
        let mut laps = Laps::default();
        let classes = graph.output_shape().elements();
        let labels: Vec<usize> = (0..self.batch).map(|index| index % classes).collect();
        let ahead = self.ahead();
        if ahead {
            trainer.preload(images)?;
        }
        // A rate at which weights stay what they are: no random network must diverge while it is measured.
        let times = self.times(|| {
            let targets = Targets::Labels(&labels);
            match ahead {
                true => trainer.step_preloaded(targets, 1e-9, Some(images.into()))?,
                false => trainer.step(images, targets, 1e-9)?,
            };
            laps.add(trainer.seconds());
            Ok(())
        })?;
        Ok(Runs { times, report: trainer.plan().report.clone(), layers: laps.layers(trainer.plan()) })
    }

    /// Whether the images of a step are copied while the step before is computed: to another device.
    fn ahead(&self) -> bool {
        self.device != Device::Cpu
    }

    /// Seconds of each step, in rising order, after a warm-up.
    fn times(&self, mut step: impl FnMut() -> Result<(), EngineError>) -> Result<Vec<f64>, Failure> {
        let mut timed = || -> Result<f64, Failure> {
            let began = Instant::now();
            step()?;
            Ok(began.elapsed().as_secs_f64())
        };
        let warm = Instant::now();
        timed()?;
        // Caches, page faults and clocks settle.
        while warm.elapsed() < WARM_UP && self.repeat.is_none() {
            timed()?;
        }
        let began = Instant::now();
        let mut times = Vec::new();
        while match self.repeat {
            Some(repeat) => times.len() < repeat,
            None => times.len() < 5 || (began.elapsed() < MEASURED && times.len() < 10_000),
        } {
            times.push(timed()?);
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    fn measured(&self, graph: &Graph, Runs { times, report, layers }: Runs) -> Measured {
        let median = quantile(&times, 0.5);
        let passes = if self.mode == Mode::Train { 3.0 } else { 1.0 };
        let macs = graph.costs().macs as f64 * self.batch as f64 * passes;
        Measured {
            network: self.network.net().to_owned(),
            mode: self.mode,
            batch: self.batch,
            precision: self.precision,
            device: self.device,
            threads: rayon::current_num_threads(),
            steps: times.len(),
            median_ms: 1e3 * median,
            p10_ms: 1e3 * quantile(&times, 0.1),
            p90_ms: 1e3 * quantile(&times, 0.9),
            min_ms: 1e3 * times[0],
            images_per_second: self.batch as f64 / median,
            gmacs_per_second: macs / median / 1e9,
            plan_bytes: report.total(),
            peak_resident_bytes: peak_resident(),
            layers,
        }
    }
}

/// Seconds of each step, run by run.
#[derive(Default)]
struct Laps(Vec<Vec<f64>>);

impl Laps {
    fn add(&mut self, seconds: &[f64]) {
        self.0.resize(seconds.len(), Vec::new());
        self.0.iter_mut().zip(seconds).for_each(|(all, &seconds)| all.push(seconds));
    }

    /// Medians over the runs.
    fn layers(self, plan: &Plan) -> Vec<LayerTime> {
        let median = |mut seconds: Vec<f64>| {
            seconds.sort_by(f64::total_cmp);
            quantile(&seconds, 0.5)
        };
        let medians: Vec<f64> = self.0.into_iter().map(median).collect();
        let all: f64 = medians.iter().sum();
        let layer = |(step, seconds): (&Step, f64)| LayerTime {
            layer: step.place.clone(),
            operation: step.operation.name(),
            output: step.outputs.first().map_or_else(String::new, |output| output.operand.size()),
            ms: 1e3 * seconds,
            share: seconds / all,
            gmacs_per_second: step.operation.macs() as f64 * plan.batch as f64 / seconds / 1e9,
        };
        plan.steps.iter().zip(medians).map(layer).collect()
    }
}

const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);
/// 64 GiB of images.
const MOST_VALUES: usize = 1 << 34;

/// Of sorted numbers, between its neighbours where it falls between them.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// The most memory that the process held, where the system says so.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

fn lines(measured: &Measured, report: &Report, output: &mut Output<'_>) -> Result<(), Failure> {
    let Measured { network, batch, precision, device, threads, steps, median_ms, p10_ms, p90_ms, min_ms, .. } =
        measured;
    let what = if measured.mode == Mode::Train { "training" } else { "inference" };
    writeln!(
        output.out,
        "{network}: {what}, batches of {batch}, {precision}, {device}, {threads} threads, {steps} steps"
    )?;
    writeln!(output.out, "step: {median_ms:.3} ms (10 % below {p10_ms:.3}, 90 % below {p90_ms:.3}, best {min_ms:.3})")?;
    writeln!(output.out, "images: {:.1} /s", measured.images_per_second)?;
    writeln!(output.out, "multiply-adds: {:.2} G/s", measured.gmacs_per_second)?;
    for LayerTime { layer, operation, output: size, ms, share, gmacs_per_second } in &measured.layers {
        let speed = if *gmacs_per_second > 0.0 { format!("{gmacs_per_second:8.1} G/s") } else { String::new() };
        let share = 100.0 * share;
        writeln!(output.out, "{ms:9.3} ms {share:5.1} %  {operation:<21} {size:<12} {layer:<30} {speed}")?;
    }
    writeln!(output.out, "plan: {report}")?;
    match measured.peak_resident_bytes {
        Some(bytes) => writeln!(output.out, "peak resident: {:.1} MiB", bytes as f64 / f64::from(1 << 20))?,
        None => writeln!(output.out, "peak resident: unknown on this system")?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[7.0], 0.9), 7.0);
    }
}
