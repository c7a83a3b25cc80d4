//! What a training does with its images, beside which they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::data::{Augment, DataError};

/// What is done with images on their way to the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSettings {
    /// What is drawn anew in every epoch.
    pub augment: Augment,
    /// What becomes 0 and 1.
    pub normalize: Normalize,
    /// Whether images of another size than the network's input are resized and cut to it; those of a folder always are.
    pub resize: bool,
    /// Share of the training images of each class that is kept from training: epochs are judged by them, not by the test images.
    pub validation: f64,
    /// What happens at an image that is damaged.
    pub damaged: Damaged,
    /// What each class counts in the loss.
    pub class_weights: ClassWeights,
    /// How often an image of each class is drawn; each image once in an epoch where all are even.
    pub sampling: ClassWeights,
    /// Threads that prepare batches, as many as suit the data where there is no number. They do not show in the results.
    pub workers: Option<usize>,
}

/// What happens at an image that is damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Damaged {
    /// The training ends.
    #[default]
    Fail,
    /// It is left out and told.
    Skip,
}

/// Mean and deviation that become 0 and 1: `data`, a data set's name, or `MEAN,MEAN,MEAN:STD,STD,STD`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Normalize {
    /// Those of the training images.
    #[default]
    Data,
    /// Known ones, by name.
    Known(&'static str),
    /// These, for each channel.
    Given(Vec<f32>, Vec<f32>),
}

/// Means and deviations of well-known training sets; ImageNet's are those that torchvision's weights expect.
const KNOWN: [(&str, &[f32], &[f32]); 5] = [
    ("imagenet", &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
    ("cifar10", &[0.4914, 0.4822, 0.4465], &[0.2470, 0.2435, 0.2616]),
    ("cifar100", &[0.5071, 0.4865, 0.4409], &[0.2673, 0.2564, 0.2762]),
    ("mnist", &[0.1307], &[0.3081]),
    ("fashion-mnist", &[0.2860], &[0.3530]),
];

impl Normalize {
    /// Mean and deviation of each channel, where they are known before the data are.
    pub fn numbers(&self) -> Option<(Vec<f32>, Vec<f32>)> {
        match self {
            Normalize::Data => None,
            Normalize::Given(mean, std) => Some((mean.clone(), std.clone())),
            Normalize::Known(name) => {
                KNOWN.iter().find(|known| known.0 == *name).map(|(_, mean, std)| (mean.to_vec(), std.to_vec()))
            }
        }
    }
}

impl fmt::Display for Normalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
        match self {
            Normalize::Data => f.write_str("data"),
            Normalize::Known(name) => f.write_str(name),
            Normalize::Given(mean, std) => write!(f, "{}:{}", list(mean), list(std)),
        }
    }
}

impl FromStr for Normalize {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Normalize, DataError> {
        if text == "data" {
            return Ok(Normalize::Data);
        }
        if let Some((name, ..)) = KNOWN.iter().find(|(name, ..)| *name == text) {
            return Ok(Normalize::Known(name));
        }
        let list = |text: &str| text.split(',').map(|x| x.trim().parse::<f32>().ok()).collect::<Option<Vec<f32>>>();
        let given = text.split_once(':').and_then(|(mean, std)| Some((list(mean)?, list(std)?)));
        let sound = |(mean, std): &(Vec<f32>, Vec<f32>)| {
            let positive = std.iter().all(|std| std.is_finite() && *std > 0.0);
            mean.len() == std.len() && positive && mean.iter().all(|mean| mean.is_finite())
        };
        given.filter(sound).map(|(mean, std)| Normalize::Given(mean, std)).ok_or_else(|| DataError::Text {
            what: "normalisation",
            text: text.to_owned(),
            expected:
                "data, imagenet, cifar10, cifar100, mnist, fashion-mnist, or means and positive deviations as in \
                0.5,0.5,0.5:0.2,0.2,0.2"
                    .into(),
        })
    }
}

/// A number for each class: `even`, `balanced`, or `W:W:…`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClassWeights {
    /// No class differs from another.
    #[default]
    Even,
    /// In inverse proportion to the images of a class, so that all classes count as much.
    Balanced,
    /// These.
    Given(Vec<f64>),
}

impl ClassWeights {
    /// A weight for each class with so many images, 1 in the mean over all images; nothing where all are 1.
    ///
    /// # Errors
    /// If there is not one for each class, or no image has a weight above 0.
    pub fn resolve(&self, counts: &[usize]) -> Result<Option<Vec<f64>>, DataError> {
        let weights = match self {
            ClassWeights::Even => return Ok(None),
            ClassWeights::Balanced => counts.iter().map(|&count| 1.0 / count.max(1) as f64).collect(),
            ClassWeights::Given(weights) => weights.clone(),
        };
        let wrong = |expected: String| DataError::Text { what: "weights of classes", text: self.to_string(), expected };
        if weights.len() != counts.len() {
            return Err(wrong(format!("a number for each of {} classes", counts.len())));
        }
        let images = counts.iter().sum::<usize>() as f64;
        let mean = weights.iter().zip(counts).map(|(weight, &count)| weight * count as f64).sum::<f64>() / images;
        match mean > 0.0 && mean.is_finite() {
            true => Ok(Some(weights.into_iter().map(|weight| weight / mean).collect())),
            false => Err(wrong("one above 0 for a class that has images".into())),
        }
    }
}

impl fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClassWeights::Even => f.write_str("even"),
            ClassWeights::Balanced => f.write_str("balanced"),
            ClassWeights::Given(weights) => {
                f.write_str(&weights.iter().map(f64::to_string).collect::<Vec<_>>().join(":"))
            }
        }
    }
}

impl FromStr for ClassWeights {
    type Err = DataError;

    fn from_str(text: &str) -> Result<ClassWeights, DataError> {
        let number = |text: &str| text.parse::<f64>().ok().filter(|x| (0.0..=1e6).contains(x));
        match text {
            "even" => Ok(ClassWeights::Even),
            "balanced" => Ok(ClassWeights::Balanced),
            list => list.split(':').map(number).collect::<Option<_>>().map(ClassWeights::Given).ok_or_else(|| {
                let expected = "even, balanced, or a number from 0 to 1000000 for each class as in 1:2.5:1".into();
                DataError::Text { what: "weights of classes", text: text.to_owned(), expected }
            }),
        }
    }
}

/// Types that are their text in JSON.
macro_rules! as_text {
    ($($name:ty),*) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

as_text!(Normalize, ClassWeights);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_their_json() {
        let settings = ImageSettings {
            augment: "cifar,mixup:0.2".parse().unwrap(),
            normalize: "0.1,0.2,0.3:1,2,3".parse().unwrap(),
            resize: true,
            validation: 0.1,
            damaged: Damaged::Skip,
            class_weights: ClassWeights::Balanced,
            sampling: "1:2.5:0".parse().unwrap(),
            workers: Some(3),
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<ImageSettings>(&text).unwrap(), settings);
        assert_eq!(serde_json::from_str::<ImageSettings>("{}").unwrap(), ImageSettings::default());
        assert!(serde_json::from_str::<ImageSettings>("{\"augment\":\"blur\"}").is_err());
        for name in ["data", "imagenet", "mnist", "0.5:0.25"] {
            assert_eq!(name.parse::<Normalize>().unwrap().to_string(), name);
        }
        for wrong in ["", "image", "0.5", "1:0", "1:NaN", "inf:1", "1,2:3"] {
            let message = wrong.parse::<Normalize>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("normalisation `{wrong}`: expected data, imagenet")), "{message}");
        }
    }

    #[test]
    fn weights_are_1_in_the_mean_over_images() {
        assert_eq!(ClassWeights::Even.resolve(&[3, 1]).unwrap(), None);
        assert_eq!(ClassWeights::Balanced.resolve(&[3, 1]).unwrap(), Some(vec![2.0 / 3.0, 2.0]));
        let given: ClassWeights = "1:5".parse().unwrap();
        assert_eq!(given.resolve(&[3, 1]).unwrap(), Some(vec![0.5, 2.5]));
        let told = |weights: &str, counts: &[usize]| {
            weights.parse::<ClassWeights>().and_then(|weights| weights.resolve(counts)).unwrap_err().to_string()
        };
        assert_eq!(told("1:2:3", &[3, 1]), "weights of classes `1:2:3`: expected a number for each of 2 classes");
        assert_eq!(told("0:1", &[3, 0]), "weights of classes `0:1`: expected one above 0 for a class that has images");
        let expected = "expected even, balanced, or a number from 0 to 1000000 for each class as in 1:2.5:1";
        for wrong in ["", "1:x", "-1:2", "NaN"] {
            assert_eq!(told(wrong, &[1, 1]), format!("weights of classes `{wrong}`: {expected}"));
        }
    }
}
