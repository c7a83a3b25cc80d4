//! How long each step of a run takes.

use std::time::Instant;

/// A clock that is read after every step, if anybody wants to know.
#[derive(Debug, Default)]
pub(in crate::engine) struct Watch {
    /// Of the last run; as long as the plan, so that noting takes no memory. Empty if nobody wants to know.
    seconds: Vec<f64>,
    step: usize,
    last: Option<Instant>,
}

impl Watch {
    pub fn new(on: bool, steps: usize) -> Watch {
        Watch { seconds: vec![0.0; if on { steps } else { 0 }], ..Watch::default() }
    }

    /// Whether anybody wants to know.
    #[cfg(feature = "cuda")]
    pub fn is_on(&self) -> bool {
        !self.seconds.is_empty()
    }

    /// A run begins.
    pub fn begin(&mut self) {
        self.step = 0;
        self.last = (!self.seconds.is_empty()).then(Instant::now);
    }

    /// A step is done.
    pub fn lap(&mut self) {
        let Some(last) = self.last else { return };
        let now = Instant::now();
        self.seconds[self.step] = (now - last).as_secs_f64();
        self.step += 1;
        self.last = Some(now);
    }

    pub fn seconds(&self) -> &[f64] {
        &self.seconds
    }
}
