use std::sync::Arc;

use super::*;
use crate::search::{Asked, Gene, Memory, Objective, Outcome, Spec, Table};

fn study(objectives: &[&str], sampler: &str, trials: u64) -> Study {
    let table = Arc::new(Table::new(vec![
        Gene::new("op <script>", ["conv & co", "\"pool\"", "skip"]),
        Gene::new("width", ["8", "16", "32"]),
        Gene::new("kernel", ["3", "5"]).under(0, 0),
        Gene::new("of no use", ["a", "b"]),
    ]));
    let objectives: Vec<Objective> = objectives.iter().map(|text| text.parse().unwrap()).collect();
    let spec = Spec {
        objectives: objectives.clone(),
        sampler: sampler.parse().unwrap(),
        ..Spec::new("a <space>", &*table, objectives[0].clone())
    };
    let mut study = Study::new(table, Box::new(Memory::new(spec).unwrap())).unwrap();
    while let Asked::Trial(trial) = study.ask(trials).unwrap() {
        let width = f64::from(trial.genome.get(1).unwrap());
        let value = width + 0.1 * f64::from(trial.genome.get(0).unwrap()) + 0.01 * trial.number as f64 / 60.0;
        let outcome = match trial.number % 10 {
            3 => Outcome::Failed("no <memory>".to_owned()),
            5 => {
                study.report(&trial, 1, value / 2.0).unwrap();
                Outcome::Pruned
            }
            _ => Outcome::Values([value, 3.0 - width, 1e6 * value][..objectives.len()].to_vec()),
        };
        study.tell(&trial, outcome).unwrap();
    }
    study
}

/// Tags that are opened and not closed, or the other way.
fn well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
        match tag {
            _ if tag.starts_with('!') || name == "meta" || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "closes another tag"),
            _ => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn pages_stand_alone_whatever_the_study() {
    let cases = [
        (vec!["max:accuracy"], "evolution:population=10,sample=4", 60),
        (vec!["min:loss"], "local", 40),
        (vec!["max:accuracy", "min:latency"], "nsga2:population=10", 60),
        (vec!["max:accuracy", "min:latency", "min:params"], "random", 30),
        (vec!["max:accuracy"], "random", 0),
        (vec!["max:accuracy"], "random", 1),
        (vec!["max:accuracy"], "grid", 4),
    ];
    for (objectives, sampler, trials) in cases {
        let page = report(&study(&objectives, sampler, trials));
        well_formed(&page);
        for word in ["http", "src=", "<script", "NaN", "inf\"", "<space>", "<memory>", "@import", "url("] {
            assert!(!page.contains(word), "{word} in the page of {sampler}");
        }
        assert!(page.contains("prefers-color-scheme:dark") && page.contains("a &lt;space&gt;"));
        assert_eq!(page.contains("<h2>Pareto front</h2>"), objectives.len() > 1);
        assert_eq!(page.contains("<h2>History</h2>"), trials > 0);
        println!("{sampler} of {trials} trials: {} bytes", page.len());
    }
}

#[test]
fn what_was_trained_again_is_told() {
    let mut study = study(&["max:accuracy"], "random", 12);
    assert!(!report(&study).contains("Trained again"));
    let trials: Vec<u64> = study.promising(2).iter().map(|trial| trial.number).collect();
    for (trial, test) in trials.iter().zip([0.5, 0.75]) {
        let one = crate::search::Confirmation { trial: *trial, seed: 1, accuracy: test, loss: 1.0, test };
        study.confirm(one).unwrap();
    }
    let page = report(&study);
    well_formed(&page);
    assert!(page.contains("<h2>Trained again</h2>") && page.contains(&format!("Winner: trial {}", trials[1])));
    assert!(page.contains("75.00 % &plusmn; 0.00") && page.contains("accuracy (share of held-out images)"));
}

#[test]
fn genes_that_decide_are_important() {
    let study = study(&["max:accuracy"], "random", 200);
    let importance = importance(&study);
    assert_eq!(importance[0].gene, 1);
    assert!(importance[0].share > 0.95, "{importance:?}");
    assert!(importance[1..].iter().all(|importance| importance.share < 0.05));
    let means: Vec<f64> = importance[0].options.iter().map(|(_, mean, _)| mean.round()).collect();
    assert_eq!(means, [0.0, 1.0, 2.0]);
    let counted: usize = importance[0].options.iter().map(|(_, _, count)| count).sum();
    assert_eq!(counted, 160);
}

#[test]
fn lineages_go_back_to_a_drawn_trial() {
    let study = study(&["max:accuracy", "min:latency"], "nsga2:population=8", 80);
    let best = study.best().unwrap();
    let (line, others) = lineage(study.history(), best);
    assert_eq!(line.last().unwrap().number, best.number);
    assert!(line[0].parents.is_empty() && line.windows(2).all(|pair| pair[1].parents[0] == pair[0].number));
    assert!(others.iter().all(|other| !line.iter().any(|trial| trial.number == other.number)));
}

#[test]
fn numbers_are_short() {
    let shown = [0.0, 0.98765, 12.5, 100.0, 1234.0, 56_789.0, 4_400_000.0, 3e11, 1.5e-5, -0.25].map(number);
    assert_eq!(shown, ["0", "0.9877", "12.5", "100", "1234", "56.789K", "4.4M", "300G", "1.50e-5", "-0.25"]);
    assert_eq!([3.0, 600.0, 9000.0].map(duration), ["3.0 s", "10.0 min", "2.5 h"]);
}
