//! What PyTorch computes of single layers: fixtures/layers.json, written by parity/layers.py.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One layer on one input.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// Shape of the input, batch in front.
    pub input: Vec<usize>,
    /// `y`, `eval` where inference differs, gradients of `input` and parameters, running statistics.
    pub tensors: BTreeMap<String, Fingerprint>,
}

/// Of a tensor: all values if it is small, otherwise its length, its sum and every `step`-th value.
#[derive(Debug, Deserialize)]
pub struct Fingerprint {
    /// Its shape.
    pub shape: Vec<usize>,
    /// The largest magnitude.
    pub max: f64,
    /// Length as a vector.
    pub l2: Option<f64>,
    /// Sum of all values.
    pub sum: Option<f64>,
    /// From one value to the next.
    pub step: Option<usize>,
    /// In memory order.
    pub values: Vec<f64>,
}

impl Fingerprint {
    /// The largest difference to these values, relative to the largest magnitude. Length and sum count by what the same
    /// error in every value would make of them.
    ///
    /// # Errors
    /// On another shape.
    pub fn error(&self, shape: &[usize], found: &[f32]) -> Result<f64, String> {
        if shape != self.shape {
            return Err(format!("is {shape:?}, should be {:?}", self.shape));
        }
        let doubles = || found.iter().map(|&value| f64::from(value));
        let count = found.len() as f64;
        let l2 = doubles().map(|value| value * value).sum::<f64>().sqrt();
        let mut differences = vec![
            self.l2.map_or(0.0, |expected| (l2 - expected).abs() / count.sqrt()),
            self.sum.map_or(0.0, |expected| (doubles().sum::<f64>() - expected).abs() / count),
        ];
        differences.extend(doubles().step_by(self.step.unwrap_or(1)).zip(&self.values).map(|(a, b)| (a - b).abs()));
        let most =
            differences.into_iter().fold(0.0, |most: f64, one| if one.is_nan() { f64::NAN } else { most.max(one) });
        Ok(if self.max == 0.0 { most } else { most / self.max })
    }
}

/// Every case by its name.
///
/// # Panics
/// If the fixture is not there or is none.
#[must_use]
pub fn load() -> BTreeMap<String, Case> {
    let path = crate::fixture::path("layers.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
