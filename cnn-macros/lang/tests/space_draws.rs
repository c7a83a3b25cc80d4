//! Members at random: uniformly, within limits, near to others; and what is no member.

use std::collections::BTreeMap;

use cnn_lang::space::{Genome, Sampling, Space, SpaceError, SplitMix, load, load_at};

fn space(source: &str) -> Space {
    load(source, None).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// Genes under genes: 2 x (2 + 3 x 2) x 3 members.
const NESTED: &str = "\
block unit(out) { choose { conv(out, choose(1, 3), pad = same); { dwconv(choose(1, 3, 5), pad = same) -> conv(out, 1) -> choose { relu; silu; } }; } }
Net: 3x8x8 -> 10;
stem conv1: conv(choose(4, 8), 3);
body unit: unit(8) -> last: conv(choose(4, 8, 16), 1);
head gap -> linear(10);";

fn with(limits: &str) -> String {
    format!("{NESTED} where {limits};")
}

/// Pearson's statistic against a uniform distribution, in standard deviations of its own.
fn deviation(space: &Space, members: &[Genome], draws: usize) -> f64 {
    let mut rng = SplitMix(1);
    let mut seen: BTreeMap<Genome, f64> = members.iter().map(|genome| (genome.clone(), 0.0)).collect();
    for _ in 0..draws {
        *seen.get_mut(&space.sample(&mut rng).expect("a member")).expect("within the limits") += 1.0;
    }
    let expected = draws as f64 / members.len() as f64;
    let statistic: f64 = seen.values().map(|count| (count - expected).powi(2) / expected).sum();
    let freedom = members.len() as f64 - 1.0;
    (statistic - freedom) / (2.0 * freedom).sqrt()
}

#[test]
fn members_are_equally_likely() {
    let space = space(NESTED);
    assert_eq!((space.size(), space.sampling()), (Some(48), Sampling::Free));
    let members = space.members(100).expect("few");
    let off = deviation(&space, &members, 48_000);
    println!("48 members, {off:.2} standard deviations from uniform");
    assert!(off.abs() < 4.0, "{off}");
}

#[test]
fn members_within_limits_are_counted_and_equally_likely() {
    let all = space(NESTED).members(100).expect("few");
    for limits in
        ["params <= 600", "macs <= 15K, params >= 300", "macs > 10K, activations < 9K", "params == 1, macs > 0"]
    {
        let within: Vec<Genome> = match load(&with(limits), None) {
            Ok(space) => {
                let within: Vec<Genome> = all
                    .iter()
                    .filter(|genome| space.permits(&space.costs(genome).expect("a member")))
                    .cloned()
                    .collect();
                assert_eq!(space.members(100), Some(within.clone()));
                assert_eq!(space.sampling(), Sampling::Exact { within: within.len() as u128 }, "{limits}");
                let off = deviation(&space, &within, 1000 * within.len());
                println!("{limits}: {} members, {off:.2} standard deviations from uniform", within.len());
                assert!(off.abs() < 4.0, "{off}");
                within
            }
            Err(errors) => {
                println!("{limits}: {}", errors[0]);
                Vec::new()
            }
        };
        assert_eq!(within.is_empty(), limits.starts_with("params == 1"), "{limits}");
    }
}

#[test]
fn mutations_and_crossings_stay_near_and_within() {
    let space = space(&with("params <= 700, macs <= 25K"));
    let mut rng = SplitMix(2);
    let mut moved = 0;
    for _ in 0..2000 {
        let (a, b) = (space.sample(&mut rng).unwrap(), space.sample(&mut rng).unwrap());
        let child = space.mutate(&a, &mut rng).unwrap();
        assert!(space.contains(&child));
        moved += usize::from(child != a);
        let both = space.cross(&a, &b, &mut rng).unwrap();
        assert!(space.contains(&both));
        let same = space.cross(&a, &a, &mut rng).unwrap();
        assert_eq!(same, a, "of two equal ones nothing else comes");
        assert_eq!(space.complete(&a.0, &mut rng), Ok(a.clone()), "a member is nearest to itself");
    }
    println!("{moved} of 2000 mutations are another member");
    assert!(moved > 1900);
    // Free of limits, a mutation keeps every gene but one, and those that live by it.
    let free = load(NESTED, None).unwrap();
    for _ in 0..500 {
        let parent = free.sample(&mut rng).unwrap();
        let child = free.mutate(&parent, &mut rng).unwrap();
        let both = parent.0.iter().zip(&child.0).filter(|(a, b)| a.is_some() && b.is_some() && a != b).count();
        assert_eq!(both, 1, "{parent} {child}");
    }
}

#[test]
fn where_sums_are_too_many_members_are_rejected() {
    // Each unit adds its own numbers: sums hardly ever coincide.
    let units: Vec<String> =
        (0..24).map(|n| format!("conv(choose({}, {}, {}), 1)", 5 + n, 40 + 3 * n, 71 + 7 * n)).collect();
    let source = format!(
        "Net: 3x8x8 -> 10; body {}; head gap -> linear(10); where params <= 100K, macs >= 4M;",
        units.join(" -> ")
    );
    let space = space(&source);
    let Sampling::Rejection { tries } = space.sampling() else { panic!("{:?}", space.sampling()) };
    let mut rng = SplitMix(3);
    let mut parent = space.sample(&mut rng).expect("a member");
    for _ in 0..200 {
        parent = space.mutate(&parent, &mut rng).expect("a member");
        assert!(space.contains(&parent));
    }
    println!("2^{:.1} members, at most {tries} draws for one", space.log2_size());
}

#[test]
fn what_is_no_member_is_told() {
    let space = space(NESTED);
    for (text, why) in [
        ("0", "has 1 genes"),
        ("0.0.0.-.-.5", "gene `last.out` has the options 0 to 2"),
        ("0.1.0.0.0.0", "does not exist in this member"),
        ("0.1.-.-.0.0", "the genome 0.1.-.-.0.0 has no option for it"),
    ] {
        let error = space.costs(&text.parse().expect("a genome")).expect_err(text);
        assert!(matches!(&error, SpaceError::NoMember(message) if message.contains(why)), "{text}: {error}");
        assert!(!space.contains(&text.parse().unwrap()));
    }
}

#[test]
fn a_space_stands_at_another_input() {
    let space = load_at(NESTED, None, &[], Some("1x12x12".parse().unwrap())).expect("a space");
    assert_eq!(space.input_shape().dims(), [1, 12, 12]);
    let genome = space.sample(&mut SplitMix(4)).unwrap();
    assert_eq!(space.costs(&genome), space.graph(&genome).map(|graph| graph.costs()));
    let read = cnn_lang::load(&space.source(&genome).unwrap(), None).expect("a network");
    assert_eq!(read.input_shape().dims(), [1, 12, 12]);
    let errors = load_at(NESTED, None, &[], Some("7".parse().unwrap())).map(drop).expect_err("a vector");
    println!("{}", errors[0]);
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Space>();
}
