//! What plans say of memory: how near the arena of every network is to what is alive at its worst moment.

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{EngineError, Plan, Report, SessionOptions, TrainerOptions};
use cnn_runtime::zoo;
use cnn_tests::device::{Device, Devices};

/// No arena can be smaller than what is alive at once; ours may be larger by so much.
const SLACK: f64 = 1.10;

/// Where more than that is taken. A concatenation takes room for all its parts when the first is computed, which a single
/// module or block (and NASNet, whose every cell ends in one of many parts, and whose subsampling wants scratch) feels; the last one's buffers leave a gap.
const LOOSE: [(&str, f64); 4] = [
    ("inception_module_uniform", 1.25),
    ("inception_naive_block", 1.17),
    ("nasnet_a_large", 1.20),
    ("resnet164_cifar_relu_before_add", 1.13),
];

/// Where a graphics processor's sums, which are not made in place, leave a gap: ten maps of the smallest kind where nine are alive.
const LOOSE_ON_GRAPHICS: [(&str, f64); 3] = [
    ("resnet164_cifar_relu_only_preact", 1.112),
    ("resnet164_cifar_full_preact", 1.112),
    ("resnet1001_cifar_full_preact", 1.112),
];

/// An inference plan where `training` is not set; no training of what has no logits.
fn plan(device: Device, graph: &Graph, batch: usize, training: bool) -> Result<Plan, EngineError> {
    if training {
        return device.plan_training::<f32>(graph, &TrainerOptions { batch, ..Default::default() });
    }
    device.plan_inference::<f32>(graph, SessionOptions { batch, auxiliary: false, ..Default::default() })
}

/// Plans take no memory, so the largest networks are among these.
#[test]
fn arenas_are_near_what_is_alive() {
    let best = f32::devices()[0];
    [Device::Reference, best].into_iter().for_each(arenas);
}

fn arenas(device: Device) {
    let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let mut loose = Vec::new();
    for (what, batch, training) in [("inference", 1, false), ("inference", 8, false), ("training", 8, true)] {
        println!("{what}, batch {batch}, {device:?}, MiB");
        println!("{:30}{:>10}{:>10}{:>10}{:>10}{:>8}", "network", "weights", "optimizer", "arena", "live", "ratio");
        for (name, source) in zoo::ALL {
            let graph = cnn_lang::load(source, None).unwrap();
            let Report { weights, optimizer, arena, live, peak, .. } = match plan(device, &graph, batch, training) {
                Ok(plan) => plan.report,
                Err(EngineError::NotLogits { output, shape, .. }) if training => {
                    println!("{name:30} has no loss: {output} is {shape}");
                    continue;
                }
                Err(error) => panic!("{name}: {error}"),
            };
            let ratio = arena as f64 / live as f64;
            let columns = [weights, optimizer, arena, live].map(mebibytes);
            let [weights, optimizer, arena, live] = columns.map(|column| format!("{column:10.1}"));
            println!("{name:30}{weights}{optimizer}{arena}{live}{ratio:8.3}  {peak}");
            assert!(ratio >= 1.0, "{name}, {what}, batch {batch}: less than is alive");
            let on_graphics = LOOSE_ON_GRAPHICS.iter().filter(|_| device.is_graphics());
            let mut known = LOOSE.iter().chain(on_graphics);
            let slack = known.find(|(known, _)| *known == *name).map_or(SLACK, |(_, slack)| *slack);
            if ratio > slack {
                loose.push(format!("{name}, {what}, batch {batch}, {device:?}: {ratio:.3}"));
            }
        }
    }
    assert!(loose.is_empty(), "more than {SLACK} times what is alive (or what LOOSE says):\n{}", loose.join("\n"));
}
