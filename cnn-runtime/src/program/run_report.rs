//! `cnn report RUN`: the page about a run.

use std::path::PathBuf;

use clap::Args;

use super::Output;
use super::failure::Failure;
use crate::train::Run;

/// Writes the page about a run anew: report.html in its folder
#[derive(Args)]
pub(super) struct Report {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

impl Report {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let page = Run::open(&self.run)?.report()?;
        Ok(writeln!(output.out, "{}", page.display())?)
    }
}
