//! `cnn search SPACE`: a study from its beginning, or from where it stands.

mod choices;
mod confirm;
mod progress;
mod workers;

pub(super) use confirm::line;
pub(super) use progress::value;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPool;

use super::Output;
use super::count::count;
use super::failure::Failure;
use super::space::{Found, find};
use super::study::{Opened, summary, test_accuracy};
use super::text::json;
use super::train::{interrupts, shown};
use crate::search::evaluate::Evaluator;
use crate::search::report::report;
use crate::search::{Domain, Members, SamplerSettings, SearchError, Sqlite, State, Study, run};
use choices::Choices;
use workers::Stopped;

/// Members whose predicted latencies are compared with measured ones.
const COMPARED: usize = 20;

/// Searches a space of architectures and keeps everything in a file
#[derive(Args)]
pub(super) struct Search {
    #[command(flatten)]
    choices: Choices,
    /// The study's file: begun, or gone on with where it is there [default: studies/SPACE-N.db]
    #[arg(long, value_name = "FILE", required_unless_present = "space")]
    study: Option<PathBuf>,
    /// Trials of the study, those that are there included
    #[arg(long, default_value_t = 60, value_parser = count::<u64>(1..=1_000_000))]
    trials: u64,
    /// Trials at a time, each on its share of the processors; on a graphics processor all of them share its memory and its time,
    /// and latencies are measured with one worker alone
    #[arg(long, default_value_t = 1, value_parser = count::<u16>(1..=256))]
    workers: u16,
    /// At the end so many of the most promising members are trained again from other seeds; the best of them by the mean of these
    /// trainings wins. 0 leaves that out
    #[arg(long, value_name = "MEMBERS", default_value_t = 3, value_parser = count::<u8>(0..=16))]
    confirm: u8,
    /// How often each of them is trained again
    #[arg(long, value_name = "TIMES", default_value_t = 3, value_parser = count::<u16>(1..=100))]
    confirm_trainings: u16,
    /// Write JSON instead of lines
    #[arg(long)]
    json: bool,
}

impl Search {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let opened = match &self.choices.space {
            Some(wanted) => self.begin(find(wanted, self.choices.input)?)?,
            None => {
                let opened = Opened::new(self.study.as_deref().unwrap_or(Path::new("")))?;
                Evaluator::check(opened.study.spec(), usize::from(self.workers))?;
                opened
            }
        };
        let stop = interrupts()?;
        let evaluator = Evaluator::new(opened.networks.clone(), opened.study.spec(), Some(weights_dir(&opened.path)))?;
        let mut done = self.search(&opened, &evaluator, &stop, output)?;
        if done && self.confirm > 0 && evaluator.trains() {
            let plan = confirm::Plan {
                members: usize::from(self.confirm),
                trainings: u64::from(self.confirm_trainings),
                workers: self.workers,
                quiet: self.json,
            };
            done = confirm::confirm(&opened, &evaluator, plan, &stop, output)?;
        }
        let mut study = opened.study;
        study.refresh()?;
        evaluator.tidy(&study);
        let page = opened.path.with_extension("html");
        std::fs::write(&page, report(&study))
            .map_err(|source| Failure::Machine { what: format!("cannot write {}", page.display()), source })?;
        if self.json {
            json(output.out, &summary(&study, &opened.path))?;
        } else {
            self.lines(&study, &evaluator, &opened.networks, &opened.path, &page, output)?;
        }
        output.out.flush()?;
        if done { Ok(()) } else { Err(Failure::Interrupted) }
    }

    /// A new study, or the same that is there.
    fn begin(&self, Found { name, networks }: Found) -> Result<Opened, Failure> {
        let networks = Arc::new(networks);
        let any = networks.sample(&mut ChaCha8Rng::seed_from_u64(0)).map_err(SearchError::from)?;
        let graph = networks.graph(&any).map_err(SearchError::from)?;
        let spec = self.choices.spec(&name, &networks, &graph)?;
        let path = match &self.study {
            Some(path) => path.clone(),
            None => numbered(Path::new("studies"), &name)?,
        };
        // Mistakes in what is wanted leave nothing.
        Evaluator::check(&spec, usize::from(self.workers))?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let what = format!("cannot create {}", parent.display());
            std::fs::create_dir_all(parent).map_err(|source| Failure::Machine { what, source })?;
        }
        let storage = Sqlite::begin(&path, spec)?;
        let study = Study::new(networks.clone(), Box::new(storage))?;
        Ok(Opened { path, networks, study })
    }

    /// Runs the workers. Whether all trials are told.
    fn search(
        &self,
        opened: &Opened,
        evaluator: &Evaluator,
        stop: &AtomicBool,
        output: &mut Output<'_>,
    ) -> Result<bool, Failure> {
        let mut progress = progress::Progress::new(opened, self.trials, self.workers, self.json, output)?;
        let work = |study: &mut Study, pool: &ThreadPool, stopped: Stopped<'_>| {
            run(study, self.trials, stopped, &mut |trial, report| {
                pool.install(|| evaluator.evaluate(trial, stopped, report))
            })
        };
        let done = workers::run(opened, self.workers, stop, work, || progress.refresh(evaluator));
        progress.refresh(evaluator)?;
        progress.end();
        Ok(done?.into_iter().all(|done| done))
    }

    fn lines(
        &self,
        study: &Study,
        evaluator: &Evaluator,
        networks: &Arc<crate::search::Networks>,
        path: &Path,
        page: &Path,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let history = study.history();
        let count = |state| history.count(state);
        writeln!(
            output.out,
            "{} trials: {} complete, {} pruned, {} failed",
            history.len(),
            count(State::Complete),
            count(State::Pruned),
            count(State::Failed)
        )?;
        let name = shown(path);
        if let Some(best) = study.best() {
            let values: Vec<String> =
                study.spec().objectives.iter().zip(&best.values).map(|(o, v)| value(o, *v)).collect();
            writeln!(output.out, "best: trial {}, {}, genome {}", best.number, values.join(", "), best.genome)?;
        }
        let confirmed = study.confirmed();
        if confirmed.is_empty()
            && let Some(best) = study.best()
            && let Some(accuracy) = test_accuracy(evaluator, networks, path, best)?
        {
            writeln!(output.out, "its accuracy on the test images: {:.2} %", 100.0 * accuracy)?;
        }
        for confirmed in &confirmed {
            writeln!(output.out, "  {}", line(confirmed))?;
        }
        if let (Some(winner), false) = (study.winner(), confirmed.is_empty()) {
            writeln!(output.out, "winner: trial {}, genome {}", winner.number, winner.genome)?;
        }
        if study.spec().objectives.len() > 1 {
            let front: Vec<String> = study.front().iter().map(|trial| trial.number.to_string()).collect();
            writeln!(output.out, "front: trials {}", front.join(", "))?;
        }
        if let Some(error) = workers::pool(self.workers, path)?.install(|| evaluator.latency_error(COMPARED))? {
            writeln!(output.out, "{error}")?;
        }
        writeln!(output.out, "study: {name}")?;
        writeln!(output.out, "report: {}", shown(page))?;
        if history.told_len() < self.trials as usize && study.spec().sampler != SamplerSettings::Grid {
            let trials = if self.trials == 60 { String::new() } else { format!(" --trials {}", self.trials) };
            writeln!(output.out, "go on with: cnn search --study {name}{trials}")?;
        }
        Ok(writeln!(output.out, "its source: cnn study best {name} --source")?)
    }
}

/// Where the weights of a study's front are kept.
pub(super) fn weights_dir(study: &Path) -> PathBuf {
    study.with_extension("weights")
}

/// `studies/NAME-1.db`, or the next number that is free.
fn numbered(parent: &Path, name: &str) -> Result<PathBuf, Failure> {
    let free = (1u64..100_000).map(|number| parent.join(format!("{name}-{number}.db"))).find(|path| !path.exists());
    free.ok_or_else(|| {
        Failure::mistake(format!("{} is full of studies of {name}; name one by --study", parent.display()))
    })
}
