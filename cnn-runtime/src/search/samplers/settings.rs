//! Samplers by name, as a study keeps them and programs take them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Evolution, Grid, LocalSearch, Nsga2, Random, Reinforce, Sampler, Tpe};
use crate::search::error::SearchError;
use crate::search::named::Named;
use crate::search::objective::{Direction, Objective, Reward};

/// Which sampler, and its figures.
///
/// As text its name and those figures that are not the usual ones: `random`, `grid`, `evolution:population=20,sample=5`,
/// `nsga2:population=20,crossover=0.9`, `tpe:startup=20,gamma=0.15,candidates=24`, `reinforce:rate=0.1,baseline=0.9`, `local`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SamplerSettings {
    /// [`Random`].
    Random,
    /// [`Grid`].
    Grid,
    /// [`Evolution`].
    Evolution {
        /// How many are alive.
        population: usize,
        /// How many compete to be parent.
        sample: usize,
    },
    /// [`Nsga2`].
    Nsga2 {
        /// How many parents there are.
        population: usize,
        /// How probably a child has two parents.
        crossover: f64,
    },
    /// [`Tpe`].
    Tpe {
        /// Trials drawn at random first.
        startup: usize,
        /// The share of good trials.
        gamma: f64,
        /// How many candidates are drawn.
        candidates: usize,
    },
    /// [`Reinforce`].
    Reinforce {
        /// How far a step goes.
        rate: f64,
        /// How slowly the average of rewards moves.
        baseline: f64,
    },
    /// [`LocalSearch`].
    Local,
}

impl SamplerSettings {
    /// Every sampler with its usual figures.
    pub const ALL: [SamplerSettings; 7] = [
        SamplerSettings::Random,
        SamplerSettings::Grid,
        SamplerSettings::Evolution { population: 20, sample: 5 },
        SamplerSettings::Nsga2 { population: 20, crossover: 0.9 },
        SamplerSettings::Tpe { startup: 20, gamma: 0.15, candidates: 24 },
        SamplerSettings::Reinforce { rate: 0.1, baseline: 0.9 },
        SamplerSettings::Local,
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            SamplerSettings::Random => "random",
            SamplerSettings::Grid => "grid",
            SamplerSettings::Evolution { .. } => "evolution",
            SamplerSettings::Nsga2 { .. } => "nsga2",
            SamplerSettings::Tpe { .. } => "tpe",
            SamplerSettings::Reinforce { .. } => "reinforce",
            SamplerSettings::Local => "local",
        }
    }

    /// A sampler without memory.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        match *self {
            SamplerSettings::Random => Box::new(Random),
            SamplerSettings::Grid => Box::new(Grid::default()),
            SamplerSettings::Evolution { population, sample } => Box::new(Evolution { population, sample }),
            SamplerSettings::Nsga2 { population, crossover } => Box::new(Nsga2::new(population, crossover)),
            SamplerSettings::Tpe { startup, gamma, candidates } => Box::new(Tpe { startup, gamma, candidates }),
            SamplerSettings::Reinforce { rate, baseline } => Box::new(Reinforce::new(rate, baseline)),
            SamplerSettings::Local => Box::new(LocalSearch::default()),
        }
    }

    /// Refuses figures that make no sense, objectives that the sampler cannot follow, and a reward that has no cost.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self, objectives: &[Objective], reward: Option<&Reward>) -> Result<(), SearchError> {
        let what = self.name();
        let least = |name, got: usize, least: usize, expected| match got >= least && got <= 1_000_000 {
            true => Ok(()),
            false => Err(SearchError::Setting { what, name, expected, got: got.to_string() }),
        };
        let within = |name, got: f64, inside: bool, expected| match inside {
            true => Ok(()),
            false => Err(SearchError::Setting { what, name, expected, got: got.to_string() }),
        };
        match *self {
            SamplerSettings::Random | SamplerSettings::Grid | SamplerSettings::Local => {}
            SamplerSettings::Evolution { population, sample } => {
                least("population", population, 1, "from 1 to 1000000")?;
                least("sample", sample, 1, "from 1 to 1000000")?;
            }
            SamplerSettings::Nsga2 { population, crossover } => {
                least("population", population, 2, "from 2 to 1000000")?;
                within("crossover", crossover, (0.0..=1.0).contains(&crossover), "from 0 to 1")?;
            }
            SamplerSettings::Tpe { startup, gamma, candidates } => {
                least("startup", startup, 0, "from 0 to 1000000")?;
                least("candidates", candidates, 1, "from 1 to 1000000")?;
                within("gamma", gamma, gamma > 0.0 && gamma < 1.0, "above 0 and below 1")?;
            }
            SamplerSettings::Reinforce { rate, baseline } => {
                within("rate", rate, rate > 0.0 && rate.is_finite(), "positive and finite")?;
                within("baseline", baseline, (0.0..1.0).contains(&baseline), "at least 0 and below 1")?;
            }
        }
        let message = |text: String| Err(SearchError::Objectives { message: text });
        if let Some(reward) = reward {
            let costs = objectives.iter().skip(1).filter(|objective| objective.direction == Direction::Minimise);
            let mut names = costs.map(|objective| objective.name.as_str());
            let first = objectives.first().map(|objective| objective.direction);
            if first != Some(Direction::Maximise) || !names.any(|name| name == reward.cost) {
                let list: Vec<String> = objectives.iter().map(ToString::to_string).collect();
                return message(format!(
                    "the reward {reward} needs a first objective that is maximised and `min:{}` behind it, got {}",
                    reward.cost,
                    list.join(", ")
                ));
            }
        }
        let several = matches!(self, SamplerSettings::Random | SamplerSettings::Grid | SamplerSettings::Nsga2 { .. });
        if !several && objectives.len() > 1 && reward.is_none() {
            return message(format!(
                "{what} follows one objective, got {}; take nsga2, or make one of them by a reward",
                objectives.len()
            ));
        }
        Ok(())
    }
}

impl fmt::Display for SamplerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            SamplerSettings::Random | SamplerSettings::Grid | SamplerSettings::Local => Ok(()),
            SamplerSettings::Evolution { population, sample } => write!(f, ":population={population},sample={sample}"),
            SamplerSettings::Nsga2 { population, crossover } => {
                write!(f, ":population={population},crossover={crossover}")
            }
            SamplerSettings::Tpe { startup, gamma, candidates } => {
                write!(f, ":startup={startup},gamma={gamma},candidates={candidates}")
            }
            SamplerSettings::Reinforce { rate, baseline } => write!(f, ":rate={rate},baseline={baseline}"),
        }
    }
}

impl FromStr for SamplerSettings {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<SamplerSettings, SearchError> {
        let names = || SamplerSettings::ALL.map(|sampler| sampler.name().to_owned()).join(", ");
        let mut named = Named::parse("sampler", text)?;
        let usual = SamplerSettings::ALL.into_iter().find(|sampler| sampler.name() == named.name);
        let settings = match usual {
            None => return Err(named.unknown(&names())),
            Some(SamplerSettings::Evolution { population, sample }) => {
                let population = named.take("population", population)?;
                SamplerSettings::Evolution { population, sample: named.take("sample", sample)? }
            }
            Some(SamplerSettings::Nsga2 { population, crossover }) => {
                let population = named.take("population", population)?;
                SamplerSettings::Nsga2 { population, crossover: named.take("crossover", crossover)? }
            }
            Some(SamplerSettings::Tpe { startup, gamma, candidates }) => {
                let (startup, gamma) = (named.take("startup", startup)?, named.take("gamma", gamma)?);
                SamplerSettings::Tpe { startup, gamma, candidates: named.take("candidates", candidates)? }
            }
            Some(SamplerSettings::Reinforce { rate, baseline }) => {
                let rate = named.take("rate", rate)?;
                SamplerSettings::Reinforce { rate, baseline: named.take("baseline", baseline)? }
            }
            Some(plain) => plain,
        };
        named.end()?;
        Ok(settings)
    }
}
