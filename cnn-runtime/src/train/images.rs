//! The images of a training: opened, divided, prepared for the network's input.

use std::sync::Arc;

use cnn_lang::graph::{Graph, Shape};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::image_settings::{Damaged, ImageSettings};
use super::settings::Settings;
use crate::data::{Labels, Part, Parts, Preparation, Source};
use crate::engine::{Device, Targets};

/// What a run knows of its data: `data.json` of its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Channels, height, width of an image as the network takes it.
    pub shape: [usize; 3],
    /// How many classes there are.
    pub classes: usize,
    /// What they are called.
    #[serde(default)]
    pub names: Vec<String>,
    /// Training images.
    pub train: usize,
    /// Images that are kept from training to judge epochs by.
    #[serde(default)]
    pub validation: usize,
    /// Test images.
    pub test: usize,
    /// Mean of each channel that normalises: of the training images, or a known one.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel that normalises; 1 where a channel does not vary.
    pub std: Vec<f32>,
}

impl Facts {
    /// What a class is called: its number where it has no name.
    pub fn name(&self, class: usize) -> String {
        self.names.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

/// Training, validation and test images, prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// To train on.
    pub train: Part,
    /// To judge epochs by, where some are kept for it.
    pub validation: Option<Part>,
    /// To test on.
    pub test: Part,
    /// What they are, and what normalises them.
    pub facts: Facts,
}

/// The same images are kept for validation whatever the seed, so that trainings can be compared.
const VALIDATION_SEED: u64 = 1;

impl Images {
    /// Opens or draws the images of the settings for the network's input size, normalised by the mean and standard
    /// deviation of each channel of the training images where nothing else is asked for.
    ///
    /// # Errors
    /// If the network takes no images or has not an output for each class; if the data cannot be had.
    pub fn load(settings: &Settings, graph: &Graph) -> Result<Images, TrainError> {
        Images::load_as(settings, graph, None)
    }

    /// The same, normalised by known numbers where they are given.
    ///
    /// # Errors
    /// As [`Images::load`]; and if they are numbers for images of other channels.
    pub fn load_as(settings: &Settings, graph: &Graph, known: Option<&Facts>) -> Result<Images, TrainError> {
        let network = &settings.network;
        let shape = match graph.input_shape() {
            Shape::Map { channels, height, width } => [channels, height, width],
            Shape::Vector(length) => return Err(TrainError::NotImages { network: network.clone(), length }),
        };
        let data = settings.data.to_string();
        if settings.data == Source::Digits {
            // Before thousands of images are drawn for nothing.
            classes(network, graph, &data, 10)?;
        }
        // Always the same digits: trainings of different seeds can be compared.
        let Parts { train, test } = settings.data.open(shape, settings.digits, 0)?;
        let ImageSettings { augment, normalize, resize, validation, damaged, class_weights, sampling, .. } =
            &settings.images;
        let (rest, held) = train.divided(*validation, VALIDATION_SEED);
        if rest.is_empty() || test.is_empty() {
            return Err(TrainError::NoImages { data, train: rest.len(), test: test.len() });
        }
        classes(network, graph, &data, train.classes.len())?;
        [&train, &test].into_iter().try_for_each(|part| part.fits(shape, *resize))?;
        let skip = *damaged == Damaged::Skip;
        let (mean, std) = match (known, normalize.numbers()) {
            (Some(Facts { mean, std, .. }), _) => (mean.clone(), std.clone()),
            (None, Some(numbers)) => numbers,
            (None, None) => train.channel_statistics(&rest, shape, skip)?,
        };
        let weights = |items: &[usize], weights: &super::ClassWeights| {
            let mut counts = vec![0; train.classes.len()];
            items.iter().for_each(|&item| counts[train.labels[item]] += 1);
            weights.resolve(&counts)
        };
        let loss_weights = weights(&rest, class_weights)?;
        let chances = weights(&rest, sampling)?;
        let preparation = Preparation {
            shape,
            mean: mean.clone(),
            std: std.clone(),
            augment: augment.clone(),
            class_weights: loss_weights.map(|weights| weights.into_iter().map(|weight| weight as f32).collect()),
            skip,
        };
        preparation.check()?;
        let facts = Facts {
            shape,
            classes: train.classes.len(),
            names: train.classes.clone(),
            train: rest.len(),
            validation: held.len(),
            test: test.len(),
            mean,
            std,
        };
        let (train, preparation) = (Arc::new(train), Arc::new(preparation));
        let all = (0..test.len()).collect();
        let test = Part::new(Arc::new(test), all, preparation.clone());
        let validation = (!held.is_empty()).then(|| Part::new(train.clone(), held, preparation.clone()));
        let mut train = Part::new(train, rest, preparation);
        // Graphics processors make numbers of them, but for steps in parts.
        let pixels = settings.device != Device::Cpu;
        let (test, validation) = (test.as_pixels(pixels), validation.map(|part| part.as_pixels(pixels)));
        train = train.as_pixels(pixels && settings.accumulate == 1);
        if let Some(chances) = chances {
            train = train.sampled(&chances);
        }
        Ok(Images { train, validation, test, facts })
    }

    /// What epochs are judged by: the validation images, where some are kept, or the test images.
    pub fn judged(&self) -> &Part {
        self.validation.as_ref().unwrap_or(&self.test)
    }
}

impl ImageSettings {
    /// Refuses numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let fault = |name, expected, got: String| Err(TrainError::Setting { name, expected, got });
        if !(0.0..=0.9).contains(&self.validation) {
            return fault("share of validation images", "from 0 to 0.9", self.validation.to_string());
        }
        match self.workers {
            Some(workers) if workers > 256 => fault("number of workers", "from 0 to 256", workers.to_string()),
            _ => Ok(()),
        }
    }
}

fn classes(network: &str, graph: &Graph, data: &str, classes: usize) -> Result<(), TrainError> {
    match graph.output_shape() {
        Shape::Vector(outputs) if outputs != classes => {
            Err(TrainError::Classes { network: network.to_owned(), outputs, data: data.to_owned(), classes })
        }
        // The engine says that cross-entropy needs a vector.
        Shape::Vector(_) | Shape::Map { .. } => Ok(()),
    }
}

/// What a step compares logits with.
pub(crate) fn targets(labels: &Labels) -> Targets<'_, f32> {
    match labels {
        Labels::Classes(classes) => Targets::Labels(classes),
        Labels::Soft(rows) => Targets::Soft(rows),
    }
}
