use super::*;
use crate::search::{Evaluated, Gene, Memory, Objective, Table, run};

fn table() -> Arc<Table> {
    Arc::new(Table::new(vec![Gene::new("width", ["8", "16", "32"]), Gene::new("depth", ["1", "2", "3", "4"])]))
}

fn study_of(objectives: &[&str], sampler: &str, pruner: &str) -> (Memory, Study) {
    let table = table();
    let objectives: Vec<Objective> = objectives.iter().map(|text| text.parse().unwrap()).collect();
    let spec = Spec {
        objectives: objectives.clone(),
        sampler: sampler.parse().unwrap(),
        pruner: pruner.parse().unwrap(),
        ..Spec::new("test", &*table, objectives[0].clone())
    };
    let memory = Memory::new(spec).unwrap();
    (memory.clone(), Study::new(table, Box::new(memory)).unwrap())
}

fn next(study: &mut Study) -> Trial {
    match study.ask(u64::MAX).unwrap() {
        Asked::Trial(trial) => *trial,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_told_is_known_to_all() {
    let (memory, mut study) = study_of(&["max:accuracy", "min:latency"], "random", "none");
    let mut other = Study::new(table(), Box::new(memory)).unwrap();
    let values = [[0.9, 5.0], [0.8, 2.0], [0.7, 4.0], [0.9, 5.0], [0.95, 9.0]];
    for (number, values) in (0..).zip(values) {
        let trial = next(&mut study);
        assert_eq!((trial.number, trial.state, trial.attempt), (number, State::Running, 1));
        study.tell(&trial, Outcome::Values(values.to_vec())).unwrap();
    }
    other.refresh().unwrap();
    assert_eq!(other.history().trials(), study.history().trials());
    let numbers = |trials: Vec<&Trial>| trials.iter().map(|trial| trial.number).collect::<Vec<_>>();
    assert_eq!(numbers(other.front()), [0, 1, 4]);
    assert_eq!(other.best().unwrap().number, 4);
    // Between (0.7, 10) and the front: 0.1 x 8, 0.1 x 5, 0.05 x 1.
    assert!((other.hypervolume(&[0.7, 10.0]) - (0.8 + 0.5 + 0.05)).abs() < 1e-12);
}

#[test]
fn what_makes_no_sense_is_refused_or_fails() {
    let (_, mut study) = study_of(&["max:accuracy", "min:latency"], "random", "none");
    let trial = next(&mut study);
    let message = study.tell(&trial, Outcome::Values(vec![0.5])).unwrap_err().to_string();
    assert_eq!(message, "trial 0 has 2 objectives (accuracy, latency), but 1 values were told");
    study.report(&trial, 3, 0.5).unwrap();
    for (step, value) in [(3, 0.6), (2, 0.6), (4, f64::NAN), (4, f64::INFINITY), (u64::MAX, 0.5)] {
        let message = study.report(&trial, step, value).unwrap_err().to_string();
        assert!(message.contains("expected a finite number at a step after 3"), "{message}");
    }
    study.tell(&trial, Outcome::Values(vec![0.5, f64::NAN])).unwrap();
    let told = study.history().get(0).unwrap();
    assert_eq!((told.state, told.note.as_deref(), told.values.len()), (State::Failed, Some("latency is NaN"), 0));
    for refused in
        [study.tell(&trial, Outcome::Pruned), study.release(&trial), study.report(&trial, 4, 0.5).map(|_| ())]
    {
        let message = refused.unwrap_err().to_string();
        assert_eq!(message, "trial 0 is no longer this worker's (attempt 1); what it found is dropped");
    }
    let other = Arc::new(Table::new(vec![Gene::new("height", ["8", "16", "32"])]));
    let message = Study::new(other, study.storage().unwrap()).err().unwrap().to_string();
    assert!(message.contains("the study of test is a study with genes"), "{message}");
}

#[test]
fn the_silent_lose_their_trials_once() {
    let (memory, mut silent) = study_of(&["max:accuracy"], "random", "none");
    let trial = next(&mut silent);
    silent.report(&trial, 1, 0.5).unwrap();
    let mut patient = Study::new(table(), Box::new(memory.clone())).unwrap();
    assert_eq!(next(&mut patient).number, 1, "it may live");
    std::thread::sleep(Duration::from_millis(30));
    let mut hasty = Study::new(table(), Box::new(memory)).unwrap().patience(Duration::from_millis(20), 3);
    let taken = next(&mut hasty);
    assert_eq!((taken.number, taken.attempt, taken.reports.len()), (0, 2, 0));
    assert_eq!(taken.genome, trial.genome);
    assert_eq!(next(&mut hasty).number, 1, "that one is silent too");
    assert_eq!(next(&mut hasty).number, 2, "and both are taken");
    assert!(matches!(silent.tell(&trial, Outcome::Values(vec![0.9])), Err(SearchError::Lost { trial: 0, attempt: 1 })));
    hasty.tell(&taken, Outcome::Values(vec![0.1])).unwrap();
    silent.refresh().unwrap();
    assert_eq!(silent.history().get(0).unwrap().values, [0.1]);
}

#[test]
fn a_trial_that_kills_its_workers_fails_in_the_end() {
    let (memory, mut study) = study_of(&["max:accuracy"], "random", "none");
    next(&mut study);
    let mut study = Study::new(table(), Box::new(memory)).unwrap().patience(Duration::ZERO, 3);
    for attempt in 2..=3 {
        std::thread::sleep(Duration::from_millis(3));
        let trial = next(&mut study);
        assert_eq!((trial.number, trial.attempt), (0, attempt));
    }
    std::thread::sleep(Duration::from_millis(3));
    assert_eq!(next(&mut study).number, 1);
    let failed = study.history().get(0).unwrap();
    assert_eq!((failed.state, failed.note.as_deref()), (State::Failed, Some("its worker died 3 times")));
    assert_eq!(study.history().told_len(), 1);
}

#[test]
fn the_loop_tells_prunes_stops_and_beats() {
    let (memory, mut study) = study_of(&["max:accuracy"], "random", "asha:least=1,eta=2");
    let mut evaluate = |trial: &Trial, report: &mut crate::search::Report<'_>| {
        let value = trial.genome.0.iter().flatten().map(|&option| f64::from(option)).sum::<f64>();
        for step in 1..=4 {
            if report(step, value * step as f64)? == Verdict::Prune {
                return Ok(Evaluated::Told(Outcome::Pruned));
            }
        }
        Ok(match trial.number {
            7 => Evaluated::Told(Outcome::Failed("seven".to_owned())),
            20 if trial.attempt == 1 && trial.parents.is_empty() && value >= 0.0 => {
                Evaluated::Told(Outcome::Values(vec![value]))
            }
            _ => Evaluated::Told(Outcome::Values(vec![value])),
        })
    };
    assert!(run(&mut study, 30, &|| false, &mut evaluate).unwrap());
    assert_eq!((study.history().len(), study.history().told_len()), (30, 30));
    assert!(study.history().count(State::Pruned) > 5);
    assert!(!run(&mut study, 40, &|| true, &mut evaluate).unwrap(), "stopped before a trial");
    let mut stops = |_: &Trial, _: &mut crate::search::Report<'_>| Ok(Evaluated::Stopped);
    assert!(!run(&mut study, 40, &|| false, &mut stops).unwrap());
    let back = study.history().get(30).unwrap();
    assert_eq!((back.state, back.attempt), (State::Waiting, 0));
    // Slower than the silence that is borne, but not silent.
    let mut hasty = Study::new(table(), Box::new(memory.clone())).unwrap().patience(Duration::from_millis(120), 3);
    let mut slow = |_: &Trial, _: &mut crate::search::Report<'_>| {
        std::thread::sleep(Duration::from_millis(400));
        let mut rival = Study::new(table(), Box::new(memory.clone())).unwrap().patience(Duration::from_millis(120), 3);
        assert_eq!(rival.ask(31).unwrap(), Asked::Busy);
        Ok(Evaluated::Told(Outcome::Values(vec![1.0])))
    };
    assert!(run(&mut hasty, 31, &|| false, &mut slow).unwrap());
    assert_eq!(hasty.history().get(30).unwrap().attempt, 1);
}

#[test]
fn eight_threads_share_a_study() {
    let (memory, mut study) = study_of(&["max:accuracy"], "evolution:population=10,sample=3", "median");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let memory = memory.clone();
            scope.spawn(move || {
                let mut study = Study::new(table(), Box::new(memory)).unwrap();
                let mut evaluate = |trial: &Trial, report: &mut crate::search::Report<'_>| {
                    let value = trial.genome.0.iter().flatten().map(|&option| f64::from(option)).sum::<f64>();
                    Ok(match report(1, value)? {
                        Verdict::Prune => Evaluated::Told(Outcome::Pruned),
                        Verdict::Continue => Evaluated::Told(Outcome::Values(vec![value])),
                    })
                };
                assert!(run(&mut study, 200, &|| false, &mut evaluate).unwrap());
            });
        }
    });
    study.refresh().unwrap();
    assert_eq!((study.history().len(), study.history().told_len()), (200, 200));
    let mut places: Vec<u64> = study.history().trials().iter().map(|trial| trial.told.unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (0..200).collect::<Vec<_>>());
    assert_eq!(study.best().unwrap().values, [5.0]);
}

/// The best of noisy values is not the winner; the means of further trainings say which one is.
#[test]
fn the_winner_is_who_is_confirmed() {
    let (memory, mut study) = study_of(&["max:accuracy"], "grid", "none");
    assert!(study.winner().is_none() && study.promising(3).is_empty());
    for value in [0.5, 0.9, 0.7, 0.8, 0.8] {
        let trial = next(&mut study);
        study.tell(&trial, Outcome::Values(vec![value])).unwrap();
    }
    let numbers = |trials: Vec<&Trial>| trials.iter().map(|trial| trial.number).collect::<Vec<_>>();
    assert_eq!(numbers(study.promising(4)), [1, 3, 4, 2]);
    assert_eq!((study.winner().unwrap().number, study.confirmed().len()), (1, 0));
    let training = |trial, seed, accuracy, test| Confirmation { trial, seed, accuracy, loss: 0.5, test };
    for one in
        [training(1, 1, 0.7, 0.71), training(1, 2, 0.8, 0.77), training(3, 1, 0.78, 0.6), training(3, 2, 0.77, 0.64)]
    {
        study.confirm(one).unwrap();
        // Told twice, it counts once.
        study.confirm(one).unwrap();
    }
    let mut other = Study::new(table(), Box::new(memory)).unwrap();
    other.refresh().unwrap();
    let confirmed = other.confirmed();
    assert_eq!(confirmed.iter().map(|one| (one.trial, one.trainings)).collect::<Vec<_>>(), [(3, 2), (1, 2)]);
    // The test images choose nothing.
    assert!((confirmed[0].test - 0.62).abs() < 1e-12 && (confirmed[0].accuracy - 0.775).abs() < 1e-12);
    assert!((confirmed[1].spread - 0.06 / 2f64.sqrt()).abs() < 1e-12, "{}", confirmed[1].spread);
    assert_eq!((other.winner().unwrap().number, other.best().unwrap().number), (3, 1));
}

/// With a reward, further trainings count as the first objective does; without one, the front is promising.
#[test]
fn costs_count_for_the_winner_too() {
    let values = [[0.9, 8.0], [0.8, 2.0], [0.7, 4.0], [0.6, 1.0]];
    let told = |reward: Option<&str>| {
        let table = table();
        let spec = Spec {
            objectives: vec![Objective::maximise("accuracy"), Objective::minimise("latency")],
            reward: reward.map(|text| text.parse().unwrap()),
            sampler: "grid".parse().unwrap(),
            ..Spec::new("test", &*table, Objective::maximise("accuracy"))
        };
        let mut study = Study::new(table, Box::new(Memory::new(spec).unwrap())).unwrap();
        for values in values {
            let trial = next(&mut study);
            study.tell(&trial, Outcome::Values(values.to_vec())).unwrap();
        }
        study
    };
    let numbers = |trials: Vec<&Trial>| trials.iter().map(|trial| trial.number).collect::<Vec<_>>();
    let mut study = told(Some("hard:latency:4"));
    assert_eq!(numbers(study.promising(9)), [1, 2, 3, 0]);
    for (trial, accuracy) in [(1, 0.6), (2, 0.65), (0, 0.95)] {
        study.confirm(Confirmation { trial, seed: 1, accuracy, loss: 1.0, test: accuracy }).unwrap();
    }
    assert_eq!(study.winner().unwrap().number, 2);
    assert_eq!(numbers(told(None).promising(9)), [0, 1, 3]);
}
