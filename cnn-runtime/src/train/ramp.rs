//! Dropout that grows or fades.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The rates of dropout and drop path, as a share of what the network says: from one share to another in a straight line, then
/// as at its end. Growing: Morerio et al. 2017, <https://arxiv.org/abs/1703.06229>; fading: Liu et al. 2023,
/// <https://arxiv.org/abs/2303.01500>.
///
/// On the command line: `FROM:TO:EPOCHS`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// The share in the first step, from 0 to 1.
    pub from: f64,
    /// The share at the end, from 0 to 1.
    pub to: f64,
    /// Epochs between them, at least 0.
    pub epochs: f64,
}

impl Ramp {
    /// The share in step number `step` (from 0), with `per_epoch` steps in an epoch.
    pub fn share(&self, step: u64, per_epoch: u64) -> f64 {
        let long = self.epochs * per_epoch.max(1) as f64;
        let way = if long > 0.0 { (step as f64 / long).min(1.0) } else { 1.0 };
        (self.from + (self.to - self.from) * way).clamp(0.0, 1.0)
    }

    /// What is wrong with its numbers: name, what is expected, what it is.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        let share = |got: &f64| !(0.0..=1.0).contains(got);
        if let Some(got) = [self.from, self.to].into_iter().find(share) {
            return Some(("share of the dropout", "from 0 to 1", got.to_string()));
        }
        let fine = self.epochs >= 0.0 && self.epochs.is_finite();
        (!fine).then(|| ("dropout's epochs", "at least 0 and finite", self.epochs.to_string()))
    }
}

impl fmt::Display for Ramp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.from, self.to, self.epochs)
    }
}

impl FromStr for Ramp {
    type Err = String;

    fn from_str(text: &str) -> Result<Ramp, String> {
        let numbers: Option<Vec<f64>> = text.split(':').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[from, to, epochs]) => Ok(Ramp { from, to, epochs }),
            _ => Err(format!("expected FROM:TO:EPOCHS as in 0:1:20, got `{text}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_go_in_a_straight_line_and_stay() {
        let shares = |text: &str| (0..6).map(|step| text.parse::<Ramp>().unwrap().share(step, 2)).collect::<Vec<_>>();
        assert_eq!(shares("0:1:2"), [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
        assert_eq!(shares("1:0.5:1"), [1.0, 0.75, 0.5, 0.5, 0.5, 0.5]);
        assert_eq!(shares("0:0.5:0"), [0.5; 6]);
        assert_eq!("0.1:1:2.5".parse::<Ramp>().unwrap().to_string(), "0.1:1:2.5");
        for wrong in ["", "1", "0:1", "0:1:x", "0:1:2:3"] {
            assert!(wrong.parse::<Ramp>().unwrap_err().ends_with(&format!("got `{wrong}`")));
        }
        assert_eq!("0:2:1".parse::<Ramp>().unwrap().fault().unwrap().2, "2");
        assert_eq!("0:1:-1".parse::<Ramp>().unwrap().fault().unwrap().2, "-1");
        assert_eq!("NaN:1:1".parse::<Ramp>().unwrap().fault().unwrap().2, "NaN");
    }
}
