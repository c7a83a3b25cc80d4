//! Where numbers stop being finite in a run.

/// Looks at what every step writes, if anybody wants to know.
#[derive(Debug, Default)]
pub(in crate::engine) struct Audit {
    on: bool,
    step: usize,
    fault: Option<usize>,
}

impl Audit {
    pub fn new(on: bool) -> Audit {
        Audit { on, ..Audit::default() }
    }

    /// Whether anybody wants to know.
    #[cfg(feature = "cuda")]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// A run begins.
    pub fn begin(&mut self) {
        (self.step, self.fault) = (0, None);
    }

    /// A step is done; `finite` says whether all is that it wrote.
    pub fn step(&mut self, finite: impl FnOnce() -> bool) {
        if self.on && self.fault.is_none() && !finite() {
            self.fault = Some(self.step);
        }
        self.step += 1;
    }

    /// The first step that wrote something else.
    pub fn fault(&self) -> Option<usize> {
        self.fault
    }
}
