//! How the learning rate moves during a training.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The learning rate as a function of the step, relative to the one that was set.
///
/// On the command line: `constant`, `step:EPOCHS:FACTOR`, `cosine:WARM_UP:FLOOR`; the numbers can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Times `factor` every so many epochs. He et al. 2015 divide by 10.
    Step {
        /// Epochs between two changes, at least 1.
        every: usize,
        /// What the rate is multiplied with, above 0 and at most 1.
        factor: f64,
    },
    /// Up in a straight line, then down half a cosine. Loshchilov & Hutter 2017; warm-up by Goyal et al. 2017.
    Cosine {
        /// Epochs of the way up; 0 for none.
        warm_up: f64,
        /// Where it ends, as a share of the rate that was set.
        floor: f64,
    },
}

impl Schedule {
    /// The learning rate of step number `step` (from 0) of a training of `epochs` epochs with `per_epoch` steps each.
    ///
    /// ```
    /// use cnn_runtime::train::Schedule;
    ///
    /// let cosine = Schedule::Cosine { warm_up: 1.0, floor: 0.0 };
    /// let rates: Vec<f64> = (0..4).map(|step| cosine.rate(0.1, step, 2, 2)).collect();
    /// assert_eq!(rates[..3], [0.05, 0.1, 0.1]);
    /// assert!((rates[3] - 0.05).abs() < 1e-12);
    /// ```
    pub fn rate(&self, base: f64, step: u64, per_epoch: u64, epochs: usize) -> f64 {
        let per_epoch = per_epoch.max(1);
        match *self {
            Schedule::Constant => base,
            Schedule::Step { every, factor } => {
                let changes = step / per_epoch / (every.max(1) as u64);
                base * libm::pow(factor, changes as f64)
            }
            Schedule::Cosine { warm_up, floor } => {
                let (step, total) = (step as f64, per_epoch as f64 * epochs as f64);
                let rising = (warm_up * per_epoch as f64).min(total);
                if step < rising {
                    return base * ((step + 1.0) / rising).min(1.0);
                }
                let way = ((step - rising) / (total - rising).max(1.0)).min(1.0);
                base * (floor + (1.0 - floor) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * way)))
            }
        }
    }

    /// What is wrong with its numbers: name, what is expected, what it is.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        match *self {
            Schedule::Step { every: 0, .. } => Some(("schedule's epochs between steps", "at least 1", "0".into())),
            Schedule::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
                Some(("schedule's factor", "above 0 and at most 1", factor.to_string()))
            }
            Schedule::Cosine { warm_up, .. } if !(warm_up >= 0.0 && warm_up.is_finite()) => {
                Some(("schedule's warm-up", "at least 0 epochs", warm_up.to_string()))
            }
            Schedule::Cosine { floor, .. } if !(0.0..=1.0).contains(&floor) => {
                Some(("schedule's floor", "from 0 to 1", floor.to_string()))
            }
            Schedule::Constant | Schedule::Step { .. } | Schedule::Cosine { .. } => None,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Constant => write!(f, "constant"),
            Schedule::Step { every, factor } => write!(f, "step:{every}:{factor}"),
            Schedule::Cosine { warm_up, floor } => write!(f, "cosine:{warm_up}:{floor}"),
        }
    }
}

/// A text that is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected constant, step:EPOCHS:FACTOR or cosine:WARM_UP:FLOOR as in step:30:0.1, got `{text}`")]
pub struct ScheduleError {
    text: String,
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        let error = || ScheduleError { text: text.to_owned() };
        fn number<T: FromStr>(text: Option<&&str>, default: T) -> Option<T> {
            text.map_or(Some(default), |text| text.parse().ok())
        }
        let parts: Vec<&str> = text.split(':').collect();
        let schedule = match parts[..] {
            ["constant"] => Some(Schedule::Constant),
            ["step", ref numbers @ ..] if numbers.len() <= 2 => number(numbers.first(), 30)
                .zip(number(numbers.get(1), 0.1))
                .map(|(every, factor)| Schedule::Step { every, factor }),
            ["cosine", ref numbers @ ..] if numbers.len() <= 2 => number(numbers.first(), 0.0)
                .zip(number(numbers.get(1), 0.0))
                .map(|(warm_up, floor)| Schedule::Cosine { warm_up, floor }),
            _ => None,
        };
        schedule.ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_schedules_and_back() {
        for text in ["constant", "step:30:0.1", "cosine:0:0", "cosine:2.5:0.01"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        assert_eq!("cosine".parse::<Schedule>().unwrap().to_string(), "cosine:0:0");
        for wrong in ["", "linear", "step:x", "step:1:2:3", "constant:1", "cosine:"] {
            let message = wrong.parse::<Schedule>().unwrap_err().to_string();
            assert!(message.ends_with(&format!("got `{wrong}`")), "{message}");
        }
    }

    #[test]
    fn steps_change_with_their_epochs() {
        let step = Schedule::Step { every: 2, factor: 0.5 };
        let rates: Vec<f64> = (0..18).map(|at| step.rate(8.0, at, 3, 6)).collect();
        assert_eq!(rates[..6], [8.0; 6]);
        assert_eq!(rates[6..12], [4.0; 6]);
        assert_eq!(rates[12..], [2.0; 6]);
    }

    #[test]
    fn a_cosine_rises_falls_and_ends_at_its_floor() {
        let cosine = Schedule::Cosine { warm_up: 2.0, floor: 0.1 };
        let rates: Vec<f64> = (0..=100).map(|at| cosine.rate(1.0, at, 10, 10)).collect();
        assert!(rates[..20].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[20..].windows(2).all(|pair| pair[0] > pair[1]));
        assert_eq!((rates[0], rates[19], rates[20]), (0.05, 1.0, 1.0));
        assert!((rates[60] - 0.55).abs() < 1e-12 && (rates[100] - 0.1).abs() < 1e-12);
        // A way up that is longer than the training ends with it.
        assert!(Schedule::Cosine { warm_up: 50.0, floor: 0.0 }.rate(1.0, 99, 10, 10) <= 1.0);
    }
}
