//! Where everything stands. A container is laid out in rows along its edges: `rows` gives each item a row and an order in it,
//! `place` a position; the top level is broken into `columns`.

pub mod columns;
mod place;
mod rows;

use super::diagram::{Content, Diagram, Item, TensorId};
use super::font::width;
use rows::{Rows, Vertex};

/// Sizes of text in pixels.
pub const TITLE: f64 = 11.0;
/// Notes, sizes and counts.
pub const NOTE: f64 = 9.0;

const PAD: f64 = 8.0;
/// The line at the top of a frame.
pub const HEADER: f64 = 20.0;
const JOIN: f64 = 18.0;
const BETWEEN: f64 = 14.0;
const LANE: f64 = 10.0;
/// How far the cards behind a folded item look out.
pub const CARD: f64 = 3.0;

/// A container laid out: positions are relative to its upper left corner.
#[derive(Debug, Default)]
pub struct Placed<'d> {
    pub width: f64,
    pub height: f64,
    pub items: Vec<PlacedItem<'d>>,
    pub wires: Vec<Wire>,
    pub labels: Vec<Label>,
    pub inputs: Vec<(TensorId, f64)>,
    pub outputs: Vec<(TensorId, f64)>,
}

#[derive(Debug)]
pub struct PlacedItem<'d> {
    pub item: &'d Item,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// Of a frame.
    pub inside: Option<Placed<'d>>,
}

/// A line from one point to another: straight down to `bend`, over to the other side until `until`, straight down.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    pub from: [f64; 2],
    pub bend: f64,
    pub until: f64,
    pub to: [f64; 2],
    /// Ends in an arrow.
    pub arrow: bool,
}

/// A size beside an edge; `x` is its left end, `y` its base line.
#[derive(Debug)]
pub struct Label {
    pub x: f64,
    pub y: f64,
    pub text: String,
}

/// Width and height, and the inside of a frame.
struct Measured<'d> {
    width: f64,
    height: f64,
    inside: Option<Placed<'d>>,
}

fn measure(item: &Item) -> Measured<'_> {
    let mut measured = measure_one(item);
    if item.count > 1 {
        measured.height += 2.0 * CARD;
    }
    measured
}

fn measure_one(item: &Item) -> Measured<'_> {
    let count = if item.count > 1 { format!(" × {}", item.count) } else { String::new() };
    match &item.content {
        Content::Box(words) => {
            let title = width(&words.title, TITLE) + width(&count, TITLE);
            let gap = if words.notes.is_empty() || item.params.is_empty() { 0.0 } else { 12.0 };
            let notes = width(&words.notes, NOTE) + gap + width(&item.params, NOTE);
            let lines = if notes > 0.0 { 2 } else { 1 };
            let height = if lines == 2 { 35.0 } else { 23.0 };
            Measured { width: title.max(notes).max(64.0) + 2.0 * PAD, height, inside: None }
        }
        Content::Join(text) if text.chars().count() == 1 => Measured { width: JOIN, height: JOIN, inside: None },
        Content::Join(text) => Measured { width: width(text, NOTE + 1.0) + 16.0, height: JOIN, inside: None },
        Content::End(text) => Measured { width: width(text, TITLE) + 24.0, height: 22.0, inside: None },
        Content::Frame { title, block, inside } => {
            let mut placed = arrange(inside, 0..usize::MAX, true);
            let between = if block.is_empty() { 0.0 } else { 6.0 };
            let params = if item.params.is_empty() { 0.0 } else { 14.0 + width(&item.params, NOTE) };
            // Bold is a little wider.
            let header = 1.08 * width(title, TITLE) + between + width(block, TITLE) + width(&count, TITLE) + params;
            let wanted = (placed.width + 2.0 * PAD).max(header + 2.0 * PAD);
            let shift = (wanted - placed.width) / 2.0;
            placed.inputs.iter_mut().chain(&mut placed.outputs).for_each(|port| port.1 += shift);
            let height = HEADER + placed.height;
            Measured { width: wanted, height, inside: Some(placed) }
        }
    }
}

/// Lays out the items of some rows of a container; what enters or leaves those rows does so through ports. In a
/// frame what enters and leaves alone does so at one place.
pub fn arrange(diagram: &Diagram, rows: std::ops::Range<usize>, framed: bool) -> Placed<'_> {
    let rows = Rows::new(diagram, rows);
    let mut measured: Vec<Option<Measured<'_>>> =
        diagram.items.iter().enumerate().map(|(index, item)| rows.row_of(index).map(|_| measure(item))).collect();
    // Boxes of a container are equally wide.
    let boxes = |index: usize| matches!(diagram.items[index].content, Content::Box(_));
    let widths = measured.iter().enumerate().filter(|(index, _)| boxes(*index));
    let widest = widths.filter_map(|(_, measured)| measured.as_ref()).map(|m| m.width).fold(0.0, f64::max);
    for (index, measured) in measured.iter_mut().enumerate() {
        if let (true, Some(measured)) = (boxes(index), measured) {
            measured.width = widest;
        }
    }

    // What a vertex takes on either side of its middle, and where in it a tensor comes and goes.
    let label = |index: usize| {
        let longest = diagram.items[index].sizes.values().map(|text| width(text, NOTE)).fold(0.0, f64::max);
        if longest > 0.0 { longest + 6.0 } else { 0.0 }
    };
    let half = |vertex: &Vertex| match vertex {
        Vertex::Item(index) => {
            let half = measured[*index].as_ref().map_or(0.0, |m| m.width / 2.0);
            let cards = if diagram.items[*index].count > 1 { 2.0 * CARD } else { 0.0 };
            [half, (half + cards).max(label(*index))]
        }
        Vertex::In(_) | Vertex::Out(_) => [1.0, 1.0],
        Vertex::Lane(_) => [LANE / 2.0, LANE / 2.0],
    };
    let port = |vertex: &Vertex, tensor: TensorId, out: bool| match vertex {
        Vertex::Item(index) => measured[*index].as_ref().map_or(0.0, |m| {
            let ports = m.inside.as_ref().map(|inside| if out { &inside.outputs } else { &inside.inputs });
            let at = ports.and_then(|ports| ports.iter().find(|(known, _)| *known == tensor));
            at.map_or(0.0, |(_, x)| x - m.width / 2.0)
        }),
        Vertex::In(_) | Vertex::Out(_) | Vertex::Lane(_) => 0.0,
    };
    let halves: Vec<[f64; 2]> = rows.vertices.iter().map(half).collect();
    let links: Vec<place::Link> = rows
        .links
        .iter()
        .map(|link| place::Link {
            from: link.from,
            to: link.to,
            offsets: [
                port(&rows.vertices[link.from], link.tensor, true),
                port(&rows.vertices[link.to], link.tensor, false),
            ],
            holds: !link.bypass,
        })
        .collect();
    let xs = place::place(&rows, &halves, &links, BETWEEN, framed);

    // Rows from top to bottom.
    let item_heights: Vec<f64> = measured.iter().map(|m| m.as_ref().map_or(0.0, |m| m.height)).collect();
    let height_of = |vertex: &Vertex| match vertex {
        Vertex::Item(index) => item_heights[*index],
        Vertex::In(_) | Vertex::Out(_) | Vertex::Lane(_) => 0.0,
    };
    let labelled = |vertex: &Vertex| matches!(vertex, Vertex::Item(index) if label(*index) > 0.0);
    let mut tops = Vec::new();
    let mut heights = Vec::new();
    let mut y = 0.0;
    for (number, row) in rows.order.iter().enumerate() {
        let height = row.iter().map(|&v| height_of(&rows.vertices[v])).fold(0.0, f64::max);
        let ports = row.iter().all(|&v| matches!(rows.vertices[v], Vertex::In(_) | Vertex::Out(_)));
        tops.push(y);
        heights.push(height);
        let to_ports = rows
            .order
            .get(number + 1)
            .is_some_and(|next| next.iter().all(|&v| matches!(rows.vertices[v], Vertex::Out(_))));
        let spread = spread(&rows, &xs, number);
        let gap = if ports || to_ports {
            12.0
        } else if row.iter().any(|&v| labelled(&rows.vertices[v])) {
            26.0
        } else {
            18.0
        };
        y += height + if number + 1 < rows.order.len() { f64::max(gap, spread) } else { 0.0 };
    }
    let height = y;
    let top_of = |v: usize| {
        let (row, own) = (rows.row[v], height_of(&rows.vertices[v]));
        let slack = heights[row] - own;
        tops[row] + if slack < 30.0 { slack / 2.0 } else { 0.0 }
    };
    let left = (0..xs.len()).map(|v| xs[v] - halves[v][0]).reduce(f64::min).unwrap_or(0.0);
    let right = (0..xs.len()).map(|v| xs[v] + halves[v][1]).reduce(f64::max).unwrap_or(0.0);

    let mut placed = Placed { width: right - left, height, ..Placed::default() };
    for (link, place) in rows.links.iter().zip(&links) {
        let from_y = match rows.vertices[link.from] {
            Vertex::Lane(_) => tops[rows.row[link.from]] + heights[rows.row[link.from]],
            _ => top_of(link.from) + height_of(&rows.vertices[link.from]),
        };
        let row = rows.row[link.from];
        let to_y = top_of(link.to);
        placed.wires.push(Wire {
            from: [xs[link.from] + place.offsets[0] - left, from_y],
            bend: tops[row] + heights[row],
            until: tops[rows.row[link.to]],
            to: [
                xs[link.to] + place.offsets[1] - left,
                if matches!(rows.vertices[link.to], Vertex::Lane(_)) { tops[rows.row[link.to]] } else { to_y },
            ],
            arrow: matches!(rows.vertices[link.to], Vertex::Item(_)),
        });
    }
    for (v, vertex) in rows.vertices.iter().enumerate() {
        match vertex {
            Vertex::Lane(_) => {
                let (x, row) = (xs[v] - left, rows.row[v]);
                let (top, bottom) = (tops[row], tops[row] + heights[row]);
                placed.wires.push(Wire { from: [x, top], bend: top, until: bottom, to: [x, bottom], arrow: false });
            }
            Vertex::In(tensor) => placed.inputs.push((*tensor, xs[v] - left)),
            Vertex::Out(tensor) => placed.outputs.push((*tensor, xs[v] - left)),
            Vertex::Item(index) => {
                let Some(m) = measured[*index].take() else { continue };
                let (x, y) = (xs[v] - m.width / 2.0 - left, top_of(v));
                let item = &diagram.items[*index];
                let first = placed.labels.len();
                for (tensor, text) in &item.sizes {
                    let ports = m.inside.as_ref().map(|inside| &inside.outputs);
                    let at = ports.and_then(|ports| ports.iter().find(|(known, _)| known == tensor));
                    let at = at.map_or(m.width / 2.0, |(_, x)| *x);
                    placed.labels.push(Label { x: x + at + 4.0, y: y + m.height + 11.0, text: text.clone() });
                }
                stagger(&mut placed.labels[first..]);
                let cards = if item.count > 1 { 2.0 * CARD } else { 0.0 };
                placed.items.push(PlacedItem {
                    item,
                    x,
                    y,
                    width: m.width,
                    height: m.height - cards,
                    inside: m.inside,
                });
            }
        }
    }
    placed
}

/// Labels of one item that would run into one another take turns with a lower line.
fn stagger(labels: &mut [Label]) {
    labels.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut end = f64::NEG_INFINITY;
    let mut lower = false;
    for label in labels {
        lower = label.x < end + 4.0 && !lower;
        end = label.x + width(&label.text, NOTE);
        label.y += if lower { NOTE + 1.0 } else { 0.0 };
    }
}

/// Wires that go far to the side want room to do so.
fn spread(rows: &Rows, xs: &[f64], row: usize) -> f64 {
    let far =
        rows.links.iter().filter(|link| rows.row[link.from] == row).map(|link| (xs[link.from] - xs[link.to]).abs());
    (far.fold(0.0, f64::max) / 10.0).min(34.0)
}
