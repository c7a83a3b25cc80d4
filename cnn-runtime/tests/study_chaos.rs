//! Worker processes on one study, killed at any moment: nothing is lost, nothing told twice.
//!
//! The workers are this test's own executable, told by its environment what to do.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cnn_runtime::search::{
    Asked, Gene, Memory, Objective, Outcome, SearchError, Spec, Sqlite, State, Study, Table, Trial,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How long a worker may be silent.
const SILENCE: Duration = Duration::from_millis(600);

fn table() -> Arc<Table> {
    let flat = (0..6).map(|gene| Gene::new(format!("g{gene}"), ["0", "1", "2", "3"]));
    let child = Gene::new("child", ["a", "b"]).under(0, 1).under(0, 2);
    Arc::new(Table::new(flat.chain([child]).collect()))
}

fn spec(sampler: &str) -> Spec {
    let objectives = vec![Objective::maximise("score"), Objective::minimise("nonce")];
    let reward = Some("soft:nonce:1".parse().unwrap());
    Spec {
        objectives,
        reward,
        sampler: sampler.parse().unwrap(),
        seed: 3,
        ..Spec::new("chaos", &*table(), Objective::maximise("score"))
    }
}

fn score(trial: &Trial) -> f64 {
    trial.genome.0.iter().enumerate().map(|(gene, &option)| f64::from(option.unwrap_or(0)) * (gene + 1) as f64).sum()
}

/// One evaluation: reports, now and then a silence that costs the trial, a value that nobody else tells.
fn evaluate(study: &mut Study, trial: &Trial, rng: &mut ChaCha8Rng, wild: bool) -> Result<f64, SearchError> {
    for step in 1..=3 {
        std::thread::sleep(Duration::from_millis(rng.gen_range(1..8)));
        study.report(trial, step, score(trial) * step as f64)?;
    }
    if wild && rng.gen_ratio(1, 40) {
        std::thread::sleep(SILENCE * 3 / 2);
    }
    let nonce = if wild { rng.gen_range(0.0..1.0) } else { 1.0 };
    study.tell(trial, Outcome::Values(vec![score(trial), nonce]))?;
    Ok(nonce)
}

/// Not a test by itself: what the tests below start.
#[test]
#[ignore = "started by the tests of this file as a process of its own"]
fn worker() {
    let Ok(dir) = std::env::var("STUDY_WORKER") else { return println!("nothing to do without STUDY_WORKER") };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (most, id, wild) = (number("STUDY_TRIALS"), number("STUDY_ID"), number("STUDY_WILD") == 1);
    let mut rng = ChaCha8Rng::seed_from_u64(id);
    let storage = Sqlite::open(&Path::new(&dir).join("study.db")).unwrap();
    let mut study = Study::new(table(), Box::new(storage)).unwrap().patience(SILENCE, u32::MAX);
    let mut acknowledged = fs::File::create(Path::new(&dir).join(format!("told-{id}"))).unwrap();
    loop {
        match study.ask(most).unwrap() {
            Asked::Done => break,
            Asked::Busy => std::thread::sleep(Duration::from_millis(20)),
            Asked::Trial(trial) => match evaluate(&mut study, &trial, &mut rng, wild) {
                // A line is written as a whole.
                Ok(nonce) => acknowledged.write_all(format!("{} {nonce:?}\n", trial.number).as_bytes()).unwrap(),
                Err(SearchError::Lost { .. }) => {}
                Err(error) => panic!("{error}"),
            },
        }
    }
}

struct Workers<'d> {
    dir: &'d Path,
    wild: bool,
    next: u64,
}

impl Workers<'_> {
    fn start(&mut self, most: u64) -> Child {
        self.next += 1;
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker", "--ignored", "--nocapture"])
            .env("STUDY_WORKER", self.dir)
            .env("STUDY_TRIALS", most.to_string())
            .env("STUDY_ID", self.next.to_string())
            .env("STUDY_WILD", u8::from(self.wild).to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }
}

fn chaos(length: Duration) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    drop(Sqlite::begin(&path, spec("evolution:population=10,sample=3")).unwrap());
    let mut workers = Workers { dir: dir.path(), wild: true, next: 0 };
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let began = Instant::now();
    let mut alive: Vec<Child> = (0..4).map(|_| workers.start(1_000_000)).collect();
    let mut kills = 0;
    while began.elapsed() < length {
        std::thread::sleep(Duration::from_millis(rng.gen_range(10..250)));
        let victim = rng.gen_range(0..alive.len());
        let ended = alive[victim].try_wait().unwrap();
        assert!(ended.is_none(), "a worker failed by itself: {ended:?}");
        alive[victim].kill().unwrap();
        alive[victim].wait().unwrap();
        kills += 1;
        alive[victim] = workers.start(1_000_000);
    }
    for child in &mut alive {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Two that live end what the dead have left, and go on for twenty.
    let count = Study::new(table(), Box::new(Sqlite::open(&path).unwrap())).unwrap().history().len() as u64;
    let ends: Vec<Child> = (0..2).map(|_| workers.start(count + 20)).collect();
    for mut child in ends {
        assert!(child.wait().unwrap().success());
    }

    let study = Study::new(table(), Box::new(Sqlite::open(&path).unwrap())).unwrap();
    let trials = study.history().trials();
    assert_eq!(trials.len() as u64, count + 20);
    assert!(trials.iter().all(|trial| trial.state == State::Complete && trial.reports.len() == 3));
    let mut places: Vec<u64> = trials.iter().map(|trial| trial.told.unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (0..trials.len() as u64).collect::<Vec<_>>());
    // What a worker knows to be told is told, by nobody else.
    let mut known: HashMap<u64, f64> = HashMap::new();
    for id in 1..=workers.next {
        for line in fs::read_to_string(dir.path().join(format!("told-{id}"))).unwrap_or_default().lines() {
            let (number, nonce) = line.split_once(' ').unwrap();
            let twice = known.insert(number.parse().unwrap(), nonce.parse().unwrap());
            assert_eq!(twice, None, "trial {number} was told twice");
        }
    }
    for trial in trials {
        assert_eq!(trial.values[0], score(trial));
        if let Some(nonce) = known.get(&trial.number) {
            assert_eq!(trial.values[1], *nonce, "trial {}", trial.number);
        }
    }
    let again = trials.iter().filter(|trial| trial.attempt > 1).count();
    println!(
        "{kills} kills in {length:?}: {} trials, {again} of them taken over, {} acknowledged",
        trials.len(),
        known.len()
    );
    assert!(again > 0 && known.len() + kills >= trials.len() && known.len() * 2 > trials.len());
}

#[test]
fn workers_killed_at_random_lose_nothing_and_tell_nothing_twice() {
    chaos(Duration::from_secs(12));
}

#[test]
#[ignore = "five minutes of kills"]
fn workers_killed_at_random_for_five_minutes() {
    chaos(Duration::from_secs(300));
}

/// A study of one worker that is killed again and again is the study of one that is not.
#[test]
fn a_killed_worker_goes_on_to_the_same_study() {
    for sampler in ["evolution:population=10,sample=3", "tpe:startup=10"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.db");
        drop(Sqlite::begin(&path, spec(sampler)).unwrap());
        let mut workers = Workers { dir: dir.path(), wild: false, next: 0 };
        let mut rng = ChaCha8Rng::seed_from_u64(23);
        let mut kills = 0;
        loop {
            let mut child = workers.start(60);
            std::thread::sleep(Duration::from_millis(rng.gen_range(60..350)));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        let killed = Study::new(table(), Box::new(Sqlite::open(&path).unwrap())).unwrap();
        let mut whole = Study::new(table(), Box::new(Memory::new(spec(sampler)).unwrap())).unwrap();
        while let Asked::Trial(trial) = whole.ask(60).unwrap() {
            evaluate(&mut whole, &trial, &mut rng, false).unwrap();
        }
        let of = |trial: &Trial| (trial.genome.clone(), trial.parents.clone(), trial.values.clone(), trial.told);
        let (killed, whole): (Vec<_>, Vec<_>) =
            (killed.history().trials().iter().map(of).collect(), whole.history().trials().iter().map(of).collect());
        assert_eq!(killed, whole, "{sampler}");
        println!("{sampler}: 60 trials the same after {kills} kills");
        assert!(kills > 1);
    }
}
