//! A network that learns from labelled images, with errors by epoch: what the examples of experiments share.

use std::time::Instant;

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::data::{Augment, Batched, Labels, Loader, Part, Parts, Preparation, Source};
use cnn_runtime::engine::{Optimizer, Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::train::{Schedule, evaluate};
use cnn_runtime::weights::StateDict;

use crate::Failure;

/// A network of the zoo at other arguments and another input.
pub fn variant(source: &str, arguments: &str, input: [usize; 3]) -> Result<Graph, Failure> {
    let told = |errors: Vec<cnn_lang::diag::Diagnostic>| Failure::from(errors[0].to_string());
    let [channels, height, width] = input;
    let input = Some(Shape::Map { channels, height, width });
    let arguments = cnn_lang::arguments(arguments).map_err(told)?;
    cnn_lang::load_at(source, None, &arguments, input).map_err(told)
}

/// Training and test images for networks of an input, normalised; training images are augmented.
pub fn images(
    source: &Source,
    shape: [usize; 3],
    counts: [usize; 2],
    augment: &Augment,
    seed: u64,
) -> Result<[Part; 2], Failure> {
    let Parts { train, test } = source.open(shape, counts, seed)?;
    train.fits(shape, true).and(test.fits(shape, true))?;
    // As many as asked for of larger data sets too, the classes in turn or shuffled as they come.
    let first = |len: usize, most: usize| (0..len.min(most)).collect::<Vec<_>>();
    let (chosen, tested) = (first(train.len(), counts[0]), first(test.len(), counts[1]));
    let (mean, std) = train.channel_statistics(&chosen, shape, false)?;
    let preparation = std::sync::Arc::new(Preparation {
        shape,
        mean,
        std,
        augment: augment.clone(),
        class_weights: None,
        skip: false,
    });
    Ok([(train, chosen), (test, tested)].map(|(images, items)| Part::new(images.into(), items, preparation.clone())))
}

/// Percent of errors after an epoch.
#[derive(Clone, Copy)]
pub struct Errors {
    /// In training, under augmentation, while the network changed.
    pub training: f64,
    /// On test images.
    pub test: f64,
}

/// SGD as He et al. 2015 trained on CIFAR, the rate divided by 10 after a half and three quarters of the epochs; weights and
/// errors of each epoch.
pub fn train(
    name: &str,
    graph: &Graph,
    [training, test]: &[Part; 2],
    epochs: usize,
    rate: f64,
    seed: u64,
) -> Result<(StateDict<f32>, Vec<Errors>), Failure> {
    let batch = 64;
    let weights = StateDict::init(graph, seed)?;
    let options =
        TrainerOptions { batch, optimizer: Optimizer::SGD, weight_decay: 1e-4, seed, ..TrainerOptions::default() };
    let steps = epochs as f64;
    let schedule = Schedule::WarmUp {
        epochs: 1.0,
        from: 0.1,
        then: Box::new(Schedule::MultiStep { epochs: vec![0.5 * steps, 0.75 * steps], factor: 0.1 }),
    };
    let mut trainer = Trainer::new(graph, &weights, options)?;
    let mut session = Session::new(graph, &weights, SessionOptions { batch, ..SessionOptions::default() })?;
    let per_epoch = training.len().div_ceil(batch) as u64;
    let mut errors = Vec::new();
    for epoch in 0..epochs {
        let (begin, mut right) = (Instant::now(), 0);
        for batch in Loader::training(training, batch, seed * 1_000 + epoch as u64, 0, training.threads()) {
            let batch = batch?;
            let targets = match &batch.labels {
                Labels::Classes(labels) => Targets::Labels(labels),
                Labels::Soft(rows) => Targets::Soft(rows),
            };
            let rate = schedule.rate(rate, trainer.steps(), per_epoch, epochs);
            let report = trainer.step(&batch.images, targets, rate)?;
            if !report.loss.is_finite() {
                return Err(format!("{name}: the loss is {}; a lower --rate mends it", report.loss).into());
            }
            right += report.correct;
        }
        session.set_weights(&trainer.weights())?;
        let wrong = |right: f64| 100.0 * (1.0 - right);
        let training = wrong(right as f64 / training.count().max(1) as f64);
        let test = wrong(evaluate(&mut session, test)?.accuracy);
        println!(
            "  {name} epoch {:>2}/{epochs}  training error {training:5.2} %  test error {test:5.2} %  {:.1} s",
            epoch + 1,
            begin.elapsed().as_secs_f64()
        );
        errors.push(Errors { training, test });
    }
    Ok((trainer.weights(), errors))
}
