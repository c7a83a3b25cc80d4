//! `cnn check FILE`: the mistakes of a DSL file.

use std::path::PathBuf;

use clap::Args;
use cnn_lang::graph::grouped;

use super::Output;
use super::definitions::compile;
use super::failure::Failure;
use super::network::read;
use super::report::report;
use super::spaces::summary;

/// Checks a DSL file and shows its mistakes as rustc does
#[derive(Args)]
pub(super) struct Check {
    /// The file, for example `my.cnn`
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Check {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let source = read(&self.file)?;
        let program = compile(&source);
        let path = self.file.display().to_string();
        for diagnostic in &program.errors {
            let text = report(&path, &source, diagnostic, output.styled);
            writeln!(output.err, "{text}\n")?;
        }
        match program.errors.len() {
            0 => {}
            1 => return Err(Failure::Shown(format!("1 error in `{path}`"))),
            n => return Err(Failure::Shown(format!("{n} errors in `{path}`"))),
        }
        if program.networks.is_empty() && program.spaces.is_empty() {
            let note = "no networks; the sizes in a block are checked where a network calls it";
            return Ok(writeln!(output.out, "{path}: {note}")?);
        }
        for graph in program.networks.iter().filter_map(|network| network.graph.as_ref()) {
            let costs = graph.costs();
            let (input, result) = (graph.input_shape(), graph.output_shape());
            let (params, macs) = (grouped(costs.params), grouped(costs.macs));
            writeln!(output.out, "{}: {input} -> {result}, {params} parameters, {macs} multiply-adds", graph.name)?;
        }
        for space in program.spaces.iter().filter_map(|definition| definition.space.as_ref()) {
            writeln!(output.out, "{}", summary(space))?;
        }
        Ok(())
    }
}
