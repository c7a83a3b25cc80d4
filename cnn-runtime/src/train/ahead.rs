//! Batches one ahead: a device copies the images of the next step while it computes one.

use std::time::Duration;

use crate::data::{DataError, Loader, Prepared};
use crate::engine::Given;

/// The batches of an epoch.
pub(super) struct Ahead {
    batches: Loader,
    /// Whether the next batch is got before one is trained on.
    looks: bool,
    next: Option<Result<Prepared, DataError>>,
    begun: bool,
}

impl Ahead {
    pub fn new(batches: Loader, looks: bool) -> Ahead {
        Ahead { batches, looks, next: None, begun: false }
    }

    /// The next batch, and whether it is the first.
    pub fn next(&mut self) -> Option<(Result<Prepared, DataError>, bool)> {
        let first = !self.begun;
        let batch = self.next.take().or_else(|| self.batches.next())?;
        self.begun = true;
        if self.looks && batch.is_ok() {
            self.next = self.batches.next();
        }
        Some((batch, first))
    }

    /// The images of the one behind it, if it looks ahead and there are some.
    pub fn following(&self) -> Option<Given<'_, f32>> {
        self.next.as_ref().and_then(|next| next.as_ref().ok()).map(|batch| Given::from(&batch.images))
    }

    /// How long was waited for batches.
    pub fn waited(&self) -> Duration {
        self.batches.waited()
    }
}
