//! Dominance. All points are losses: smaller is better in each coordinate.

use std::cmp::Ordering;

/// Whether `a` is nowhere worse than `b` and somewhere better.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut better = false;
    for (a, b) in a.iter().zip(b) {
        match a.partial_cmp(b) {
            Some(Ordering::Less) => better = true,
            Some(Ordering::Equal) => {}
            Some(Ordering::Greater) | None => return false,
        }
    }
    better
}

/// Indices of the points that none dominates, in order; of equal points all.
pub fn pareto(points: &[&[f64]]) -> Vec<usize> {
    let free = |&index: &usize| !points.iter().any(|other| dominates(other, points[index]));
    (0..points.len()).filter(free).collect()
}

/// Fast non-dominated sort: indices by front, the best first. Deb et al. 2002, section III-A.
pub fn fronts(points: &[&[f64]]) -> Vec<Vec<usize>> {
    let mut worse: Vec<Vec<usize>> = vec![Vec::new(); points.len()];
    let mut better = vec![0usize; points.len()];
    for a in 0..points.len() {
        for b in a + 1..points.len() {
            if dominates(points[a], points[b]) {
                worse[a].push(b);
                better[b] += 1;
            } else if dominates(points[b], points[a]) {
                worse[b].push(a);
                better[a] += 1;
            }
        }
    }
    let mut fronts = Vec::new();
    let mut front: Vec<usize> = (0..points.len()).filter(|&index| better[index] == 0).collect();
    while !front.is_empty() {
        let mut next = Vec::new();
        for &index in &front {
            for &other in &worse[index] {
                better[other] -= 1;
                if better[other] == 0 {
                    next.push(other);
                }
            }
        }
        next.sort_unstable();
        fronts.push(std::mem::replace(&mut front, next));
    }
    fronts
}

/// Crowding distances of the points of one front: the sum over coordinates of the distance between the neighbours on both
/// sides, as a share of the whole range; infinite at the ends. Deb et al. 2002, section III-B.
pub fn crowding(front: &[&[f64]]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    let coordinates = front.first().map_or(0, |point| point.len());
    for m in 0..coordinates {
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&a, &b| front[a][m].total_cmp(&front[b][m]));
        let (least, most) = (order[0], order[front.len() - 1]);
        let range = front[most][m] - front[least][m];
        distances[least] = f64::INFINITY;
        distances[most] = f64::INFINITY;
        if range > 0.0 && range.is_finite() {
            for three in order.windows(3) {
                distances[three[1]] += (front[three[2]][m] - front[three[0]][m]) / range;
            }
        }
    }
    distances
}

/// Volume that the points dominate up to a reference point; exact in any number of dimensions. Points that are not below the
/// reference in every coordinate add nothing.
///
/// By the exclusive volume of each point, as While et al. 2012 (<https://doi.org/10.1109/TEVC.2010.2077298>): n log n for two
/// coordinates, and quick for fronts of some hundreds in three.
pub fn hypervolume(points: &[&[f64]], reference: &[f64]) -> f64 {
    let inside = |point: &&[f64]| point.len() == reference.len() && point.iter().zip(reference).all(|(x, r)| x < r);
    let points: Vec<Vec<f64>> = points.iter().copied().filter(inside).map(<[f64]>::to_vec).collect();
    if reference.is_empty() {
        return 0.0;
    }
    volume(points, reference)
}

fn volume(points: Vec<Vec<f64>>, reference: &[f64]) -> f64 {
    let mut points = thinned(points);
    match reference {
        [] => 0.0,
        &[r] => points.iter().map(|point| r - point[0]).fold(0.0, f64::max),
        &[first, second] => {
            points.sort_by(|a, b| a[0].total_cmp(&b[0]));
            let mut ceiling = second;
            let mut sum = 0.0;
            for point in &points {
                sum += (first - point[0]) * (ceiling - point[1]);
                ceiling = point[1];
            }
            sum
        }
        _ => {
            // Worst first in the last coordinate: what is left to exclude is thin.
            let last = reference.len() - 1;
            points.sort_by(|a, b| b[last].total_cmp(&a[last]));
            let exclusive = |k: usize| {
                let point = &points[k];
                let alone: f64 = point.iter().zip(reference).map(|(x, r)| r - x).product();
                let shared = points[k + 1..].iter().map(|other| worse_of(point, other)).collect();
                alone - volume(shared, reference)
            };
            (0..points.len()).map(exclusive).sum()
        }
    }
}

fn worse_of(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a.max(*b)).collect()
}

/// Without dominated points, each once.
fn thinned(points: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut kept: Vec<Vec<f64>> = Vec::with_capacity(points.len());
    for point in points {
        if !kept.iter().any(|other| *other == point || dominates(other, &point)) {
            kept.retain(|other| !dominates(&point, other));
            kept.push(point);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn slices(points: &[Vec<f64>]) -> Vec<&[f64]> {
        points.iter().map(Vec::as_slice).collect()
    }

    fn cloud(rng: &mut ChaCha8Rng, count: usize, dimensions: usize) -> Vec<Vec<f64>> {
        (0..count).map(|_| (0..dimensions).map(|_| f64::from(rng.gen_range(0..8u8))).collect()).collect()
    }

    #[test]
    fn fronts_are_what_is_left_without_the_better_ones() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        for round in 0..60 {
            let points = cloud(rng, 1 + round, 1 + round % 4);
            let points = slices(&points);
            let mut left: Vec<usize> = (0..points.len()).collect();
            for front in fronts(&points) {
                let among: Vec<&[f64]> = left.iter().map(|&index| points[index]).collect();
                let best: Vec<usize> = pareto(&among).into_iter().map(|at| left[at]).collect();
                assert_eq!(front, best);
                left.retain(|index| !front.contains(index));
            }
            assert!(left.is_empty());
        }
    }

    /// Counts unit cubes.
    #[test]
    fn hypervolumes_are_counted_cubes() {
        let rng = &mut ChaCha8Rng::seed_from_u64(6);
        for round in 0..120usize {
            let dimensions = 1 + round % 4;
            let points = cloud(rng, 1 + round % 17, dimensions);
            let reference = vec![7.0; dimensions];
            let cubes = (0..7usize.pow(dimensions as u32)).filter(|&cube| {
                let corner: Vec<f64> = (0..dimensions).map(|m| (cube / 7usize.pow(m as u32) % 7) as f64).collect();
                points.iter().any(|point| point.iter().zip(&corner).all(|(x, c)| x <= c))
            });
            assert_eq!(hypervolume(&slices(&points), &reference), cubes.count() as f64, "{points:?}");
        }
        assert_eq!(hypervolume(&[], &[1.0, 1.0]), 0.0);
        assert_eq!(hypervolume(&[&[0.5, 2.0]], &[1.0, 1.0]), 0.0);
    }

    #[test]
    fn crowding_is_the_way_between_neighbours() {
        let front = [vec![0.0, 4.0], vec![1.0, 2.0], vec![4.0, 0.0]];
        let [a, b, c] = crowding(&slices(&front))[..] else { panic!("three distances") };
        assert_eq!((a, c), (f64::INFINITY, f64::INFINITY));
        assert_eq!(b, 4.0 / 4.0 + 4.0 / 4.0);
        // Failed trials: equal and infinitely bad.
        let failed = vec![vec![f64::INFINITY; 2]; 3];
        assert!(crowding(&slices(&failed)).iter().all(|distance| !distance.is_nan()));
        assert_eq!(fronts(&slices(&failed)).len(), 1);
    }

    #[test]
    fn dominance_knows_no_numbers_that_are_none() {
        assert!(!dominates(&[f64::NAN, 0.0], &[1.0, 1.0]) && !dominates(&[1.0, 1.0], &[f64::NAN, 0.0]));
        assert!(dominates(&[0.0, 1.0], &[1.0, 1.0]) && !dominates(&[1.0, 1.0], &[1.0, 1.0]));
    }
}
