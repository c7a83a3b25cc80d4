//! Random search. Bergstra & Bengio 2012, <https://jmlr.org/papers/v13/bergstra12a.html>.

use rand::RngCore;

use super::{Context, Sampler};
use crate::search::domain::DomainError;
use crate::search::trial::Proposal;

/// Every trial is drawn from the space, whatever the others found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Sampler for Random {
    fn propose(&mut self, context: &Context<'_>, rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError> {
        Ok(Some(Proposal::new(context.domain.sample(rng)?, "random")))
    }
}
