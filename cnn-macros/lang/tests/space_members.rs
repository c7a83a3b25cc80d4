//! Spaces against their members one by one: the same set, the same costs, the same graphs, the same mistakes.

use std::collections::BTreeMap;

use cnn_lang::graph::Graph;
use cnn_lang::space::{Space, enumerate, load};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[path = "common/spaces.rs"]
mod spaces;

/// Members of one space that are compared at most.
const MOST: usize = 300;

/// What one space showed.
#[derive(Default)]
struct Seen {
    spaces: usize,
    refused: usize,
    members: usize,
    left_out: usize,
}

fn compare(source: &str, seen: &mut Seen) {
    let Some(members) = enumerate(source, MOST).unwrap_or_else(|errors| panic!("{source}\n{errors:#?}")) else {
        seen.left_out += 1;
        return;
    };
    let wrong = members.iter().find(|member| !member.errors.is_empty());
    match (load(source, None), wrong) {
        (Ok(space), None) => {
            seen.spaces += 1;
            seen.members += members.len();
            let graphs = members.into_iter().map(|member| (member.options, member.graph.expect("a graph")));
            equal(source, &space, &graphs.collect());
        }
        // A label may stand twice in no member and yet be refused.
        (Err(errors), _) if errors.iter().any(|error| error.message.contains("label")) => seen.left_out += 1,
        (Err(errors), Some(_)) => {
            seen.refused += 1;
            let known: Vec<&str> = members.iter().flat_map(|m| &m.errors).map(|error| error.message.as_str()).collect();
            for error in &errors {
                assert!(known.contains(&error.message.as_str()), "no member says so: {error}\n{source}");
            }
        }
        (Err(errors), None) => panic!("no member is wrong, but the space: {errors:#?}\n{source}"),
        (Ok(_), Some(wrong)) => panic!("{:?} is wrong: {:?}\n{source}", wrong.options, wrong.errors),
    }
}

fn equal(source: &str, space: &Space, members: &BTreeMap<Vec<u16>, Graph>) {
    assert_eq!(space.size(), Some(members.len() as u128), "{source}");
    assert!((space.log2_size() - (members.len() as f64).log2()).abs() < 1e-9);
    let genomes = space.members(MOST).expect("few members");
    assert_eq!(genomes.len(), members.len());
    let [least, most] = space.range();
    let all: Vec<_> = members.values().map(Graph::costs).collect();
    assert_eq!(all.iter().map(|costs| costs.params).min(), Some(least.params), "{source}");
    assert_eq!(all.iter().map(|costs| costs.macs).max(), Some(most.macs), "{source}");
    assert_eq!(all.iter().map(|costs| costs.activations).max(), Some(most.activations), "{source}");
    for genome in &genomes {
        let options: Vec<u16> = space.decisions(genome).expect("a member").into_iter().map(|(_, o)| o).collect();
        let graph = members.get(&options).unwrap_or_else(|| panic!("{genome} is no member of\n{source}"));
        assert_eq!(space.costs(genome), Ok(graph.costs()), "{genome} of\n{source}");
        assert_eq!(genome.to_string().parse(), Ok(genome.clone()));
    }
    // Graph and source of some of them.
    for genome in genomes.iter().step_by(genomes.len().div_ceil(6)) {
        let graph = space.graph(genome).unwrap_or_else(|error| panic!("{error}\n{source}"));
        let text = space.source(genome).unwrap_or_else(|error| panic!("{error}\n{source}"));
        assert!(!text.contains("choose"), "{text}");
        let read = cnn_lang::load(&text, None).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}\nfrom\n{source}"));
        assert!(same(&graph, &read), "{genome} of\n{source}\nis written\n{text}\n{graph:#?}\n{read:#?}");
    }
}

/// Equal but for the names of blocks, which may have become several.
fn same(a: &Graph, b: &Graph) -> bool {
    let tensors =
        |graph: &Graph| graph.tensors().into_iter().map(|(name, tensor)| (name, tensor.shape)).collect::<Vec<_>>();
    let nodes = |graph: &Graph| {
        let node = |node: &cnn_lang::graph::Node| {
            (node.op.clone(), node.inputs.clone(), node.shape, graph.path(node.scope), node.auxiliary)
        };
        graph.nodes.iter().map(node).collect::<Vec<_>>()
    };
    nodes(a) == nodes(b) && tensors(a) == tensors(b) && a.output == b.output && a.features == b.features
}

fn compare_all(seeds: std::ops::Range<u64>) {
    let mut seen = Seen::default();
    for seed in seeds.clone() {
        let source = spaces::space(&mut ChaCha8Rng::seed_from_u64(seed));
        compare(&source, &mut seen);
    }
    let Seen { spaces, refused, members, left_out } = seen;
    println!("{spaces} spaces with {members} members hold, {refused} are refused, {left_out} left out");
    let few = seeds.count() / 8;
    assert!(spaces > few && refused > few && members > 4 * spaces, "the author writes too few of one kind");
}

#[test]
fn random_spaces_are_what_their_members_are() {
    compare_all(0..160);
}

#[test]
#[ignore = "2 minutes: 20,000 spaces; run with --release"]
fn many_random_spaces_are_what_their_members_are() {
    compare_all(1000..21_000);
}
