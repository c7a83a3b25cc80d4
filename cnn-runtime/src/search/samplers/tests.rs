//! What every sampler keeps to, whatever it is.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::search::domain::Gene;
use crate::search::trial::State;
use crate::search::{Asked, Memory, Outcome, SearchError};
use crate::search::{PrunerSettings, Spec, Study, Table};

fn spaces() -> Vec<(&'static str, Table)> {
    let flat = |genes: usize, options: usize| {
        let gene = |gene| Gene::new(format!("g{gene}"), (0..options).map(|option| option.to_string()));
        Table::new((0..genes).map(gene).collect())
    };
    let conditional = || {
        Table::new(vec![
            Gene::new("op", ["conv", "pool", "skip"]),
            Gene::new("layers", ["1", "2", "3"]),
            Gene::new("kernel", ["3", "5", "7"]).under(0, 0).under(0, 1),
            Gene::new("second", ["a", "b"]).under(1, 1).under(1, 2),
            Gene::new("dilation", ["1", "2"]).under(2, 2),
        ])
    };
    let sum = |genome: &cnn_lang::space::Genome| genome.0.iter().flatten().map(|&o| u32::from(o)).sum::<u32>();
    vec![
        ("flat", flat(6, 4)),
        ("conditional", conditional()),
        ("limited", flat(5, 5).limit(move |genome| sum(genome) <= 6)),
        ("limited and conditional", conditional().limit(move |genome| sum(genome) % 3 != 1)),
        ("of one member", flat(3, 1)),
        ("without genes", flat(0, 1)),
    ]
}

fn settings() -> Vec<SamplerSettings> {
    let mut all = SamplerSettings::ALL.to_vec();
    // Small populations: generations pass.
    all.extend(
        ["evolution:population=5,sample=2", "nsga2:population=4", "tpe:startup=4"].map(|text| text.parse().unwrap()),
    );
    all
}

fn spec(table: &Table, sampler: &SamplerSettings, seed: u64) -> Spec {
    let objective = if seed.is_multiple_of(2) { "max:score" } else { "min:score" };
    Spec { sampler: sampler.clone(), seed, ..Spec::new("test", table, objective.parse().unwrap()) }
}

/// What a made-up evaluation of a genome says: values, pruned, failed.
fn outcome(trial: &Trial) -> Outcome {
    let mut rng =
        ChaCha8Rng::seed_from_u64(trial.genome.0.iter().fold(7, |sum, &o| sum * 31 + u64::from(o.unwrap_or(9))));
    match rng.gen_range(0..10) {
        0 => Outcome::Failed("made up".to_owned()),
        1 => Outcome::Pruned,
        2 => Outcome::Values(vec![f64::NAN]),
        _ => Outcome::Values(vec![rng.gen_range(-1.0..1.0)]),
    }
}

fn evaluate(study: &mut Study, trial: &Trial) {
    let outcome = outcome(trial);
    if outcome == Outcome::Pruned {
        study.report(trial, 1, 0.5).unwrap();
    }
    study.tell(trial, outcome).unwrap();
}

fn genomes(study: &Study) -> Vec<(String, Vec<u64>, String)> {
    let of = |trial: &Trial| (trial.genome.to_string(), trial.parents.clone(), trial.origin.clone());
    study.history().trials().iter().map(of).collect()
}

#[test]
fn proposals_are_members_and_repeat_whoever_asks() {
    let mut checked = 0;
    for (name, _) in spaces() {
        let space = || Arc::new(spaces().into_iter().find(|(other, _)| *other == name).unwrap().1);
        for sampler in settings() {
            for seed in 0..2 {
                let table = space();
                let spec = spec(&table, &sampler, seed);
                let run = |break_off: bool| {
                    let memory = Memory::new(spec.clone()).unwrap();
                    let mut study = Study::new(space(), Box::new(memory.clone())).unwrap();
                    while let Asked::Trial(trial) = study.ask(60).unwrap() {
                        assert!(table.contains(&trial.genome), "{sampler} in {name}: {}", trial.genome);
                        assert!(trial.parents.iter().all(|&parent| parent < trial.number));
                        if break_off && trial.number % 7 == 3 {
                            // The worker gives up, another one knows the storage alone.
                            study.release(&trial).unwrap();
                            study = Study::new(space(), Box::new(memory.clone())).unwrap();
                            let Asked::Trial(again) = study.ask(60).unwrap() else { panic!("it was given back") };
                            assert_eq!((again.number, &again.genome), (trial.number, &trial.genome));
                            evaluate(&mut study, &again);
                        } else {
                            evaluate(&mut study, &trial);
                        }
                    }
                    study
                };
                let study = run(false);
                assert_eq!(genomes(&study), genomes(&run(true)), "{sampler} in {name}");
                let expected = match sampler {
                    SamplerSettings::Grid => table.members(10_000).unwrap().len().min(60),
                    _ => 60,
                };
                assert_eq!(study.history().told_len(), expected, "{sampler} in {name}");
                checked += expected;
            }
        }
    }
    println!("{checked} proposals of {} samplers in {} spaces", settings().len(), spaces().len());
}

use std::sync::Arc;

#[test]
fn seeds_differ() {
    let table = Arc::new(spaces().remove(0).1);
    for sampler in settings() {
        let first = |seed| {
            let memory = Memory::new(spec(&table, &sampler, seed)).unwrap();
            let mut study = Study::new(table.clone(), Box::new(memory)).unwrap();
            let Asked::Trial(trial) = study.ask(1).unwrap() else { panic!("a trial") };
            trial.genome
        };
        let drawn: std::collections::HashSet<_> = (0..20).map(first).collect();
        assert!(drawn.len() > 15, "{sampler} begins with {} genomes for 20 seeds", drawn.len());
    }
}

/// Four workers hold a trial each while the others are told, in another order than they were asked.
#[test]
fn running_trials_do_not_disturb() {
    for (name, table) in spaces() {
        let table = Arc::new(table);
        for sampler in settings() {
            let memory = Memory::new(spec(&table, &sampler, 1)).unwrap();
            let mut study = Study::new(table.clone(), Box::new(memory)).unwrap();
            let mut held = Vec::new();
            while let Asked::Trial(trial) = study.ask(50).unwrap() {
                assert!(table.contains(&trial.genome), "{sampler} in {name}");
                held.push(trial);
                if held.len() == 4 {
                    let trial = held.swap_remove(1);
                    evaluate(&mut study, &trial);
                }
            }
            held.into_iter().rev().for_each(|trial| evaluate(&mut study, &trial));
            assert_eq!(study.ask(50).unwrap(), Asked::Done);
        }
    }
}

#[test]
fn nothing_but_failures_is_survived() {
    let table = Arc::new(spaces().remove(1).1);
    for sampler in settings() {
        let memory = Memory::new(spec(&table, &sampler, 1)).unwrap();
        let mut study = Study::new(table.clone(), Box::new(memory)).unwrap();
        while let Asked::Trial(trial) = study.ask(60).unwrap() {
            let outcome = if trial.number % 2 == 0 { Outcome::Failed("all do".into()) } else { Outcome::Pruned };
            study.tell(&trial, outcome).unwrap();
        }
        assert!(study.best().is_none() && study.front().is_empty());
        assert_eq!(study.history().count(State::Failed), study.history().len().div_ceil(2));
    }
}

#[test]
fn samplers_say_what_they_cannot_follow() {
    let table = spaces().remove(0).1;
    let two = vec!["max:accuracy".parse().unwrap(), "min:latency".parse().unwrap()];
    for sampler in settings() {
        let spec = Spec { objectives: two.clone(), ..spec(&table, &sampler, 0) };
        let several = ["random", "grid", "nsga2"].contains(&sampler.name());
        match spec.check() {
            Ok(()) => assert!(several, "{sampler}"),
            Err(error) => {
                let message = error.to_string();
                assert!(!several && message.contains("follows one objective, got 2; take nsga2"), "{message}");
            }
        }
        let rewarded = Spec { reward: Some("soft:latency:5".parse().unwrap()), ..spec.clone() };
        rewarded.check().unwrap();
        for reward in ["soft:macs:5", "hard:accuracy:1"] {
            let wrong = Spec { reward: Some(reward.parse().unwrap()), ..spec.clone() };
            let message = wrong.check().unwrap_err().to_string();
            assert!(message.contains("needs a first objective that is maximised"), "{message}");
        }
    }
    let none = Spec { objectives: vec![], ..spec(&table, &SamplerSettings::Random, 0) };
    assert!(none.check().unwrap_err().to_string().contains("needs an objective"));
    let twice = Spec { objectives: vec![two[0].clone(), two[0].clone()], ..none };
    assert!(twice.check().unwrap_err().to_string().contains("accuracy is an objective twice"));
}

#[test]
fn texts_are_settings() {
    for sampler in settings() {
        let text = sampler.to_string();
        assert_eq!(text.parse::<SamplerSettings>().unwrap(), sampler);
        assert_eq!(sampler.name().parse::<SamplerSettings>().unwrap().name(), sampler.name());
        let json = serde_json::to_string(&sampler).unwrap();
        assert_eq!(serde_json::from_str::<SamplerSettings>(&json).unwrap(), sampler);
    }
    let cases = [
        ("annealing", "expected one of random, grid, evolution, nsga2, tpe, reinforce, local, got `annealing`"),
        ("tpe:gamma", "expected NAME or NAME:FIGURE=NUMBER,…"),
        ("tpe:gamma=x", "expected a number for gamma"),
        ("tpe:decay=1", "expected figures startup, gamma, candidates (each once), not decay"),
        ("tpe:gamma=0.1,gamma=0.2", "not gamma"),
        ("random:x=1", "expected no figures for random"),
        ("evolution:population=-1", "expected a number for population"),
    ];
    for (text, expected) in cases {
        let message = text.parse::<SamplerSettings>().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let table = spaces().remove(0).1;
    let cases = [
        ("evolution:population=0", "evolution's population must be from 1 to 1000000, got 0"),
        ("evolution:sample=0", "sample must be"),
        ("nsga2:population=1", "population must be from 2"),
        ("nsga2:crossover=1.5", "crossover must be from 0 to 1, got 1.5"),
        ("tpe:gamma=1", "gamma must be above 0 and below 1"),
        ("tpe:candidates=0", "candidates must be"),
        ("reinforce:rate=NaN", "rate must be positive and finite, got NaN"),
        ("reinforce:baseline=1", "baseline must be at least 0 and below 1"),
    ];
    for (text, expected) in cases {
        let message = spec(&table, &text.parse().unwrap(), 0).check().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_grid_is_every_member_once_and_too_large_a_grid_an_error() {
    let (_, table) = spaces().remove(3);
    let table = Arc::new(table);
    let memory = Memory::new(spec(&table, &SamplerSettings::Grid, 0)).unwrap();
    let mut study = Study::new(table.clone(), Box::new(memory)).unwrap();
    while let Asked::Trial(trial) = study.ask(u64::MAX).unwrap() {
        evaluate(&mut study, &trial);
    }
    let mut tried: Vec<_> = study.history().trials().iter().map(|trial| trial.genome.clone()).collect();
    tried.sort();
    assert_eq!(tried, table.members(1000).unwrap());
    let large = Arc::new(Table::new((0..21).map(|gene| Gene::new(gene.to_string(), ["a", "b"])).collect()));
    let memory = Memory::new(spec(&large, &SamplerSettings::Grid, 0)).unwrap();
    let error = Study::new(large, Box::new(memory)).unwrap().ask(1).unwrap_err();
    assert!(
        matches!(error, SearchError::Domain(_)) && error.to_string().contains("more than 1048576 points"),
        "{error}"
    );
}

/// Real et al. 2019, figure 1: the parent is among those alive, and nothing lives longer than the population is large.
#[test]
fn evolutions_parents_are_alive() {
    let table = Arc::new(spaces().remove(0).1);
    let sampler = "evolution:population=8,sample=8".parse().unwrap();
    let memory = Memory::new(spec(&table, &sampler, 0)).unwrap();
    let mut study = Study::new(table, Box::new(memory)).unwrap();
    while let Asked::Trial(trial) = study.ask(300).unwrap() {
        assert_eq!(trial.parents.is_empty(), trial.number < 8);
        if let Some(&parent) = trial.parents.first() {
            assert!(parent + 8 >= trial.number, "trial {} descends from {parent}", trial.number);
            let parent = study.history().get(parent).unwrap();
            let same = |(a, b): (&Option<u16>, &Option<u16>)| a == b;
            let genes = parent.genome.0.iter().zip(&trial.genome.0);
            assert_eq!(genes.filter(|&pair| !same(pair)).count(), 1, "one gene differs");
        }
        evaluate(&mut study, &trial);
    }
}

/// A local search only ever steps from the best of its climb, to a neighbour.
#[test]
fn climbs_go_up() {
    let table = Arc::new(spaces().remove(0).1);
    let memory = Memory::new(spec(&table, &SamplerSettings::Local, 0)).unwrap();
    let mut study = Study::new(table, Box::new(memory)).unwrap();
    let mut climb: Option<(u64, f64)> = None;
    let mut restarts = 0;
    while let Asked::Trial(trial) = study.ask(600).unwrap() {
        let value = f64::from(trial.genome.0.iter().flatten().map(|&o| u32::from(o) * 7 % 5).sum::<u32>());
        match trial.parents.first() {
            None => {
                climb = Some((trial.number, value));
                restarts += 1;
            }
            Some(&parent) => {
                let (at, best) = climb.unwrap();
                assert_eq!(parent, at);
                if value > best {
                    climb = Some((trial.number, value));
                }
            }
        }
        study.tell(&trial, Outcome::Values(vec![value])).unwrap();
    }
    assert!(restarts > 3, "{restarts} climbs");
    assert_eq!(PrunerSettings::None, study.spec().pruner);
}
