//! Stopping when nothing is gained any more.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::metrics::EpochRecord;

/// Ends a training after so many epochs without a gain. Prechelt 1998, <https://doi.org/10.1007/3-540-49430-8_3>.
///
/// On the command line: `PATIENCE:LEAST:METRIC`; the last two can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStop {
    /// Epochs without a gain after which it ends, at least 1.
    pub patience: usize,
    /// What is less than this is no gain.
    pub least: f64,
    /// Where gains are looked for.
    pub metric: Metric,
}

/// What is measured on the test images, with the averaged weights where there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The share of images whose class is found: more is better.
    Accuracy,
    /// Mean cross-entropy: less is better.
    Loss,
}

/// What a training has gained so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gains {
    /// The metric behind the last gain.
    pub best: Option<f64>,
    /// Epochs since.
    pub since: usize,
}

impl EarlyStop {
    /// What is gained when this epoch is over too.
    pub(super) fn after(&self, gains: Gains, epoch: &EpochRecord) -> Gains {
        let got = match self.metric {
            Metric::Accuracy => epoch.test_accuracy(),
            Metric::Loss => epoch.test_loss(),
        };
        let gain = |best: f64| match self.metric {
            Metric::Accuracy => got - best,
            Metric::Loss => best - got,
        };
        match gains.best {
            Some(best) if !(gain(best) > 0.0 && gain(best) >= self.least) => Gains { since: gains.since + 1, ..gains },
            _ => Gains { best: Some(got), since: 0 },
        }
    }

    /// What is wrong with its numbers: name, what is expected, what it is.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        if self.patience == 0 {
            return Some(("patience", "at least 1 epoch", "0".into()));
        }
        let fine = self.least >= 0.0 && self.least.is_finite();
        (!fine).then(|| ("least gain", "at least 0 and finite", self.least.to_string()))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Metric::Accuracy => "accuracy",
            Metric::Loss => "loss",
        })
    }
}

impl FromStr for EarlyStop {
    type Err = String;

    fn from_str(text: &str) -> Result<EarlyStop, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let metric = match parts.get(2) {
            None | Some(&"accuracy") => Some(Metric::Accuracy),
            Some(&"loss") => Some(Metric::Loss),
            Some(_) => None,
        };
        let patience = parts[0].parse().ok();
        let least = parts.get(1).map_or(Some(0.0), |text| text.parse().ok());
        match (patience, least, metric, parts.len()) {
            (Some(patience), Some(least), Some(metric), ..=3) => Ok(EarlyStop { patience, least, metric }),
            _ => Err(format!("expected PATIENCE:LEAST:METRIC as in 10, 10:0.001 or 5:0.01:loss, got `{text}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(accuracy: f64, loss: f64) -> EpochRecord {
        EpochRecord {
            epoch: 1,
            step: 1,
            loss: 0.0,
            main_loss: None,
            auxiliary_losses: Vec::new(),
            accuracy: 0.0,
            eval_loss: loss,
            eval_accuracy: accuracy,
            average_loss: None,
            average_accuracy: None,
            top5: None,
            calibration_error: 0.0,
            rate: 0.1,
            images_per_second: 1.0,
            data_seconds: 0.0,
            seconds: 1.0,
        }
    }

    fn run(early: EarlyStop, values: &[f64]) -> Vec<usize> {
        let mut gains = Gains::default();
        let after = |&value: &f64| {
            gains = early.after(gains, &epoch(value, value));
            gains.since
        };
        values.iter().map(after).collect()
    }

    #[test]
    fn epochs_without_a_gain_are_counted() {
        let of = |text: &str| text.parse::<EarlyStop>().unwrap();
        assert_eq!(run(of("3"), &[0.5, 0.6, 0.6, 0.55, 0.7]), [0, 0, 1, 2, 0]);
        // Small steps add up to a gain: they are compared with the last one, not with the last epoch.
        assert_eq!(run(of("3:0.1"), &[0.5, 0.55, 0.59, 0.61]), [0, 1, 2, 0]);
        assert_eq!(run(of("3:0:loss"), &[0.5, 0.6, 0.4, 0.4]), [0, 1, 0, 1]);
        assert_eq!(run(of("3:0:loss"), &[f64::INFINITY, f64::INFINITY, 0.4]), [0, 1, 0]);
    }

    #[test]
    fn texts() {
        let of = |text: &str| text.parse::<EarlyStop>();
        assert_eq!(of("5:0.01:loss"), Ok(EarlyStop { patience: 5, least: 0.01, metric: Metric::Loss }));
        assert_eq!(of("7").unwrap().metric.to_string(), "accuracy");
        for wrong in ["", "x", "5:", "5:0:f1", "5:0:loss:1", "-1"] {
            assert!(of(wrong).unwrap_err().ends_with(&format!("got `{wrong}`")));
        }
        assert_eq!(of("0").unwrap().fault().unwrap().0, "patience");
        assert_eq!(of("1:-1").unwrap().fault().unwrap().2, "-1");
        assert_eq!(of("1:NaN").unwrap().fault().unwrap().2, "NaN");
    }
}
