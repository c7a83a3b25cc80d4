//! A network as a drawing for Graphviz: a box for each operation, a frame for each call of a block.

use std::fmt::Write;

use cnn_lang::graph::Graph;

/// The drawing in the DOT language.
pub fn dot(graph: &Graph) -> String {
    let mut text = format!("digraph {} {{\n  node [shape=box];\n", quoted(&graph.name));
    let mut calls = graph.calls.iter().enumerate().filter(|(_, call)| !call.nodes.is_empty()).peekable();
    let mut ends: Vec<usize> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        // Of calls that begin here the outermost comes first.
        while let Some((number, call)) = calls.next_if(|(_, call)| call.nodes.start <= index) {
            let label = quoted(&format!("{} {}", graph.path(call.scope), call.written));
            line(&mut text, ends.len(), &format!("subgraph cluster_{number} {{"));
            ends.push(call.nodes.end);
            line(&mut text, ends.len(), &format!("label={label};"));
        }
        let label = quoted(&format!("{}\n{}\n{}", graph.path(node.scope), node.op.describe(), node.shape));
        line(&mut text, ends.len(), &format!("n{index} [label={label}];"));
        while ends.pop_if(|end| *end <= index + 1).is_some() {
            line(&mut text, ends.len(), "}");
        }
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        for input in &node.inputs {
            line(&mut text, 0, &format!("n{} -> n{index};", input.0));
        }
    }
    text.push_str("}\n");
    text
}

fn line(text: &mut String, depth: usize, content: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:indent$}{content}", "", indent = 2 * (depth + 1));
}

fn quoted(text: &str) -> String {
    let escaped = text.trim_start_matches('\n').replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
