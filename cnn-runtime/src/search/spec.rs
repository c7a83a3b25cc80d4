//! What a study is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::domain::Domain;
use super::error::SearchError;
use super::evaluate::Evaluation;
use super::objective::{Objective, Reward};
use super::pruners::PrunerSettings;
use super::samplers::SamplerSettings;

/// Everything that decides what a study tries. It is kept with the study and never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The space as it was named, for people.
    pub space: String,
    /// A digest of its genes, so that no study goes on in another space.
    pub genes: String,
    /// What is wanted, at least one.
    pub objectives: Vec<Objective>,
    /// What makes one number of several objectives.
    pub reward: Option<Reward>,
    /// How genomes are proposed.
    pub sampler: SamplerSettings,
    /// How trials are stopped.
    pub pruner: PrunerSettings,
    /// Everything drawn follows from it.
    pub seed: u64,
    /// How a trial is evaluated, as whoever evaluates it needs it.
    pub evaluation: Value,
}

impl Spec {
    /// A study of one objective, by regularised evolution, that stops nothing.
    pub fn new(space: impl Into<String>, domain: &dyn Domain, objective: Objective) -> Spec {
        Spec {
            space: space.into(),
            genes: digest(domain),
            objectives: vec![objective],
            reward: None,
            sampler: SamplerSettings::ALL[2].clone(),
            pruner: PrunerSettings::None,
            seed: 0,
            evaluation: Value::Null,
        }
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// The first of it.
    pub fn check(&self) -> Result<(), SearchError> {
        let message = |text: String| Err(SearchError::Objectives { message: text });
        if self.objectives.is_empty() {
            return message("a study needs an objective, as in max:accuracy".to_owned());
        }
        for (index, objective) in self.objectives.iter().enumerate() {
            if self.objectives[..index].iter().any(|other| other.name == objective.name) {
                return message(format!("{} is an objective twice", objective.name));
            }
        }
        if let Some(reward) = &self.reward
            && !(reward.target > 0.0
                && reward.target.is_finite()
                && reward.within.is_finite()
                && reward.beyond.is_finite())
        {
            return message(format!("the reward's target must be positive and finite, got {}", reward.target));
        }
        self.sampler.check(&self.objectives, self.reward.as_ref())?;
        self.pruner.check()
    }

    /// Refuses to go on with a study as another one.
    ///
    /// # Errors
    /// The first difference.
    pub fn same_as(&self, given: &Spec, place: &str) -> Result<(), SearchError> {
        let list = |spec: &Spec| spec.objectives.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let reward = |spec: &Spec| spec.reward.as_ref().map_or("none".to_owned(), ToString::to_string);
        let both: [(&str, String, String); 7] = [
            ("space", self.space.clone(), given.space.clone()),
            ("genes", self.genes.clone(), given.genes.clone()),
            ("objectives", list(self), list(given)),
            ("reward", reward(self), reward(given)),
            ("sampler", self.sampler.to_string(), given.sampler.to_string()),
            ("pruner", self.pruner.to_string(), given.pruner.to_string()),
            ("seed", self.seed.to_string(), given.seed.to_string()),
        ];
        let place = place.to_owned();
        if let Some((name, stored, given)) = both.into_iter().find(|(_, stored, given)| stored != given) {
            return Err(SearchError::OtherStudy { place, name: name.to_owned(), stored, given });
        }
        // A study that knew fewer settings has the others as they usually are.
        let whole = |spec: &Spec| {
            let known = Evaluation::of(spec).ok().and_then(|evaluation| serde_json::to_value(evaluation).ok());
            known.unwrap_or_else(|| spec.evaluation.clone())
        };
        match difference("evaluation", &whole(self), &whole(given)) {
            Some((name, stored, given)) => Err(SearchError::OtherStudy { place, name, stored, given }),
            None => Ok(()),
        }
    }
}

/// Where two values differ first, and how, in a few words.
fn difference(name: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    if a == b {
        return None;
    }
    if let (Value::Object(a), Value::Object(b)) = (a, b) {
        let keys = a.keys().chain(b.keys());
        return keys
            .map(|key| difference(key, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null)))
            .find_map(|d| d);
    }
    let short = |value: &Value| value.to_string().chars().take(60).collect();
    Some((name.to_owned(), short(a), short(b)))
}

/// FNV-1a of the genes: names, options, parents. Fowler et al., <https://www.rfc-editor.org/rfc/rfc9923>.
pub fn digest(domain: &dyn Domain) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xFF]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        }
    };
    for gene in domain.genes() {
        eat(gene.name.as_bytes());
        gene.options.iter().for_each(|option| eat(option.as_bytes()));
        gene.parents.iter().for_each(|(gene, option)| eat(format!("{gene}={option}").as_bytes()));
        eat(b";");
    }
    format!("{hash:016x}")
}
