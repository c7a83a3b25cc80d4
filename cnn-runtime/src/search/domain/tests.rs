use std::collections::HashSet;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::search::Table;

/// Two flat genes, one that lives under two options, one under a child.
fn conditional() -> Table {
    Table::new(vec![
        Gene::new("op", ["conv", "pool", "skip"]),
        Gene::new("width", ["16", "32"]),
        Gene::new("kernel", ["3", "5", "7"]).under(0, 0).under(0, 1),
        Gene::new("dilation", ["1", "2"]).under(2, 2),
    ])
}

#[test]
fn members_are_listed_once_each() {
    let domain = conditional();
    let all = domain.members(100).unwrap();
    // Two operations with 3, 5 or 7 by a dilation of two, times two widths, and skips.
    assert_eq!(all.len(), 2 * 2 * (1 + 1 + 2) + 2);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    assert!(all.iter().all(|genome| domain.contains(genome)));
    assert_eq!(domain.members(17), None);
    let even = conditional().limit(|genome| genome.get(1) == Some(1));
    assert_eq!(even.members(100).unwrap().len(), 9);
}

#[test]
fn foreign_genomes_are_no_members() {
    let domain = conditional();
    for text in ["", "0.0.0.-", "2.0.-.-", "0.1.2.1"] {
        assert_eq!(domain.contains(&text.parse().unwrap()), !text.is_empty(), "{text}");
    }
    for text in ["0", "0.0.0.0", "2.0.1.-", "0.0.-.-", "3.0.-.-", "0.2.0.-", "0.0.2.-", "0.0.0.-.-"] {
        assert!(!domain.contains(&text.parse().unwrap()), "{text}");
    }
}

#[test]
fn every_operation_gives_members() {
    let odd = |genome: &Genome| genome.0.iter().flatten().map(|&option| u32::from(option)).sum::<u32>() % 2 == 1;
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    for domain in [conditional(), conditional().limit(odd)] {
        let mut seen = HashSet::new();
        for _ in 0..500 {
            let (a, b) = (domain.sample(rng).unwrap(), domain.sample(rng).unwrap());
            let mutant = domain.mutate(&a, rng).unwrap();
            assert_ne!(mutant, a);
            let child = domain.cross(&a, &b, rng).unwrap();
            for gene in 0..4 {
                let parents = [a.get(gene), b.get(gene)];
                assert!(
                    child.get(gene).is_none_or(|option| parents.contains(&Some(option)) || parents.contains(&None))
                );
            }
            assert_eq!(domain.complete(&a.0, rng).unwrap(), a);
            for genome in [&a, &mutant, &child] {
                assert!(domain.contains(genome), "{genome}");
            }
            seen.extend([a, b]);
        }
        assert_eq!(seen.len(), domain.members(100).unwrap().len(), "every member is drawn");
    }
}

#[test]
fn wishes_that_cannot_be_yield_and_limits_without_members_are_an_error() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let narrow = conditional().limit(|genome| genome.get(1) == Some(0));
    let wished = narrow.complete(&[Some(2), Some(1), Some(9), None], rng).unwrap();
    assert_eq!(wished.get(1), Some(0));
    let wild = narrow.complete(&[Some(0), Some(0), Some(900), None], rng).unwrap();
    assert!(narrow.contains(&wild));
    let nothing = conditional().limit(|_| false);
    let message = nothing.sample(rng).unwrap_err().to_string();
    assert!(message.contains("no member within the limits in 1000 draws"), "{message}");
}

#[test]
fn a_space_of_one_member_has_no_mutants() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    for genes in [vec![], vec![Gene::new("only", ["one"])]] {
        let domain = Table::new(genes);
        let only = domain.sample(rng).unwrap();
        assert_eq!(domain.mutate(&only, rng).unwrap(), only);
        assert_eq!(domain.cross(&only, &only, rng).unwrap(), only);
        assert_eq!(domain.members(1).unwrap(), [only]);
    }
}
