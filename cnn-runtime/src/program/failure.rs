//! How a command ends if not well.

use std::io;
use std::path::Path;

use cnn_lang::diag::Diagnostic;

use crate::engine::EngineError;
use crate::export::onnx::OnnxError;
use crate::search::SearchError;
use crate::train::TrainError;
use crate::weights::WeightsError;

/// What went wrong, as one line and an exit status.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The user's mistake: what it is, with what was expected and got, and how to mend it.
    #[error("{message}{}", help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Mistake { message: String, help: Option<String> },
    /// A mistake that has been shown at length: a line that sums up.
    #[error("{0}")]
    Shown(String),
    /// The machine's.
    #[error("{what}: {source}")]
    Machine { what: String, source: io::Error },
    /// Something else than the user, told in full.
    #[error("{0}")]
    Failed(String),
    /// Ctrl-C, when everything is saved.
    #[error("interrupted")]
    Interrupted,
    /// The reader of the output wants no more of it.
    #[error("the output was closed")]
    Closed,
}

impl Failure {
    pub(super) fn mistake(message: impl Into<String>) -> Failure {
        Failure::Mistake { message: message.into(), help: None }
    }

    /// The same with the way to mend it.
    pub(super) fn help(self, text: impl Into<String>) -> Failure {
        match self {
            Failure::Mistake { message, .. } => Failure::Mistake { message, help: Some(text.into()) },
            Failure::Failed(message) => Failure::Failed(format!("{message}; {}", text.into())),
            other => other,
        }
    }

    /// A mistake in the language, told after `place`.
    pub(super) fn diagnostic(place: &str, diagnostic: &Diagnostic) -> Failure {
        let message = format!("{place}: {}", diagnostic.message);
        Failure::Mistake { message, help: diagnostic.help.clone() }
    }

    /// What clap says in paragraphs, as a line: the mistake, then its tip or where to read on.
    pub(super) fn usage(rendered: &str) -> Failure {
        let line = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut paragraphs = rendered.split("\n\n");
        let first = line(paragraphs.next().unwrap_or_default());
        let message = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
        let tip = paragraphs.map(line).find_map(|text| text.strip_prefix("tip: ").map(str::to_owned));
        Failure::Mistake { message, help: Some(tip.unwrap_or_else(|| "see `cnn --help`".to_owned())) }
    }

    /// A file that cannot be read: its name is wrong, or the machine fails.
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Failure {
        let what = format!("cannot read `{}`", path.display());
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData => {
                Failure::mistake(format!("{what}: {source}"))
            }
            _ => Failure::Machine { what, source },
        }
    }

    /// What standard error gets behind `error: `.
    pub(super) fn line(&self) -> Option<String> {
        let shown = !matches!(self, Failure::Closed | Failure::Interrupted);
        shown.then(|| self.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
    }

    pub(super) fn status(&self) -> u8 {
        match self {
            Failure::Mistake { .. } | Failure::Shown(_) => 2,
            Failure::Machine { .. } | Failure::Failed(_) => 1,
            // What shells say of a process that SIGINT ended.
            Failure::Interrupted => 130,
            Failure::Closed => 0,
        }
    }
}

/// The library's errors are the user's mistakes, unless the system refused what it should give.
fn told(error: &(dyn std::error::Error + 'static)) -> Failure {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let refused = chain.filter_map(|error| error.downcast_ref::<io::Error>()).next();
    let wrong_name = |kind| {
        use io::ErrorKind::*;
        matches!(kind, NotFound | IsADirectory | NotADirectory | InvalidData | UnexpectedEof | InvalidFilename)
    };
    match refused {
        Some(source) if !wrong_name(source.kind()) => Failure::Failed(error.to_string()),
        _ => Failure::mistake(error.to_string()),
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Failure {
        told(&error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        told(&error)
    }
}

impl From<WeightsError> for Failure {
    fn from(error: WeightsError) -> Failure {
        told(&error)
    }
}

impl From<SearchError> for Failure {
    fn from(error: SearchError) -> Failure {
        match error {
            SearchError::Storage { .. } => Failure::Failed(error.to_string()),
            SearchError::Train(error) => error.into(),
            error => told(&error),
        }
    }
}

impl From<OnnxError> for Failure {
    fn from(error: OnnxError) -> Failure {
        told(&error)
    }
}

/// Writing failed.
impl From<io::Error> for Failure {
    fn from(source: io::Error) -> Failure {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Machine { what: "cannot write the output".to_owned(), source },
        }
    }
}
