//! What of `cnn train` says how a network learns, beside the plain numbers: the recipe, and what goes beyond it.

use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use crate::engine::Group;
use crate::program::Output;
use crate::program::count::count;
use crate::program::failure::Failure;
use crate::program::text::{json, table};
use crate::train::{EarlyStop, FreezeUntil, Ramp, Recipe, Settings};

/// How it learns.
#[derive(Args)]
pub(super) struct Recipes {
    /// A paper's recipe, which the other options change; `list` lists them
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// Steps go through in so many parts, for less memory [default: 1]
    #[arg(long, value_name = "PARTS", value_parser = count::<usize>(1..))]
    accumulate: Option<usize>,
    /// Tensors whose learning rate is so many times the others': fc=10; may be repeated
    #[arg(long, value_name = "PATTERN=FACTOR", value_parser = factor)]
    lr_for: Vec<(String, f64)>,
    /// Tensors whose weight decay is so many times the others': fc=0; may be repeated
    #[arg(long, value_name = "PATTERN=FACTOR", value_parser = factor)]
    decay_for: Vec<(String, f64)>,
    /// Tensors that are frozen in the first epochs: layer1=3; may be repeated
    #[arg(long, value_name = "PATTERN=EPOCHS", value_parser = until)]
    freeze_until: Vec<FreezeUntil>,
    /// The moving average follows faster at first
    #[arg(long)]
    ema_warm_up: bool,
    /// Dropout grows or fades in the first epochs, between two shares of what the network says
    #[arg(long, value_name = "FROM:TO:EPOCHS")]
    dropout_ramp: Option<Ramp>,
    /// Share of each auxiliary output in the loss, in their order [default: 0.3 each]
    #[arg(long, value_name = "SHARE")]
    aux_weight: Vec<f64>,
    /// Ends after so many epochs without a gain: 10, 10:0.001 or 5:0.01:loss
    #[arg(long, value_name = "PATIENCE:LEAST:METRIC")]
    early_stop: Option<EarlyStop>,
    /// Skips and counts steps whose gradients are not finite
    #[arg(long)]
    skip_non_finite: bool,
}

impl Recipes {
    /// Whether the recipes are to be listed.
    pub(super) fn lists(&self) -> bool {
        self.recipe.as_deref() == Some(LIST)
    }

    /// The recipe's settings in place of the usual ones; `images` counts the training images, where the recipe wants to know.
    pub(super) fn usual(
        &self,
        usual: Settings,
        images: impl FnOnce(Settings) -> Result<usize, Failure>,
    ) -> Result<Settings, Failure> {
        let Some(name) = &self.recipe else { return Ok(usual) };
        let recipe: Recipe = name
            .parse()
            .map_err(|error| Failure::mistake(format!("{error}")).help("`cnn train --recipe list` shows them"))?;
        let images = if recipe.counts_images() { images(usual.clone())? } else { 0 };
        Ok(recipe.settings(usual, images))
    }

    /// A recipe's settings for another batch: the rate in proportion. Goyal et al. 2017.
    pub(super) fn scaled(&self, usual: Settings, batch: usize) -> Settings {
        let scale = if self.recipe.is_some() { batch as f64 / usual.batch as f64 } else { 1.0 };
        Settings { learning_rate: usual.learning_rate * scale, ..usual }
    }

    /// The settings with what was chosen here.
    pub(super) fn apply(&self, usual: Settings) -> Settings {
        let rate = |(pattern, factor): &(String, f64)| Group {
            pattern: pattern.clone(),
            rate: Some(*factor),
            weight_decay: None,
        };
        let decay = |(pattern, factor): &(String, f64)| Group {
            pattern: pattern.clone(),
            rate: None,
            weight_decay: Some(*factor),
        };
        let groups = self.lr_for.iter().map(rate).chain(self.decay_for.iter().map(decay));
        let chosen = |chosen: &[f64], usual: Vec<f64>| if chosen.is_empty() { usual } else { chosen.to_vec() };
        Settings {
            accumulate: self.accumulate.unwrap_or(usual.accumulate),
            groups: usual.groups.into_iter().chain(groups).collect(),
            freeze_until: usual.freeze_until.into_iter().chain(self.freeze_until.clone()).collect(),
            average_warm_up: self.ema_warm_up || usual.average_warm_up,
            dropout: self.dropout_ramp.or(usual.dropout),
            auxiliary_weights: chosen(&self.aux_weight, usual.auxiliary_weights),
            early_stop: self.early_stop.or(usual.early_stop),
            skip_non_finite: self.skip_non_finite || usual.skip_non_finite,
            ..usual
        }
    }
}

/// The word that lists recipes.
const LIST: &str = "list";

/// A recipe in `cnn train --recipe list --json`, for the images that its paper trained on.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    paper: &'static str,
    deviations: &'static str,
    augmentation: Option<&'static str>,
    images: usize,
    settings: Settings,
}

/// Prints every recipe.
pub(super) fn list(as_json: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let listed = |recipe: Recipe| {
        let images = if recipe.name().ends_with("imagenet") { 1_281_167 } else { 50_000 };
        Listed {
            name: recipe.name(),
            paper: recipe.paper(),
            deviations: recipe.deviations(),
            augmentation: recipe.augmentation(images),
            images,
            settings: recipe.settings(Settings::new(""), images),
        }
    };
    let all = Recipe::ALL.map(listed);
    if as_json {
        return json(output.out, &all);
    }
    let row = |listed: &Listed| {
        let Settings { batch, epochs, learning_rate, schedule, weight_decay, .. } = &listed.settings;
        [
            listed.name.to_owned(),
            listed.paper.to_owned(),
            readable(&schedule.to_string()),
            batch.to_string(),
            epochs.to_string(),
            learning_rate.to_string(),
            weight_decay.to_string(),
        ]
    };
    let header = ["recipe", "paper", "schedule", "batch", "epochs", "rate", "decay"];
    write!(output.out, "{}", table(header, &all.each_ref().map(row), 3))?;
    for Listed { name, deviations, .. } in all.iter().filter(|listed| !listed.deviations.is_empty()) {
        writeln!(output.out, "{name}: {deviations}")?;
    }
    Ok(())
}

/// A schedule whose numbers have three digits behind the point at most.
fn readable(schedule: &str) -> String {
    let short = |part: &str| match part.parse::<f64>() {
        Ok(number) if part.len() > 8 => ((1000.0 * number).round() / 1000.0).to_string(),
        _ => part.to_owned(),
    };
    let parts = schedule.split_inclusive([':', ',', '+']).map(|part| {
        let number = part.trim_end_matches([':', ',', '+']);
        short(number) + &part[number.len()..]
    });
    parts.collect()
}

/// `fc=10`
fn factor(text: &str) -> Result<(String, f64), String> {
    let fine = |factor: &f64| *factor >= 0.0 && factor.is_finite();
    named(text).filter(|(_, factor)| fine(factor)).ok_or_else(|| "expected PATTERN=FACTOR as in fc=10".to_owned())
}

/// `layer1=3`
fn until(text: &str) -> Result<FreezeUntil, String> {
    let (pattern, epoch) = named(text).ok_or("expected PATTERN=EPOCHS as in layer1=3")?;
    Ok(FreezeUntil { pattern, epoch })
}

fn named<T: FromStr>(text: &str) -> Option<(String, T)> {
    let (pattern, number) = text.rsplit_once('=')?;
    Some((pattern.to_owned(), number.parse().ok()?)).filter(|(pattern, _)| !pattern.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_numbers() {
        assert_eq!(factor("fc=10"), Ok(("fc".into(), 10.0)));
        assert_eq!(factor("!a=b=0.5"), Ok(("!a=b".into(), 0.5)));
        for wrong in ["", "fc", "=1", "fc=", "fc=-1", "fc=inf", "fc=nan"] {
            assert!(factor(wrong).is_err(), "{wrong}");
        }
        assert_eq!(until("layer*=3").unwrap().epoch, 3);
        assert!(until("layer1=0.5").is_err());
    }
}
