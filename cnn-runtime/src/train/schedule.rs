//! How the learning rate moves during a training.

mod text;

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

pub use text::ScheduleError;

/// The learning rate as a function of the step, relative to the one that was set.
///
/// | text | formula, with e epochs done and t the share of the training that is done | paper |
/// |---|---|---|
/// | `constant` | 1 | |
/// | `step:EVERY:FACTOR` | FACTOR ^ floor(e / EVERY) | He et al. 2015: 30 and 0.1; Tan & Le 2019: 2.4 and 0.97 |
/// | `multistep:E1,E2,…:FACTOR` | FACTOR ^ (how many of the epochs are behind) | He et al. 2015, section 4.2 |
/// | `exponential:EVERY:FACTOR` | FACTOR ^ (e / EVERY) | |
/// | `cosine:WARM_UP:FLOOR` | FLOOR + (1 - FLOOR) (1 + cos(pi t)) / 2 | Loshchilov & Hutter 2017 |
/// | `polynomial:POWER:FLOOR` | FLOOR + (1 - FLOOR) (1 - t) ^ POWER | Liu et al. 2015; POWER 1 is a straight line |
/// | `onecycle:RISE:DIVISOR:LAST` | half a cosine from 1 / DIVISOR up to 1 in the share RISE, another down to 1 / (DIVISOR LAST) | Smith & Topin 2018 |
/// | `warmup:EPOCHS:FROM+…` | a straight line from FROM to 1, then any of these | Goyal et al. 2017 |
///
/// Numbers can be left out from the right. What counts epochs (`step`, `multistep`, `exponential`) counts them from the
/// beginning of the training, as Goyal et al. do; what fills the training (`cosine`, `polynomial`, `onecycle`) fills what a
/// warm-up leaves of it. The values are those of `torch.optim.lr_scheduler`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Times `factor` every so many epochs. He et al. 2015 divide by 10 every 30; EfficientNet takes 0.97 every 2.4.
    Step {
        /// Epochs between two changes, above 0.
        every: f64,
        /// What the rate is multiplied with, above 0 and at most 1.
        factor: f64,
    },
    /// Times `factor` behind each of these epochs. He et al. 2015, section 4.2.
    MultiStep {
        /// Epochs that are done when the rate changes, rising.
        epochs: Vec<f64>,
        /// What the rate is multiplied with, above 0 and at most 1.
        factor: f64,
    },
    /// [`Schedule::Step`] without the steps: from step to step a little, times `factor` in so many epochs.
    Exponential {
        /// Epochs in which the rate falls by the factor, above 0.
        every: f64,
        /// The factor, above 0 and at most 1.
        factor: f64,
    },
    /// Up in a straight line, then down half a cosine. Loshchilov & Hutter 2017; warm-up by Goyal et al. 2017.
    Cosine {
        /// Epochs of the way up; 0 for none.
        warm_up: f64,
        /// Where it ends, as a share of the rate that was set.
        floor: f64,
    },
    /// Down a power of what is left of the training; power 1 is a straight line. Liu et al. 2015, <https://arxiv.org/abs/1506.04579>.
    Polynomial {
        /// The power, above 0.
        power: f64,
        /// Where it ends, as a share of the rate that was set.
        floor: f64,
    },
    /// Half a cosine up, another one down further than it came from: super-convergence. Smith & Topin 2018,
    /// <https://arxiv.org/abs/1708.07120>, as `torch.optim.lr_scheduler.OneCycleLR` without its cycle of the momentum.
    OneCycle {
        /// The share of the training that it rises in, above 0 and below 1.
        rise: f64,
        /// The rate that was set is so many times the first.
        divisor: f64,
        /// The first rate is so many times the last.
        last: f64,
    },
    /// Up in a straight line, then another schedule. Goyal et al. 2017, <https://arxiv.org/abs/1706.02677>.
    WarmUp {
        /// Epochs of the way up.
        epochs: f64,
        /// Where the line begins, as a share of the rate that was set: the first step is one step above.
        from: f64,
        /// What follows; no second warm-up.
        then: Box<Schedule>,
    },
}

/// A stretch of a training, in steps.
#[derive(Clone, Copy)]
struct Stretch {
    /// Where it begins.
    begin: f64,
    /// Where the training ends.
    end: f64,
    /// Steps of an epoch.
    per_epoch: f64,
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
    ///
    /// let steps: Schedule = "warmup:5+multistep:91,136:0.1".parse()?;
    /// assert_eq!([0, 90, 91, 136].map(|epoch| steps.rate(1.0, epoch * 10, 10, 182) as f32), [0.02, 1.0, 0.1, 0.01]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rate(&self, base: f64, step: u64, per_epoch: u64, epochs: usize) -> f64 {
        let per_epoch = per_epoch.max(1) as f64;
        let all = Stretch { begin: 0.0, end: per_epoch * epochs as f64, per_epoch };
        base * self.share(step as f64, all)
    }

    fn share(&self, step: f64, Stretch { begin, end, per_epoch }: Stretch) -> f64 {
        let filled = |step: f64, begin: f64| ((step - begin) / (end - begin).max(1.0)).min(1.0);
        match self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => libm::pow(*factor, (step / (every * per_epoch)).floor()),
            Schedule::MultiStep { epochs, factor } => {
                let behind = epochs.iter().filter(|&&epoch| step >= epoch * per_epoch).count();
                libm::pow(*factor, behind as f64)
            }
            Schedule::Exponential { every, factor } => libm::pow(*factor, step / (every * per_epoch)),
            Schedule::Cosine { warm_up, floor } => {
                let rising = begin + (warm_up * per_epoch).min(end - begin);
                if step < rising {
                    return ((step - begin + 1.0) / (rising - begin)).min(1.0);
                }
                floor + (1.0 - floor) * 0.5 * (1.0 + libm::cos(PI * filled(step, rising)))
            }
            Schedule::Polynomial { power, floor } => {
                floor + (1.0 - floor) * libm::pow(1.0 - filled(step, begin), *power)
            }
            Schedule::OneCycle { rise, divisor, last } => {
                // The top and the end are reached by a step each, not between two.
                let (top, end) = (rise * (end - begin) - 1.0, end - begin - 1.0);
                let step = step - begin;
                let between =
                    |from: f64, to: f64, way: f64| to + (from - to) * 0.5 * (1.0 + libm::cos(PI * way.clamp(0.0, 1.0)));
                match step < top {
                    true => between(1.0 / divisor, 1.0, step / top),
                    false => {
                        between(1.0, 1.0 / (divisor * last), (step - top.max(0.0)) / (end - top.max(0.0)).max(1.0))
                    }
                }
            }
            Schedule::WarmUp { epochs, from, then } => {
                let rising = begin + (epochs * per_epoch).min(end - begin);
                if step < rising {
                    return from + (1.0 - from) * ((step - begin + 1.0) / (rising - begin)).min(1.0);
                }
                then.share(step, Stretch { begin: rising, end, per_epoch })
            }
        }
    }

    /// What is wrong with its numbers: name, what is expected, what it is.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        let wrong = |fine: bool, name, expected, got: f64| (!fine).then(|| (name, expected, got.to_string()));
        let factor = |got: f64| wrong(got > 0.0 && got <= 1.0, "schedule's factor", "above 0 and at most 1", got);
        let positive = |name, got: f64| wrong(got > 0.0 && got.is_finite(), name, "above 0", got);
        let share = |name, got: f64| wrong((0.0..=1.0).contains(&got), name, "from 0 to 1", got);
        let warm_up = |got: f64| wrong(got >= 0.0 && got.is_finite(), "schedule's warm-up", "at least 0 epochs", got);
        match self {
            Schedule::Constant => None,
            Schedule::Step { every, factor: f } | Schedule::Exponential { every, factor: f } => {
                positive("schedule's epochs between steps", *every).or_else(|| factor(*f))
            }
            Schedule::MultiStep { epochs, factor: f } => {
                let rising = epochs.iter().all(|epoch| epoch.is_finite() && *epoch >= 0.0) && epochs.is_sorted();
                let fine = rising && (1..=MOST_STEPS).contains(&epochs.len());
                let got = || epochs.iter().take(8).map(f64::to_string).collect::<Vec<_>>().join(",");
                let fault = || ("schedule's epochs of steps", "1 to 1000 rising numbers", got());
                (!fine).then(fault).or_else(|| factor(*f))
            }
            Schedule::Cosine { warm_up: epochs, floor } => {
                warm_up(*epochs).or_else(|| share("schedule's floor", *floor))
            }
            Schedule::Polynomial { power, floor } => {
                positive("schedule's power", *power).or_else(|| share("schedule's floor", *floor))
            }
            Schedule::OneCycle { rise, divisor, last } => {
                let inside = *rise > 0.0 && *rise < 1.0;
                let at_least_1 = |name, got: f64| wrong(got >= 1.0 && got.is_finite(), name, "at least 1", got);
                wrong(inside, "schedule's share of the rise", "above 0 and below 1", *rise)
                    .or_else(|| at_least_1("schedule's divisor of the first rate", *divisor))
                    .or_else(|| at_least_1("schedule's divisor of the last rate", *last))
            }
            Schedule::WarmUp { epochs, from, then } => {
                let twice = match &**then {
                    Schedule::WarmUp { .. } => true,
                    Schedule::Cosine { warm_up, .. } => *warm_up != 0.0,
                    _ => false,
                };
                let once = || twice.then(|| ("schedule's warm-up", "there once", "two".to_owned()));
                warm_up(*epochs)
                    .or_else(|| share("schedule's beginning of the warm-up", *from))
                    .or_else(once)
                    .or_else(|| then.fault())
            }
        }
    }
}

/// Changes of a rate that a file may ask for.
const MOST_STEPS: usize = 1000;

#[cfg(test)]
mod tests;
