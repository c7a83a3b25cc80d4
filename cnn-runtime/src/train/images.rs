//! The images of a training: loaded at the network's size, normalised by the training part.

use cnn_lang::graph::{Graph, Shape};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::settings::Settings;
use crate::data::{Dataset, Source};

/// What a run knows of its data: `data.json` of its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Channels, height, width of an image.
    pub shape: [usize; 3],
    /// How many classes there are.
    pub classes: usize,
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// Mean of each channel over the training images.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel over the training images; 1 where a channel does not vary.
    pub std: Vec<f32>,
}

/// Training and test images, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// To train on.
    pub train: Dataset,
    /// To evaluate on.
    pub test: Dataset,
    /// What they are, and what normalised them.
    pub facts: Facts,
}

impl Images {
    /// Loads or draws the images of the settings at the network's input size, and normalises them by the mean and standard
    /// deviation of each channel of the training images.
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
        let (mut train, mut test) = settings.data.load(shape, settings.digits, 0)?;
        if train.is_empty() || test.is_empty() {
            return Err(TrainError::NoImages { data, train: train.len(), test: test.len() });
        }
        classes(network, graph, &data, train.classes)?;
        let (mean, std) = match known {
            Some(Facts { mean, std, .. }) => (mean.clone(), std.clone()),
            None => {
                let (mean, mut std) = train.channel_statistics();
                std.iter_mut().filter(|std| **std == 0.0).for_each(|std| *std = 1.0);
                (mean, std)
            }
        };
        train.normalize(&mean, &std)?;
        test.normalize(&mean, &std)?;
        let facts = Facts { shape, classes: train.classes, train: train.len(), test: test.len(), mean, std };
        Ok(Images { train, test, facts })
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
