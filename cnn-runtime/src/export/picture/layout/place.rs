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
pub fn place(rows: &Rows, halves: &[[f64; 2]], links: &[Link], between: f64, framed: bool) -> Vec<f64> {
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
    let mut near: Vec<Vec<Near>> = (0..halves.len()).map(|_| Vec::new()).collect();
    let degree = |of: fn(&Link) -> usize| {
        let mut degree = vec![0; halves.len()];
        links.iter().filter(|link| link.holds).for_each(|link| degree[of(link)] += 1);
        degree
    };
    let (leaving, arriving) = (degree(|link| link.from), degree(|link| link.to));
    for link in links {
        let shift = link.offsets[0] - link.offsets[1];
        let chain = link.holds && leaving[link.from] == 1 && arriving[link.to] == 1;
        let weight = if chain { STIFF } else { 1.0 };
        near[link.from].push(Near { other: link.to, shift: -shift, holds: link.holds, above: false, weight });
        near[link.to].push(Near { other: link.from, shift, holds: link.holds, above: true, weight });
    }
    let chains = chains(rows, links, &leaving, &arriving);
    // What comes in alone and leaves alone does so at one place.
    let ports = |wanted: fn(&Vertex) -> bool| {
        let mut found = rows.vertices.iter().enumerate().filter(|(_, vertex)| wanted(vertex)).map(|(index, _)| index);
        (found.next(), found.next())
    };
    let (ins, outs) = (ports(|v| matches!(v, Vertex::In(_))), ports(|v| matches!(v, Vertex::Out(_))));
    let through = match (ins, outs) {
        ((Some(input), None), (Some(output), None)) if framed => Some((input, output)),
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
    // Chains straight, as far as their neighbours let them.
    for _ in 0..sweeps {
        let mut wanted = xs.clone();
        for chain in &chains {
            let mean = chain.iter().map(|(vertex, offset)| xs[*vertex] - offset).sum::<f64>() / chain.len() as f64;
            chain.iter().for_each(|(vertex, offset)| wanted[*vertex] = mean + offset);
        }
        for row in &rows.order {
            let wishes: Vec<(f64, f64)> = row
                .iter()
                .map(|&v| (wanted[v], if matches!(rows.vertices[v], Vertex::Item(_)) { 1.0 } else { LIGHT }))
                .collect();
            settle(row, &wishes, halves, between, &mut xs);
        }
    }
    if let Some((input, output)) = through {
        xs[input] = xs[output];
    }
    xs
}

/// What a link of a chain weighs against one that parts or meets: bends are there.
const STIFF: f64 = 30.0;

/// The other end of a link, seen from one of them.
struct Near {
    other: usize,
    /// Where one wants to be, relative to the other.
    shift: f64,
    holds: bool,
    above: bool,
    weight: f64,
}

/// Vertices that belong over one another, each with its offset from the first.
fn chains(rows: &Rows, links: &[Link], leaving: &[usize], arriving: &[usize]) -> Vec<Vec<(usize, f64)>> {
    let mut next: Vec<Option<(usize, f64)>> = vec![None; rows.vertices.len()];
    let mut begins = vec![true; rows.vertices.len()];
    let lane = |v: usize| matches!(rows.vertices[v], Vertex::Lane(_));
    for link in links {
        let chain = link.holds && leaving[link.from] == 1 && arriving[link.to] == 1;
        if chain || !link.holds && lane(link.from) && lane(link.to) {
            next[link.from] = Some((link.to, link.offsets[0] - link.offsets[1]));
            begins[link.to] = false;
        }
    }
    let mut chains = Vec::new();
    for start in (0..next.len()).filter(|&v| begins[v] && next[v].is_some()) {
        let mut chain = vec![(start, 0.0)];
        let (mut at, mut offset) = (start, 0.0);
        while let Some((to, shift)) = next[at] {
            offset += shift;
            chain.push((to, offset));
            at = to;
        }
        chains.push(chain);
    }
    chains
}

/// Where the neighbours want a vertex; those whose links hold count, others only where there are none such.
fn wish(near: &[Near], xs: &[f64], above: Option<bool>) -> Option<f64> {
    let mean = |holds: bool| {
        let of = near.iter().filter(|one| one.holds == holds && above.is_none_or(|wanted| wanted == one.above));
        let (sum, weight) = of.fold((0.0, 0.0), |(sum, weight), one| {
            (sum + one.weight * (xs[one.other] + one.shift), weight + one.weight)
        });
        (weight > 0.0).then(|| sum / weight)
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
