//! What a study says of its winner holds: its source is a `network!` that rustc compiles to the same network, and trained again from other seeds it
//! is as good as was said.

use std::fs;
use std::sync::Arc;

use cnn_runtime::search::evaluate::{Evaluation, Evaluator};
use cnn_runtime::search::{Members, Memory, Networks, Objective, Spec, Study, run};
use cnn_runtime::train::{ImageSettings, Settings};
use cnn_runtime::zoo::spaces::CifarSmall;

#[test]
fn a_winner_compiles_and_is_as_good_as_the_study_says() {
    // As `cnn search cifar-small`, on smaller images.
    let space = cnn_lang::space::load_at(CifarSmall, None, &[], Some("1x20x20".parse().expect("a size")));
    let networks = Arc::new(Networks::new(space.expect("a space")));
    let training = Settings {
        digits: [3000, 1500],
        epochs: 4,
        learning_rate: 4e-3,
        images: ImageSettings { validation: 0.2, ..Default::default() },
        ..Settings::new("cifar-small")
    };
    let definition = networks.space().definition().to_owned();
    let evaluation = Evaluation { training, definition };
    let spec = Spec {
        evaluation: serde_json::to_value(&evaluation).expect("settings"),
        ..Spec::new("cifar-small", &*networks, Objective::maximise("accuracy"))
    };
    let evaluator = Evaluator::new(networks.clone(), &spec, None).expect("an evaluator");
    let mut study = Study::new(networks.clone(), Box::new(Memory::new(spec).expect("a study"))).expect("a study");
    let done = run(&mut study, 6, &|| false, &mut |trial, report| evaluator.evaluate(trial, &|| false, report));
    assert!(done.expect("trials"));
    let promising: Vec<_> = study.promising(2).into_iter().cloned().collect();
    for (trial, seed) in promising.iter().flat_map(|trial| (1..=3).map(move |seed| (trial, seed))) {
        let training = evaluator.confirm(trial, seed, &|| false).expect("a training").expect("it was not stopped");
        study.confirm(training).expect("a study");
    }
    let (winner, confirmed) = (study.winner().expect("a winner").clone(), study.confirmed()[0]);

    // Its source is a program of its own: the typed network is the one that was trained.
    let source = networks.source(&winner.genome).expect("its source");
    let graph = networks.graph(&winner.genome).expect("its graph");
    let costs = networks.costs(&winner.genome).expect("its costs");
    let program = format!(
        "use cnn_runtime::{{network, prelude::*}};\n\nnetwork! {{\n{source}\n}}\n\nfn main() {{\n    \
         assert_eq!((<{name}>::PARAMS, <{name}>::MACS), ({}, {}));\n    \
         let device = Cpu::default();\n    let net = device.build_module::<{name}, f32>();\n    \
         let logits = net.forward(device.sample_normal::<Rank4<2, 1, 20, 20>>());\n    \
         assert_eq!(logits.array()[0].len(), 10);\n}}\n",
        costs.params,
        costs.macs,
        name = graph.name
    );
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("winner.rs");
    fs::write(&path, program).expect("a file");
    trybuild::TestCases::new().pass(&path);

    // Seeds that had no part in finding it.
    let again: Vec<f64> = (11..=13)
        .map(|seed| evaluator.confirm(&winner, seed, &|| false).expect("a training").expect("it was not stopped").test)
        .collect();
    let mean = again.iter().sum::<f64>() / again.len() as f64;
    println!(
        "trial {} of {}: {:.2} % ± {:.2} said, {:.2} % when trained again: {again:?}; its own trial said {:.2} % of held-out images",
        winner.number,
        study.history().len(),
        100.0 * confirmed.test,
        100.0 * confirmed.spread,
        100.0 * mean,
        100.0 * winner.values[0]
    );
    assert!((mean - confirmed.test).abs() <= 0.01, "{mean} {}", confirmed.test);
}
