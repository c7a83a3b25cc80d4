//! A learning rate to begin with: a short training whose rate rises until the loss does.

use cnn_lang::graph::Graph;
use serde::Serialize;

use super::error::TrainError;
use super::images::{Images, targets};
use super::settings::Settings;
use crate::data::Loader;
use crate::engine::Trainer;
use crate::weights::StateDict;

#[cfg(feature = "program")]
mod picture;

/// From which rate to which, in how many steps. Smith 2017, section 3.3, <https://arxiv.org/abs/1506.01186>.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// The first rate, above 0.
    pub from: f64,
    /// The last one, above the first.
    pub to: f64,
    /// Steps, from 10 to 100,000: each multiplies the rate by the same.
    pub steps: usize,
}

impl Default for Sweep {
    fn default() -> Self {
        Sweep { from: 1e-5, to: 10.0, steps: 500 }
    }
}

/// A step of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The learning rate.
    pub rate: f64,
    /// The loss before the step.
    pub loss: f64,
    /// Mean of the losses around, near ones weighing more; while the sweep goes on, of those so far.
    pub smoothed: f64,
}

/// What a sweep found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// As far as the loss was bounded.
    pub points: Vec<Point>,
    /// The rate at which the smoothed loss falls fastest, at most a tenth of [`lowest`](Found::lowest); none where it falls
    /// no more than the noise of its batches.
    pub suggestion: Option<f64>,
    /// The rate at which it is lowest.
    pub lowest: f64,
    /// Whether it ended because the loss grew beyond four times the lowest, or was not finite.
    pub diverged: bool,
}

/// A mean in which older values weigh less: 0.9 of the weight of the next.
#[derive(Default)]
struct MovingMean {
    sum: f64,
    weight: f64,
}

impl MovingMean {
    fn add(&mut self, value: f64) -> f64 {
        const STAYS: f64 = 0.9;
        self.sum = STAYS * self.sum + value;
        self.weight = STAYS * self.weight + 1.0;
        self.sum / self.weight
    }
}

/// A smoothed loss so many times the lowest ends the sweep.
const BEYOND: f64 = 4.0;

/// Trains from `weights` on, at rates that rise from step to step; of the settings everything counts but epochs and schedule.
/// Nothing is written, and the weights are let go. `watch` sees every step, and ends the sweep by `false`.
///
/// # Errors
/// If sweep or settings make no sense, the data cannot be had, or the network does not fit them.
pub fn lr_find(
    settings: &Settings,
    graph: &Graph,
    weights: &StateDict<f32>,
    sweep: Sweep,
    watch: &mut dyn FnMut(&Point) -> bool,
) -> Result<Found, TrainError> {
    settings.check()?;
    sweep.check()?;
    let images = Images::load(settings, graph)?;
    let steps = images.train.len().div_ceil(settings.batch);
    let mut trainer = Trainer::new(graph, weights, settings.trainer_options(steps))?;
    let mut points: Vec<Point> = Vec::new();
    let (mut mean, mut lowest, mut diverged) = (MovingMean::default(), f64::INFINITY, false);
    let train = &images.train;
    let threads = settings.images.workers.unwrap_or(train.threads());
    let batches =
        (0..).flat_map(|epoch| Loader::training(train, settings.batch, settings.epoch_seed(epoch), 0, threads));
    for (step, batch) in batches.take(sweep.steps).enumerate() {
        let (batch, rate) = (batch?, sweep.rate(step));
        let loss = trainer.step(&batch.images, targets(&batch.labels), rate)?.loss;
        let smoothed = mean.add(loss);
        diverged = !smoothed.is_finite() || smoothed > BEYOND * lowest;
        if diverged {
            break;
        }
        lowest = lowest.min(smoothed);
        let point = Point { rate, loss, smoothed };
        points.push(point);
        if !watch(&point) {
            break;
        }
    }
    if points.is_empty() {
        let got = f64::NAN;
        return Err(TrainError::Diverged { loss: "loss", got, step: 1, rate: sweep.from });
    }
    Ok(Found::of(points, diverged))
}

impl Sweep {
    /// The rate of a step, from 0.
    pub fn rate(&self, step: usize) -> f64 {
        let way = step as f64 / (self.steps.max(2) - 1) as f64;
        self.from * libm::pow(self.to / self.from, way)
    }

    fn check(&self) -> Result<(), TrainError> {
        let fault = |name, expected, got: String| Err(TrainError::Setting { name, expected, got });
        if !(self.from > 0.0 && self.from.is_finite()) {
            return fault("first learning rate", "above 0 and finite", self.from.to_string());
        }
        if !(self.to > self.from && self.to.is_finite()) {
            return fault("last learning rate", "above the first and finite", self.to.to_string());
        }
        if !(10..=100_000).contains(&self.steps) {
            return fault("number of steps", "from 10 to 100000", self.steps.to_string());
        }
        Ok(())
    }
}

impl Found {
    fn of(mut points: Vec<Point>, diverged: bool) -> Found {
        let lowest = (0..points.len()).min_by(|&a, &b| points[a].smoothed.total_cmp(&points[b].smoothed)).unwrap_or(0);
        // A mean of what came before shows the fall late, at rates that are too high: the same from the other end takes that back.
        let mut mean = MovingMean::default();
        points.iter_mut().take(lowest + 1).rev().for_each(|point| point.smoothed = mean.add(point.smoothed));
        // Slopes over the logarithm of the rate, so wide that the noise of batches does not decide; steps are equally far apart.
        let wide = (points.len() / 10).max(1);
        let slope = |at: usize| points[at + wide].smoothed - points[at - wide].smoothed;
        let inner = wide..lowest.saturating_sub(wide).max(wide);
        let steepest = inner.min_by(|&a, &b| slope(a).total_cmp(&slope(b)));
        // A fall that the noise of batches explains is none: the mean of so many weighs a third of one loss's noise.
        let before = &points[..=lowest];
        let squares: f64 =
            before.iter().map(|point| (point.loss - point.smoothed) * (point.loss - point.smoothed)).sum();
        let noise = libm::sqrt(squares / before.len() as f64).max(1e-9);
        let falls = |&at: &usize| -slope(at) > noise;
        // Networks that are slow to begin fall fastest at rates that are too high already.
        let suggestion = steepest.filter(falls).map(|at| points[at].rate.min(points[lowest].rate / 10.0));
        let lowest = points[lowest].rate;
        Found { suggestion, lowest, diverged, points }
    }

    /// The curve as an SVG picture: losses over the rate.
    ///
    /// # Errors
    /// None that is known of; the type allows for what the drawing refuses.
    #[cfg(feature = "program")]
    pub fn svg(&self, network: &str) -> Result<String, TrainError> {
        picture::draw(self, network).map_err(|error| TrainError::Io {
            action: "draw",
            path: "lr_find.svg".into(),
            source: std::io::Error::other(error.to_string()),
        })
    }
}

#[cfg(test)]
mod tests;
