//! What recipes add to a training survives stops like the rest.

use cnn_runtime::engine::{Group, Optimizer};
use cnn_runtime::train::{EarlyStop, FreezeUntil, Metric, Outcome, Ramp, Recipe, Run, Settings, fit};

use super::{StopAfter, TINY, create, folder, records, same_results, settings};

/// Everything at once: parts, paces, two thaws, noise that grows, an average that warms up, a schedule of two.
fn everything() -> Settings {
    let group = |pattern: &str, rate, weight_decay| Group { pattern: pattern.into(), rate, weight_decay };
    let until = |pattern: &str, epoch| FreezeUntil { pattern: pattern.into(), epoch };
    Settings {
        accumulate: 3,
        groups: vec![group("head", Some(2.0), None), group("stem.1", None, Some(0.0))],
        freeze_until: vec![until("stem.0", 1), until("stem.1", 2)],
        average_warm_up: true,
        dropout: Some(Ramp { from: 0.0, to: 1.0, epochs: 2.0 }),
        early_stop: Some(EarlyStop { patience: 3, least: 0.0, metric: Metric::Loss }),
        skip_non_finite: true,
        schedule: "warmup:1:0.1+multistep:1.5,2.5:0.5".parse().unwrap(),
        ..settings()
    }
}

#[test]
fn trainings_with_everything_go_on_to_the_same_bits() {
    let folder = folder();
    for optimizer in [Optimizer::ADAMW, Optimizer::SGD] {
        let settings = Settings { optimizer, ..everything() };
        let whole = folder.path().join(format!("{optimizer:?}"));
        assert!(matches!(fit(&create(&whole, settings.clone()), &mut ()).unwrap(), Outcome::Done(_)));
        for steps in [1, 4, 5] {
            let parts = folder.path().join(format!("{optimizer:?}-{steps}"));
            create(&parts, settings.clone());
            let mut stops = 0;
            while let Outcome::Stopped(progress) = fit(&Run::open(&parts).unwrap(), &mut StopAfter(steps)).unwrap() {
                stops += 1;
                assert_eq!(progress.steps, stops * steps);
            }
            assert_eq!(stops, 15 / steps);
            same_results(&whole, &parts);
        }
    }
}

#[test]
fn a_training_that_gains_nothing_ends_and_stays_ended() {
    let folder = folder();
    let stop = EarlyStop { patience: 2, least: 1.0, metric: Metric::Accuracy };
    let settings = Settings { epochs: 9, early_stop: Some(stop), ..settings() };
    let dir = folder.path().join("early");
    let Outcome::Done(last) = fit(&create(&dir, settings), &mut ()).unwrap() else { panic!("nobody stopped it") };
    assert_eq!(last.epoch, 3, "the first epoch is a gain, two more are none");
    let before = records(&dir);
    let Outcome::Done(again) = fit(&Run::open(&dir).unwrap(), &mut ()).unwrap() else { panic!("nobody stopped it") };
    assert_eq!((again, records(&dir)), (last, before));
}

/// A recipe is ordinary settings, shortened here.
#[test]
fn a_recipe_trains() {
    let folder = folder();
    let recipe = Recipe::ResNetCifar.settings(settings(), 70);
    let settings = Settings { batch: 8, learning_rate: 0.1 * 8.0 / 128.0, epochs: 4, ..recipe };
    let dir = folder.path().join("recipe");
    let run = Run::create(&dir, settings, TINY).unwrap();
    let Outcome::Done(last) = fit(&run, &mut ()).unwrap() else { panic!("nobody stopped it") };
    println!("test accuracy {:.2} after {} epochs", last.test_accuracy(), last.epoch);
    assert_eq!(Run::open(&dir).unwrap().settings().recipe.as_deref(), Some("resnet-cifar"));
    assert!(last.loss.is_finite() && last.rate == 0.1 * 8.0 / 128.0);
}
