//! Schedules as they are written on a command line.

use std::fmt;
use std::str::FromStr;

use super::Schedule;

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Constant => write!(f, "constant"),
            Schedule::Step { every, factor } => write!(f, "step:{every}:{factor}"),
            Schedule::MultiStep { epochs, factor } => {
                let epochs: Vec<String> = epochs.iter().map(f64::to_string).collect();
                write!(f, "multistep:{}:{factor}", epochs.join(","))
            }
            Schedule::Exponential { every, factor } => write!(f, "exponential:{every}:{factor}"),
            Schedule::Cosine { warm_up, floor } => write!(f, "cosine:{warm_up}:{floor}"),
            Schedule::Polynomial { power, floor } => write!(f, "polynomial:{power}:{floor}"),
            Schedule::OneCycle { rise, divisor, last } => write!(f, "onecycle:{rise}:{divisor}:{last}"),
            Schedule::WarmUp { epochs, from, then } => write!(f, "warmup:{epochs}:{from}+{then}"),
        }
    }
}

/// A text that is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got `{text}`")]
pub struct ScheduleError {
    expected: &'static str,
    text: String,
}

const SCHEDULES: &str = "constant, step:EVERY:FACTOR, multistep:E1,E2:FACTOR, exponential:EVERY:FACTOR, cosine:WARM_UP:FLOOR, \
     polynomial:POWER:FLOOR or onecycle:RISE:DIVISOR:LAST, with warmup:EPOCHS:FROM+ in front or not, as in \
     warmup:5+step:30:0.1";

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        let error = |expected| ScheduleError { expected, text: text.to_owned() };
        let Some((warm_up, then)) = text.split_once('+') else { return plain(text).map_err(error) };
        let (word, rest) = warm_up.split_once(':').unwrap_or((warm_up, ""));
        if word != "warmup" {
            return Err(error(SCHEDULES));
        }
        let expected = "warmup:EPOCHS:FROM+ and a schedule, as in warmup:5:0.1+cosine";
        let [epochs, from] = numbers(rest, [None, Some(0.0)]).ok_or_else(|| error(expected))?;
        let then = plain(then).map_err(error)?;
        Ok(Schedule::WarmUp { epochs, from, then: Box::new(then) })
    }
}

/// A schedule without a warm-up in front, or what is expected there.
fn plain(text: &str) -> Result<Schedule, &'static str> {
    let (word, rest) = match text.split_once(':') {
        Some((_, "")) => return Err(SCHEDULES),
        Some(parts) => parts,
        None => (text, ""),
    };
    let every_factor = |default: [f64; 2]| numbers(rest, default.map(Some));
    match word {
        "constant" if rest.is_empty() => Ok(Schedule::Constant),
        "step" => {
            let [every, factor] = every_factor([30.0, 0.1]).ok_or("step:EVERY:FACTOR as in step:30:0.1")?;
            Ok(Schedule::Step { every, factor })
        }
        "multistep" => {
            let expected = "multistep:E1,E2:FACTOR as in multistep:91,136:0.1";
            let (epochs, rest) = rest.split_once(':').unwrap_or((rest, ""));
            let epochs: Option<Vec<f64>> = epochs.split(',').map(number).collect();
            let (epochs, [factor]) = epochs.zip(numbers(rest, [Some(0.1)])).ok_or(expected)?;
            Ok(Schedule::MultiStep { epochs, factor })
        }
        "exponential" => {
            let expected = "exponential:EVERY:FACTOR as in exponential:2.4:0.97";
            let [every, factor] = every_factor([2.4, 0.97]).ok_or(expected)?;
            Ok(Schedule::Exponential { every, factor })
        }
        "cosine" => {
            let expected = "cosine:WARM_UP:FLOOR as in cosine:5:0";
            let [warm_up, floor] = numbers(rest, [Some(0.0); 2]).ok_or(expected)?;
            Ok(Schedule::Cosine { warm_up, floor })
        }
        "polynomial" => {
            let expected = "polynomial:POWER:FLOOR as in polynomial:1:0";
            let [power, floor] = numbers(rest, [Some(1.0), Some(0.0)]).ok_or(expected)?;
            Ok(Schedule::Polynomial { power, floor })
        }
        "onecycle" => {
            let expected = "onecycle:RISE:DIVISOR:LAST as in onecycle:0.3:25:10000";
            let [rise, divisor, last] = numbers(rest, [0.3, 25.0, 1e4].map(Some)).ok_or(expected)?;
            Ok(Schedule::OneCycle { rise, divisor, last })
        }
        _ => Err(SCHEDULES),
    }
}

/// `1:0.5`, with defaults for what is left out at the right.
fn numbers<const N: usize>(text: &str, defaults: [Option<f64>; N]) -> Option<[f64; N]> {
    let given: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split(':').collect() };
    let mut numbers = [0.0; N];
    for (i, slot) in numbers.iter_mut().enumerate() {
        *slot = given.get(i).map_or(defaults[i], |text| number(text))?;
    }
    (given.len() <= N).then_some(numbers)
}

/// A finite number.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
