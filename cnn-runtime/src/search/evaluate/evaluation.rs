//! How the trials of a study are evaluated.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::Backend;
use crate::search::error::SearchError;
use crate::search::spec::Spec;
use crate::train::{Settings, TrainError};

/// How the trials of a study are evaluated: a study's [`Spec::evaluation`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The training, the same for every member; its `network` is the space. Members are judged by its validation images, so
    /// there must be some; the test images are left for the end.
    pub training: Settings,
    /// The source of the space, which stands alone.
    pub definition: String,
}

impl Evaluation {
    /// How the trials of a study are evaluated.
    ///
    /// # Errors
    /// If that is said in another way.
    pub fn of(spec: &Spec) -> Result<Evaluation, SearchError> {
        serde_json::from_value(spec.evaluation.clone()).map_err(|error| SearchError::Damaged {
            place: format!("the evaluation of {}", spec.space),
            reason: error.to_string(),
        })
    }

    /// What runs members: of the device and in the precision of the settings.
    pub(super) fn backend(&self) -> Result<Arc<dyn Backend<f32>>, SearchError> {
        Ok(self.training.device.backend(self.training.precision).map_err(TrainError::from)?)
    }
}
