//! The recipes, a row for each.

use super::Recipe;
use crate::engine::Optimizer;
use crate::train::Schedule;

/// What a paper prints.
pub(super) struct Row {
    pub name: &'static str,
    pub paper: &'static str,
    /// What is not as published.
    pub deviations: &'static str,
    pub batch: usize,
    pub optimizer: Optimizer,
    pub rate: f64,
    /// From the epochs that so many steps are, and the number of images.
    pub schedule: fn(&dyn Fn(usize) -> f64, usize) -> Schedule,
    pub weight_decay: f64,
    pub decay_matrices_only: bool,
    pub label_smoothing: f64,
    pub average: Option<f64>,
    pub length: Length,
    pub augmentation: Option<&'static str>,
}

/// How long a training is.
pub(super) enum Length {
    /// Passes over the images.
    Epochs(usize),
    /// Steps, for so many images.
    Steps(fn(usize) -> usize),
}

const NESTEROV: Optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: true };

/// SGD on CIFAR, images shifted and mirrored: what most rows of it share.
const CIFAR: Row = Row {
    name: "",
    paper: "",
    deviations: "",
    batch: 128,
    optimizer: NESTEROV,
    rate: 0.1,
    schedule: |_, _| Schedule::Constant,
    weight_decay: 1e-4,
    decay_matrices_only: false,
    label_smoothing: 0.0,
    average: None,
    length: Length::Epochs(200),
    augmentation: Some("crop:4,flip"),
};

fn steps(epochs: &[f64], factor: f64) -> Schedule {
    Schedule::MultiStep { epochs: epochs.to_vec(), factor }
}

fn warmed(epochs: f64, from: f64, then: Schedule) -> Schedule {
    Schedule::WarmUp { epochs, from, then: Box::new(then) }
}

/// Images from which on a fine-tuning is a longer one.
pub(super) const MANY: usize = 20_000;

/// When a fine-tuning has warmed up, when its rate falls, when it ends, in steps: Kolesnikov et al. 2020, section 3.3, and their
/// code, <https://github.com/google-research/big_transfer>.
fn hyper_rule(images: usize) -> [usize; 5] {
    match images {
        ..MANY => [100, 200, 300, 400, 500],
        MANY..500_000 => [500, 3_000, 6_000, 9_000, 10_000],
        _ => [500, 6_000, 12_000, 18_000, 20_000],
    }
}

impl Recipe {
    pub(super) fn row(self) -> Row {
        match self {
            Recipe::LeNet => Row {
                name: "lenet",
                paper: "LeCun et al. 1998",
                deviations: "20 passes as published; one image at a time and second derivatives for the rates there, AdamW here",
                batch: 64,
                optimizer: Optimizer::ADAMW,
                rate: 2e-3,
                schedule: |_, _| warmed(0.5, 0.0, Schedule::Cosine { warm_up: 0.0, floor: 0.01 }),
                weight_decay: 0.01,
                decay_matrices_only: true,
                length: Length::Epochs(20),
                augmentation: None,
                ..CIFAR
            },
            Recipe::ResNetCifar => Row {
                name: "resnet-cifar",
                paper: "He et al. 2015",
                deviations: "110 layers and more want `--schedule warmup:1:0.1+…`, which stands for 400 steps at 0.01",
                optimizer: Optimizer::SGD,
                schedule: |epochs, _| steps(&[epochs(32_000), epochs(48_000)], 0.1),
                length: Length::Steps(|_| 64_000),
                ..CIFAR
            },
            Recipe::StochasticDepthCifar => Row {
                name: "stochastic-depth-cifar",
                paper: "Huang et al. 2016",
                deviations: "",
                schedule: |_, _| steps(&[250.0, 375.0], 0.1),
                length: Length::Epochs(500),
                ..CIFAR
            },
            Recipe::WideResNetCifar => Row {
                name: "wide-resnet-cifar",
                paper: "Zagoruyko & Komodakis 2016",
                schedule: |_, _| steps(&[60.0, 120.0, 160.0], 0.2),
                weight_decay: 5e-4,
                ..CIFAR
            },
            Recipe::DenseNetCifar => Row {
                name: "densenet-cifar",
                paper: "Huang et al. 2017",
                batch: 64,
                schedule: |_, _| steps(&[150.0, 225.0], 0.1),
                length: Length::Epochs(300),
                ..CIFAR
            },
            Recipe::ResNetImageNet => Row {
                name: "resnet-imagenet",
                paper: "Goyal et al. 2017",
                batch: 256,
                schedule: |_, _| warmed(5.0, 0.0, steps(&[30.0, 60.0, 80.0], 0.1)),
                decay_matrices_only: true,
                length: Length::Epochs(90),
                augmentation: Some("rrc,flip,center:0.875"),
                ..CIFAR
            },
            Recipe::DenseNetImageNet => Row {
                name: "densenet-imagenet",
                paper: "Huang et al. 2017",
                batch: 256,
                schedule: |_, _| steps(&[30.0, 60.0], 0.1),
                length: Length::Epochs(90),
                augmentation: Some("rrc,flip,center:0.875"),
                ..CIFAR
            },
            Recipe::EfficientNet => Row {
                name: "efficientnet",
                paper: "Tan & Le 2019",
                deviations: "batch, warm-up, label smoothing and average as in its authors' code; RandAugment for AutoAugment",
                batch: 4096,
                optimizer: Optimizer::RMSPROP,
                rate: 0.256,
                schedule: |_, _| warmed(5.0, 0.0, Schedule::Step { every: 2.4, factor: 0.97 }),
                weight_decay: 1e-5,
                decay_matrices_only: true,
                label_smoothing: 0.1,
                average: Some(0.9999),
                length: Length::Epochs(350),
                augmentation: Some("rrc,flip,randaugment:2:9,center:0.875"),
            },
            Recipe::ConvNeXt => Row {
                name: "convnext",
                paper: "Liu et al. 2022",
                deviations: "",
                batch: 4096,
                optimizer: Optimizer::ADAMW,
                rate: 4e-3,
                schedule: |_, _| warmed(20.0, 0.0, Schedule::Cosine { warm_up: 0.0, floor: 2.5e-4 }),
                weight_decay: 0.05,
                decay_matrices_only: true,
                label_smoothing: 0.1,
                average: Some(0.9999),
                length: Length::Epochs(300),
                augmentation: Some("rrc,flip,randaugment:2:9,erase:0.25,mixup:0.8,cutmix:1,center:0.875"),
            },
            Recipe::BitHyperRule => Row {
                name: "bit-hyperrule",
                paper: "Kolesnikov et al. 2020",
                deviations: "the resolution is the network's: `--input 3x128x128` for images below 96 x 96, else 3x480x480",
                batch: 512,
                optimizer: Optimizer::SGD,
                rate: 3e-3,
                schedule: |epochs, images| {
                    let [rise, falls @ .., _] = hyper_rule(images);
                    warmed(epochs(rise), 0.0, steps(&falls.map(epochs), 0.1))
                },
                weight_decay: 0.0,
                length: Length::Steps(|images| hyper_rule(images)[4]),
                augmentation: Some("flip"),
                ..CIFAR
            },
        }
    }
}
