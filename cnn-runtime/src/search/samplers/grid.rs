//! Every member once.

use cnn_lang::space::Genome;
use rand::seq::SliceRandom;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Context, Sampler};
use crate::search::domain::DomainError;
use crate::search::trial::Proposal;

/// Every member of a space of up to a million, once, in an order that the seed draws: what was tried at any moment is a fair
/// sample. The study ends with the last one.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    members: Option<Vec<Genome>>,
}

/// The largest space that is listed.
const LARGEST: usize = 1 << 20;

impl Sampler for Grid {
    fn propose(&mut self, context: &Context<'_>, _rng: &mut dyn RngCore) -> Result<Option<Proposal>, DomainError> {
        let members = match &mut self.members {
            Some(members) => members,
            unknown => {
                let mut all = context.domain.members(LARGEST).ok_or_else(|| {
                    DomainError::new(format!("the grid has more than {LARGEST} points; take another sampler"))
                })?;
                all.shuffle(&mut ChaCha8Rng::seed_from_u64(context.seed));
                unknown.insert(all)
            }
        };
        let next = usize::try_from(context.number).ok().and_then(|number| members.get(number));
        Ok(next.map(|genome| Proposal::new(genome.clone(), "grid")))
    }
}
