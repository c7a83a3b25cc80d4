//! Samplers against random search, on landscapes whose optimum is known since every member is listed.

use std::sync::Arc;

use cnn_lang::space::Genome;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::search::domain::{Domain, Gene};
use crate::search::front::{hypervolume, pareto};
use crate::search::{Asked, Memory, Objective, Outcome, Spec, Study, Table};

const GENES: usize = 8;
const OPTIONS: usize = 4;
const SEEDS: u64 = 20;

/// An NK landscape (Kauffman 1993) of 4^8 members, K = 1: what a gene gives depends on its own option and the next gene's.
struct Landscape {
    gives: Vec<f64>,
    /// What each option costs, for two objectives.
    costs: Vec<f64>,
}

impl Landscape {
    fn new(seed: u64) -> Landscape {
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
        let mut draw = |count: usize| (0..count).map(|_| rng.gen_range(0.0..1.0)).collect();
        Landscape { gives: draw(GENES * OPTIONS * OPTIONS), costs: draw(GENES * OPTIONS) }
    }

    fn value(&self, genome: &Genome) -> f64 {
        let option = |gene: usize| usize::from(genome.get(gene % GENES).unwrap_or(0));
        let gives = |gene: usize| self.gives[(gene * OPTIONS + option(gene)) * OPTIONS + option(gene + 1)];
        (0..GENES).map(gives).sum::<f64>() / GENES as f64
    }

    fn cost(&self, genome: &Genome) -> f64 {
        let cost = |gene: usize| self.costs[gene * OPTIONS + usize::from(genome.get(gene).unwrap_or(0))];
        (0..GENES).map(cost).sum::<f64>() / GENES as f64
    }
}

fn space() -> Arc<Table> {
    let gene = |gene| Gene::new(format!("g{gene}"), (0..OPTIONS).map(|option| option.to_string()));
    Arc::new(Table::new((0..GENES).map(gene).collect()))
}

fn study(
    space: &Arc<Table>,
    sampler: &str,
    objectives: &[Objective],
    seed: u64,
    trials: u64,
    land: &Landscape,
) -> Study {
    let sampler = sampler.parse().unwrap();
    let spec =
        Spec { objectives: objectives.to_vec(), sampler, seed, ..Spec::new("nk", &**space, objectives[0].clone()) };
    let mut study = Study::new(space.clone(), Box::new(Memory::new(spec).unwrap())).unwrap();
    while let Asked::Trial(trial) = study.ask(trials).unwrap() {
        let values = [land.value(&trial.genome), land.cost(&trial.genome)];
        study.tell(&trial, Outcome::Values(values[..objectives.len()].to_vec())).unwrap();
    }
    study
}

/// One-sided p-value of Mann & Whitney's U test (1947) that `a` tends to be smaller than `b`, by the normal approximation.
fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let mut u = 0.0;
    for x in a {
        for y in b {
            u += if x < y {
                1.0
            } else if x == y {
                0.5
            } else {
                0.0
            };
        }
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// One-sided p-value of the sign test: so many wins in so many pairs, or more, by a fair coin.
fn sign_test(wins: usize, pairs: usize) -> f64 {
    let mut term = 0.5f64.powi(pairs as i32);
    let mut sum = 0.0;
    for k in 0..=pairs {
        if k >= wins {
            sum += term;
        }
        term *= (pairs - k) as f64 / (k + 1) as f64;
    }
    sum
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn tests_are_those_of_the_tables() {
    assert!((sign_test(15, 20) - 0.020_694_7).abs() < 1e-6 && (sign_test(0, 20) - 1.0).abs() < 1e-9);
    // U = 100 of 100, z = 3.78.
    let (low, high): (Vec<f64>, Vec<f64>) = ((0..10).map(f64::from).collect(), (10..20).map(f64::from).collect());
    assert!((mann_whitney(&low, &high) - 7.9e-5).abs() < 2e-6);
    assert!(mann_whitney(&high, &low) > 0.999);
}

/// Regret: how far the best of 300 trials is from the best of all 65,536 members.
#[test]
fn those_that_learn_beat_random_search() {
    let (space, objective) = (space(), [Objective::maximise("value")]);
    let all = space.members(1 << 16).unwrap();
    let optimum: Vec<f64> = (0..SEEDS)
        .map(|seed| {
            let land = Landscape::new(seed);
            all.iter().map(|genome| land.value(genome)).fold(f64::MIN, f64::max)
        })
        .collect();
    let regrets = |sampler: &str| -> Vec<f64> {
        let regret = |seed: u64| {
            let study = study(&space, sampler, &objective, seed, 300, &Landscape::new(seed));
            optimum[seed as usize] - study.best().unwrap().values[0]
        };
        (0..SEEDS).map(regret).collect()
    };
    let random = regrets("random");
    println!("random     mean regret {:.4}", mean(&random));
    for sampler in ["evolution", "tpe", "local", "reinforce", "nsga2"] {
        let own = regrets(sampler);
        let wins = own.iter().zip(&random).filter(|(own, random)| own < random).count();
        let ties = own.iter().zip(&random).filter(|(own, random)| own == random).count();
        let (sign, u) = (sign_test(wins, SEEDS as usize - ties), mann_whitney(&own, &random));
        let found = own.iter().filter(|&&regret| regret < 1e-12).count();
        println!(
            "{sampler:10} mean regret {:.4}, better on {wins} of {SEEDS} seeds ({ties} ties; sign test p = {sign:.1e}, \
             Mann-Whitney p = {u:.1e}), optimum found on {found}",
            mean(&own)
        );
        assert!(sign < 0.01 && u < 0.01, "{sampler} is no better than random search");
    }
}

/// Hypervolume of 300 trials, as a share of the true front's.
#[test]
fn nsga2_covers_more_than_random_search() {
    let (space, objectives) = (space(), [Objective::maximise("value"), Objective::minimise("cost")]);
    let all = space.members(1 << 16).unwrap();
    let reference = [0.0, 1.0];
    let truth: Vec<f64> = (0..SEEDS)
        .map(|seed| {
            let land = Landscape::new(seed);
            let points: Vec<[f64; 2]> = all.iter().map(|genome| [-land.value(genome), land.cost(genome)]).collect();
            // Sorted by the first, what is below all before is the front.
            let mut sorted = points;
            sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
            let mut least = f64::INFINITY;
            sorted.retain(|point| {
                point[1] < least && {
                    least = point[1];
                    true
                }
            });
            let front: Vec<&[f64]> = sorted.iter().map(<[f64; 2]>::as_slice).collect();
            assert_eq!(pareto(&front).len(), front.len());
            hypervolume(&front, &reference)
        })
        .collect();
    let shares = |sampler: &str| -> Vec<f64> {
        let share = |seed: u64| {
            let study = study(&space, sampler, &objectives, seed, 300, &Landscape::new(seed));
            study.hypervolume(&reference) / truth[seed as usize]
        };
        (0..SEEDS).map(share).collect()
    };
    let (random, own) = (shares("random"), shares("nsga2"));
    let wins = own.iter().zip(&random).filter(|(own, random)| own > random).count();
    let (sign, u) = (sign_test(wins, SEEDS as usize), mann_whitney(&random, &own));
    println!(
        "hypervolume of the true front: random {:.4}, nsga2 {:.4}, better on {wins} of {SEEDS} seeds (sign test \
         p = {sign:.1e}, Mann-Whitney p = {u:.1e})",
        mean(&random),
        mean(&own)
    );
    assert!(sign < 0.01 && u < 0.01);
    assert!(own.iter().all(|&share| share <= 1.0 + 1e-12), "no more than there is");
    assert!(space.contains(&all[0]));
}
