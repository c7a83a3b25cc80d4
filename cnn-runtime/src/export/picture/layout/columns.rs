//! The top level in columns, so that a picture is no ribbon: broken where a single tensor goes from one row to the next.

use super::super::diagram::{Diagram, End};
use super::rows::item_rows;
use super::{Placed, arrange as rows_of};

/// A column and where it stands.
#[derive(Debug)]
pub struct Column<'d> {
    pub x: f64,
    pub placed: Placed<'d>,
}

/// Width over height that is aimed at.
const ASPECT: f64 = 1.5;
const MOST_COLUMNS: usize = 10;
/// Between two columns, for the line that joins them and the name of the section.
pub const GUTTER: f64 = 64.0;

/// Lays out a picture in as many columns as make it neither long nor wide.
pub fn arrange(diagram: &Diagram) -> Vec<Column<'_>> {
    let cuts = cuts(diagram);
    let pieces: Vec<Placed<'_>> = cuts.windows(2).map(|ends| rows_of(diagram, ends[0]..ends[1], false)).collect();
    let heights: Vec<f64> = pieces.iter().map(|piece| piece.height + 24.0).collect();
    let mut best: Option<(f64, Vec<Column<'_>>)> = None;
    for count in 1..=MOST_COLUMNS.min(heights.len().max(1)) {
        let starts = split(&heights, count);
        let mut columns = Vec::new();
        let mut x = 0.0;
        for ends in starts.windows(2) {
            let placed = rows_of(diagram, cuts[ends[0]]..cuts[ends[1]], false);
            let width = placed.width;
            columns.push(Column { x, placed });
            x += width + GUTTER;
        }
        let height = columns.iter().map(|column| column.placed.height).fold(1.0, f64::max);
        let width = (x - GUTTER).max(1.0);
        let filled: f64 = columns.iter().map(|column| column.placed.width * column.placed.height).sum();
        // Half empty is as bad as half again as wide.
        let miss = (width / height / ASPECT).ln().abs() + 0.8 * (1.0 - filled / (width * height));
        if best.as_ref().is_none_or(|(least, _)| miss < *least) {
            best = Some((miss, columns));
        }
    }
    best.map(|(_, columns)| columns).unwrap_or_default()
}

/// The rows in front of which a column may begin: the first, those that one tensor alone reaches from above, and the end.
fn cuts(diagram: &Diagram) -> Vec<usize> {
    let rows = item_rows(diagram);
    let count = rows.iter().max().map_or(0, |row| row + 1);
    // For each row the tensors that pass its upper edge: the first of them, and whether there are others.
    let mut passing: Vec<(Option<(usize, usize)>, bool)> = vec![(None, false); count + 1];
    for edge in &diagram.edges {
        if let (End::Item(from), End::Item(to)) = (edge.from, edge.to) {
            for (known, several) in &mut passing[rows[from] + 1..=rows[to]] {
                let way = (from, edge.tensor);
                *several |= *known.get_or_insert(way) != way;
            }
        }
    }
    let mut cuts = vec![0];
    cuts.extend((1..count).filter(|&row| !passing[row].1));
    cuts.push(count);
    cuts
}

/// Splits into `count` runs whose longest is as short as can be; gives their starts and the end.
fn split(heights: &[f64], count: usize) -> Vec<usize> {
    let starts = |limit: f64| {
        let mut starts = vec![0];
        let mut sum = 0.0;
        for (index, height) in heights.iter().enumerate() {
            if sum > 0.0 && sum + height > limit {
                starts.push(index);
                sum = 0.0;
            }
            sum += height;
        }
        starts.push(heights.len());
        starts
    };
    let highest = heights.iter().copied().fold(0.0, f64::max);
    let (mut low, mut high) = (highest, heights.iter().sum::<f64>());
    if starts(low).len() - 1 <= count {
        high = low;
    }
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if starts(middle).len() - 1 <= count { high = middle } else { low = middle }
    }
    starts(high)
}
