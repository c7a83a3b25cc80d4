//! Fully connected layers on few samples, back to weights and to inputs: products of vectors, at the speed at which memory gives
//! or takes the weights. Nothing is copied.
//!
//! Both are `c[m][n] = sum over k of a[k, m] b[k][n]`: of weights m is an output, n an input, k a sample; of inputs m is a sample
//! and k an output.

use super::way::Onto;
use super::weight_gradient::Shared;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::{Isa, Simd, compiled, for_isa};
use crate::engine::cpu::team::Team;

/// Samples up to which gradients of weights are computed here: sums over more would lose digits.
const MOST_WEIGHT: usize = 128;
/// Samples up to which gradients of inputs are computed here: of more, the weights are worth copying.
const MOST_INPUT: usize = 32;
/// Outputs whose weights meet a strip of inputs at a time, and whose sum is made in one go.
const ROWS: usize = 64;
/// Numbers of inputs that stay in a first-level cache.
const NEAR: usize = 6 << 10;
/// Tasks that each thread gets at least, where there is work for them.
const TASKS: usize = 4;
/// Bytes of a gradient that pass by the caches: it would drive out everything else, and not be there when it is read again.
const STREAMED: usize = 16 << 20;

/// The operands of a tile of M rows and V vectors.
#[derive(Clone, Copy)]
struct Tile {
    /// Numbers that rows are multiplied by: from a row to the next, and from a term to the next.
    a: *const f32,
    a_row: usize,
    a_term: usize,
    /// Vectors, from a term to the next.
    b: *const f32,
    b_term: usize,
    /// How far ahead of them memory is read.
    ahead: usize,
    terms: usize,
    /// What is added to, or null.
    onto: *const f32,
    onto_row: usize,
    c: *mut f32,
    c_row: usize,
    /// Numbers of the last vector.
    last: usize,
    /// Whether results pass by the caches; they are whole vectors at multiples of their size.
    streamed: bool,
}

/// # Safety
/// The processor has the vectors; the addresses are those of M rows, of so many terms and of V vectors, the last one's first
/// `last`; nobody else is at the results.
#[inline(always)]
unsafe fn outer<S: Simd, const M: usize, const V: usize>(t: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        if t.last == S::LANES {
            let sums = sums::<S, M, V, true>(t);
            for (m, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let to = t.c.add(m * t.c_row + v * S::LANES);
                    if t.streamed {
                        S::stream(to, sum);
                    } else if t.onto.is_null() {
                        S::store(to, sum);
                    } else {
                        S::store(to, S::add(S::load(t.onto.add(m * t.onto_row + v * S::LANES)), sum));
                    }
                }
            }
        } else {
            let sums = sums::<S, M, V, false>(t);
            for (m, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let count = if v + 1 == V { t.last } else { S::LANES };
                    let to = t.c.add(m * t.c_row + v * S::LANES);
                    let sum = match t.onto.is_null() {
                        true => sum,
                        false => S::add(S::load_first(t.onto.add(m * t.onto_row + v * S::LANES), count), sum),
                    };
                    S::store_first(to, sum, count);
                }
            }
        }
    }
}

/// # Safety
/// As of [`outer`]; with `FULL` the last vector is whole.
#[inline(always)]
unsafe fn sums<S: Simd, const M: usize, const V: usize, const FULL: bool>(t: &Tile) -> [[S::V; V]; M] {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::zero(); V]; M];
        // Behind the last term they may lie nowhere, and are not read.
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.terms {
            let bs: [S::V; V] = std::array::from_fn(|v| {
                let at = b.add(v * S::LANES);
                S::prefetch(at.wrapping_add(t.ahead));
                if FULL || v + 1 < V { S::load(at) } else { S::load_first(at, t.last) }
            });
            for (m, sums) in sums.iter_mut().enumerate() {
                let a = S::splat(*a.add(m * t.a_row));
                for (sum, b) in sums.iter_mut().zip(bs) {
                    *sum = S::fma(a, b, *sum);
                }
            }
            (a, b) = (a.wrapping_add(t.a_term), b.wrapping_add(t.b_term));
        }
        sums
    }
}

compiled!(outer<M, V>(t: &Tile));

type Run = unsafe fn(&Tile);

/// The most rows and vectors of a tile, as many as registers hold.
fn most(isa: Isa) -> [usize; 2] {
    match isa {
        Isa::Avx512 => [8, 3],
        Isa::Avx2 | Isa::Portable => [6, 2],
    }
}

fn tile(isa: Isa, rows: usize, vectors: usize) -> Run {
    macro_rules! pick {
        ($($rows:literal)*) => {
            match (rows, vectors) {
                $(($rows, 1) => for_isa!(isa, outer::<$rows, 1>),
                ($rows, 2) => for_isa!(isa, outer::<$rows, 2>),
                ($rows, _) => for_isa!(isa, outer::<$rows, 3>),)*
                _ => unreachable!("tiles have at most eight rows"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8)
}

/// Strips of some columns, each as many vectors as a tile has: where it begins, vectors, numbers of the last.
fn strips(isa: Isa, columns: std::ops::Range<usize>) -> impl Iterator<Item = (usize, usize, usize)> {
    let (lanes, strip) = (isa.lanes(), most(isa)[1] * isa.lanes());
    columns.clone().step_by(strip).map(move |first| {
        let count = strip.min(columns.end - first);
        let vectors = count.div_ceil(lanes);
        (first, vectors, count - (vectors - 1) * lanes)
    })
}

/// A fully connected layer on few samples, back to its weights.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::cpu) struct FewWeights {
    isa: Isa,
    inputs: usize,
    outputs: usize,
}

impl FewWeights {
    /// For batches of so many samples, if those are few.
    pub fn new(isa: Isa, inputs: usize, outputs: usize, batch: usize) -> Option<FewWeights> {
        (batch <= MOST_WEIGHT).then_some(FewWeights { isa, inputs, outputs })
    }

    /// Adds to `dweight`, or sets it.
    ///
    /// # Safety
    /// Grids are rows of samples of the sizes that it was made for, and no other thread touches `dweight` meanwhile.
    pub unsafe fn run(&self, team: &Team, x: Grid, dy: Grid, dweight: &mut [f32], onto: bool) {
        let FewWeights { isa, inputs, outputs } = *self;
        assert_eq!(dweight.len(), inputs * outputs, "a gradient of another size");
        let (samples, lanes, [most_rows, most_vectors]) = (x.width, isa.lanes(), most(isa));
        let vector = lanes * size_of::<f32>();
        let aligned = dweight.as_ptr().addr().is_multiple_of(vector) && inputs.is_multiple_of(lanes);
        let streamed = !onto && aligned && size_of_val(dweight) >= STREAMED;
        let strip = lanes * most_vectors;
        let run = (NEAR / samples.max(1)).next_multiple_of(strip);
        let runs = inputs.div_ceil(run);
        let dweight = Shared::new(dweight.as_mut_ptr());
        team.each(outputs.div_ceil(ROWS) * runs, |task, _| {
            let (band, index) = (task / runs * ROWS, task % runs);
            let columns = index * run..((index + 1) * run).min(inputs);
            for row in (band..(band + ROWS).min(outputs)).step_by(most_rows) {
                let rows = most_rows.min((band + ROWS).min(outputs) - row);
                for (column, vectors, last) in strips(isa, columns.clone()) {
                    // SAFETY: the caller's; tasks have numbers of their own.
                    unsafe {
                        let c = dweight.at(row * inputs + column);
                        tile(isa, rows, vectors)(&Tile {
                            a: dy.at(0, 0).add(row),
                            a_row: 1,
                            a_term: dy.pitch,
                            b: x.at(0, 0).add(column),
                            b_term: x.pitch,
                            ahead: 0,
                            terms: samples,
                            onto: if onto { c } else { std::ptr::null() },
                            onto_row: inputs,
                            c,
                            c_row: inputs,
                            last,
                            streamed: streamed && last == lanes,
                        });
                    }
                }
            }
            if streamed {
                fence();
            }
        });
    }
}

/// Makes streamed numbers visible to other threads before what is stored next.
fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this kind has the instruction, which asks for nothing.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// A fully connected layer on few samples, back to its inputs.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::cpu) struct FewInputs {
    isa: Isa,
    inputs: usize,
    outputs: usize,
}

impl FewInputs {
    /// For batches of so many samples, if those are few.
    pub fn new(isa: Isa, inputs: usize, outputs: usize, batch: usize) -> Option<FewInputs> {
        (batch <= MOST_INPUT).then_some(FewInputs { isa, inputs, outputs })
    }

    /// Computes the gradients of all samples.
    ///
    /// # Safety
    /// Grids are rows of samples of the sizes that it was made for, and no other thread touches `dx` meanwhile.
    pub unsafe fn run(&self, team: &Team, weight: &[f32], dy: Grid, onto: Onto, dx: Grid) {
        let FewInputs { isa, inputs, outputs } = *self;
        assert_eq!(weight.len(), inputs * outputs, "weights of another size");
        let ([most_rows, most_vectors], samples) = (most(isa), dx.width);
        let strip = isa.lanes() * most_vectors;
        let run = inputs.div_ceil(team.lanes() * TASKS).next_multiple_of(strip);
        let onto = onto.grid(dx);
        team.each(inputs.div_ceil(run), |task, _| {
            let columns = task * run..((task + 1) * run).min(inputs);
            for first in (0..outputs).step_by(ROWS) {
                for (column, vectors, last) in strips(isa, columns.clone()) {
                    for sample in (0..samples).step_by(most_rows) {
                        // SAFETY: the caller's; tasks have numbers of their own.
                        unsafe {
                            let c = dx.at(0, sample).add(column);
                            // Sums of some outputs join those of the outputs before.
                            let (from, onto_row) = match (first, onto) {
                                (0, None) => (std::ptr::null(), 0),
                                (0, Some(onto)) => (onto.at(0, sample).add(column).cast_const(), onto.pitch),
                                _ => (c.cast_const(), dx.pitch),
                            };
                            tile(isa, most_rows.min(samples - sample), vectors)(&Tile {
                                a: dy.at(0, sample).add(first),
                                a_row: dy.pitch,
                                a_term: 1,
                                b: weight.as_ptr().add(first * inputs + column),
                                b_term: inputs,
                                ahead: strip * AHEAD,
                                terms: ROWS.min(outputs - first),
                                onto: from,
                                onto_row,
                                c,
                                c_row: dx.pitch,
                                last,
                                streamed: false,
                            });
                        }
                    }
                }
            }
        });
    }
}

/// Strips ahead of which weights are fetched.
const AHEAD: usize = 2;
