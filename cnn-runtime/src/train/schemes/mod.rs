//! Ways to train that take more than one network, or images without labels.
//!
//! ```text
//! Learner ─▶ supervised ─▶ Learned (the teacher) ─▶ PseudoLabels: confident, balanced ─▶ NoisyStudent ─▶ Learned ─▶ …
//! two Learners, labelled and unlabelled images ─▶ MetaPseudoLabels ─▶ teacher and student
//! ```
//!
//! A [`Learner`] is a network with its first weights and its way to learn; what comes of it is [`Learned`]. Images are
//! [`Part`](crate::data::Part)s: augmented as their preparation says while something learns from them, seen plainly while
//! a teacher labels them. The class that an unlabelled image has in its part is never read.
//!
//! Same seeds, same machine, same bits, however many threads prepare the images.

mod endless;
mod error;
mod learner;
mod meta;
mod noisy_student;
mod pseudo;
mod watch;

pub use error::SchemeError;
pub use learner::{Learned, Learner};
pub use meta::{FineTune, Meta, MetaPseudoLabels, Uda};
pub use noisy_student::{Generation, NoisyStudent};
pub use pseudo::{PseudoLabels, Sort};
pub use watch::{Moment, Phase, Watch};
