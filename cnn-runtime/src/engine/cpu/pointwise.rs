//! What is computed for each number, or each channel, by itself.

use super::conv::direct::Onto;
use super::grid::Grid;
use super::lanes::{Body, get, put, sweep};
use super::rows::{Chunks, Rows, elements, pixels, sums, total};
use super::simd::Simd;
use super::team::Team;
use crate::engine::operation::Activation;
use crate::kernels::activation::{Function, with_function};
use crate::kernels::drop_path::DropPath;
use crate::kernels::dropout::Dropout;
use crate::kernels::wide;

/// The same numbers elsewhere.
pub(super) fn copy(team: &Team, from: Grid, to: Grid) {
    elements(team, [from, to], |part| {
        for row in 0..part.count {
            // SAFETY: pixels of the maps, which do not meet.
            unsafe { part.rows[1].get_mut(row, part.len).copy_from_slice(part.rows[0].get(row, part.len)) };
        }
    });
}

/// Zeros.
pub(super) fn zero(team: &Team, y: Grid) {
    elements(team, [y], |part| {
        // SAFETY: pixels of the map.
        (0..part.count).for_each(|row| unsafe { part.rows[0].get_mut(row, part.len).fill(0.0) });
    });
}

/// Images, whose channels come first, to pixels.
pub(super) fn arrange(team: &Team, images: *const f32, y: Grid) {
    struct Images(*const f32);
    // SAFETY: only read.
    unsafe impl Sync for Images {}
    impl Images {
        fn channel(&self, index: usize) -> *const f32 {
            // SAFETY: there are as many channels as the grid has.
            unsafe { self.0.add(index) }
        }
    }
    let (images, plane) = (Images(images), y.plane());
    pixels(team, [y], |part| {
        for c in 0..part.len {
            let from = images.channel((part.sample * part.len + c) * plane + part.pixel);
            for row in 0..part.count {
                // SAFETY: pixels of the map and of the images.
                unsafe { part.rows[0].get_mut(row, part.len)[c] = *from.add(row) };
            }
        }
    });
}

/// The same numbers under another size, in the order in which channels come first.
pub(super) fn reshape(team: &Team, x: Grid, y: Grid) {
    let plane = x.plane();
    pixels(team, [y], |part| {
        for row in 0..part.count {
            // SAFETY: pixels of the maps, which do not meet.
            unsafe {
                let to = part.rows[0].get_mut(row, part.len);
                for (c, to) in to.iter_mut().enumerate() {
                    let index = c * y.plane() + part.pixel + row;
                    *to = *x.at(part.sample, index % plane).add(index / plane);
                }
            }
        }
    });
}

/// Applies an activation in place.
pub(super) fn activate(team: &Team, activation: Activation, y: Grid) {
    elements(team, [y], |part| {
        for row in 0..part.count {
            // SAFETY: pixels of the map.
            activation.apply(unsafe { part.rows[0].get_mut(row, part.len) });
        }
    });
}

/// `dx = dy f'`, by what was kept. `dx` may be `dy`.
pub(super) fn chain(team: &Team, activation: Activation, known: Grid, dy: Grid, dx: Grid) {
    let by_output = activation.known_by_output();
    with_function!(Some(activation), |f| elements(team, [known, dy, dx], |part| {
        let [known, dy, dx] = part.rows;
        // SAFETY: pixels of the maps; dx may be dy.
        unsafe { sweep(team.isa(), part.count, part.len, Chain { known, dy, dx, by_output, f }) };
    }));
}

struct Chain<F> {
    known: Rows,
    dy: Rows,
    dx: Rows,
    by_output: bool,
    f: F,
}

impl<F: Function> Body for Chain<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let [known, dy] = [self.known, self.dy].map(|rows| get::<S, FULL>(rows.at(row).add(c), width));
            let slope = match self.by_output {
                true => S::map(known, |y| self.f.slope_at_value(y)),
                false => S::map(known, |x| self.f.slope(x)),
            };
            put::<S, FULL>(self.dx.at(row).add(c), S::mul(dy, slope), width);
        }
    }
}

/// `y = f(onto + sum of x)`; at least one x.
pub(super) fn add(team: &Team, xs: &[Grid], onto: Onto, y: Grid, activation: Option<Activation>) {
    let (first, rest) = match onto {
        Onto::Itself => (None, xs),
        Onto::Other(other) => (Some(other), xs),
        Onto::Nothing => (Some(xs[0]), &xs[1..]),
    };
    if rest.is_empty() {
        copy(team, xs[0], y);
        activation.into_iter().for_each(|activation| activate(team, activation, y));
        return;
    }
    let last = rest.len() - 1;
    for (index, &x) in rest.iter().enumerate() {
        let activation = activation.filter(|_| index == last);
        let from = if index == 0 { first.unwrap_or(y) } else { y };
        with_function!(activation, |f| elements(team, [from, x, y], |part| {
            let [from, x, y] = part.rows;
            // SAFETY: pixels of the maps; y may be what is added to.
            unsafe { sweep(team.isa(), part.count, part.len, Sum { from, x, y, f }) };
        }));
    }
}

struct Sum<F> {
    from: Rows,
    x: Rows,
    y: Rows,
    f: F,
}

impl<F: Function> Body for Sum<F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps.
        unsafe {
            let [from, x] = [self.from, self.x].map(|rows| get::<S, FULL>(rows.at(row).add(c), width));
            put::<S, FULL>(self.y.at(row).add(c), S::map(S::add(from, x), |y| self.f.value(y)), width);
        }
    }
}

/// `y = f(onto + x scale + shift)`, each channel by itself. `y` may be `x`.
pub(super) fn affine(
    team: &Team,
    x: Grid,
    scale: &[f32],
    shift: &[f32],
    onto: Onto,
    y: Grid,
    activation: Option<Activation>,
) {
    let channels = x.channels;
    let other = match onto {
        Onto::Nothing => None,
        Onto::Itself => Some(y),
        Onto::Other(other) => Some(other),
    };
    with_function!(activation, |f| pixels(team, [x, y, other.unwrap_or(x)], |part| {
        let [x, y, other] = part.rows;
        let other = onto.is_some().then_some(other);
        // SAFETY: pixels of the maps; y may be either of the others.
        unsafe { sweep(team.isa(), part.count, channels, Scaled { x, y, other, scale, shift, f }) };
    }));
}

struct Scaled<'a, F> {
    x: Rows,
    y: Rows,
    other: Option<Rows>,
    scale: &'a [f32],
    shift: &'a [f32],
    f: F,
}

impl<F: Function> Body for Scaled<'_, F> {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and a number for each channel.
        unsafe {
            let [scale, shift] = [self.scale, self.shift].map(|from| get::<S, FULL>(from.as_ptr().add(c), width));
            let mut y = S::fma(get::<S, FULL>(self.x.at(row).add(c), width), scale, shift);
            if let Some(other) = &self.other {
                y = S::add(y, get::<S, FULL>(other.at(row).add(c), width));
            }
            put::<S, FULL>(self.y.at(row).add(c), S::map(y, |y| self.f.value(y)), width);
        }
    }
}

/// Each channel of a sample times its number in the gate. `y` may be `x`.
pub(super) fn gate(team: &Team, x: Grid, gate: Grid, y: Grid) {
    let channels = x.channels;
    pixels(team, [x, y], |part| {
        let [x, y] = part.rows;
        // SAFETY: pixels of the maps, and a number for each channel of each sample; y may be x.
        unsafe {
            let gate = gate.at(part.sample, 0).cast_const();
            sweep(team.isa(), part.count, channels, Gated { x, y, gate });
        }
    });
}

struct Gated {
    x: Rows,
    y: Rows,
    gate: *const f32,
}

impl Body for Gated {
    #[inline(always)]
    unsafe fn block<S: Simd, const FULL: bool>(&self, row: usize, c: usize, width: usize) {
        // SAFETY: pixels of the maps, and a number for each channel.
        unsafe {
            let (x, gate) = (get::<S, FULL>(self.x.at(row).add(c), width), get::<S, FULL>(self.gate.add(c), width));
            put::<S, FULL>(self.y.at(row).add(c), S::mul(x, gate), width);
        }
    }
}

/// The gradient of the gate: sums of `x dy` over each channel of each sample.
pub(super) fn gate_gradient(team: &Team, x: Grid, dy: Grid, onto: bool, dgate: Grid) {
    let channels = x.channels;
    let blocks = channels.div_ceil(GATES);
    team.each(x.samples * blocks, |task, _| {
        let (sample, first) = (task / blocks, task % blocks * GATES);
        let width = (channels - first).min(GATES);
        let mut sums = [0.0f64; GATES];
        wide(|| {
            for start in (0..x.plane()).step_by(64) {
                let mut part = [0.0f32; GATES];
                for pixel in start..(start + 64).min(x.plane()) {
                    // SAFETY: pixels of the maps.
                    let [x, dy] = [x, dy]
                        .map(|map| unsafe { std::slice::from_raw_parts(map.at(sample, pixel).add(first), width) });
                    part.iter_mut().zip(x.iter().zip(dy)).for_each(|(sum, (&x, &dy))| *sum += x * dy);
                }
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
            }
        });
        // SAFETY: the gate has a number for each channel of each sample; tasks write their own.
        let to = unsafe { std::slice::from_raw_parts_mut(dgate.at(sample, 0).add(first), width) };
        for (to, sum) in to.iter_mut().zip(sums) {
            *to = if onto { *to + sum as f32 } else { sum as f32 };
        }
    });
}

/// Channels of a gate that are summed up together.
const GATES: usize = 64;

/// Numbers of scratch that [`bias_gradient`] wants.
pub(super) fn bias_scratch(samples: usize, channels: usize, plane: usize) -> usize {
    2 * Chunks::most(samples, plane) * channels
}

/// Sums over batch, height and width.
pub(super) fn bias_gradient(team: &Team, dy: Grid, onto: bool, dbias: &mut [f32], scratch: &mut [f32]) {
    let (channels, chunks) = (dy.channels, Chunks::of(dy));
    sums(team, chunks, channels, scratch, |chunk, sum, _| {
        let (rows, count) = chunks.rows(dy, chunk);
        wide(|| {
            for row in 0..count {
                // SAFETY: pixels of the map.
                let dy = unsafe { rows.get(row, channels) };
                sum.iter_mut().zip(dy).for_each(|(sum, &dy)| *sum += dy);
            }
        });
    });
    for first in (0..channels).step_by(16) {
        let [sums, _] = total(scratch, chunks.count(), channels, first);
        for (to, sum) in dbias[first..].iter_mut().zip(sums) {
            *to = if onto { *to + sum as f32 } else { sum as f32 };
        }
    }
}

/// `x` among the channels of `dx` from `first` on, onto what is there.
pub(super) fn embed(team: &Team, dy: Grid, first: usize, dx: Grid) {
    add(team, &[dy], Onto::Itself, dx.slice(first, dy.channels), None);
}

/// Drops values, the same whatever the layout. `y` may be `x`.
pub(super) fn dropout(team: &Team, x: Grid, p: f64, seed: u64, y: Grid) {
    let (mask, plane) = (Dropout { p, seed }, x.plane());
    pixels(team, [x, y], |part| {
        for row in 0..part.count {
            for c in 0..part.len {
                let index = (part.sample * part.len + c) * plane + part.pixel + row;
                // SAFETY: pixels of the maps; y may be x, so both are reached through addresses.
                unsafe {
                    let y = part.rows[1].at(row);
                    *y.add(c) = *part.rows[0].at(row).add(c) * mask.factor(index) as f32;
                }
            }
        }
    });
}

/// Drops samples. `y` may be `x`.
pub(super) fn drop_path(team: &Team, x: Grid, p: f64, seed: u64, y: Grid) {
    let mask = DropPath { len: x.plane() * x.channels, p, seed };
    pixels(team, [x, y], |part| {
        let factor = mask.factor(part.sample) as f32;
        wide(|| {
            for row in 0..part.count {
                for c in 0..part.len {
                    // SAFETY: as in `dropout`.
                    unsafe {
                        let y = part.rows[1].at(row);
                        *y.add(c) = *part.rows[0].at(row).add(c) * factor;
                    }
                }
            }
        });
    });
}
