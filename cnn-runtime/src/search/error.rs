//! What can go wrong with a study, each told in one line.

use std::path::PathBuf;

use super::domain::DomainError;
use crate::train::TrainError;

/// What a study refuses, or what stopped it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// A text that means nothing.
    #[error("{what}: expected {expected}, got `{got}`")]
    Text {
        /// What it should be.
        what: &'static str,
        /// How it is written.
        expected: String,
        /// What came.
        got: String,
    },

    /// A setting out of its range.
    #[error("{what}'s {name} must be {expected}, got {got}")]
    Setting {
        /// Of what.
        what: &'static str,
        /// Which one.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: String,
    },

    /// Objectives that a study cannot have.
    #[error("{message}")]
    Objectives {
        /// What is wrong with them, and how to mend it.
        message: String,
    },

    /// The domain has no genome to give.
    #[error("the space has nothing to try: {0}")]
    Domain(#[from] DomainError),

    /// A training that cannot be done.
    #[error(transparent)]
    Train(#[from] TrainError),

    /// Not as many values as objectives.
    #[error("trial {trial} has {expected} objectives ({names}), but {got} values were told")]
    Values {
        /// Number of the trial.
        trial: u64,
        /// How many objectives there are.
        expected: usize,
        /// What they are.
        names: String,
        /// How many values came.
        got: usize,
    },

    /// A report that is no number, or not behind the one before.
    #[error("trial {trial} reported {value} at step {step}, expected a finite number at a step after {last}")]
    Report {
        /// Number of the trial.
        trial: u64,
        /// At which step.
        step: u64,
        /// What was reported.
        value: f64,
        /// The step of the last report, 0 if there is none.
        last: u64,
    },

    /// The trial is no longer this worker's: it was silent for too long and another worker took it, or it was told.
    #[error("trial {trial} is no longer this worker's (attempt {attempt}); what it found is dropped")]
    Lost {
        /// Number of the trial.
        trial: u64,
        /// Which attempt this worker made.
        attempt: u32,
    },

    /// A study that was begun otherwise.
    #[error("{place} is a study with {name} {stored}, not {given}; resume it as it is, or take another file")]
    OtherStudy {
        /// Where it is.
        place: String,
        /// What differs.
        name: String,
        /// As it is.
        stored: String,
        /// As it was asked for.
        given: String,
    },

    /// No study there.
    #[error("no study at {}; `cnn search SPACE --study {}` begins one", path.display(), path.display())]
    NoStudy {
        /// The file.
        path: PathBuf,
    },

    /// A file that is no study, or one that no version of this library wrote.
    #[error("{} is {found}, expected a study of `cnn search`; {help}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
        /// How to mend it.
        help: &'static str,
    },

    /// A study whose content makes no sense.
    #[error("{place} is damaged ({reason}); begin a new study")]
    Damaged {
        /// The study.
        place: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The database or the system refused.
    #[error("cannot {action} {}: {reason}", path.display())]
    Storage {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
}
