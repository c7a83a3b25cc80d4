//! `cnn list`: the networks of the zoo.

use clap::Args;
use cnn_lang::graph::{Shape, grouped, readable};
use serde::Serialize;

use super::failure::Failure;
use super::spaces;
use super::text::{json, table};
use super::{Output, network};
use crate::zoo::published::PUBLISHED;

/// Lists the networks of the zoo: paper, input, parameters, multiply-adds; and its spaces
#[derive(Args)]
pub(super) struct List {
    /// Write JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Write `docs/zoo.md`: exact figures, and what was published beside them
    #[arg(long)]
    markdown: bool,
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
        if self.markdown {
            return Ok(write!(output.out, "{}", markdown(&networks))?);
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
        write!(output.out, "{}", table(header, &rows, 3))?;
        writeln!(output.out)?;
        spaces::list(output)
    }
}

/// The zoo as a document.
fn markdown(networks: &[network::Network]) -> String {
    let mut text = "# The zoo\n\n\
        Written by the program: `cargo cnn list --markdown`. A network is shown by `cargo cnn show NAME`, drawn by \
        `cargo cnn show NAME --svg`.\n\n\
        Parameters are all learned numbers, auxiliary classifiers included; multiply-adds those of convolutions and linear layers \
        for one input up to the logits, without biases, normalisation, activations and pooling.\n\n\
        | network | definition | paper | input | parameters | multiply-adds |\n|---|---|---|---|---:|---:|\n"
        .to_owned();
    for network in networks {
        let costs = network.graph.costs();
        text += &format!(
            "| `{}` | `{}` | {} | {} | {} | {} |\n",
            network.name,
            network.graph.name,
            network.paper.as_deref().unwrap_or_default(),
            network.graph.input_shape(),
            grouped(costs.params),
            grouped(costs.macs)
        );
    }
    text += "\n## Published figures\n\n\
        What papers and overviews print, beside ours. Papers call multiply-adds FLOPs, most of them. Where ours are not what is printed, \
        rounded, the last column says why. The overviews are \"Common architectures in convolutional neural networks\" (2018), \
        \"Best deep CNN architectures\" and the slides \"Modern ConvNet Architectures\".\n\n\
        | network | source | parameters | ours | multiply-adds | ours | why they differ |\n|---|---|---:|---:|---:|---:|---|\n";
    for line in PUBLISHED {
        let Some(network) = networks.iter().find(|network| network.name == line.network) else { continue };
        let costs = network.graph.costs();
        let ours = |printed: &str, ours: u64| if printed.is_empty() { String::new() } else { readable(ours) };
        text += &format!(
            "| `{}` | {} | {} | {} | {} | {} | {} |\n",
            line.network,
            line.source,
            line.params,
            ours(line.params, costs.params),
            line.macs,
            ours(line.macs, costs.macs),
            line.remark
        );
    }
    text
}
