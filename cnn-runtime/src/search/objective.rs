//! What a study wants, and how results compare.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::SearchError;
use super::trial::{State, Trial};

/// Which values are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smaller ones: latency, loss.
    Minimise,
    /// Larger ones: accuracy.
    Maximise,
}

/// One of the values that a trial is judged by.
///
/// As text `max:accuracy`, `min:latency`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// What it is.
    pub name: String,
    /// Which values are better.
    pub direction: Direction,
}

impl Objective {
    /// Larger is better.
    pub fn maximise(name: impl Into<String>) -> Objective {
        Objective { name: name.into(), direction: Direction::Maximise }
    }

    /// Smaller is better.
    pub fn minimise(name: impl Into<String>) -> Objective {
        Objective { name: name.into(), direction: Direction::Minimise }
    }

    /// The value as a loss: smaller is better.
    pub fn loss(&self, value: f64) -> f64 {
        match self.direction {
            Direction::Minimise => value,
            Direction::Maximise => -value,
        }
    }

    /// Whether one value is better than another.
    pub fn better(&self, a: f64, b: f64) -> bool {
        self.loss(a) < self.loss(b)
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Minimise => "min",
            Direction::Maximise => "max",
        };
        write!(f, "{direction}:{}", self.name)
    }
}

impl FromStr for Objective {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<Objective, SearchError> {
        let expected = "min:NAME or max:NAME, as in max:accuracy";
        let error = || SearchError::Text { what: "objective", expected: expected.into(), got: text.to_owned() };
        match text.split_once(':').ok_or_else(error)? {
            (_, "") => Err(error()),
            ("min", name) => Ok(Objective::minimise(name)),
            ("max", name) => Ok(Objective::maximise(name)),
            _ => Err(error()),
        }
    }
}

/// MnasNet's reward: the first objective times `(cost / target)^w`, where `w` is `within` up to the target and `beyond` above
/// it. Tan et al. 2019, eq. 2 and 3.
///
/// It makes one number of two objectives, for samplers that follow one. As text `hard:latency:5` or `soft:latency:5`, the
/// objective that is the cost and its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reward {
    /// The objective that is the cost.
    pub cost: String,
    /// What it should not exceed, above 0.
    pub target: f64,
    /// The exponent up to the target.
    pub within: f64,
    /// The exponent above it.
    pub beyond: f64,
}

impl Reward {
    /// The target as a hard limit: `within` 0, `beyond` -1 (fig. 3, above).
    pub fn hard(cost: impl Into<String>, target: f64) -> Reward {
        Reward { cost: cost.into(), target, within: 0.0, beyond: -1.0 }
    }

    /// A smooth price: both -0.07, by which 5 % of accuracy pay for twice the latency (fig. 3, below).
    pub fn soft(cost: impl Into<String>, target: f64) -> Reward {
        Reward { cost: cost.into(), target, within: -0.07, beyond: -0.07 }
    }

    /// The reward of a value at a cost.
    pub fn of(&self, value: f64, cost: f64) -> f64 {
        let w = if cost <= self.target { self.within } else { self.beyond };
        value * libm::pow((cost / self.target).max(f64::MIN_POSITIVE), w)
    }
}

impl fmt::Display for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.within == 0.0 { "hard" } else { "soft" };
        write!(f, "{form}:{}:{}", self.cost, self.target)
    }
}

impl FromStr for Reward {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<Reward, SearchError> {
        let expected = "hard:COST:TARGET or soft:COST:TARGET with a target above 0, as in soft:latency:5";
        let error = || SearchError::Text { what: "reward", expected: expected.into(), got: text.to_owned() };
        let [form, cost, target] = text.split(':').collect::<Vec<_>>()[..] else { return Err(error()) };
        let target: f64 = target.parse().map_err(|_| error())?;
        match (form, target > 0.0 && target.is_finite()) {
            ("hard", true) => Ok(Reward::hard(cost, target)),
            ("soft", true) => Ok(Reward::soft(cost, target)),
            _ => Err(error()),
        }
    }
}

/// How good a told trial is to a sampler that follows one number. Any complete trial is better than a pruned one, and that
/// better than a failed one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    class: u8,
    /// Larger is better: the reward, or the first objective (negative where it is minimised); of a pruned trial, its last report.
    pub value: f64,
}

impl Score {
    /// Of complete trials alone: whether the value is the trial's own.
    pub fn is_complete(self) -> bool {
        self.class == 2
    }

    /// Of failed trials: there is no value.
    pub fn is_failed(self) -> bool {
        self.class == 0
    }

    /// The better is greater.
    pub fn compare(&self, other: &Score) -> Ordering {
        self.class.cmp(&other.class).then(self.value.total_cmp(&other.value))
    }
}

/// The score of a trial; none while it runs.
pub fn score(trial: &Trial, objectives: &[Objective], reward: Option<&Reward>) -> Option<Score> {
    let first = objectives.first()?;
    match trial.state {
        State::Waiting | State::Running => None,
        State::Failed => Some(Score { class: 0, value: 0.0 }),
        State::Pruned => {
            let value = trial.reports.last().map_or(f64::MIN, |&(_, value)| -first.loss(value));
            Some(Score { class: 1, value })
        }
        State::Complete => {
            let value = *trial.values.first()?;
            let cost = reward.and_then(|reward| {
                let at = objectives.iter().position(|objective| objective.name == reward.cost)?;
                Some(reward.of(value, *trial.values.get(at)?))
            });
            Some(Score { class: 2, value: cost.unwrap_or(-first.loss(value)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_objectives_and_rewards() {
        for text in ["max:accuracy", "min:latency"] {
            assert_eq!(text.parse::<Objective>().unwrap().to_string(), text);
        }
        for text in ["hard:latency:5", "soft:macs:1000000"] {
            assert_eq!(text.parse::<Reward>().unwrap().to_string(), text);
        }
        for wrong in ["accuracy", "max:", "most:accuracy", ""] {
            let message = wrong.parse::<Objective>().unwrap_err().to_string();
            assert!(message.contains("expected min:NAME or max:NAME"), "{message}");
        }
        for wrong in ["hard", "hard:latency:0", "firm:latency:1", "soft:latency:x", "soft:latency:inf"] {
            let message = wrong.parse::<Reward>().unwrap_err().to_string();
            assert!(message.contains("expected hard:COST:TARGET"), "{message}");
        }
    }

    /// Section 3.1: doubling the latency of a model must be worth 5 % of accuracy.
    #[test]
    fn rewards_are_those_of_the_paper() {
        let soft = Reward::soft("latency", 80.0);
        let (a, b) = (soft.of(0.5, 60.0), soft.of(0.5 * 1.05, 120.0));
        assert!((a / b - 1.0).abs() < 1e-3, "{a} {b}");
        let hard = Reward::hard("latency", 80.0);
        assert_eq!(hard.of(0.75, 80.0), 0.75);
        assert_eq!(hard.of(0.75, 20.0), 0.75);
        assert!((hard.of(0.75, 160.0) - 0.375).abs() < 1e-12);
    }

    #[test]
    fn what_was_complete_is_better_than_what_was_not() {
        let objectives = [Objective::minimise("loss"), Objective::minimise("latency")];
        let trial = |state, values: &[f64], reports: &[(u64, f64)]| Trial {
            state,
            values: values.to_vec(),
            reports: reports.to_vec(),
            ..Trial::default()
        };
        let of = |trial| score(&trial, &objectives, None).unwrap();
        let order = [
            of(trial(State::Failed, &[], &[(1, 0.0)])),
            of(trial(State::Pruned, &[], &[])),
            of(trial(State::Pruned, &[], &[(1, 0.1), (2, 0.4)])),
            of(trial(State::Pruned, &[], &[(1, 0.3)])),
            of(trial(State::Complete, &[9.0, 1.0], &[])),
            of(trial(State::Complete, &[8.0, 2.0], &[])),
        ];
        assert!(order.windows(2).all(|pair| pair[0].compare(&pair[1]) == Ordering::Less), "{order:?}");
        assert_eq!(score(&trial(State::Running, &[], &[]), &objectives, None), None);
        let maximised = [Objective::maximise("accuracy"), Objective::minimise("latency")];
        let reward = Reward::hard("latency", 4.0);
        let rewarded = score(&trial(State::Complete, &[0.5, 8.0], &[]), &maximised, Some(&reward)).unwrap();
        assert_eq!(rewarded.value, 0.25);
    }
}
