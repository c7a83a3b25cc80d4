//! What a network consists of, as its picture is divided: costs of stem, stages and head.

use std::ops::Range;

use cnn_lang::graph::{Graph, Shape};

use super::outline::{Look, outline, section};

/// A part of a network with what it takes for one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// `stem`, `body`, `head`, or `auxiliary` for what only training computes.
    pub section: &'static str,
    /// Its label, or the names of its first and last layers.
    pub name: String,
    /// Size of what leaves it.
    pub output: Shape,
    /// Learned numbers.
    pub params: u64,
    /// Multiply-adds of convolutions and linear layers.
    pub macs: u64,
    /// Bytes of all layer outputs in 32-bit floats.
    pub activations: u64,
}

/// Stem, the stages of the body, head, auxiliary outputs. Layers of the body that stand in no block are one stage as long as
/// the size of the map stays.
pub fn stages(graph: &Graph) -> Vec<Stage> {
    struct Part {
        section: &'static str,
        nodes: Range<usize>,
        title: Option<String>,
    }
    let mut parts: Vec<Part> = Vec::new();
    for thing in outline(graph).things {
        let nodes = thing.all;
        let auxiliary = graph.nodes[nodes.clone()].iter().all(|node| node.auxiliary);
        let section = if auxiliary { "auxiliary" } else { ["stem", "body", "head"][section(graph, nodes.start)] };
        let title = match thing.look {
            // A run; a frame whose blocks are one is counted in the picture only.
            Look::Frame { title, .. } if nodes != thing.nodes => Some(format!("{title} × {}", thing.count)),
            // A label, or a block's name behind the scope of its call: `features.2 stage`.
            Look::Frame { title, path, .. } if path.ends_with(&title) => Some(title),
            Look::Frame { title, path, .. } => Some(format!("{path} {title}")),
            Look::Box(_) | Look::Join(_) => None,
        };
        let end = |nodes: &Range<usize>| graph.nodes[nodes.end - 1].shape.spatial();
        match parts.last_mut() {
            Some(last)
                if last.section == section
                    && (section == "stem"
                        || section == "head"
                        || last.title.is_none() && title.is_none() && end(&last.nodes) == end(&nodes)) =>
            {
                last.nodes.end = nodes.end;
            }
            _ => {
                let title = title.filter(|_| section != "stem" && section != "head");
                parts.push(Part { section, nodes, title });
            }
        }
    }
    // What is not drawn (a written identity) belongs to the part before it.
    let starts: Vec<usize> = parts.iter().map(|part| part.nodes.start).chain([graph.nodes.len()]).collect();
    let stage = |(part, next): (Part, &usize)| {
        let nodes = part.nodes.start..*next;
        let path = |node: usize| graph.path(graph.nodes[node].scope);
        let (first, last) = (path(part.nodes.start), path(part.nodes.end - 1));
        let name = match part.title {
            Some(title) => title,
            None if part.section != "body" => part.section.to_owned(),
            None if first == last => first,
            None => format!("{first} … {last}"),
        };
        let of = |cost: &dyn Fn(usize) -> u64| nodes.clone().map(cost).fold(0, u64::saturating_add);
        // What only training computes may stand inside of a block.
        let computed = |node: usize| part.section == "auxiliary" || !graph.nodes[node].auxiliary;
        Stage {
            section: part.section,
            name,
            output: graph.nodes[part.nodes.end - 1].shape,
            params: of(&|node| graph.node_params(&graph.nodes[node])),
            macs: of(&|node| if computed(node) { graph.node_macs(&graph.nodes[node]) } else { 0 }),
            activations: of(&|node| if computed(node) { graph.node_activation(&graph.nodes[node]) } else { 0 }),
        }
    };
    let mut stages: Vec<Stage> = parts.into_iter().zip(&starts[1..]).map(stage).collect();
    stages.sort_by_key(|stage| stage.section == "auxiliary");
    stages
}
