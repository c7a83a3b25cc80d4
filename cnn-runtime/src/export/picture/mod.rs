//! A network as a reader wants it: stem, stages and head, equal blocks folded, branches side by side, sizes on the edges.
//!
//! ```text
//! graph ─▶ parts (scopes and calls) ─▶ outline (what is framed, folded, one box) ─▶ diagram (edges between them)
//!                                                                    layout (rows, columns) ─▶ draw (SVG)
//! ```

mod diagram;
mod draw;
mod fold;
mod font;
mod layout;
mod outline;
mod parts;
mod stages;
mod words;

pub use stages::{Stage, stages};

use cnn_lang::graph::Graph;

/// The network as an SVG that follows the reader's light or dark colours. `heading` stands on top.
///
/// Blocks are frames, two deep; what they call is one box. Of equal neighbours in a row the first is drawn, with their number.
pub fn svg(graph: &Graph, heading: &str) -> String {
    let outline = outline::outline(graph);
    let diagram = diagram::diagram(graph, outline);
    draw::svg(graph, heading, &layout::columns::arrange(&diagram))
}

#[cfg(test)]
mod tests;
