//! Noisy Student and Meta Pseudo Labels: what their steps compute, what they refuse, that they come to the same bits.

mod meta;
mod noisy_student;
mod refusals;
mod student_loss;

use std::sync::Arc;

use cnn_lang::graph::Graph;
use cnn_runtime::data::{Augment, Collection, Dataset, Digits, Part, Preparation};
use cnn_runtime::engine::{Optimizer, TrainerOptions};
use cnn_runtime::train::Schedule;
use cnn_runtime::train::schemes::{Learned, Learner, SchemeError};
use cnn_runtime::weights::StateDict;

/// A network without noise or batch statistics, so that an image's gradient is its own.
const NET: &str = "Net(classes = 10): 1x12x12 -> classes;
    stem conv(8, 3, stride = 2, pad = 1) -> relu; body conv(16, 3, stride = 2, pad = 1) -> relu; head flatten -> linear(classes);";
/// One with both.
const NOISY: &str = "Noisy(classes = 10): 1x12x12 -> classes;
    stem conv(12, 3, pad = 1) -> bn -> relu -> maxpool(2, stride = 2); body add { { conv(12, 3, pad = 1) -> bn -> drop_path(0.1) }; identity; } -> relu;
    head gap -> dropout(0.1) -> linear(classes);";

fn graph(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn learner(source: &str, batch: usize, epochs: usize, seed: u64) -> Learner {
    let graph = graph(source);
    let weights = StateDict::init(&graph, seed).unwrap();
    let options = TrainerOptions { batch, optimizer: Optimizer::ADAMW, seed, ..TrainerOptions::default() };
    Learner { graph, weights, options, learning_rate: 3e-3, schedule: Schedule::Constant, epochs }
}

fn part(data: Dataset, augment: &str) -> Part {
    let augment: Augment = augment.parse().unwrap();
    let (shape, all) = (data.shape, (0..data.len()).collect());
    let channels = shape[0];
    let preparation = Preparation {
        shape,
        mean: vec![0.3; channels],
        std: vec![0.3; channels],
        augment,
        class_weights: None,
        skip: false,
    };
    Part::new(Arc::new(Collection::from(data)), all, Arc::new(preparation))
}

/// Labelled and unlabelled digits; the classes of the latter are wrong, so that whoever looks at them errs.
fn digits(few: usize, many: usize, augment: &str) -> (Part, Part, Vec<usize>) {
    let digits = Digits { seed: 5, shape: [1, 12, 12], noise: 0.3, clutter: 0.3, ..Digits::default() };
    let (labelled, mut rest) = digits.dataset(few + many).unwrap().split(few);
    let truth = rest.labels.clone();
    rest.labels.iter_mut().for_each(|label| *label = (*label + 1) % 10);
    (part(labelled, augment), part(rest, augment), truth)
}

fn bits(learned: &Learned) -> Vec<u32> {
    learned.weights.tensors().iter().flat_map(|tensor| &tensor.data).map(|x| x.to_bits()).collect()
}

fn message<T>(result: Result<T, SchemeError>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

/// All images of a part, prepared.
fn images(part: &Part) -> Vec<f32> {
    let mut images = vec![0.0; part.len() * 144];
    images.chunks_mut(144).enumerate().for_each(|(i, image)| part.image(i, image).unwrap());
    images
}
