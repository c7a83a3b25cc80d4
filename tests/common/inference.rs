//! What PyTorch computes of networks of the zoo: fixtures/inference/NAME.json, written by parity/inference.py.
//!
//! It was computed in 64 bits on weights and inputs by [`rule`](crate::rule), and every number has ten digits.

mod base64;

use cnn_runtime::weights::Element;
use serde::{Deserialize, Deserializer};

use crate::fixture;

/// What ten digits leave, as a part of the largest magnitude.
pub const TOLERANCE_64: f64 = 1e-9;

/// One network.
#[derive(Debug, Deserialize)]
pub struct Inference {
    /// Name in the zoo.
    pub name: String,
    /// Gain of the weight rule.
    pub gain: f64,
    /// Outputs for inputs of one size or several.
    pub cases: Vec<Case>,
}

/// The outputs for two samples.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// Which size and which arithmetic.
    #[serde(rename = "case")]
    pub kind: Kind,
    /// Batch, channels, height, width.
    pub input_shape: Vec<usize>,
    /// PyTorch's own error in 32 bits, relative to the largest magnitude.
    pub torch_f32_error: f64,
    /// `logits`, then what auxiliary classifiers say, by name.
    pub outputs: Vec<Output>,
}

/// What a case is of.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Running statistics, at the size of the paper.
    Native,
    /// Running statistics, on smaller images.
    Small,
    /// The statistics of the batch, at the size of the paper.
    TrainForward,
}

/// One output of all samples.
#[derive(Debug, Deserialize)]
pub struct Output {
    /// `logits`, or the label of an auxiliary classifier.
    pub name: String,
    /// Batch, then the size of the output.
    pub shape: Vec<usize>,
    /// The largest magnitude.
    pub max_abs: f64,
    /// Every how manieth number is kept.
    #[serde(default = "every")]
    stride: usize,
    /// Sum of all numbers, where not all are kept.
    sum: Option<f64>,
    /// Their length as a vector, likewise.
    l2: Option<f64>,
    /// Multiples of `max_abs / (2^31 - 1)`.
    #[serde(deserialize_with = "steps")]
    values: Vec<i32>,
}

fn every() -> usize {
    1
}

fn steps<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<i32>, D::Error> {
    let bytes = base64::decode(&String::deserialize(from)?).map_err(serde::de::Error::custom)?;
    let (numbers, rest) = bytes.as_chunks();
    match rest {
        [] => Ok(numbers.iter().map(|&number| i32::from_le_bytes(number)).collect()),
        _ => Err(serde::de::Error::custom("expected whole numbers of four bytes")),
    }
}

/// The names of the networks whose outputs are recorded, sorted.
#[must_use]
pub fn names() -> Vec<String> {
    fixture::names("inference")
}

impl Inference {
    /// Reads `fixtures/inference/NAME.json`.
    ///
    /// # Panics
    /// If it is not there or is no fixture.
    #[must_use]
    pub fn load(name: &str) -> Inference {
        fixture::read("inference", name)
    }

    /// The smallest case with running statistics; None where there is none.
    #[must_use]
    pub fn smallest(&self) -> Option<&Case> {
        self.cases
            .iter()
            .filter(|case| case.kind != Kind::TrainForward)
            .min_by_key(|case| case.input_shape.iter().product::<usize>())
    }

    /// The case of this kind.
    #[must_use]
    pub fn case(&self, kind: Kind) -> Option<&Case> {
        self.cases.iter().find(|case| case.kind == kind)
    }
}

impl Case {
    /// What may be off in 32 bits: 20 times PyTorch's own error there, at least 1e-5 and at most 1e-4 of the largest.
    #[must_use]
    pub fn allowed(&self) -> f64 {
        (20.0 * self.torch_f32_error).clamp(1e-5, 1e-4)
    }

    /// Channels, height and width for `@` and headers: `3x64x64`.
    #[must_use]
    pub fn size(&self) -> String {
        self.input_shape[1..].iter().map(usize::to_string).collect::<Vec<_>>().join("x")
    }

    /// Whether auxiliary outputs are recorded.
    #[must_use]
    pub fn auxiliary(&self) -> bool {
        self.outputs.len() > 1
    }

    /// How far the outputs are off at worst, given those of a name; infinitely far where one is missing.
    pub fn off<'a, E: Element + 'a>(&self, found: impl Fn(&str) -> Option<&'a [E]>) -> f64 {
        let of = |output: &Output| found(&output.name).map_or(f64::INFINITY, |values| output.off(values));
        self.outputs.iter().map(of).fold(0.0, f64::max)
    }
}

impl Output {
    /// The numbers that are kept, in memory order: the first, and every so manieth behind it.
    pub fn kept(&self) -> impl Iterator<Item = f64> {
        self.values.iter().map(|&steps| f64::from(steps) / f64::from(i32::MAX) * self.max_abs)
    }

    /// How far numbers are off at worst, as a part of the largest. What is no number, or too few or too many, is infinitely
    /// far off.
    pub fn off<E: Element>(&self, found: &[E]) -> f64 {
        if found.len() != self.shape.iter().product::<usize>() {
            return f64::INFINITY;
        }
        let worse = |worst: f64, off: f64| if off.is_nan() { f64::INFINITY } else { worst.max(off) };
        let found = || found.iter().map(|x| x.widen());
        let pairs = found().step_by(self.stride).zip(self.kept());
        let worst = pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, worse);
        // The numbers between: errors that have nothing to do with one another add up as their squares do.
        let spread = (self.shape.iter().product::<usize>() as f64).sqrt();
        let sum = self.sum.map_or(0.0, |sum| (found().sum::<f64>() - sum).abs() / spread);
        let l2 = self.l2.map_or(0.0, |l2| (found().map(|x| x * x).sum::<f64>().sqrt() - l2).abs() / spread);
        [worst, sum, l2].into_iter().fold(0.0, worse) / self.max_abs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_hold_together() {
        for name in names() {
            let inference = Inference::load(&name);
            assert_eq!(inference.name, name);
            assert!(!inference.cases.is_empty(), "{name}");
            for case in &inference.cases {
                assert_eq!(case.outputs[0].name, "logits", "{name}");
                for output in &case.outputs {
                    let elements = output.shape.iter().product::<usize>();
                    assert_eq!(output.values.len(), elements.div_ceil(output.stride), "{name}");
                    assert_eq!((output.sum.is_some(), output.l2.is_some()), (output.stride > 1, output.stride > 1));
                    let largest = output.kept().fold(0.0, |most: f64, x| most.max(x.abs()));
                    assert!(output.stride > 1 || largest == output.max_abs, "{name}: {largest}");
                }
            }
        }
    }

    #[test]
    fn errors_are_seen() {
        let inference = Inference::load("lenet5");
        let output = &inference.cases[0].outputs[0];
        let exact: Vec<f64> = output.kept().collect();
        assert_eq!(output.off(&exact), 0.0);
        let mut wrong = exact.clone();
        wrong[13] += 1e-3 * output.max_abs;
        assert!((output.off(&wrong) - 1e-3).abs() < 1e-9);
        wrong[13] = f64::NAN;
        assert_eq!(output.off(&wrong), f64::INFINITY);
        assert_eq!(output.off(&exact[1..]), f64::INFINITY);
        assert_eq!(inference.cases[0].off(|name| (name == "aux").then_some(&exact[..])), f64::INFINITY);
    }
}
