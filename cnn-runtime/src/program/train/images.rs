//! What a training does with its images, on the command line.

use clap::{Args, ValueEnum};

use crate::data::Augment;
use crate::program::count::count;
use crate::train::{ClassWeights, Damaged, ImageSettings, Normalize};

/// What is done with images.
#[derive(Args)]
pub(super) struct ImageChoices {
    /// What is drawn anew in every epoch: none, cifar, imagenet, or a list as in
    /// crop:4,flip,randaugment:2:9,cutout:8,mixup:0.2 [default: the recipe's, or none]
    #[arg(long, value_name = "LIST")]
    augment: Option<Augment>,
    /// Mean and deviation that become 0 and 1: data (those of the training images), imagenet, cifar10, cifar100,
    /// mnist, fashion-mnist, or numbers as in 0.5,0.5,0.5:0.2,0.2,0.2 [default: data]
    #[arg(long, value_name = "NUMBERS")]
    normalize: Option<Normalize>,
    /// Resizes images to the network's input; those of a folder always are
    #[arg(long)]
    resize: bool,
    /// Share of the training images that is kept to judge epochs by [default: 0, test images judge]
    #[arg(long, value_name = "SHARE")]
    validation: Option<f64>,
    /// What happens at an image file that is damaged [default: fail]
    #[arg(long)]
    corrupt: Option<Corrupt>,
    /// What each class counts in the loss: even, balanced or W:W:… [default: even]
    #[arg(long, value_name = "WEIGHTS")]
    class_weights: Option<ClassWeights>,
    /// How often images of each class are drawn: even (each once), balanced or W:W:… [default: even]
    #[arg(long, value_name = "WEIGHTS")]
    sampling: Option<ClassWeights>,
    /// Threads that prepare batches [default: one, for files one for each processor, at most 8]
    #[arg(long, value_name = "N", value_parser = count::<usize>(0..))]
    workers: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Corrupt {
    Fail,
    Skip,
}

impl ImageChoices {
    /// The settings with what was chosen here.
    pub(super) fn apply(&self, usual: ImageSettings) -> ImageSettings {
        ImageSettings {
            augment: self.augment.clone().unwrap_or(usual.augment),
            normalize: self.normalize.clone().unwrap_or(usual.normalize),
            resize: self.resize || usual.resize,
            validation: self.validation.unwrap_or(usual.validation),
            damaged: match self.corrupt {
                Some(Corrupt::Skip) => Damaged::Skip,
                Some(Corrupt::Fail) => Damaged::Fail,
                None => usual.damaged,
            },
            class_weights: self.class_weights.clone().unwrap_or(usual.class_weights),
            sampling: self.sampling.clone().unwrap_or(usual.sampling),
            workers: self.workers.or(usual.workers),
        }
    }
}
