//! The predefined spaces: their members elaborate, cost what was said, are within the limits, and read as they are written.

use std::sync::OnceLock;
use std::time::Instant;

use cnn_lang::graph::Graph;
use cnn_lang::space::{Sampling, Space, SplitMix, load};
use cnn_runtime::zoo::spaces::{ALL, Predefined};
use rayon::prelude::*;

/// Each is proven once.
fn space(name: &str) -> &'static Space {
    static PROVEN: [OnceLock<Space>; 5] = [const { OnceLock::new() }; 5];
    let index = ALL.iter().position(|space| space.name == name).expect("a space");
    PROVEN[index].get_or_init(|| proven(&ALL[index]))
}

fn proven(predefined: &Predefined) -> Space {
    let begin = Instant::now();
    let space = load(predefined.source, None).unwrap_or_else(|errors| panic!("{}: {errors:#?}", predefined.name));
    println!("{}: {} states proven in {:?}", predefined.name, space.states(), begin.elapsed());
    space
}

/// Members that are drawn one from the other; several such lines are walked at once.
const LINE: usize = 200;

/// Draws members and elaborates each as a network.
fn check(space: &Space, members: usize, seed: u64) {
    let begin = Instant::now();
    (0..members / LINE).into_par_iter().for_each(|line| check_line(space, seed * 1_000_000 + line as u64));
    println!("{}: {members} members hold, {:.1?}", space.name(), begin.elapsed());
}

fn check_line(space: &Space, seed: u64) {
    let mut rng = SplitMix(seed);
    let mut parent = space.sample(&mut rng).expect("a member");
    for index in 0..LINE {
        let sampled = space.sample(&mut rng).expect("a member");
        // Every way to come by a member.
        let genome = match index % 4 {
            0 => sampled,
            1 => space.mutate(&parent, &mut rng).expect("a member"),
            2 => space.cross(&parent, &sampled, &mut rng).expect("a member"),
            _ => space.complete(&sampled.0[..sampled.len() / 2], &mut rng).expect("a member"),
        };
        let graph = space.graph(&genome).unwrap_or_else(|error| panic!("{error}"));
        let costs = space.costs(&genome).expect("a member");
        assert_eq!(costs, graph.costs(), "{genome}");
        for limit in space.limits() {
            assert!(limit.permits(&costs), "{genome}: {costs:?} breaks {limit}");
        }
        assert!(space.contains(&genome));
        let [least, most] = space.range();
        assert!(least.params <= costs.params && costs.params <= most.params);
        assert!(least.macs <= costs.macs && costs.macs <= most.macs);
        if index % 16 == 0 {
            let source = space.source(&genome).expect("source");
            assert!(!source.contains("choose"), "{source}");
            let read = cnn_lang::load(&source, None).unwrap_or_else(|errors| panic!("{errors:#?}\n{source}"));
            let names =
                |graph: &Graph| graph.tensors().into_iter().map(|(name, spec)| (name, spec.shape)).collect::<Vec<_>>();
            assert_eq!(names(&read), names(&graph), "{source}");
            assert_eq!(read.costs(), costs);
        }
        parent = genome;
    }
}

#[test]
fn members_of_the_predefined_spaces_hold() {
    for predefined in ALL {
        check(space(predefined.name), 2 * LINE, 1);
    }
}

#[test]
#[ignore = "minutes: 100,000 members of each space; run with --release"]
fn a_hundred_thousand_members_of_each_predefined_space_hold() {
    for predefined in ALL {
        check(space(predefined.name), 100_000, 2);
    }
}

#[test]
fn sizes_are_those_of_the_papers() {
    let size = |name: &str| space(name).size();
    assert_eq!(size("cifar-small"), Some(2000));
    assert_eq!(size("nas-bench-201"), Some(5u128.pow(6)));
    // Two blocks of one or two layers, five of three depths; 4 x 2 x 2 x 3 x 3 choices else.
    assert_eq!(size("mnasnet-space"), Some(144u128.pow(7) * 2u128.pow(2) * 3u128.pow(5)));
}

/// What the benchmark's table says of the cell of 3x3 convolutions alone: 1.531546 million parameters, 220.11969 million FLOPs.
#[test]
fn members_of_nas_bench_201_cost_what_is_published() {
    let space = space("nas-bench-201");
    let all: cnn_lang::space::Genome = "3.3.3.3.3.3".parse().expect("a genome");
    let costs = space.costs(&all).expect("a member");
    println!("all 3x3: {} parameters, {} multiply-adds", costs.params, costs.macs);
    // The table counts the classifier's ten biases too.
    assert_eq!((costs.params, costs.macs + 10), (1_531_546, 220_119_690));
}

#[test]
fn mnasnets_space_is_proven_and_walked_quickly() {
    let begin = Instant::now();
    let space = proven(&ALL[2]);
    let took = begin.elapsed();
    assert!(took.as_secs_f64() < 2.0, "{took:?}");
    let mut rng = SplitMix(3);
    let genomes: Vec<_> = (0..10_000).map(|_| space.sample(&mut rng).expect("a member")).collect();
    let begin = Instant::now();
    let params: u64 = genomes.iter().map(|genome| space.costs(genome).expect("a member").params).sum();
    let rate = genomes.len() as f64 / begin.elapsed().as_secs_f64();
    println!("{rate:.0} genomes a second, {} parameters on average", params / genomes.len() as u64);
    assert!(rate > 100_000.0, "{rate}");
}

#[test]
fn anynet_is_drawn_within_its_limits() {
    let space = space("anynet");
    let Sampling::Exact { within } = space.sampling() else { panic!("{:?}", space.sampling()) };
    println!("{within} of {:?} members are within {:?}", space.size(), space.limits());
    assert!(within > 100_000 && Some(within) < space.size());
}
