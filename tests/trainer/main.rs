//! What a step of the trainer does, by formulas written out here; that nothing but its inputs decides the bits; sessions and
//! modules beside it; every refusal.

mod bits;
mod formulas;
mod refusals;
mod shared;

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{StepReport, Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;
use cnn_tests::oracle::{input_by_rule, labels_for};

const SMALL: &str = "
    block unit(out) { add { { conv(out, 3, pad = 1, bias = false) -> bn -> silu }; identity; } -> relu }
    Small(p = 0.0): 2x8x8 -> 4;
    stem conv(6, 3, pad = 1, std = true) -> bn -> relu -> dropout(p);
    body unit(6) -> drop_path(p) -> maxpool(2) -> aux { gap -> linear(4) };
    head flatten -> linear(4);
    Noisy = Small(p = 0.3);
";

const BATCH: usize = 4;

fn graph(name: &str) -> Graph {
    cnn_lang::load(SMALL, Some(name)).unwrap()
}

fn trainer(options: TrainerOptions) -> Trainer<f64> {
    let graph = graph("Small");
    let weights = StateDict::init(&graph, 5).unwrap();
    Trainer::new(&graph, &weights, TrainerOptions { batch: BATCH, ..options }).unwrap()
}

fn step(trainer: &mut Trainer<f64>, rate: f64) -> StepReport {
    let graph = trainer.graph().clone();
    let images = input_by_rule(&graph, BATCH);
    trainer.step(&images, Targets::Labels(&labels_for(&graph, BATCH)), rate).unwrap()
}
