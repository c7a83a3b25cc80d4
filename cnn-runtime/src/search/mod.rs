//! Search over spaces of architectures: studies that ask for members, and are told how good they are.
//!
//! ```text
//!            ┌── Sampler ◀── History ◀── Storage ◀─┐
//! Domain ◀───┤                                     │
//!            └─▶ genome ─▶ ask ─▶ evaluate ─▶ report, tell
//!                                    │ ▲
//!                                    ▼ │
//!                                   Pruner
//! ```
//!
//! - A [`Domain`] is a space as samplers see it: genes, and operations on genomes that keep them valid; [`Table`] is one
//!   without networks, those of [`Members`] are networks.
//! - A [`Study`] asks and is told; [`run`](run()) is a loop around it. What it is stands in its [`Spec`].
//! - [`samplers`] propose, [`pruners`] stop what is not worth the effort, a [`Storage`] keeps everything.
//!
//! `docs/search.md` is the guide.

pub mod domain;
mod error;
pub mod evaluate;
pub mod front;
mod history;
mod named;
mod networks;
mod objective;
pub mod proxies;
pub mod pruners;
pub mod report;
mod run;
pub mod samplers;
mod spec;
mod storage;
mod study;
mod supernet;
mod table;
mod trial;

pub use domain::{Domain, DomainError, Gene, Members};
pub use error::SearchError;
pub use history::History;
pub use networks::Networks;
pub use objective::{Direction, Objective, Reward, Score, score};
pub use pruners::PrunerSettings;
pub use run::{Evaluated, Report, run};
pub use samplers::SamplerSettings;
pub use spec::{Spec, digest};
#[cfg(feature = "sqlite")]
pub use storage::Sqlite;
pub use storage::{Claim, Memory, Storage};
pub use study::{Asked, Confirmation, Confirmed, Study, Verdict};
pub use supernet::Supernet;
pub use table::Table;
pub use trial::{Outcome, Proposal, State, Trial};
