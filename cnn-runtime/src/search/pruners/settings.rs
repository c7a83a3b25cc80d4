//! Pruners by name, as a study keeps them and programs take them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Halving, Hyperband, Median, Never, Pruner};
use crate::search::error::SearchError;
use crate::search::named::Named;

/// Which pruner, and its figures.
///
/// As text its name and those figures that are not the usual ones: `none`, `median:startup=5,warm_up=0`,
/// `asha:least=1,eta=4`, `hyperband:least=1,most=27,eta=3`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum PrunerSettings {
    /// [`Never`].
    None,
    /// [`Median`].
    Median {
        /// Complete trials before any is stopped.
        startup: usize,
        /// Steps before any trial is stopped.
        warm_up: u64,
    },
    /// [`Halving`].
    Asha {
        /// The first rung's step.
        least: u64,
        /// One of how many goes on.
        eta: u64,
    },
    /// [`Hyperband`].
    Hyperband {
        /// The first rung's step of the bracket that stops first.
        least: u64,
        /// Steps of a complete trial.
        most: u64,
        /// One of how many goes on.
        eta: u64,
    },
}

impl PrunerSettings {
    /// Every pruner with its usual figures.
    pub const ALL: [PrunerSettings; 4] = [
        PrunerSettings::None,
        PrunerSettings::Median { startup: 5, warm_up: 0 },
        PrunerSettings::Asha { least: 1, eta: 4 },
        PrunerSettings::Hyperband { least: 1, most: 27, eta: 3 },
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            PrunerSettings::None => "none",
            PrunerSettings::Median { .. } => "median",
            PrunerSettings::Asha { .. } => "asha",
            PrunerSettings::Hyperband { .. } => "hyperband",
        }
    }

    /// The pruner.
    pub fn pruner(&self) -> Box<dyn Pruner> {
        match *self {
            PrunerSettings::None => Box::new(Never),
            PrunerSettings::Median { startup, warm_up } => Box::new(Median { startup, warm_up }),
            PrunerSettings::Asha { least, eta } => Box::new(Halving { least, eta, skip: 0 }),
            PrunerSettings::Hyperband { least, most, eta } => Box::new(Hyperband { least, most, eta }),
        }
    }

    /// Refuses figures that make no sense.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), SearchError> {
        let what = self.name();
        let inside = |name, got: u64, inside: bool, expected| match inside {
            true => Ok(()),
            false => Err(SearchError::Setting { what, name, expected, got: got.to_string() }),
        };
        match *self {
            PrunerSettings::None | PrunerSettings::Median { .. } => Ok(()),
            PrunerSettings::Asha { least, eta } => {
                inside("least", least, least >= 1, "at least 1")?;
                inside("eta", eta, (2..=1000).contains(&eta), "from 2 to 1000")
            }
            PrunerSettings::Hyperband { least, most, eta } => {
                inside("least", least, least >= 1, "at least 1")?;
                inside("most", most, most >= least && most <= 1 << 20, "at least `least` and at most 1048576")?;
                inside("eta", eta, (2..=1000).contains(&eta), "from 2 to 1000")
            }
        }
    }
}

impl fmt::Display for PrunerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            PrunerSettings::None => Ok(()),
            PrunerSettings::Median { startup, warm_up } => write!(f, ":startup={startup},warm_up={warm_up}"),
            PrunerSettings::Asha { least, eta } => write!(f, ":least={least},eta={eta}"),
            PrunerSettings::Hyperband { least, most, eta } => write!(f, ":least={least},most={most},eta={eta}"),
        }
    }
}

impl FromStr for PrunerSettings {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<PrunerSettings, SearchError> {
        let names = || PrunerSettings::ALL.map(|pruner| pruner.name().to_owned()).join(", ");
        let mut named = Named::parse("pruner", text)?;
        let usual = PrunerSettings::ALL.into_iter().find(|pruner| pruner.name() == named.name);
        let settings = match usual {
            None => return Err(named.unknown(&names())),
            Some(PrunerSettings::Median { startup, warm_up }) => {
                let startup = named.take("startup", startup)?;
                PrunerSettings::Median { startup, warm_up: named.take("warm_up", warm_up)? }
            }
            Some(PrunerSettings::Asha { least, eta }) => {
                PrunerSettings::Asha { least: named.take("least", least)?, eta: named.take("eta", eta)? }
            }
            Some(PrunerSettings::Hyperband { least, most, eta }) => {
                let (least, most) = (named.take("least", least)?, named.take("most", most)?);
                PrunerSettings::Hyperband { least, most, eta: named.take("eta", eta)? }
            }
            Some(PrunerSettings::None) => PrunerSettings::None,
        };
        named.end()?;
        Ok(settings)
    }
}
