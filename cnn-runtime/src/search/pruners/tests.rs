//! What every pruner keeps to, and each by its paper.

use super::*;
use crate::search::trial::State;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn trial(number: u64, state: State, reports: &[f64]) -> Trial {
    let reports: Vec<(u64, f64)> = (1..).zip(reports.iter().copied()).collect();
    let values = if state == State::Complete { vec![reports.last().map_or(0.0, |r| r.1)] } else { vec![] };
    Trial { number, state, told: state.is_told().then_some(number), reports, values, ..Trial::default() }
}

fn prunes(pruner: &PrunerSettings, history: &[Trial], trial: &Trial, direction: &str) -> bool {
    pruner.pruner().prunes(&History::of(history.to_vec()), trial, &format!("{direction}:x").parse().unwrap())
}

/// Trials whose accuracy rises towards a limit of their own; each pruner stops some, and both directions are one rule.
#[test]
fn bad_trials_stop_and_the_best_goes_on() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let steps = 27;
    for settings in PrunerSettings::ALL {
        let run = |sign: f64, direction: &str, rng: &mut ChaCha8Rng| -> Vec<(State, usize)> {
            let mut history: Vec<Trial> = Vec::new();
            for number in 0..60 {
                let limit: f64 = rng.gen_range(0.0..1.0);
                let mut now = trial(number, State::Running, &[]);
                for step in 1..=steps {
                    now.reports.push((step, sign * limit * (1.0 - 0.8 / step as f64)));
                    let known: Vec<Trial> = history.iter().cloned().chain([now.clone()]).collect();
                    if prunes(&settings, &known, &now, direction) {
                        now.state = State::Pruned;
                        break;
                    }
                }
                if now.state == State::Running {
                    (now.state, now.values) = (State::Complete, vec![sign * limit]);
                }
                now.told = Some(number);
                history.push(now);
            }
            history.iter().map(|trial| (trial.state, trial.reports.len())).collect()
        };
        let up = run(1.0, "max", &mut rng.clone());
        assert_eq!(up, run(-1.0, "min", &mut rng.clone()), "{settings}");
        let pruned = up.iter().filter(|(state, _)| *state == State::Pruned).count();
        let spent: usize = up.iter().map(|(_, steps)| steps).sum();
        println!("{settings}: {pruned} of 60 trials pruned, {spent} of {} steps", 60 * steps);
        match settings {
            PrunerSettings::None => assert_eq!(pruned, 0),
            _ => assert!((15..60).contains(&pruned) && spent < 60 * 27 * 3 / 4),
        }
        rng.gen_range(0..2);
    }
}

#[test]
fn the_first_trial_and_one_without_reports_go_on() {
    for settings in PrunerSettings::ALL {
        let first = trial(0, State::Running, &[0.1, 0.2, 0.3, 0.4]);
        assert!(!prunes(&settings, std::slice::from_ref(&first), &first, "max"), "{settings}");
        let silent = trial(1, State::Running, &[]);
        assert!(!prunes(&settings, &[first, silent.clone()], &silent, "max"), "{settings}");
    }
}

#[test]
fn median_compares_the_best_with_averages() {
    let median: PrunerSettings = "median:startup=3,warm_up=1".parse().unwrap();
    // Averages up to step 2: 0.3, 0.5, 0.7.
    let complete = [[0.2, 0.4, 0.9], [0.4, 0.6, 0.9], [0.6, 0.8, 0.9]];
    let mut history: Vec<Trial> = (0..).zip(&complete).map(|(n, values)| trial(n, State::Complete, values)).collect();
    let is = |history: &[Trial], reports: &[f64]| prunes(&median, history, &trial(9, State::Running, reports), "max");
    assert!(is(&history, &[0.1, 0.49]) && !is(&history, &[0.1, 0.5]) && !is(&history, &[0.51, 0.1]));
    assert!(!is(&history, &[0.1]), "the warm-up");
    history[2].state = State::Pruned;
    assert!(!is(&history, &[0.1, 0.1]), "two complete trials of three");
}

#[test]
fn asha_keeps_one_of_eta_at_each_rung() {
    let asha: PrunerSettings = "asha:least=2,eta=3".parse().unwrap();
    let at_2 = |values: &[f64]| -> Vec<Trial> {
        (0..).zip(values).map(|(n, &value)| trial(n, State::Pruned, &[0.0, value])).collect()
    };
    let is = |others: &[f64], own: f64| prunes(&asha, &at_2(others), &trial(99, State::Running, &[0.0, own]), "max");
    // Of three one goes on, of five still one, of six two.
    assert!(!is(&[0.1, 0.2], 0.3) && is(&[0.1, 0.4], 0.3));
    assert!(is(&[0.1, 0.1, 0.1, 0.4], 0.3) && !is(&[0.1, 0.1, 0.1, 0.1, 0.4], 0.3));
    assert!(is(&[0.4], 0.3) && !is(&[], 0.3), "the first at a rung goes on, the second if it is better");
    let off = trial(9, State::Running, &[0.0; 5]);
    assert!(!prunes(&asha, &at_2(&[0.5; 9]), &off, "max"), "step 5 is no rung");
}

/// Li et al. 2018, table 1: R = 81, eta = 3 has five brackets.
#[test]
fn hyperband_has_the_papers_brackets() {
    let hyperband = Hyperband { least: 1, most: 81, eta: 3 };
    // The paper's table says 27 for s = 3; its algorithm ceil(5 / 4 * 27) = 34.
    assert_eq!(hyperband.brackets(), [(81, 0), (34, 1), (15, 2), (8, 3), (5, 4)]);
    let mut counts = [0; 5];
    let round = 81 + 34 + 15 + 8 + 5;
    (0..round).for_each(|number| counts[hyperband.bracket(number) as usize] += 1);
    assert_eq!(counts, [81, 34, 15, 8, 5]);
    let mut begun: Vec<u32> = (0..30).map(|number| hyperband.bracket(number)).collect();
    begun.sort_unstable();
    begun.dedup();
    assert_eq!(begun.len(), 5, "every bracket begins early");
    let never = Hyperband { least: 3, most: 5, eta: 3 };
    assert_eq!(never.brackets(), [(1, 0)]);
    assert_eq!(Hyperband { least: 1, most: 1 << 20, eta: 2 }.brackets().len(), 21);
}

#[test]
fn texts_are_settings() {
    for pruner in PrunerSettings::ALL {
        assert_eq!(pruner.to_string().parse::<PrunerSettings>().unwrap(), pruner);
        pruner.check().unwrap();
        let json = serde_json::to_string(&pruner).unwrap();
        assert_eq!(serde_json::from_str::<PrunerSettings>(&json).unwrap(), pruner);
    }
    assert!(
        "hopeful".parse::<PrunerSettings>().unwrap_err().to_string().contains("one of none, median, asha, hyperband")
    );
    let cases = [
        ("asha:eta=1", "asha's eta must be from 2 to 1000, got 1"),
        ("asha:least=0", "asha's least must be at least 1, got 0"),
        ("hyperband:least=9,most=3", "hyperband's most must be at least `least`"),
    ];
    for (text, expected) in cases {
        let message = text.parse::<PrunerSettings>().unwrap().check().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
