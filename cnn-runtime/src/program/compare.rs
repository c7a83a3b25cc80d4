//! `cnn show A --vs B`: the stages of two networks side by side.

use cnn_lang::graph::{Graph, Shape, readable};
use serde::Serialize;

use super::Output;
use super::failure::Failure;
use super::network::Network;
use super::text::{json, table};
use crate::export::{Stage, stages};

/// The output of `cnn show A --vs B --json`.
#[derive(Serialize)]
struct Compared {
    networks: [Side; 2],
    /// What the second takes, with that of the first as 1; null where the first takes nothing.
    ratio: Ratio,
    /// Stages of the first and the second that stand beside one another: positions in their lists.
    rows: Vec<[Option<usize>; 2]>,
}

#[derive(Serialize)]
struct Side {
    name: String,
    input: Vec<usize>,
    output: Vec<usize>,
    params: u64,
    macs: u64,
    activation_bytes: u64,
    stages: Vec<StageJson>,
}

#[derive(Serialize)]
struct StageJson {
    section: &'static str,
    name: String,
    output: Vec<usize>,
    params: u64,
    macs: u64,
    activation_bytes: u64,
}

#[derive(Serialize)]
struct Ratio {
    params: Option<f64>,
    macs: Option<f64>,
    activation_bytes: Option<f64>,
}

/// Writes the comparison.
pub(super) fn compare(a: &Network, b: &Network, as_json: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let (of_a, of_b) = (stages(&a.graph), stages(&b.graph));
    let rows = align(&keys(&a.graph, &of_a), &keys(&b.graph, &of_b));
    let costs = [&a.graph, &b.graph].map(Graph::costs);
    let ratio = |of: fn(&cnn_lang::graph::Costs) -> u64| {
        let [a, b] = [of(&costs[0]), of(&costs[1])];
        (a > 0).then(|| b as f64 / a as f64)
    };
    let ratio = Ratio {
        params: ratio(|costs| costs.params),
        macs: ratio(|costs| costs.macs),
        activation_bytes: ratio(|costs| costs.activations),
    };
    if as_json {
        return json(output.out, &Compared { networks: [side(a, &of_a), side(b, &of_b)], ratio, rows });
    }
    let blank = || <[String; 5]>::default();
    let cells = |stage: &Stage| {
        let number = |n: u64| if n == 0 { String::new() } else { readable(n) };
        let name = stage.name.clone();
        [name, stage.output.to_string(), number(stage.params), number(stage.macs), number(stage.activations)]
    };
    let join = |a: [String; 5], b: [String; 5]| {
        let mut cells: [String; 10] = Default::default();
        cells.iter_mut().zip(a.into_iter().chain(b)).for_each(|(to, from)| *to = from);
        cells
    };
    let mut lines: Vec<[String; 10]> = rows
        .iter()
        .map(|[x, y]| join(x.map_or_else(blank, |x| cells(&of_a[x])), y.map_or_else(blank, |y| cells(&of_b[y]))))
        .collect();
    let total = |index: usize| {
        let costs = &costs[index];
        let [params, macs, bytes] = [costs.params, costs.macs, costs.activations].map(readable);
        ["total".to_owned(), String::new(), params, macs, bytes]
    };
    lines.push(join(total(0), total(1)));
    let header = ["", "output", "parameters", "multiply-adds", "bytes"];
    let mut names = join(header.map(str::to_owned), header.map(str::to_owned));
    (names[0], names[5]) = (a.name.clone(), b.name.clone());
    let names: [&str; 10] = std::array::from_fn(|index| names[index].as_str());
    write!(output.out, "{}", side_by_side(names, &lines))?;
    let times = |ratio: Option<f64>| ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.3}"));
    Ok(writeln!(
        output.out,
        "\n{} / {}: parameters {}, multiply-adds {}, bytes of activations {}",
        b.name,
        a.name,
        times(ratio.params),
        times(ratio.macs),
        times(ratio.activation_bytes)
    )?)
}

/// Two tables with room between them; names and sizes to the left, numbers to the right.
fn side_by_side(names: [&str; 10], lines: &[[String; 10]]) -> String {
    let half = |from: usize| {
        let rows: Vec<[String; 5]> =
            lines.iter().map(|line| std::array::from_fn(|index| line[from + index].clone())).collect();
        table(std::array::from_fn(|index| names[from + index]), &rows, 2)
    };
    let (left, right) = (half(0), half(5));
    let width = left.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let line = |(left, right): (&str, &str)| format!("{left:<width$}    {right}").trim_end().to_owned() + "\n";
    left.lines().zip(right.lines()).map(line).collect()
}

fn side(network: &Network, stages: &[Stage]) -> Side {
    let costs = network.graph.costs();
    let stage = |stage: &Stage| StageJson {
        section: stage.section,
        name: stage.name.clone(),
        output: stage.output.dims(),
        params: stage.params,
        macs: stage.macs,
        activation_bytes: stage.activations,
    };
    Side {
        name: network.name.clone(),
        input: network.graph.input_shape().dims(),
        output: network.graph.output_shape().dims(),
        params: costs.params,
        macs: costs.macs,
        activation_bytes: costs.activations,
        stages: stages.iter().map(stage).collect(),
    }
}

/// Where a stage stands: its section, and in the body how often the map was halved.
fn keys(graph: &Graph, stages: &[Stage]) -> Vec<(usize, u32)> {
    let pixels = |shape: Shape| shape.spatial().map_or(1, |[h, w]| h * w) as f64;
    let input = pixels(graph.input_shape());
    let section = |name: &str| ["stem", "body", "head", "auxiliary"].iter().position(|known| *known == name);
    let key = |stage: &Stage| {
        let halvings = (input / pixels(stage.output)).max(1.0).log2() / 2.0;
        let halvings = if stage.section == "body" { halvings.round() as u32 } else { 0 };
        (section(stage.section).unwrap_or(0), halvings)
    };
    stages.iter().map(key).collect()
}

/// Pairs of stages with equal keys, in the order of either list.
fn align(a: &[(usize, u32)], b: &[(usize, u32)]) -> Vec<[Option<usize>; 2]> {
    let mut rows = Vec::new();
    let (mut x, mut y) = (0, 0);
    while x < a.len() || y < b.len() {
        match (a.get(x), b.get(y)) {
            (Some(one), Some(other)) if one == other => {
                rows.push([Some(x), Some(y)]);
                (x, y) = (x + 1, y + 1);
            }
            // A stage without a partner goes first where the other's is yet to come.
            (Some(one), Some(other)) if one < other => {
                rows.push([Some(x), None]);
                x += 1;
            }
            (Some(_), None) => {
                rows.push([Some(x), None]);
                x += 1;
            }
            _ => {
                rows.push([None, Some(y)]);
                y += 1;
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_at_one_size_stand_beside_one_another() {
        let a = [(0, 0), (1, 2), (1, 3), (1, 5), (2, 0)];
        let b = [(0, 0), (1, 1), (1, 2), (1, 3), (1, 3), (2, 0)];
        let rows = align(&a, &b);
        let expected = [
            (Some(0), Some(0)),
            (None, Some(1)),
            (Some(1), Some(2)),
            (Some(2), Some(3)),
            (None, Some(4)),
            (Some(3), None),
            (Some(4), Some(5)),
        ];
        assert_eq!(rows, expected.map(|(x, y)| [x, y]));
    }
}
