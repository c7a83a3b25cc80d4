//! `cnn list`: the networks of the zoo.

use clap::Args;
use cnn_lang::graph::{Shape, readable};
use serde::Serialize;

use super::failure::Failure;
use super::text::{json, table};
use super::{Output, network};

/// Lists the networks of the zoo: paper, input, parameters, multiply-adds
#[derive(Args)]
pub(super) struct List {
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// A network in the output of `cnn list --json`.
#[derive(Serialize)]
struct Listed {
    name: String,
    definition: String,
    paper: Option<String>,
    input: Vec<usize>,
    output: Vec<usize>,
    classes: Option<usize>,
    params: u64,
    buffers: u64,
    macs: u64,
}

/// Length of the logits; a block's output has none.
fn classes(output: Shape) -> Option<usize> {
    match output {
        Shape::Vector(classes) => Some(classes),
        Shape::Map { .. } => None,
    }
}

impl List {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let networks = network::all()?;
        if self.json {
            let listed: Vec<Listed> = networks
                .into_iter()
                .map(|network| {
                    let costs = network.graph.costs();
                    Listed {
                        name: network.name,
                        input: network.graph.input_shape().dims(),
                        output: network.graph.output_shape().dims(),
                        classes: classes(network.graph.output_shape()),
                        definition: network.graph.name,
                        paper: network.paper,
                        params: costs.params,
                        buffers: costs.buffers,
                        macs: costs.macs,
                    }
                })
                .collect();
            return json(output.out, &listed);
        }
        let rows: Vec<[String; 5]> = networks
            .into_iter()
            .map(|network| {
                let costs = network.graph.costs();
                let input = network.graph.input_shape().to_string();
                let paper = network.paper.unwrap_or_default();
                [network.name, paper, input, readable(costs.params), readable(costs.macs)]
            })
            .collect();
        let header = ["network", "paper", "input", "parameters", "multiply-adds"];
        Ok(write!(output.out, "{}", table(header, &rows, 3))?)
    }
}
