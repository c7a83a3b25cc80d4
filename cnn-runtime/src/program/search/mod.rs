//! `cnn search SPACE`: a study from its beginning, or from where it stands.

mod progress;

pub(super) use progress::value;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use cnn_lang::graph::{Graph, Shape};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Output;
use super::failure::Failure;
use super::space::{Found, find};
use super::study::{Opened, summary, test_accuracy};
use super::text::json;
use super::train::{counts, interrupts, shown};
use crate::data::Source;
use crate::search::evaluate::{Evaluation, Evaluator};
use crate::search::report::report;
use crate::search::{
    Domain, Members, Objective, PrunerSettings, Reward, SamplerSettings, SearchError, Spec, Sqlite, State, Storage,
    Study, digest, run,
};
use crate::train::{ImageSettings, Settings};

/// Searches a space of architectures and keeps everything in a file
#[derive(Args)]
pub(super) struct Search {
    #[command(flatten)]
    choices: Choices,
    /// The study's file: begun, or gone on with where it is there [default: studies/SPACE-N.db]
    #[arg(long, value_name = "FILE", required_unless_present = "space")]
    study: Option<PathBuf>,
    /// Trials of the study, those that are there included
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    trials: u64,
    /// Trials at a time, each on its share of the processors
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Write JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// What a new study is.
#[derive(Args)]
#[group(multiple = true)]
struct Choices {
    /// A space: a predefined one (`cifar-small`), the last one of a file (`my.cnn`) or another one of it (`my.cnn:Name`);
    /// without it the study in --study goes on as it began
    #[arg(value_name = "SPACE")]
    space: Option<String>,
    /// Another input than the definition's: channels, height, width
    #[arg(long, value_name = "CxHxW", requires = "space")]
    input: Option<Shape>,
    /// Images as in `cnn train`: digits (drawn at the networks' size), mnist:DIR, cifar10:DIR, folder:DIR … [default: digits]
    #[arg(long, value_name = "DATA", requires = "space")]
    data: Option<Source>,
    /// How many digits are drawn, to train on and to test on [default: 2500:1000]
    #[arg(long, value_name = "TRAIN:TEST", value_parser = counts, requires = "space")]
    digits: Option<[usize; 2]>,
    /// Share of the training images that is held out to judge members by [default: 0.2]
    #[arg(long, value_name = "SHARE", requires = "space")]
    validation: Option<f64>,
    /// Passes over the training images [default: 3]
    #[arg(long, requires = "space")]
    epochs: Option<usize>,
    /// Images of a step [default: 32]
    #[arg(long, requires = "space")]
    batch: Option<usize>,
    /// The learning rate at its highest [default: 0.004, 0.001 for spaces of more than a million parameters]
    #[arg(long, value_name = "RATE", requires = "space")]
    lr: Option<f64>,
    /// What is wanted: max:accuracy, min:latency, min:predicted_latency, min:params, min:macs, min:activations, min:loss; may
    /// be repeated, pruners follow the first [default: max:accuracy]
    #[arg(long, value_name = "OBJECTIVE", requires = "space")]
    objective: Vec<Objective>,
    /// MnasNet's reward, one number of two objectives: soft:COST:TARGET or hard:COST:TARGET
    #[arg(long, value_name = "REWARD", requires = "space")]
    reward: Option<Reward>,
    /// random, grid, evolution, nsga2, tpe, reinforce or local, with figures as in evolution:population=20,sample=5
    /// [default: evolution, with several objectives nsga2]
    #[arg(long, value_name = "SAMPLER", requires = "space")]
    sampler: Option<SamplerSettings>,
    /// none, median, asha or hyperband, with figures as in asha:least=1,eta=4 [default: none]
    #[arg(long, value_name = "PRUNER", requires = "space")]
    pruner: Option<PrunerSettings>,
    /// What is tried, initial weights and the order of images follow from it [default: 0]
    #[arg(long, requires = "space")]
    seed: Option<u64>,
}

impl Search {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let opened = match &self.choices.space {
            Some(wanted) => self.begin(find(wanted, self.choices.input)?)?,
            None => Opened::new(self.study.as_deref().unwrap_or(Path::new("")))?,
        };
        let stop = interrupts()?;
        let evaluator = Evaluator::new(opened.networks.clone(), opened.study.spec(), Some(weights_dir(&opened.path)))?;
        let done = self.search(&opened, &evaluator, &stop, output)?;
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
        Evaluator::check(&spec)?;
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
        let (networks, path) = (&opened.networks, &opened.path);
        let threads = (rayon::current_num_threads() / usize::from(self.workers)).max(1);
        let mut progress = progress::Progress::new(opened, self.trials, self.workers, self.json, output)?;
        // Set when a worker fails: the others end.
        let failed = AtomicBool::new(false);
        let stopped = || stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
        let work = |storage: Box<dyn Storage>| -> Result<bool, SearchError> {
            let mut study = Study::new(networks.clone(), storage)?;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| {
                SearchError::Storage { action: "start threads for", path: path.clone(), reason: error.to_string() }
            })?;
            run(&mut study, self.trials, &stopped, &mut |trial, report| {
                pool.install(|| evaluator.evaluate(trial, &stopped, report))
            })
        };
        let done = std::thread::scope(|scope| -> Result<bool, Failure> {
            let mut workers = Vec::new();
            for _ in 0..self.workers {
                let storage = opened.study.storage()?;
                let (work, failed) = (&work, &failed);
                workers.push(scope.spawn(move || {
                    let done = work(storage);
                    if done.is_err() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    done
                }));
            }
            while !workers.iter().all(|worker| worker.is_finished()) {
                std::thread::sleep(Duration::from_millis(100));
                let shown = progress.refresh(evaluator);
                if shown.is_err() {
                    // Nobody reads: end in order.
                    failed.store(true, Ordering::Relaxed);
                    shown?;
                }
            }
            let mut all = true;
            for worker in workers {
                match worker.join() {
                    Ok(done) => all &= done?,
                    Err(_) => return Err(Failure::Failed("a worker broke off".to_owned())),
                }
            }
            Ok(all)
        });
        progress.refresh(evaluator)?;
        progress.end();
        done
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
            if let Some(accuracy) = test_accuracy(evaluator, networks, path, best)? {
                writeln!(output.out, "its accuracy on the test images: {:.2} %", 100.0 * accuracy)?;
            }
        }
        if study.spec().objectives.len() > 1 {
            let front: Vec<String> = study.front().iter().map(|trial| trial.number.to_string()).collect();
            writeln!(output.out, "front: trials {}", front.join(", "))?;
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

impl Choices {
    /// What was chosen, and the rest as usual.
    fn spec(&self, name: &str, networks: &Arc<crate::search::Networks>, graph: &Graph) -> Result<Spec, Failure> {
        let largest = networks.space().range()[1].params;
        let usual = Settings::suggested(name, graph);
        // The study goes on from any folder.
        let data = self.data.clone().unwrap_or(Source::Digits).absolute()?;
        let digits = self.digits.unwrap_or([2500, 1000]);
        let seed = self.seed.unwrap_or(0);
        let training = Settings {
            digits,
            epochs: self.epochs.unwrap_or(3),
            batch: self.batch.unwrap_or(usual.batch),
            learning_rate: self.lr.unwrap_or(if largest < 1_000_000 { 4e-3 } else { 1e-3 }),
            seed,
            data,
            images: ImageSettings { validation: self.validation.unwrap_or(0.2), ..ImageSettings::default() },
            ..usual
        };
        let definition = networks.space().definition().to_owned();
        let evaluation = serde_json::to_value(Evaluation { training, definition })
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let objectives = match self.objective.is_empty() {
            true => vec![Objective::maximise("accuracy")],
            false => self.objective.clone(),
        };
        let several = objectives.len() > 1 && self.reward.is_none();
        let usual: &str = if several { "nsga2" } else { "evolution" };
        let sampler = match &self.sampler {
            Some(sampler) => sampler.clone(),
            None => usual.parse()?,
        };
        let spec = Spec {
            space: name.to_owned(),
            genes: digest(&**networks),
            objectives,
            reward: self.reward.clone(),
            sampler,
            pruner: self.pruner.clone().unwrap_or(PrunerSettings::None),
            seed,
            evaluation,
        };
        spec.check()?;
        Ok(spec)
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
