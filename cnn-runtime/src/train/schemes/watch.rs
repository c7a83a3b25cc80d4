//! Who watches a scheme.

use std::fmt;

/// Who learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A network, from labelled images alone.
    Supervised,
    /// A student, from labelled and pseudo-labelled images.
    Student,
    /// A teacher, from its student's feedback, and the student.
    Meta,
    /// A student, from labelled images at last.
    FineTuning,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Supervised => "supervised training",
            Phase::Student => "student",
            Phase::Meta => "meta step",
            Phase::FineTuning => "fine-tuning",
        })
    }
}

/// A step that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Who learns.
    pub phase: Phase,
    /// Steps of the phase so far.
    pub step: u64,
    /// All of them.
    pub steps: u64,
    /// The step's loss; of a meta step the student's.
    pub loss: f64,
    /// What the student's step did to its loss on labelled images, in a meta step: above 0 where it fell.
    pub feedback: Option<f64>,
}

/// Who watches a scheme. Nothing of this changes its numbers.
pub trait Watch {
    /// After every step.
    fn step(&mut self, _moment: &Moment) {}
}

/// Nobody watches.
impl Watch for () {}

impl<F: FnMut(&Moment)> Watch for F {
    fn step(&mut self, moment: &Moment) {
        self(moment);
    }
}
