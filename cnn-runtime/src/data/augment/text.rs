//! Augmentations as words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Augment, Step};
use crate::data::DataError;

/// Every word, for messages.
const WORDS: &str = "none, cifar, imagenet, or a list of rrc:LEAST, crop:PAD, flip:CHANCE, jitter:B:C:S:HUE, \
    randaugment:N:M, cutout:SIDE, erase:CHANCE, mixup:ALPHA, cutmix:ALPHA, center:SHARE";

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::ResizedCrop { least } => write!(f, "rrc:{least}"),
            Step::Crop { pad } => write!(f, "crop:{pad}"),
            Step::Flip { chance } => write!(f, "flip:{chance}"),
            Step::Jitter { brightness, contrast, saturation, hue } => {
                write!(f, "jitter:{brightness}:{contrast}:{saturation}:{hue}")
            }
            Step::RandAugment { count, strength } => write!(f, "randaugment:{count}:{strength}"),
            Step::Cutout { side } => write!(f, "cutout:{side}"),
            Step::Erase { chance } => write!(f, "erase:{chance}"),
            Step::Mixup { alpha } => write!(f, "mixup:{alpha}"),
            Step::Cutmix { alpha } => write!(f, "cutmix:{alpha}"),
            Step::Center { share } => write!(f, "center:{share}"),
        }
    }
}

/// As it is read back.
impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.steps.iter().map(Step::to_string).collect();
        f.write_str(if words.is_empty() { "none".to_owned() } else { words.join(",") }.as_str())
    }
}

impl FromStr for Augment {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Augment, DataError> {
        let mut steps: Vec<Step> = Vec::new();
        for word in text.split(',').map(str::trim) {
            let more = match word {
                "none" => vec![],
                "cifar" => vec![Step::Crop { pad: 4 }, Step::Flip { chance: 0.5 }],
                "imagenet" => {
                    vec![Step::ResizedCrop { least: 0.08 }, Step::Flip { chance: 0.5 }, Step::Center { share: 0.875 }]
                }
                word => vec![step(word)?],
            };
            for step in more {
                // A second window, mix or share would have no meaning, and any other is a slip.
                let twice = |known: &Step| std::mem::discriminant(known) == std::mem::discriminant(&step);
                if steps.iter().any(twice) {
                    return Err(wrong(text, format!("each word once, got `{step}` twice")));
                }
                steps.push(step);
            }
        }
        Ok(Augment { steps })
    }
}

fn wrong(text: &str, expected: impl Into<String>) -> DataError {
    DataError::Text { what: "augmentation", text: text.to_owned(), expected: expected.into() }
}

/// Numbers behind a word.
struct Numbers<'a> {
    word: &'a str,
    given: Vec<&'a str>,
}

impl Numbers<'_> {
    /// The number at a place, from `least` to `most`; `usual` where there is none.
    fn get(&self, place: usize, usual: Option<f64>, least: f64, most: f64) -> Result<f64, DataError> {
        let number = match (self.given.get(place), usual) {
            (None, Some(usual)) => Some(usual),
            (given, _) => given.and_then(|text| text.parse::<f64>().ok()),
        };
        let ranges = format!("{} from {least} to {most}", ["a number", "a second one", "a third", "a fourth"][place]);
        number.filter(|number| (least..=most).contains(number)).ok_or_else(|| wrong(self.word, ranges))
    }

    fn whole(&self, place: usize, usual: Option<f64>, least: f64, most: f64) -> Result<usize, DataError> {
        let number = self.get(place, usual, least, most)?;
        match number.fract() == 0.0 {
            true => Ok(number as usize),
            false => Err(wrong(self.word, format!("a whole number from {least} to {most}"))),
        }
    }
}

fn step(word: &str) -> Result<Step, DataError> {
    let mut parts = word.split(':');
    let name = parts.next().unwrap_or_default();
    let numbers = Numbers { word, given: parts.collect() };
    let most = match name {
        "jitter" => 4,
        "randaugment" => 2,
        _ => 1,
    };
    let alpha = || numbers.get(0, None, 1e-3, 100.0);
    let step = match name {
        "rrc" => Step::ResizedCrop { least: numbers.get(0, Some(0.08), 0.001, 1.0)? },
        "crop" => Step::Crop { pad: numbers.whole(0, None, 0.0, 1024.0)? },
        "flip" => Step::Flip { chance: numbers.get(0, Some(0.5), 0.0, 1.0)? },
        "jitter" => {
            let brightness = numbers.get(0, None, 0.0, 1.0)?;
            let contrast = numbers.get(1, Some(brightness), 0.0, 1.0)?;
            let saturation = numbers.get(2, Some(brightness), 0.0, 1.0)?;
            Step::Jitter { brightness, contrast, saturation, hue: numbers.get(3, Some(0.0), 0.0, 0.5)? }
        }
        "randaugment" => Step::RandAugment {
            count: numbers.whole(0, Some(2.0), 0.0, 16.0)?,
            strength: numbers.get(1, Some(9.0), 0.0, 10.0)?,
        },
        "cutout" => Step::Cutout { side: numbers.whole(0, None, 1.0, 4096.0)? },
        "erase" => Step::Erase { chance: numbers.get(0, Some(0.25), 0.0, 1.0)? },
        "mixup" => Step::Mixup { alpha: alpha()? },
        "cutmix" => Step::Cutmix { alpha: alpha()? },
        "center" => Step::Center { share: numbers.get(0, Some(0.875), 0.1, 1.0)? },
        _ => return Err(wrong(word, WORDS)),
    };
    match numbers.given.len() > most {
        true => Err(wrong(word, format!("at most {most} numbers"))),
        false => Ok(step),
    }
}

impl Serialize for Augment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Augment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Augment, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        let sets = [
            ("none", "none"),
            ("cifar", "crop:4,flip:0.5"),
            ("imagenet", "rrc:0.08,flip:0.5,center:0.875"),
            ("cifar, randaugment, cutout:8,mixup:0.2", "crop:4,flip:0.5,randaugment:2:9,cutout:8,mixup:0.2"),
            ("jitter:0.4", "jitter:0.4:0.4:0.4:0"),
            ("jitter:0.1:0.2:0.3:0.1,erase,cutmix:1", "jitter:0.1:0.2:0.3:0.1,erase:0.25,cutmix:1"),
        ];
        for (text, written) in sets {
            let augment: Augment = text.parse().unwrap();
            assert_eq!(augment.to_string(), written);
            assert_eq!(written.parse::<Augment>().unwrap(), augment);
            let json = serde_json::to_string(&augment).unwrap();
            assert_eq!(json, format!("\"{written}\""));
            assert_eq!(serde_json::from_str::<Augment>(&json).unwrap(), augment);
        }
    }

    #[test]
    fn what_is_no_augmentation_is_told_in_one_line() {
        let cases = [
            ("blur", format!("augmentation `blur`: expected {WORDS}")),
            ("", format!("augmentation ``: expected {WORDS}")),
            ("crop", "augmentation `crop`: expected a number from 0 to 1024".into()),
            ("crop:1.5", "augmentation `crop:1.5`: expected a whole number from 0 to 1024".into()),
            ("crop:x", "augmentation `crop:x`: expected a number from 0 to 1024".into()),
            ("flip:NaN", "augmentation `flip:NaN`: expected a number from 0 to 1".into()),
            ("mixup:-1", "augmentation `mixup:-1`: expected a number from 0.001 to 100".into()),
            ("randaugment:2:11", "augmentation `randaugment:2:11`: expected a second one from 0 to 10".into()),
            ("flip:0.5:1", "augmentation `flip:0.5:1`: expected at most 1 numbers".into()),
            ("cifar,flip", "augmentation `cifar,flip`: expected each word once, got `flip:0.5` twice".into()),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Augment>().unwrap_err().to_string(), message);
        }
    }
}
