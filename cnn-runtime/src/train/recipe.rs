//! How papers trained their networks.

mod table;

use std::fmt;
use std::str::FromStr;

use super::image_settings::ImageSettings;
use super::settings::Settings;
use crate::data::Augment;

/// A paper's way to train: batch, optimizer, learning rate and its schedule, weight decay, epochs, what is done to images.
///
/// ```
/// use cnn_runtime::train::{Recipe, Settings};
///
/// let settings = Recipe::ResNetCifar.settings(Settings::new("resnet20_cifar"), 45_000);
/// assert_eq!((settings.batch, settings.epochs, settings.learning_rate), (128, 182, 0.1));
/// assert!(settings.schedule.to_string().starts_with("multistep:90.9"));
/// assert_eq!(Recipe::ResNetCifar.augmentation(45_000), Some("crop:4,flip"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// LeNet-5's twenty passes, with a modern optimizer. LeCun et al. 1998.
    LeNet,
    /// Residual networks on CIFAR. He et al. 2015, section 4.2.
    ResNetCifar,
    /// Residual networks on CIFAR whose blocks are dropped. Huang et al. 2016.
    StochasticDepthCifar,
    /// Wide residual networks on CIFAR. Zagoruyko & Komodakis 2016.
    WideResNetCifar,
    /// Densely connected networks on CIFAR. Huang et al. 2017.
    DenseNetCifar,
    /// Residual networks on ImageNet. Goyal et al. 2017.
    ResNetImageNet,
    /// Densely connected networks on ImageNet. Huang et al. 2017.
    DenseNetImageNet,
    /// EfficientNets on ImageNet. Tan & Le 2019.
    EfficientNet,
    /// ConvNeXts on ImageNet. Liu et al. 2022.
    ConvNeXt,
    /// Fine-tuning a large network on any data. Kolesnikov et al. 2020.
    BitHyperRule,
}

impl Recipe {
    /// All of them.
    pub const ALL: [Recipe; 10] = [
        Recipe::LeNet,
        Recipe::ResNetCifar,
        Recipe::StochasticDepthCifar,
        Recipe::WideResNetCifar,
        Recipe::DenseNetCifar,
        Recipe::ResNetImageNet,
        Recipe::DenseNetImageNet,
        Recipe::EfficientNet,
        Recipe::ConvNeXt,
        Recipe::BitHyperRule,
    ];

    /// As it is called on the command line.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Where it was published.
    pub fn paper(self) -> &'static str {
        self.row().paper
    }

    /// What is not as published; empty where all is.
    pub fn deviations(self) -> &'static str {
        self.row().deviations
    }

    /// What is done to training images, where anything is: words of `--augment`. Mixup only where there are many.
    pub fn augmentation(self, images: usize) -> Option<&'static str> {
        match self {
            Recipe::BitHyperRule if images >= table::MANY => Some("flip,mixup:0.1"),
            _ => self.row().augmentation,
        }
    }

    /// The recipe for so many training images; from `usual` come network, data, seed, and whatever else no recipe says.
    ///
    /// Recipes that count steps, not epochs, take as many epochs as give at least those steps.
    #[must_use]
    pub fn settings(self, usual: Settings, images: usize) -> Settings {
        let row = self.row();
        let per_epoch = images.div_ceil(row.batch).max(1) as f64;
        let epochs = |steps: usize| steps as f64 / per_epoch;
        Settings {
            recipe: Some(row.name.to_owned()),
            batch: row.batch,
            optimizer: row.optimizer,
            learning_rate: row.rate,
            weight_decay: row.weight_decay,
            decay_matrices_only: row.decay_matrices_only,
            label_smoothing: row.label_smoothing,
            average: row.average,
            average_warm_up: row.average.is_some(),
            epochs: match row.length {
                table::Length::Epochs(epochs) => epochs,
                table::Length::Steps(steps) => (epochs(steps(images)).ceil() as usize).max(1),
            },
            schedule: (row.schedule)(&epochs, images),
            images: ImageSettings { augment: self.augment(images), ..usual.images },
            ..usual
        }
    }

    /// The words as steps; a test shows that they are some.
    fn augment(self, images: usize) -> Augment {
        self.augmentation(images).and_then(|words| words.parse().ok()).unwrap_or_default()
    }

    /// Whether it depends on the number of training images.
    pub fn counts_images(self) -> bool {
        matches!(self.row().length, table::Length::Steps(_))
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no recipe has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no recipe `{name}`; there are {}", Recipe::ALL.map(Recipe::name).join(", "))]
pub struct RecipeError {
    name: String,
}

impl FromStr for Recipe {
    type Err = RecipeError;

    fn from_str(name: &str) -> Result<Recipe, RecipeError> {
        let error = || RecipeError { name: name.to_owned() };
        Recipe::ALL.into_iter().find(|recipe| recipe.name() == name).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Optimizer;

    fn of(recipe: Recipe, images: usize) -> Settings {
        recipe.settings(Settings { seed: 7, ..Settings::new("x") }, images)
    }

    #[test]
    fn every_recipe_is_sound_and_found_by_its_name() {
        for recipe in Recipe::ALL {
            assert_eq!(recipe.name().parse(), Ok(recipe));
            assert!(recipe.paper().rsplit(' ').next().is_some_and(|year| year.parse::<u32>().is_ok()), "{recipe}");
            for images in [1, 500, 45_000, 1_281_167] {
                let settings = of(recipe, images);
                let augment = recipe.augmentation(images).map_or(Ok(Default::default()), str::parse);
                assert_eq!(settings.images.augment, augment.unwrap(), "{recipe}");
                settings.check().unwrap_or_else(|error| panic!("{recipe} on {images}: {error}"));
                assert_eq!((settings.seed, settings.network.as_str()), (7, "x"));
                let none = settings.images.augment == Augment::default();
                assert_eq!(none, recipe.augmentation(images).is_none(), "{recipe}");
                let steps = images.div_ceil(settings.batch) as u64;
                let last = settings.schedule.rate(1.0, steps * settings.epochs as u64 - 1, steps, settings.epochs);
                assert!(last > 0.0 && (last < 0.5 || images == 1), "{recipe} on {images} ends at {last}");
            }
        }
        let message = "resnet".parse::<Recipe>().unwrap_err().to_string();
        assert!(message.starts_with("no recipe `resnet`; there are lenet, resnet-cifar,"), "{message}");
    }

    /// He et al. 2015: 32,000 and 48,000 of 64,000 steps.
    #[test]
    fn residual_networks_on_cifar_change_with_the_papers_steps() {
        let settings = of(Recipe::ResNetCifar, 45_000);
        let per_epoch = 45_000u64.div_ceil(128);
        let rate = |step| settings.schedule.rate(settings.learning_rate, step, per_epoch, settings.epochs);
        for (step, expected) in [(0, 0.1), (31_998, 0.1), (32_001, 0.01), (47_998, 0.01), (48_001, 0.001)] {
            assert!((rate(step) / expected - 1.0).abs() < 1e-9, "step {step}");
        }
        assert_eq!((settings.epochs, settings.weight_decay, settings.decay_matrices_only), (182, 1e-4, false));
    }

    /// Kolesnikov et al. 2020, section 3.3.
    #[test]
    fn the_hyper_rule_follows_the_number_of_images() {
        for (images, steps) in [(1_000, 500), (19_999, 500), (20_000, 10_000), (500_000, 20_000)] {
            let settings = of(Recipe::BitHyperRule, images);
            let per_epoch = images.div_ceil(512);
            let total = settings.epochs * per_epoch;
            assert!((steps..steps + per_epoch).contains(&total));
            assert_eq!((settings.learning_rate, settings.weight_decay), (0.003, 0.0));
            let mixed = Recipe::BitHyperRule.augmentation(images).is_some_and(|words| words.contains("mixup:0.1"));
            assert_eq!(mixed, images >= 20_000);
        }
    }

    #[test]
    fn optimizers_are_the_papers() {
        assert_eq!(of(Recipe::EfficientNet, 1).optimizer, Optimizer::RMSPROP);
        assert_eq!(of(Recipe::ResNetCifar, 1).optimizer, Optimizer::SGD);
        assert_eq!(of(Recipe::DenseNetCifar, 1).optimizer, Optimizer::Sgd { momentum: 0.9, nesterov: true });
        assert_eq!((of(Recipe::EfficientNet, 1).average, of(Recipe::ResNetCifar, 1).average), (Some(0.9999), None));
    }
}
