//! Offsets in one arena for buffers that live for a while: dynamic storage allocation.
//!
//! Finding the smallest arena is NP-hard (Garey & Johnson 1979, SR2); taking the largest buffers first and each at the
//! lowest place that is free for as long as it lives is within a few percent of what is alive at the worst moment.

use std::cmp::Reverse;

/// Every buffer starts at a multiple of so many bytes: a cache line, and an AVX-512 register.
pub const ALIGNMENT: usize = 64;

/// A buffer: its size, and the first and last instruction that need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Size.
    pub bytes: usize,
    /// First instruction.
    pub first: usize,
    /// Last instruction.
    pub last: usize,
}

impl Lifetime {
    fn meets(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    fn padded(&self) -> usize {
        self.bytes.next_multiple_of(ALIGNMENT)
    }
}

/// An offset for every buffer, and the size of the arena.
pub fn assign(buffers: &[Lifetime]) -> (Vec<usize>, usize) {
    let span = |b: &Lifetime| b.last - b.first;
    let mut by_size: Vec<usize> = (0..buffers.len()).collect();
    by_size.sort_by_key(|&i| (Reverse(buffers[i].padded()), Reverse(span(&buffers[i])), i));
    let mut by_area = by_size.clone();
    by_area.sort_by_key(|&i| (Reverse(buffers[i].padded() as u128 * (1 + span(&buffers[i])) as u128), i));
    let mut by_span = by_size.clone();
    by_span.sort_by_key(|&i| (Reverse(span(&buffers[i])), Reverse(buffers[i].padded()), i));
    let mut by_start = by_size.clone();
    by_start.sort_by_key(|&i| (buffers[i].first, Reverse(buffers[i].padded()), i));
    let orders = [by_size, by_area, by_span, by_start];
    let plans = orders.iter().map(|order| in_order(buffers, order));
    let best = plans.min_by_key(|(_, size)| *size).unwrap_or_default();
    search(buffers, best)
}

/// Orders that are tried where the first ones leave gaps.
const TRIES: u64 = 200;
/// Above so many pairs of buffers a try takes too long.
const MOST_PAIRS: usize = 1 << 20;

/// Shakes the order by size until what is alive is nearly reached. The same buffers give the same offsets.
fn search(buffers: &[Lifetime], mut best: (Vec<usize>, usize)) -> (Vec<usize>, usize) {
    let enough = alive(buffers) / 100 * 101;
    if buffers.len() * buffers.len() > MOST_PAIRS {
        return best;
    }
    for number in 0..TRIES {
        if best.1 <= enough {
            break;
        }
        let shaken = |i: usize| {
            let noise = (number * buffers.len() as u64 + i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            buffers[i].padded() as u128 * u128::from((1 << 31) + noise)
        };
        let mut order: Vec<usize> = (0..buffers.len()).collect();
        order.sort_by_key(|&i| (Reverse(shaken(i)), i));
        let found = in_order(buffers, &order);
        if found.1 < best.1 {
            best = found;
        }
    }
    best
}

/// Bytes alive at the worst moment: no arena can be smaller.
fn alive(buffers: &[Lifetime]) -> usize {
    let end = buffers.iter().map(|buffer| buffer.last).max().unwrap_or(0);
    let mut change = vec![0i64; end + 2];
    for buffer in buffers {
        change[buffer.first] += buffer.padded() as i64;
        change[buffer.last + 1] -= buffer.padded() as i64;
    }
    let mut now = 0;
    let sums = change.into_iter().map(|bytes| {
        now += bytes;
        now as usize
    });
    sums.max().unwrap_or(0)
}

/// Each buffer at the lowest place that is free while it lives.
fn in_order(buffers: &[Lifetime], order: &[usize]) -> (Vec<usize>, usize) {
    let mut offsets = vec![0; buffers.len()];
    let mut size = 0;
    let mut placed: Vec<usize> = Vec::new(); // by offset
    for &i in order {
        let bytes = buffers[i].padded();
        let mut offset = 0;
        for &j in placed.iter().filter(|&&j| buffers[j].meets(&buffers[i])) {
            if offsets[j] >= offset + bytes {
                break;
            }
            offset = offset.max(offsets[j] + buffers[j].padded());
        }
        offsets[i] = offset;
        size = size.max(offset + bytes);
        let at = placed.partition_point(|&j| offsets[j] <= offset);
        placed.insert(at, i);
    }
    (offsets, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: usize, first: usize, last: usize) -> Lifetime {
        Lifetime { bytes, first, last }
    }

    #[test]
    fn a_chain_takes_its_two_largest_neighbours() {
        let chain = [buffer(640, 0, 1), buffer(1280, 1, 2), buffer(64, 2, 3), buffer(1920, 3, 4)];
        let (offsets, size) = assign(&chain);
        assert_eq!(size, 1984);
        assert_ne!(offsets[0], offsets[1]);
    }

    #[test]
    fn nothing_takes_nothing() {
        assert_eq!(assign(&[]), (vec![], 0));
        assert_eq!(assign(&[buffer(0, 0, 5)]).1, 0);
    }

    #[test]
    fn random_lifetimes_never_meet_and_stay_near_the_bound() {
        let mut state = 1u64;
        let mut random = |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % n
        };
        for _ in 0..50 {
            let buffers: Vec<Lifetime> = (0..200)
                .map(|_| {
                    let first = random(300);
                    buffer(random(100_000), first, first + random(20))
                })
                .collect();
            let (offsets, size) = assign(&buffers);
            for i in 0..buffers.len() {
                for j in 0..i {
                    let (a, b) = (&buffers[i], &buffers[j]);
                    let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                    assert!(apart || !a.meets(b) || a.bytes == 0 || b.bytes == 0, "{a:?} and {b:?} overlap");
                }
            }
            let bound = alive(&buffers);
            assert!(size as f64 <= 1.15 * bound as f64, "{size} bytes for {bound} alive");
        }
    }
}
