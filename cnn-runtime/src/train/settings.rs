//! What a training is, in one file.

use cnn_lang::graph::Graph;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::early::EarlyStop;
use super::error::TrainError;
use super::image_settings::ImageSettings;
use super::ramp::Ramp;
use super::schedule::Schedule;
use crate::data::Source;
use crate::engine::{Clip, Device, Group, Optimizer, Precision, SessionOptions, Thaw, TrainerOptions};

/// Everything that decides about the numbers of a training, apart from the network's source: `settings.json` of its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The network as it was named, for people: `lenet5(classes = 3)`.
    pub network: String,
    /// Which definition of the source it is; the last where there is no name.
    pub definition: Option<String>,
    /// Its arguments in place of the definition's defaults: `classes = 3`; empty for none.
    pub arguments: String,
    /// Its input in place of the definition's: channels, height, width.
    pub input: Option<[usize; 3]>,
    /// Where the images come from.
    #[serde(serialize_with = "to_text", deserialize_with = "from_text")]
    pub data: Source,
    /// What is done with them.
    #[serde(default)]
    pub images: ImageSettings,
    /// Training and test images that are drawn where they are digits, whatever the seed.
    pub digits: [usize; 2],
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of a step; the last step of an epoch has what is left.
    pub batch: usize,
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// The learning rate at its highest.
    pub learning_rate: f64,
    /// How it moves.
    pub schedule: Schedule,
    /// Weight decay.
    pub weight_decay: f64,
    /// Spares norms and biases from weight decay.
    pub decay_matrices_only: bool,
    /// Label smoothing. Szegedy et al. 2016.
    pub label_smoothing: f64,
    /// Keeps gradients small.
    pub clip: Option<Clip>,
    /// Decay of a moving average of the weights, where one is kept. Polyak & Juditsky 1992.
    pub average: Option<f64>,
    /// The file that the initial weights came from, for people: they are in the run's folder. Drawn where there is none.
    #[serde(default)]
    pub pretrained: Option<String>,
    /// [Patterns](crate::weights::matches) of tensors that are not trained.
    #[serde(default)]
    pub freeze: Vec<String>,
    /// How convolutions and fully connected layers multiply.
    #[serde(default)]
    pub precision: Precision,
    /// Where it runs.
    #[serde(default)]
    pub device: Device,
    /// The recipe that it began with, for people.
    #[serde(default)]
    pub recipe: Option<String>,
    /// In how many parts a step goes through, for less memory.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Tensors that learn at a pace of their own.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Tensors that are frozen in the first epochs.
    #[serde(default)]
    pub freeze_until: Vec<FreezeUntil>,
    /// Whether the average follows faster at first.
    #[serde(default)]
    pub average_warm_up: bool,
    /// Dropout that grows or fades; as the network says where there is none.
    #[serde(default)]
    pub dropout: Option<Ramp>,
    /// Shares of the auxiliary outputs in the loss; 0.3 each where there are none, as in GoogLeNet.
    #[serde(default)]
    pub auxiliary_weights: Vec<f64>,
    /// When it ends before its last epoch.
    #[serde(default)]
    pub early_stop: Option<EarlyStop>,
    /// Whether steps whose gradients are not finite are skipped and counted. Otherwise the training ends there.
    #[serde(default)]
    pub skip_non_finite: bool,
    /// Initial weights, the order of images and dropout follow from it.
    pub seed: u64,
    /// Steps between two lines of the metrics.
    pub log_every: usize,
}

/// Tensors that are frozen in the first epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeUntil {
    /// The [pattern](crate::weights::matches) that names them.
    pub pattern: String,
    /// Epochs that are over when they begin to move.
    pub epoch: usize,
}

fn one() -> usize {
    1
}

impl Settings {
    /// Ten epochs of AdamW on digits, with a rate that rises for half an epoch and falls along half a cosine.
    pub fn new(network: impl Into<String>) -> Settings {
        Settings {
            network: network.into(),
            definition: None,
            arguments: String::new(),
            input: None,
            data: Source::Digits,
            images: ImageSettings::default(),
            digits: [10_000, 2_000],
            epochs: 10,
            batch: 32,
            optimizer: Optimizer::ADAMW,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine { warm_up: 0.5, floor: 0.0 },
            weight_decay: 0.01,
            decay_matrices_only: true,
            label_smoothing: 0.0,
            clip: None,
            average: None,
            pretrained: None,
            freeze: Vec::new(),
            precision: Precision::Full,
            device: Device::Cpu,
            recipe: None,
            accumulate: 1,
            groups: Vec::new(),
            freeze_until: Vec::new(),
            average_warm_up: false,
            dropout: None,
            auxiliary_weights: Vec::new(),
            early_stop: None,
            skip_non_finite: false,
            seed: 0,
            log_every: 50,
        }
    }

    /// What suits a network that nobody has tried yet: a smaller rate from a million parameters on, fewer digits where
    /// 10,000 and 2,000 would take more than 512 MiB, but at least 1,000 and 200.
    pub fn suggested(network: impl Into<String>, graph: &Graph) -> Settings {
        let values = graph.input_shape().elements();
        let train = ((512 << 20) / values.saturating_mul(4).max(1)).clamp(1_000, 10_000);
        let learning_rate = if graph.costs().params < 1_000_000 { 4e-3 } else { 1e-3 };
        Settings { digits: [train, train / 5], learning_rate, ..Settings::new(network) }
    }

    /// Refuses numbers that make no sense.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), TrainError> {
        let fault = |name, expected, got: String| Err(TrainError::Setting { name, expected, got });
        let counts = [
            ("epochs", self.epochs, 1 << 32),
            ("batch", self.batch, 1 << 32),
            ("steps between two lines", self.log_every, usize::MAX),
            ("number of training digits", self.digits[0], usize::MAX),
            ("number of test digits", self.digits[1], usize::MAX),
        ];
        for (name, got, most) in counts {
            if !(1..=most).contains(&got) {
                return fault(name, if most == usize::MAX { "at least 1" } else { "from 1 to 2^32" }, got.to_string());
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return fault("learning rate", "positive and finite", self.learning_rate.to_string());
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return fault("weight decay", "at least 0 and finite", self.weight_decay.to_string());
        }
        if !(1..=self.batch).contains(&self.accumulate) {
            return fault("number of parts of a step", "from 1 to its images", self.accumulate.to_string());
        }
        self.images.check()?;
        let faults =
            self.dropout.and_then(|ramp| ramp.fault()).or_else(|| self.early_stop.and_then(|stop| stop.fault()));
        if let Some((name, expected, got)) = self.schedule.fault().or(faults) {
            return fault(name, expected, got);
        }
        let below_1 =
            [("label smoothing", self.label_smoothing), ("decay of the average", self.average.unwrap_or(0.0))];
        for (name, got) in below_1 {
            if !(0.0..1.0).contains(&got) {
                return fault(name, "at least 0 and below 1", got.to_string());
            }
        }
        if let Some(Clip::Norm(got) | Clip::Value(got)) = self.clip
            && !(got > 0.0 && got.is_finite())
        {
            return fault("clipping", "positive and finite", got.to_string());
        }
        Ok(())
    }

    /// What the engine is to do, where an epoch has so many steps.
    pub fn trainer_options(&self, steps: usize) -> TrainerOptions {
        let thaw = |until: &FreezeUntil| Thaw {
            pattern: until.pattern.clone(),
            step: (until.epoch as u64).saturating_mul(steps as u64),
        };
        TrainerOptions {
            parts: self.accumulate,
            groups: self.groups.clone(),
            thaw: self.freeze_until.iter().map(thaw).collect(),
            average_warm_up: self.average_warm_up,
            auxiliary_weights: self.auxiliary_weights.clone(),
            skip_non_finite: self.skip_non_finite,
            batch: self.batch,
            optimizer: self.optimizer,
            weight_decay: self.weight_decay,
            decay_matrices_only: self.decay_matrices_only,
            clip: self.clip,
            label_smoothing: self.label_smoothing,
            average: self.average,
            freeze: self.freeze.clone(),
            precision: self.precision,
            device: self.device,
            seed: self.seed,
            ..TrainerOptions::default()
        }
    }

    /// How weights of the training are evaluated, so many images at a time.
    pub fn session_options(&self, batch: usize) -> SessionOptions {
        SessionOptions { batch, precision: self.precision, device: self.device, ..SessionOptions::default() }
    }

    /// Where an epoch's order of images begins; neighbouring seeds share no epoch.
    pub(crate) fn epoch_seed(&self, epoch: usize) -> u64 {
        (self.seed ^ 0x6A09_E667_F3BC_C908).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(epoch as u64)
    }
}

fn to_text<S: Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(source)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_their_json() {
        let settings = Settings {
            data: Source::Mnist("a b/c".into()),
            optimizer: Optimizer::RMSPROP,
            schedule: Schedule::Step { every: 2.4, factor: 0.1 },
            clip: Some(Clip::Norm(0.1 + 0.2)),
            average: Some(0.999),
            input: Some([3, 32, 32]),
            pretrained: Some("resnet18.safetensors".into()),
            freeze: vec!["!fc".into()],
            precision: Precision::Bf16,
            device: Device::Cuda(1),
            recipe: Some("resnet-cifar".into()),
            accumulate: 4,
            groups: vec![Group { pattern: "fc".into(), rate: Some(10.0), weight_decay: None }],
            freeze_until: vec![FreezeUntil { pattern: "layer1".into(), epoch: 3 }],
            dropout: Some(Ramp { from: 0.0, to: 1.0, epochs: 2.5 }),
            early_stop: Some("5:0.01:loss".parse().unwrap()),
            ..Settings::new("lenet5")
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
        // As versions wrote them that knew no pretrained weights, or nothing of recipes.
        let (before, after) = text.split_once(",\"recipe\":").unwrap();
        let (_, after) = after.split_once(",\"seed\":").unwrap();
        let text = format!("{before},\"seed\":{after}");
        let older =
            text.replace("\"pretrained\":\"resnet18.safetensors\",\"freeze\":[\"!fc\"],\"precision\":\"bf16\",\"device\":\"cuda:1\",", "");
        let read: Settings = serde_json::from_str(&older).unwrap();
        assert_eq!((read.pretrained, read.freeze.len(), read.seed), (None, 0, settings.seed));
        assert_eq!((read.precision, read.device), (Precision::Full, Device::Cpu));
        assert_eq!((read.accumulate, read.early_stop), (1, None));
        let more = text.replacen('{', "{\"rate\": 1, ", 1);
        assert!(serde_json::from_str::<Settings>(&more).unwrap_err().to_string().contains("unknown field `rate`"));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused_in_one_line() {
        type Change = fn(&mut Settings);
        let cases: [(Change, &str); 16] = [
            (|s| s.epochs = 0, "epochs must be from 1 to 2^32, got 0"),
            (|s| s.batch = 0, "batch must be from 1 to 2^32, got 0"),
            (|s| s.log_every = 0, "steps between two lines must be at least 1, got 0"),
            (|s| s.digits = [0, 1], "number of training digits must be at least 1, got 0"),
            (|s| s.learning_rate = -1.0, "learning rate must be positive and finite, got -1"),
            (|s| s.learning_rate = f64::NAN, "learning rate must be positive and finite, got NaN"),
            (|s| s.weight_decay = f64::INFINITY, "weight decay must be at least 0 and finite, got inf"),
            (|s| s.label_smoothing = 1.0, "label smoothing must be at least 0 and below 1, got 1"),
            (|s| s.average = Some(1.5), "decay of the average must be at least 0 and below 1, got 1.5"),
            (|s| s.accumulate = 0, "number of parts of a step must be from 1 to its images, got 0"),
            (|s| s.accumulate = 33, "number of parts of a step must be from 1 to its images, got 33"),
            (|s| s.early_stop = "0".parse().ok(), "patience must be at least 1 epoch, got 0"),
            (|s| s.dropout = "0:2:1".parse().ok(), "share of the dropout must be from 0 to 1, got 2"),
            (|s| s.clip = Some(Clip::Value(0.0)), "clipping must be positive and finite, got 0"),
            (
                |s| s.schedule = Schedule::Step { every: 0.0, factor: 0.1 },
                "schedule's epochs between steps must be above 0, got 0",
            ),
            (
                |s| s.schedule = Schedule::Cosine { warm_up: 0.0, floor: 2.0 },
                "schedule's floor must be from 0 to 1, got 2",
            ),
        ];
        assert!(Settings::new("lenet5").check().is_ok());
        for (change, message) in cases {
            let mut settings = Settings::new("lenet5");
            change(&mut settings);
            assert_eq!(settings.check().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn every_epoch_of_every_seed_has_an_order_of_its_own() {
        let seeds = (0..50).flat_map(|seed| {
            let settings = Settings { seed, ..Settings::new("lenet5") };
            (0..50).map(move |epoch| settings.epoch_seed(epoch))
        });
        assert_eq!(seeds.collect::<std::collections::HashSet<u64>>().len(), 2500);
    }
}
