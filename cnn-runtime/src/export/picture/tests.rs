use super::diagram::{Content, Diagram, diagram};
use super::layout::columns::{Column, arrange};
use super::layout::{Placed, PlacedItem};
use super::outline::outline;
use super::{stages, svg};
use crate::zoo;

fn graph(source: &str) -> cnn_lang::graph::Graph {
    cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

/// Every item of a picture with the corners it takes, and how deep it lies.
fn corners(x: f64, y: f64, placed: &Placed<'_>, depth: usize, all: &mut Vec<(usize, [f64; 4])>) {
    let mut level = Vec::new();
    for PlacedItem { x: dx, y: dy, width, height, inside, .. } in &placed.items {
        let (left, top) = (x + dx, y + dy);
        level.push([left, top, left + width, top + height]);
        if let Some(inside) = inside {
            let (ix, iy) = (left + (width - inside.width) / 2.0, top + height - inside.height);
            assert!(ix >= left && iy >= top, "what is framed lies in its frame");
            corners(ix, iy, inside, depth + 1, all);
        }
    }
    for (index, a) in level.iter().enumerate() {
        for b in &level[index + 1..] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(apart, "{a:?} and {b:?} overlap");
        }
    }
    all.extend(level.into_iter().map(|corner| (depth, corner)));
}

fn count(diagram: &Diagram) -> usize {
    let inside = |content: &Content| match content {
        Content::Frame { inside, .. } => count(inside),
        Content::Box(_) | Content::Join(_) | Content::End(_) => 0,
    };
    diagram.items.iter().map(|item| 1 + inside(&item.content)).sum()
}

#[test]
fn nothing_overlaps_and_nothing_is_lost_in_the_whole_zoo() {
    for (name, source) in zoo::ALL {
        let graph = graph(source);
        let diagram = diagram(&graph, outline(&graph));
        let columns: Vec<Column<'_>> = arrange(&diagram);
        let mut all = Vec::new();
        columns.iter().for_each(|column| corners(column.x, 0.0, &column.placed, 0, &mut all));
        assert_eq!(all.len(), count(&diagram), "{name}: everything is placed");
        assert!(all.iter().all(|(_, corner)| corner.iter().all(|x| x.is_finite())), "{name}");
        let picture = svg(&graph, name);
        assert!(picture.len() < 400_000, "{name}: {} bytes", picture.len());
        let stages = stages(&graph);
        let costs = graph.costs();
        let sum = |of: fn(&super::Stage) -> u64, auxiliary: bool| {
            stages.iter().filter(|stage| auxiliary || stage.section != "auxiliary").map(of).sum::<u64>()
        };
        assert_eq!(sum(|stage| stage.params, true), costs.params, "{name}");
        assert_eq!(sum(|stage| stage.macs, false), costs.macs, "{name}");
        assert_eq!(sum(|stage| stage.activations, false), costs.activations, "{name}");
    }
}

#[test]
fn runs_of_equal_blocks_are_folded() {
    let shown = |source: &str| svg(&graph(source), "net");
    let deep = shown(zoo::ResNet1001Cifar);
    assert!(deep.contains("× 110"), "111 units a stage, the first apart");
    assert!(deep.len() < 60_000, "{} bytes", deep.len());
    let dense = shown(zoo::DenseNet121);
    for layers in ["× 6<", "× 12<", "× 24<", "× 16<"] {
        assert!(dense.contains(layers), "{layers}");
    }
    assert!(shown(zoo::ResNeXtBlockA).contains("× 32"), "side by side");
    assert!(!shown(zoo::GoogLeNet).contains("× 2"), "branches of one width are no run");
}

#[test]
fn text_is_escaped() {
    let source =
        "N: 3x8x8 -> [4, 8, 8]; body \"a<b&c\": { add { conv(4, 1); conv(4, 3, pad = 1); } -> relu -> conv(4, 1) };";
    let picture = svg(&graph(source), "<&\"\u{1}>");
    assert!(picture.contains("<title>&lt;&amp;&quot; &gt;</title>"));
    assert!(!picture.contains("a<b") && picture.contains("a&lt;b&amp;c"));
}

#[test]
fn a_long_row_of_different_layers_is_drawn() {
    let steps: Vec<String> = (0..3000).map(|step| format!("conv({}, 1)", 1 + step % 7)).collect();
    let source = format!("N: 3x2x2 -> [4, 2, 2]; body {} -> conv(4, 1);", steps.join(" -> "));
    assert!(svg(&graph(&source), "long").matches("class=\"conv\"").count() > 2900);
}
