//! Fully connected layers on few samples: sums of products along the inputs, at the speed at which memory gives the weights.
//! Weights that change from run to run are read as they are: packing them would take longer than the sums.

use super::tile;
use super::way::Onto;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::rows::Rows;
use crate::engine::cpu::simd::{Isa, Simd, compiled, for_isa};
use crate::engine::cpu::team::Team;
use crate::engine::operation::Activation;

/// Samples up to which this is the faster way.
const MOST_SAMPLES: usize = 32;
/// Outputs of a task.
const ROWS: usize = 24;
/// Inputs of a sum that is made in one go: as long as few samples stay in a first-level cache and few digits are lost.
const RUN: usize = 1024;
/// Samples of a tile at most.
const TILE: usize = 8;

/// A fully connected layer on few samples.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::cpu) struct Dot {
    isa: Isa,
    inputs: usize,
    outputs: usize,
}

/// The operands of a tile of M samples and N outputs.
struct Tile {
    x: *const f32,
    x_row: usize,
    w: *const f32,
    w_row: usize,
    /// Inputs.
    terms: usize,
    /// Sums, added to: from a sample's to the next's; those of outputs follow each other.
    sums: *mut f32,
    sums_row: usize,
}

/// # Safety
/// The processor has the vectors; the addresses are those of M samples, N outputs and so many inputs, and nobody else is at the
/// sums.
#[inline(always)]
unsafe fn dot<S: Simd, const M: usize, const N: usize>(t: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::zero(); N]; M];
        let whole = t.terms / S::LANES * S::LANES;
        let mut i = 0;
        while i < whole {
            // Those of the next tile are on their way meanwhile.
            for n in N..2 * N {
                S::prefetch(t.w.wrapping_add(n * t.w_row + i));
            }
            let ws: [S::V; N] = std::array::from_fn(|n| S::load(t.w.add(n * t.w_row + i)));
            for (m, sums) in sums.iter_mut().enumerate() {
                let x = S::load(t.x.add(m * t.x_row + i));
                for (sum, w) in sums.iter_mut().zip(ws) {
                    *sum = S::fma(x, w, *sum);
                }
            }
            i += S::LANES;
        }
        if i < t.terms {
            let count = t.terms - i;
            let ws: [S::V; N] = std::array::from_fn(|n| S::load_first(t.w.add(n * t.w_row + i), count));
            for (m, sums) in sums.iter_mut().enumerate() {
                let x = S::load_first(t.x.add(m * t.x_row + i), count);
                for (sum, w) in sums.iter_mut().zip(ws) {
                    *sum = S::fma(x, w, *sum);
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (n, &sum) in sums.iter().enumerate() {
                let mut lanes = S::lanes(sum);
                let lanes = lanes.as_mut();
                let mut half = S::LANES / 2;
                while half > 0 {
                    for i in 0..half {
                        lanes[i] += lanes[i + half];
                    }
                    half /= 2;
                }
                *t.sums.add(m * t.sums_row + n) += lanes[0];
            }
        }
    }
}

compiled!(dot<M, N>(t: &Tile));

type Run = unsafe fn(&Tile);

/// The most outputs of a tile of so many samples, as many as registers hold.
fn most_outputs(isa: Isa, samples: usize) -> usize {
    match (isa, samples) {
        (Isa::Avx512, 1..=4) => 4,
        (Isa::Avx512, _) => 3,
        (_, 1..=2) => 4,
        (_, 3..=4) => 2,
        _ => 1,
    }
}

fn tile(isa: Isa, samples: usize, outputs: usize) -> Run {
    macro_rules! pick {
        ($($samples:literal)*) => {
            match (samples, outputs) {
                $(($samples, 1) => for_isa!(isa, dot::<$samples, 1>),
                ($samples, 2) => for_isa!(isa, dot::<$samples, 2>),
                ($samples, 3) => for_isa!(isa, dot::<$samples, 3>),
                ($samples, _) => for_isa!(isa, dot::<$samples, 4>),)*
                _ => unreachable!("tiles have at most eight samples"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8)
}

impl Dot {
    /// For batches of so many samples, if those are few.
    pub fn new(isa: Isa, inputs: usize, outputs: usize, batch: usize) -> Option<Dot> {
        (batch <= MOST_SAMPLES).then_some(Dot { isa, inputs, outputs })
    }

    /// Computes the outputs of all samples.
    ///
    /// # Safety
    /// Grids are rows of samples of the sizes that it was made for, bias has a number for each output or is null, and no other
    /// thread touches outputs meanwhile.
    #[allow(clippy::too_many_arguments, reason = "operands of one computation")]
    pub unsafe fn run(
        &self,
        team: &Team,
        x: Grid,
        weight: &[f32],
        bias: *const f32,
        onto: Onto,
        y: Grid,
        activation: Option<Activation>,
    ) {
        let Dot { isa, inputs, outputs } = *self;
        assert_eq!(weight.len(), inputs * outputs, "weights of another size");
        assert!(x.width <= MOST_SAMPLES, "more samples than planned");
        let shared = Operands { bias, onto: onto.grid(y) };
        team.each(outputs.div_ceil(ROWS), |task, _| {
            let shared = &shared;
            let first = task * ROWS;
            let rows = ROWS.min(outputs - first);
            let mut sums = [0.0; MOST_SAMPLES * ROWS];
            for start in (0..inputs).step_by(RUN) {
                let mut sample = 0;
                while sample < x.width {
                    let samples = TILE.min(x.width - sample);
                    let most = most_outputs(isa, samples);
                    for row in (0..rows).step_by(most) {
                        // SAFETY: the caller's; sums are the task's own.
                        unsafe {
                            tile(isa, samples, most.min(rows - row))(&Tile {
                                x: x.at(0, sample).add(start),
                                x_row: x.pitch,
                                w: weight.as_ptr().add((first + row) * inputs + start),
                                w_row: inputs,
                                terms: RUN.min(inputs - start),
                                sums: sums.as_mut_ptr().add(sample * ROWS + row),
                                sums_row: ROWS,
                            });
                        }
                    }
                    sample += samples;
                }
            }
            for (sample, sums) in sums.chunks_exact(ROWS).take(x.width).enumerate() {
                for (row, sum) in sums[..rows].iter().enumerate() {
                    // SAFETY: the caller's; tasks write outputs of their own.
                    unsafe {
                        let bias = if shared.bias.is_null() { 0.0 } else { *shared.bias.add(first + row) };
                        let onto = shared.onto.map_or(0.0, |onto| *onto.at(0, sample).add(first + row));
                        *y.at(0, sample).add(first + row) = sum + bias + onto;
                    }
                }
            }
            if let Some(activation) = activation {
                // SAFETY: as above.
                unsafe { tile::activate(isa, activation, Rows::new(y.at(0, 0).add(first), y.pitch), x.width, rows) };
            }
        });
    }
}

struct Operands {
    bias: *const f32,
    onto: Option<Grid>,
}

// SAFETY: addresses; only read, or at numbers of the task's own.
unsafe impl Sync for Operands {}
