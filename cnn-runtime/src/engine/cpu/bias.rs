//! Gradients of biases: sums over all pixels.

use super::grid::Grid;
use super::lanes::{Body, get, put, sweep};
use super::rows::{CHUNK, Scratch};
use super::simd::Simd;
use super::team::Team;
use crate::kernels::wide;

/// Runs of numbers that begin with the first channel: pixels, or several at a time where those are narrow and lie without a gap.
/// Then a run fills vectors, and its sums are a few for each channel.
struct Runs {
    map: Grid,
    /// Pixels of a run, each a term of another sum.
    together: usize,
    /// Pixels of a task.
    each: usize,
    per_sample: usize,
}

/// Numbers of a run at least, where pixels may be taken together.
const WIDE: usize = 48;

impl Runs {
    fn of(map: Grid) -> Runs {
        let map = if map.plane() == 1 { map.as_row() } else { map };
        let narrow = map.pitch == map.channels && map.channels < WIDE;
        let together = if narrow { WIDE.div_ceil(map.channels.max(1)) } else { 1 };
        let each = CHUNK * together;
        Runs { map, together, each, per_sample: map.plane().div_ceil(each) }
    }

    fn count(&self) -> usize {
        self.map.samples * self.per_sample
    }
}

/// Numbers of scratch that [`gradient`] wants: for each task a sum for each number of a run.
pub(super) fn scratch(samples: usize, channels: usize, plane: usize) -> usize {
    // With a gap between pixels there are more tasks, with none the runs may be longer.
    let (samples, plane) = if plane == 1 { (1, samples) } else { (samples, plane) };
    samples * plane.div_ceil(CHUNK) * channels.max(2 * WIDE)
}

/// Adds up the numbers of a run.
struct Sum {
    dy: *const f32,
    step: usize,
    sum: *mut f32,
}

impl Body for Sum {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: numbers of a run, and as many sums.
        unsafe {
            let (dy, sum) = (get::<S, FULL>(self.dy.add(row * self.step + c), width), self.sum.add(c));
            put::<S, FULL>(sum, S::add(get::<S, FULL>(sum, width), dy), width);
        }
    }
}

/// Sums over batch, height and width. Parts of them, which do not depend on the threads, are summed in f64.
pub(super) fn gradient(team: &Team, dy: Grid, onto: bool, dbias: &mut [f32], scratch: &mut [f32]) {
    let runs = Runs::of(dy);
    let (map, len) = (runs.map, runs.together * dy.channels);
    assert!(runs.count() * len <= scratch.len(), "more sums than there is room for");
    let shared = Scratch::of(scratch);
    team.each(runs.count(), |task, _| {
        let (sample, first) = (task / runs.per_sample, task % runs.per_sample * runs.each);
        let pixels = runs.each.min(map.plane() - first);
        // SAFETY: tasks have sums of their own; pixels of the map, which lie without a gap where several are a run.
        unsafe {
            let sum = shared.part(task * len, len);
            sum.fill(0.0);
            let dy = map.at(sample, first).cast_const();
            let (whole, rest) = (pixels / runs.together, pixels % runs.together);
            let body =
                |dy: *const f32, sum: &mut [f32]| Sum { dy, step: runs.together * map.pitch, sum: sum.as_mut_ptr() };
            sweep(team.isa(), whole, len, body(dy, sum));
            if rest > 0 {
                sweep(team.isa(), 1, rest * map.channels, body(dy.add(whole * len), sum));
            }
        }
    });
    let sums = &scratch[..runs.count() * len];
    for first in (0..dy.channels).step_by(16) {
        let mut totals = [0.0f64; 16];
        let width = (dy.channels - first).min(16);
        wide(|| {
            for sums in sums.chunks_exact(dy.channels) {
                let sums = sums[first..][..width].iter();
                totals.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
            }
        });
        for (to, total) in dbias[first..].iter_mut().zip(totals) {
            *to = if onto { *to + total as f32 } else { total as f32 };
        }
    }
}
