//! The loop around a study.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::error::SearchError;
use super::storage::{Claim, Storage};
use super::study::{Asked, Study, Verdict, claim};
use super::trial::{Outcome, Trial};

/// What an evaluation calls on its way, with the step and the first objective there.
pub type Report<'a> = dyn FnMut(u64, f64) -> Result<Verdict, SearchError> + Send + 'a;

/// How an evaluation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// With something to tell.
    Told(Outcome),
    /// It was interrupted: the trial goes back, and the loop ends.
    Stopped,
}

/// Evaluates trials until the study has `most` of them and all are told, with a sign of life as long as one is evaluated.
/// Whether all is done; otherwise `evaluate` stopped it, or `stop` did between two trials.
///
/// A trial that another worker has taken meanwhile, since this one was silent for too long, is dropped.
///
/// # Errors
/// If the storage fails, the space has nothing to give, or `evaluate` fails so that nothing can be told.
pub fn run(
    study: &mut Study,
    most: u64,
    stop: &dyn Fn() -> bool,
    evaluate: &mut dyn FnMut(&Trial, &mut Report<'_>) -> Result<Evaluated, SearchError>,
) -> Result<bool, SearchError> {
    let mut wait = Duration::from_millis(20);
    while !stop() {
        let trial = match study.ask(most)? {
            Asked::Done => return Ok(true),
            Asked::Busy => {
                std::thread::sleep(wait);
                wait = (2 * wait).min(Duration::from_secs(1));
                continue;
            }
            Asked::Trial(trial) => trial,
        };
        wait = Duration::from_millis(20);
        let evaluated = {
            let _alive = Alive::new(study, claim(&trial))?;
            let mut report = |step, value| study.report(&trial, step, value);
            evaluate(&trial, &mut report)
        };
        let done = match evaluated {
            Ok(Evaluated::Told(outcome)) => study.tell(&trial, outcome),
            Ok(Evaluated::Stopped) => {
                study.release(&trial)?;
                return Ok(false);
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(()) | Err(SearchError::Lost { .. }) => {}
            Err(error) => {
                // Somebody else may have more luck with it.
                let _ = study.release(&trial);
                return Err(error);
            }
        }
    }
    Ok(false)
}

/// A thread that gives signs of life until this is dropped.
struct Alive {
    end: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Alive {
    fn new(study: &Study, claim: Claim) -> Result<Alive, SearchError> {
        let (end, ended) = channel();
        let every = study.silence() / 6;
        let mut storage: Box<dyn Storage> = study.storage()?;
        let beats = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(every) {
                // A storage that fails here fails when the trial is told.
                if let Ok(false) = storage.beat(claim) {
                    break;
                }
            }
        };
        Ok(Alive { end: Some(end), thread: Some(std::thread::spawn(beats)) })
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
