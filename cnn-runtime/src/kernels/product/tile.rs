//! The innermost loop of a product of matrices: a block of the result that stays in registers.

use crate::kernels::Float;

/// The most elements of a block, of any kind of tile.
pub(in crate::kernels) const BLOCK: usize = 256;

/// A block of `rows x cols` sums of products, by what the processor has.
#[derive(Clone, Copy, Debug)]
pub struct Tile<E> {
    /// Rows of the block.
    pub(super) rows: usize,
    /// Columns of the block.
    pub(super) cols: usize,
    /// `block[i * cols + j] = sum over k < depth of left[k * rows + i] * right[k * cols + j]`.
    ///
    /// Reads `depth * rows` elements of the first pointer, `depth * cols` of the second, writes `rows * cols` of the third.
    sums: unsafe fn(usize, *const E, *const E, *mut E),
}

impl<E: Float> Tile<E> {
    /// The block of a panel of rows `[depth, rows]` times one of columns `[depth, cols]`, both as long as that.
    pub(super) fn block(&self, depth: usize, left: &[E], right: &[E], block: &mut [E; BLOCK]) {
        assert!(left.len() == depth * self.rows && right.len() == depth * self.cols, "product: panels of other sizes");
        assert!(self.rows * self.cols <= BLOCK, "product: a block of another size");
        // SAFETY: the assertions give the function what it reads and writes; `Float::tile` asked the processor for
        // the instructions before it chose this tile.
        unsafe { (self.sums)(depth, left.as_ptr(), right.as_ptr(), block.as_mut_ptr()) }
    }

    /// Plain loops, for every processor: four rows, eight columns.
    pub(in crate::kernels) fn portable() -> Self {
        Self { rows: 4, cols: 8, sums: portable::<E> }
    }
}

/// See [`Tile::sums`].
unsafe fn portable<E: Float>(depth: usize, left: *const E, right: *const E, block: *mut E) {
    let mut sums = [[E::ZERO; 8]; 4];
    for k in 0..depth {
        // SAFETY: k < depth, and the caller grants depth panels of four and eight elements.
        let (left, right) = unsafe { (&*left.add(4 * k).cast::<[E; 4]>(), &*right.add(8 * k).cast::<[E; 8]>()) };
        for (sums, &left) in sums.iter_mut().zip(left) {
            for (sum, &right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    // SAFETY: the caller grants 32 elements.
    unsafe { block.cast::<[[E; 8]; 4]>().write(sums) }
}

/// A function as [`Tile::sums`] wants it, of `rows` by `vectors` vectors with fused multiply-adds.
#[cfg(target_arch = "x86_64")]
macro_rules! vectors {
    ($name:ident, $features:literal, $e:ty, $lanes:literal, $rows:literal, $vectors:literal,
     $zero:ident, $load:ident, $store:ident, $spread:ident, $multiply_add:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(depth: usize, left: *const $e, right: *const $e, block: *mut $e) {
            use std::arch::x86_64::*;
            let mut sums = [[$zero(); $vectors]; $rows];
            for k in 0..depth {
                // SAFETY: k < depth, and the caller grants depth rows of both panels.
                unsafe {
                    let mut line = [$zero(); $vectors];
                    for (v, line) in line.iter_mut().enumerate() {
                        *line = $load(right.add((k * $vectors + v) * $lanes));
                    }
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let left = $spread(*left.add(k * $rows + i));
                        for (sum, &right) in sums.iter_mut().zip(&line) {
                            *sum = $multiply_add(left, right, *sum);
                        }
                    }
                }
            }
            for (i, &sum) in sums.as_flattened().iter().enumerate() {
                // SAFETY: the caller grants a whole block.
                unsafe { $store(block.add(i * $lanes), sum) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Tile;

    vectors! { avx512_f32, "avx512f", f32, 16, 8, 2,
    _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps }
    vectors! { avx512_f64, "avx512f", f64, 8, 8, 2,
    _mm512_setzero_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd }
    vectors! { avx2_f32, "avx2,fma", f32, 8, 4, 3,
    _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps }
    vectors! { avx2_f64, "avx2,fma", f64, 4, 4, 3,
    _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd }

    /// The widest tiles that this processor runs: AVX-512, AVX2 with fused multiply-adds, or none.
    pub(super) fn f32_tiles() -> impl Iterator<Item = Tile<f32>> {
        let wide = is_x86_feature_detected!("avx512f").then_some(Tile { rows: 8, cols: 32, sums: avx512_f32 as _ });
        wide.into_iter().chain(has_avx2().then_some(Tile { rows: 4, cols: 24, sums: avx2_f32 as _ }))
    }

    /// As [`f32_tiles`], in f64.
    pub(super) fn f64_tiles() -> impl Iterator<Item = Tile<f64>> {
        let wide = is_x86_feature_detected!("avx512f").then_some(Tile { rows: 8, cols: 16, sums: avx512_f64 as _ });
        wide.into_iter().chain(has_avx2().then_some(Tile { rows: 4, cols: 12, sums: avx2_f64 as _ }))
    }

    fn has_avx2() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }
}

/// The tiles of f32 that this processor runs, the fastest one first.
pub(in crate::kernels) fn f32_tiles() -> impl Iterator<Item = Tile<f32>> {
    #[cfg(target_arch = "x86_64")]
    let vectors = x86::f32_tiles();
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = std::iter::empty();
    vectors.chain([Tile::portable()])
}

/// The tiles of f64 that this processor runs, the fastest one first.
pub(in crate::kernels) fn f64_tiles() -> impl Iterator<Item = Tile<f64>> {
    #[cfg(target_arch = "x86_64")]
    let vectors = x86::f64_tiles();
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = std::iter::empty();
    vectors.chain([Tile::portable()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::random;

    /// Every tile that this processor runs, against the sum written out.
    fn agree<E: Float>(tiles: impl Iterator<Item = Tile<E>>, tolerance: f64) {
        for tile in tiles {
            let depth = 37;
            let draw = |seed, len| random(seed, len).into_iter().map(E::of).collect::<Vec<E>>();
            let (left, right) = (draw(1, depth * tile.rows), draw(2, depth * tile.cols));
            let mut block = [E::of(7.0); BLOCK];
            tile.block(depth, &left, &right, &mut block);
            for (i, j) in (0..tile.rows).flat_map(|i| (0..tile.cols).map(move |j| (i, j))) {
                let term = |k: usize| -> f64 { left[k * tile.rows + i].double() * right[k * tile.cols + j].double() };
                let expected: f64 = (0..depth).map(term).sum();
                let found = block[i * tile.cols + j].double();
                assert!((found - expected).abs() < tolerance, "{tile:?} at {i}, {j}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn every_tile_sums_products() {
        agree(f32_tiles(), 1e-5);
        agree(f64_tiles(), 1e-13);
    }
}
