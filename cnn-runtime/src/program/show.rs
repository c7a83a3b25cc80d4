//! `cnn show NET`: a network layer by layer.

use clap::Args;
use cnn_lang::graph::{Graph, Node, tensor_name};
use serde::Serialize;

use super::Output;
use super::compare::compare;
use super::failure::Failure;
use super::network::{Network, NetworkArg, Wanted};
use super::spaces;
use super::text::json;
use crate::export;

/// Shows a network layer by layer: sizes, parameters, multiply-adds; of a space its genes
#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    network: NetworkArg,
    /// Write JSON
    #[arg(long, conflicts_with_all = ["dot", "svg"])]
    json: bool,
    /// Write a picture: `cnn show resnet18 --svg > resnet18.svg`
    #[arg(long, conflicts_with = "dot")]
    svg: bool,
    /// Write a drawing for Graphviz: `cnn show lenet5 --dot | dot -Tsvg`
    #[arg(long)]
    dot: bool,
    /// Compare with another network, stage by stage
    #[arg(long, value_name = "NET", conflicts_with_all = ["dot", "svg"])]
    vs: Option<String>,
}

/// The output of `cnn show --json`.
#[derive(Serialize)]
struct Shown {
    name: String,
    definition: String,
    paper: Option<String>,
    input: Vec<usize>,
    output: Vec<usize>,
    params: u64,
    buffers: u64,
    macs: u64,
    aux_macs: u64,
    activation_bytes: u64,
    layers: Vec<Layer>,
}

/// An operation; `inputs` are positions in the list of layers.
#[derive(Serialize)]
struct Layer {
    name: String,
    operation: String,
    inputs: Vec<usize>,
    output: Vec<usize>,
    params: u64,
    macs: u64,
    auxiliary: bool,
    tensors: Vec<Printed>,
}

/// A parameter or buffer under its full name.
#[derive(Serialize)]
struct Printed {
    name: String,
    shape: Vec<usize>,
}

impl Show {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        if let Some(space) = spaces::find(self.network.net(), self.network.input())? {
            return spaces::show(&space, self.json, self.svg || self.dot || self.vs.is_some(), output);
        }
        let network = self.network.load()?;
        if let Some(other) = &self.vs {
            let other = Wanted { net: other, input: self.network.input() }.load()?;
            return compare(&network, &other, self.json, output);
        }
        if self.json {
            return json(output.out, &shown(network));
        }
        if self.dot {
            return Ok(write!(output.out, "{}", export::dot(&network.graph))?);
        }
        let heading = heading(&network);
        let graph = network.graph;
        if self.svg {
            return Ok(write!(output.out, "{}", export::svg(&graph, &heading))?);
        }
        writeln!(output.out, "{heading}: {} -> {}\n", graph.input_shape(), graph.output_shape())?;
        Ok(write!(output.out, "{}", graph.table())?)
    }
}

/// `resnet18 (He et al. 2015)`.
fn heading(network: &Network) -> String {
    let paper = network.paper.as_ref().map(|paper| format!(" ({paper})")).unwrap_or_default();
    format!("{}{paper}", network.name)
}

fn shown(network: Network) -> Shown {
    let graph = network.graph;
    let costs = graph.costs();
    Shown {
        name: network.name,
        paper: network.paper,
        input: graph.input_shape().dims(),
        output: graph.output_shape().dims(),
        params: costs.params,
        buffers: costs.buffers,
        macs: costs.macs,
        aux_macs: costs.aux_macs,
        activation_bytes: costs.activations,
        layers: layers(&graph),
        definition: graph.name,
    }
}

fn layers(graph: &Graph) -> Vec<Layer> {
    let layer = |node: &Node| Layer {
        name: graph.path(node.scope),
        operation: node.op.describe(),
        inputs: node.inputs.iter().map(|input| input.0).collect(),
        output: node.shape.dims(),
        params: graph.node_params(node),
        macs: graph.node_macs(node),
        auxiliary: node.auxiliary,
        tensors: tensors(graph, node),
    };
    graph.nodes.iter().map(layer).collect()
}

fn tensors(graph: &Graph, node: &Node) -> Vec<Printed> {
    let path = graph.path(node.scope);
    let tensors = node.op.tensors(&graph.input_shapes(node)).into_iter();
    tensors.map(|tensor| Printed { name: tensor_name(&path, tensor.name), shape: tensor.shape }).collect()
}
