//! What plans say of memory: how near the arena of every network is to what is alive at its worst moment.

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::engine::{Plan, Reference, Report, SessionOptions, TrainerOptions, plan_inference, plan_training};
use cnn_runtime::zoo;

/// No arena can be smaller than what is alive at once; ours may be larger by so much.
const SLACK: f64 = 1.10;

/// An inference plan where `training` is not set.
fn plan(graph: &Graph, batch: usize, training: bool) -> Plan {
    let backend = Reference::default();
    if training {
        let options = TrainerOptions { batch, ..Default::default() };
        return plan_training::<f32>(&backend, graph, &options).unwrap().0;
    }
    plan_inference::<f32>(&backend, graph, SessionOptions { batch, auxiliary: false }).unwrap()
}

/// Plans take no memory, so the largest networks are among these.
#[test]
fn arenas_are_near_what_is_alive() {
    let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let mut loose = Vec::new();
    for (what, batch, training) in [("inference", 1, false), ("inference", 8, false), ("training", 8, true)] {
        println!("{what}, batch {batch}, MiB");
        println!("{:30}{:>10}{:>10}{:>10}{:>10}{:>8}", "network", "weights", "optimizer", "arena", "live", "ratio");
        for (name, source) in zoo::ALL {
            let graph = cnn_lang::load(source, None).unwrap();
            if training && !matches!(graph.output_shape(), Shape::Vector(_)) {
                println!("{name:30} is a block, which has no loss");
                continue;
            }
            let Report { weights, optimizer, arena, live, peak, .. } = plan(&graph, batch, training).report;
            let ratio = arena as f64 / live as f64;
            let columns = [weights, optimizer, arena, live].map(mebibytes);
            let [weights, optimizer, arena, live] = columns.map(|column| format!("{column:10.1}"));
            println!("{name:30}{weights}{optimizer}{arena}{live}{ratio:8.3}  {peak}");
            assert!(ratio >= 1.0, "{name}, {what}, batch {batch}: less than is alive");
            if ratio > SLACK {
                loose.push(format!("{name}, {what}, batch {batch}: {ratio:.3}"));
            }
        }
    }
    assert!(loose.is_empty(), "more than {SLACK} times what is alive:\n{}", loose.join("\n"));
}
