//! What cannot be is said in one line, and changes nothing.

use cnn_runtime::engine::{Clip, EngineError, Optimizer, Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;

use crate::{graph, trainer};

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let small = graph("Small");
    let weights = StateDict::<f64>::init(&small, 5).unwrap();
    let session = |batch| Session::new(&small, &weights, SessionOptions { batch, ..Default::default() });
    let message = |error: EngineError| error.to_string();
    assert_eq!(
        session(0).err().map(message).unwrap(),
        "a batch of 0 samples holds nothing to compute; give at least 1"
    );
    let mut two = session(2).unwrap();
    for (values, expected) in [
        (0, "a batch of 0 samples holds nothing to compute; give at least 1"),
        (100, "100 values are no batch of 1 to 2 samples of 2x8x8 (128 values each)"),
        (384, "384 values are no batch of 1 to 2 samples of 2x8x8 (128 values each)"),
    ] {
        assert_eq!(two.run(&vec![0.0; values]).err().map(message).unwrap(), expected);
    }
    let mut trainer = trainer(TrainerOptions::default());
    let before = trainer.weights();
    for (labels, expected) in [
        (&[1][..], "2 samples need 2 labels, got 1"),
        (&[1, 4][..], "label 4 of sample 1 is not one of the 4 classes 0 to 3"),
    ] {
        let error = trainer.step(&[0.0; 256], Targets::Labels(labels), 0.1).err().map(message).unwrap();
        assert_eq!(error, expected);
    }
    let error = trainer.step(&[0.0; 256], Targets::Soft(&[0.5; 4]), 0.1).err().map(message).unwrap();
    assert_eq!(error, "2 samples need 8 probabilities, got 4");
    assert_eq!(trainer.weights(), before, "nothing is changed by what is refused");

    let refused = |options: TrainerOptions| Trainer::new(&small, &weights, options).err().map(message).unwrap();
    for (options, expected) in [
        (
            TrainerOptions { batch: 0, ..Default::default() },
            "a batch of 0 samples holds nothing to compute; give at least 1",
        ),
        (TrainerOptions { weight_decay: -1.0, ..Default::default() }, "weight decay is -1, but must be at least 0"),
        (
            TrainerOptions { label_smoothing: 1.0, ..Default::default() },
            "label smoothing is 1, but must be at least 0 and less than 1",
        ),
        (
            TrainerOptions { clip: Some(Clip::Norm(0.0)), ..Default::default() },
            "gradient clipping is 0, but must be positive",
        ),
        (
            TrainerOptions { auxiliary_weights: vec![0.3; 2], ..Default::default() },
            "Small has 1 auxiliary outputs, got 2 weights for their losses",
        ),
        (
            TrainerOptions { optimizer: Optimizer::Sgd { momentum: 1.5, nesterov: false }, ..Default::default() },
            "momentum is 1.5, but must be at least 0 and less than 1",
        ),
    ] {
        assert_eq!(refused(options), expected);
    }
    let map = cnn_lang::load("Map: 1x4x4 -> 2x4x4; stem conv(2, 3, pad = 1);", None).unwrap();
    let map_weights = StateDict::<f64>::init(&map, 1).unwrap();
    assert_eq!(
        Trainer::new(&map, &map_weights, TrainerOptions::default()).err().map(message).unwrap(),
        "Map cannot be trained on classes: its logits is 2x4x4, cross-entropy needs a vector of logits"
    );
    assert!(Session::new(&map, &weights, SessionOptions::default()).is_err(), "weights of another network");
    let error = two.set_weights(&map_weights).err().map(message).unwrap();
    assert!(error.starts_with("weights of another network"), "{error}");
    assert!(two.run(&[0.5; 256]).is_ok(), "what is refused changes nothing");
}
