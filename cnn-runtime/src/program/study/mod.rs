//! `cnn study show | best | report`: what a study found.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Output;
use super::count::count;
use super::failure::Failure;
use super::search::{line as confirmed_line, value, weights_dir};
use super::text::json;
use super::train::shown;
use crate::engine::Session;
use crate::search::evaluate::{Evaluation, Evaluator, weights_file};
use crate::search::report::{duration, importance, report};
use crate::search::{Confirmed, Domain, Members, Networks, SearchError, Sqlite, State, Storage, Study, Trial};
use crate::train::evaluate;
use crate::weights::StateDict;

/// Looks at a study of `cnn search`
#[derive(Args)]
pub(super) struct StudyCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Trials, front and genes in lines
    Show(Show),
    /// The winner: its options, its source, its weights
    Best(Best),
    /// Everything as a page that needs no network
    Report(Page),
}

#[derive(Args)]
struct Show {
    /// The study's file
    file: PathBuf,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Best {
    /// The study's file
    file: PathBuf,
    /// Another trial than the winner
    #[arg(long, value_name = "NUMBER", value_parser = count::<u64>(0..))]
    trial: Option<u64>,
    /// Print the network in the language: what `network!` takes and `cnn train` reads
    #[arg(long, conflicts_with = "json")]
    source: bool,
    /// Copy its weights to this safetensors file; kept are those of the front
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Page {
    /// The study's file
    file: PathBuf,
    /// The page [default: the study's file with the ending html]
    #[arg(long, value_name = "PAGE.html")]
    out: Option<PathBuf>,
}

/// A study with its space.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) networks: Arc<Networks>,
    pub(super) study: Study,
}

impl Opened {
    /// A study that is there; its space is in it.
    pub(super) fn new(path: &Path) -> Result<Opened, Failure> {
        let storage = Sqlite::open(path)?;
        let damaged = |reason: String| SearchError::Damaged { place: path.display().to_string(), reason };
        let evaluation: Evaluation = serde_json::from_value(storage.spec().evaluation.clone())
            .map_err(|error| damaged(format!("its evaluation: {error}")))?;
        let networks =
            Networks::load(&evaluation.definition).map_err(|error| damaged(format!("its space: {error}")))?;
        let networks = Arc::new(networks);
        let study = Study::new(networks.clone(), Box::new(storage))?;
        Ok(Opened { path: path.to_owned(), networks, study })
    }
}

impl StudyCommand {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        match &self.what {
            What::Show(show) => show.run(output),
            What::Best(best) => best.run(output),
            What::Report(page) => page.run(output),
        }
    }
}

impl Show {
    fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Opened { study, networks, path } = Opened::new(&self.file)?;
        if self.json {
            return json(output.out, &summary(&study, &path));
        }
        let (spec, history) = (study.spec(), study.history());
        let objectives: Vec<String> = spec.objectives.iter().map(ToString::to_string).collect();
        writeln!(output.out, "space: {}, {} genes", spec.space, networks.genes().len())?;
        writeln!(output.out, "objectives: {}", objectives.join(", "))?;
        if let Some(reward) = &spec.reward {
            writeln!(output.out, "reward: {reward}")?;
        }
        writeln!(output.out, "sampler: {}, pruner: {}, seed: {}", spec.sampler, spec.pruner, spec.seed)?;
        let counts: Vec<String> = State::ALL
            .iter()
            .map(|&state| (history.count(state), state))
            .filter(|(count, _)| *count > 0)
            .map(|(count, state)| format!("{count} {state}"))
            .collect();
        writeln!(output.out, "trials: {}", if counts.is_empty() { "none".to_owned() } else { counts.join(", ") })?;
        let seconds: f64 = history.told().filter_map(Trial::seconds).sum();
        writeln!(output.out, "time spent on trials: {}", duration(seconds))?;
        if let Some(best) = study.best() {
            writeln!(output.out, "best: {}", line(&study, best))?;
        }
        let confirmed = study.confirmed();
        if let (Some(winner), false) = (study.winner(), confirmed.is_empty()) {
            writeln!(output.out, "winner: {}", line(&study, winner))?;
            writeln!(output.out, "trained again from other seeds:")?;
            for confirmed in &confirmed {
                writeln!(output.out, "  {}", confirmed_line(confirmed))?;
            }
        }
        if spec.objectives.len() > 1 {
            writeln!(output.out, "front:")?;
            for trial in study.front() {
                writeln!(output.out, "  {}", line(&study, trial))?;
            }
        }
        if history.count(State::Complete) > 2 {
            writeln!(output.out, "genes by importance:")?;
            for importance in importance(&study).iter().take(10) {
                let gene = &networks.genes()[importance.gene];
                writeln!(output.out, "  {:4.0} %  {}", 100.0 * importance.share, gene.name)?;
            }
        }
        Ok(())
    }
}

fn line(study: &Study, trial: &Trial) -> String {
    let values = study.spec().objectives.iter().zip(&trial.values).map(|(objective, &v)| value(objective, v));
    format!("trial {}, {}, genome {}", trial.number, values.collect::<Vec<_>>().join(", "), trial.genome)
}

impl Best {
    fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Opened { study, networks, path } = Opened::new(&self.file)?;
        let trial = match self.trial {
            None => study.winner().ok_or_else(|| {
                Failure::mistake(format!("no trial of {} is complete", path.display()))
                    .help("go on with `cnn search --study`")
            })?,
            Some(number) => study.history().get(number).ok_or_else(|| {
                let count = study.history().len();
                Failure::mistake(format!("{} has no trial {number}", path.display()))
                    .help(format!("it has {count}, from 0"))
            })?,
        };
        if let Some(to) = &self.weights {
            let from = weights_file(&weights_dir(&path), trial.number);
            if !from.is_file() {
                let failure = Failure::mistake(format!("the weights of trial {} are not kept", trial.number));
                return Err(failure.help("weights are kept of the best trials and of those on the front"));
            }
            let graph = networks.graph(&trial.genome).map_err(SearchError::from)?;
            StateDict::<f32>::load(&graph, &from)?.save(to)?;
        }
        if self.source {
            let source = networks.source(&trial.genome).map_err(SearchError::from)?;
            return Ok(write!(output.out, "{}{}", source, if source.ends_with('\n') { "" } else { "\n" })?);
        }
        if self.json {
            return json(output.out, &Row::of(&study, trial));
        }
        writeln!(output.out, "{}", line(&study, trial))?;
        let costs = networks.costs(&trial.genome).map_err(SearchError::from)?;
        writeln!(output.out, "{} parameters, {} multiply-adds", costs.params, costs.macs)?;
        if let Some(confirmed) = study.confirmed().iter().find(|confirmed| confirmed.trial == trial.number) {
            writeln!(output.out, "trained again: {}", confirmed_line(confirmed))?;
        }
        for (gene, option) in networks.genes().iter().zip(&trial.genome.0) {
            if let Some(option) = option.and_then(|option| gene.options.get(usize::from(option))) {
                writeln!(output.out, "  {} = {option}", gene.name)?;
            }
        }
        if let Some(to) = &self.weights {
            writeln!(output.out, "weights: {}", shown(to))?;
        }
        Ok(())
    }
}

impl Page {
    fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let opened = Opened::new(&self.file)?;
        let to = self.out.clone().unwrap_or_else(|| self.file.with_extension("html"));
        if to == self.file {
            return Err(Failure::mistake("the page would replace the study").help("name another file by --out"));
        }
        let what = format!("cannot write {}", to.display());
        std::fs::write(&to, report(&opened.study)).map_err(|source| Failure::Machine { what, source })?;
        Ok(writeln!(output.out, "report: {}", shown(&to))?)
    }
}

/// A study in JSON.
#[derive(Serialize)]
pub(super) struct Summary {
    study: String,
    space: String,
    objectives: Vec<String>,
    reward: Option<String>,
    sampler: String,
    pruner: String,
    seed: u64,
    best: Option<u64>,
    winner: Option<u64>,
    confirmed: Vec<Again>,
    front: Vec<u64>,
    trials: Vec<Row>,
}

/// What further trainings say of a trial, in JSON.
#[derive(Serialize)]
struct Again {
    trial: u64,
    trainings: usize,
    held_out_accuracy: f64,
    held_out_loss: f64,
    test_accuracy: f64,
    test_spread: f64,
}

impl Again {
    fn of(confirmed: Confirmed) -> Again {
        let Confirmed { trial, trainings, accuracy, loss, test, spread } = confirmed;
        let (held_out_accuracy, held_out_loss, test_accuracy) = (accuracy, loss, test);
        Again { trial, trainings, held_out_accuracy, held_out_loss, test_accuracy, test_spread: spread }
    }
}

/// A trial in JSON.
#[derive(Serialize)]
struct Row {
    trial: u64,
    state: &'static str,
    genome: String,
    options: serde_json::Map<String, serde_json::Value>,
    values: serde_json::Map<String, serde_json::Value>,
    reports: Vec<(u64, f64)>,
    parents: Vec<u64>,
    origin: String,
    attempt: u32,
    seconds: Option<f64>,
    note: Option<String>,
}

impl Row {
    fn of(study: &Study, trial: &Trial) -> Row {
        let option = |(gene, option): (&crate::search::Gene, &Option<u16>)| {
            Some((gene.name.clone(), gene.options.get(usize::from((*option)?))?.clone().into()))
        };
        let values = study.spec().objectives.iter().zip(&trial.values);
        Row {
            trial: trial.number,
            state: trial.state.word(),
            genome: trial.genome.to_string(),
            options: study.domain().genes().iter().zip(&trial.genome.0).filter_map(option).collect(),
            values: values.map(|(objective, &value)| (objective.name.clone(), value.into())).collect(),
            reports: trial.reports.clone(),
            parents: trial.parents.clone(),
            origin: trial.origin.clone(),
            attempt: trial.attempt,
            seconds: trial.seconds(),
            note: trial.note.clone(),
        }
    }
}

/// A study as `--json` writes it.
pub(super) fn summary(study: &Study, path: &Path) -> Summary {
    let spec = study.spec();
    Summary {
        study: path.display().to_string(),
        space: spec.space.clone(),
        objectives: spec.objectives.iter().map(ToString::to_string).collect(),
        reward: spec.reward.as_ref().map(ToString::to_string),
        sampler: spec.sampler.to_string(),
        pruner: spec.pruner.to_string(),
        seed: spec.seed,
        best: study.best().map(|trial| trial.number),
        winner: study.winner().map(|trial| trial.number),
        confirmed: study.confirmed().into_iter().map(Again::of).collect(),
        front: study.front().iter().map(|trial| trial.number).collect(),
        trials: study.history().trials().iter().map(|trial| Row::of(study, trial)).collect(),
    }
}

/// What a trial's kept weights reach on the test images, which no trial has seen.
pub(super) fn test_accuracy(
    evaluator: &Evaluator,
    networks: &Networks,
    path: &Path,
    trial: &Trial,
) -> Result<Option<f64>, Failure> {
    let file = weights_file(&weights_dir(path), trial.number);
    let Some(split) = evaluator.split().filter(|_| file.is_file()) else { return Ok(None) };
    let graph = networks.graph(&trial.genome).map_err(SearchError::from)?;
    let weights = StateDict::<f32>::load(&graph, &file)?;
    let training = &evaluator.evaluation().training;
    let mut session = Session::on(evaluator.backend(), &graph, weights, training.session_options(training.batch))?;
    Ok(Some(evaluate(&mut session, &split.test)?.accuracy))
}
