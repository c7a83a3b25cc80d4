//! Positions along a row: straight where a chain goes on, in the middle where branches part and meet.

use super::rows::{Rows, Vertex};

/// A link with the places in its ends, relative to their middles.
pub struct Link {
    pub from: usize,
    pub to: usize,
    pub offsets: [f64; 2],
    /// Pulls its ends over one another.
    pub holds: bool,
}

/// What a vertex that is no item weighs against one.
const LIGHT: f64 = 0.05;

/// The middle of every vertex.
pub fn place(rows: &Rows, halves: &[[f64; 2]], links: &[Link], between: f64) -> Vec<f64> {
    let mut xs = vec![0.0; halves.len()];
    for row in &rows.order {
        let mut x = 0.0;
        for &vertex in row {
            xs[vertex] = x + halves[vertex][0];
            x += halves[vertex][0] + halves[vertex][1] + between;
        }
        for &vertex in row {
            xs[vertex] -= x / 2.0;
        }
    }
    // For each vertex: the other one, where it wants to be relative to that, whether the link holds, whether it is above.
    let mut near: Vec<Vec<(usize, f64, bool, bool)>> = vec![Vec::new(); halves.len()];
    for link in links {
        let shift = link.offsets[1] - link.offsets[0];
        near[link.from].push((link.to, shift, link.holds, false));
        near[link.to].push((link.from, -shift, link.holds, true));
    }
    // What comes in alone and leaves alone does so at one place.
    let ports = |wanted: fn(&Vertex) -> bool| {
        let mut found = rows.vertices.iter().enumerate().filter(|(_, vertex)| wanted(vertex)).map(|(index, _)| index);
        (found.next(), found.next())
    };
    let (ins, outs) = (ports(|v| matches!(v, Vertex::In(_))), ports(|v| matches!(v, Vertex::Out(_))));
    let through = match (ins, outs) {
        ((Some(input), None), (Some(output), None)) => Some((input, output)),
        _ => None,
    };

    let sweeps = if halves.len() > 3000 { 4 } else { 24 };
    for sweep in 0..sweeps {
        let count = rows.order.len();
        for step in 0..count {
            let down = sweep % 2 == 0;
            let both = sweep + 4 >= sweeps;
            let row = &rows.order[if down { step } else { count - 1 - step }];
            let wishes: Vec<(f64, f64)> = row
                .iter()
                .map(|&vertex| {
                    let item = matches!(rows.vertices[vertex], Vertex::Item(_));
                    let wish = wish(&near[vertex], &xs, both.then_some(()).map_or(Some(down), |()| None));
                    let own = if item { 1.0 } else { LIGHT };
                    wish.map_or((xs[vertex], 0.2 * own), |x| (x, own))
                })
                .collect();
            settle(row, &wishes, halves, between, &mut xs);
        }
        if let Some((input, output)) = through {
            let middle = f64::midpoint(xs[input], xs[output]);
            (xs[input], xs[output]) = (middle, middle);
        }
    }
    xs
}

/// Where the neighbours want a vertex; those whose links hold count, others only where there are none such.
fn wish(near: &[(usize, f64, bool, bool)], xs: &[f64], above: Option<bool>) -> Option<f64> {
    let mean = |holds: bool| {
        let of = near.iter().filter(|(_, _, h, a)| *h == holds && above.is_none_or(|wanted| wanted == *a));
        let (sum, count) = of.fold((0.0, 0), |(sum, count), (other, shift, ..)| (sum + xs[*other] + shift, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    mean(true).or_else(|| mean(false))
}

/// Moves a row as near to its wishes as its order and widths allow: least squares, by pooling neighbours that push.
fn settle(row: &[usize], wishes: &[(f64, f64)], halves: &[[f64; 2]], between: f64, xs: &mut [f64]) {
    // Blocks of vertices that stand shoulder to shoulder: their first, their weight, where the first wants to be.
    let mut blocks: Vec<(usize, f64, f64)> = Vec::new();
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    for (at, &vertex) in row.iter().enumerate() {
        if at > 0 {
            offset += halves[row[at - 1]][1] + between + halves[vertex][0];
        }
        offsets.push(offset);
        let (wish, weight) = wishes[at];
        let mut block = (at, weight, wish - offset);
        while let Some(&(first, other, place)) = blocks.last()
            && place > block.2
        {
            blocks.pop();
            let weight = other + block.1;
            block = (first, weight, (place * other + block.2 * block.1) / weight);
        }
        blocks.push(block);
    }
    for (number, &(first, _, place)) in blocks.iter().enumerate() {
        let end = blocks.get(number + 1).map_or(row.len(), |next| next.0);
        for at in first..end {
            xs[row[at]] = place + offsets[at];
        }
    }
}
