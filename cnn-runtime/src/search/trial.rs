//! One evaluation of one genome.

use std::fmt;

use cnn_lang::space::Genome;

/// Where a trial stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Its worker gave it back or died; the next one that asks gets it.
    Waiting,
    /// Somebody evaluates it.
    #[default]
    Running,
    /// It has a value for each objective.
    Complete,
    /// It was stopped as not worth the effort.
    Pruned,
    /// It could not be evaluated, or its values are no numbers.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] = [State::Waiting, State::Running, State::Complete, State::Pruned, State::Failed];

    /// Whether it has come to its end, and never changes again.
    pub fn is_told(self) -> bool {
        matches!(self, State::Complete | State::Pruned | State::Failed)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running => "running",
            State::Complete => "complete",
            State::Pruned => "pruned",
            State::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A genome that a sampler proposes, and where it has it from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// What is to be evaluated.
    pub genome: Genome,
    /// Numbers of the trials that it descends from.
    pub parents: Vec<u64>,
    /// How it came about, a word: `random`, `mutation`.
    pub origin: String,
}

impl Proposal {
    /// A genome without ancestors.
    pub fn new(genome: Genome, origin: &str) -> Proposal {
        Proposal { genome, parents: Vec::new(), origin: origin.to_owned() }
    }

    /// A genome that descends from trials.
    pub fn child(genome: Genome, origin: &str, parents: &[u64]) -> Proposal {
        Proposal { genome, parents: parents.to_vec(), origin: origin.to_owned() }
    }
}

/// One evaluation of one genome: what is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// Its place in the study, from 0.
    pub number: u64,
    /// What is evaluated.
    pub genome: Genome,
    /// Numbers of the trials that the genome descends from.
    pub parents: Vec<u64>,
    /// How the genome came about.
    pub origin: String,
    /// Where it stands.
    pub state: State,
    /// Which evaluation this is, from 1: a trial whose worker died is begun again.
    pub attempt: u32,
    /// The first objective on the way, by step (an epoch, mostly), in rising order.
    pub reports: Vec<(u64, f64)>,
    /// A value for each objective, once it is complete.
    pub values: Vec<f64>,
    /// Why it failed.
    pub note: Option<String>,
    /// How many trials were told before it, once it is told.
    pub told: Option<u64>,
    /// When this evaluation began, in milliseconds since 1970.
    pub began: u64,
    /// When it was told.
    pub ended: Option<u64>,
}

impl Trial {
    /// Seconds from its beginning to its end.
    pub fn seconds(&self) -> Option<f64> {
        self.ended.map(|ended| ended.saturating_sub(self.began) as f64 / 1000.0)
    }
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value for each objective.
    Values(Vec<f64>),
    /// Stopped by the pruner.
    Pruned,
    /// Could not be evaluated, and why.
    Failed(String),
}

impl Outcome {
    /// The state that it leads to.
    pub fn state(&self) -> State {
        match self {
            Outcome::Values(_) => State::Complete,
            Outcome::Pruned => State::Pruned,
            Outcome::Failed(_) => State::Failed,
        }
    }
}
