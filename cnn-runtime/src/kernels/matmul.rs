//! Matrix products on views of slices, by the `gemm` crate.

use gemm::Parallelism;

use super::Float;

/// A matrix inside a slice: element (i, j) is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mat<S> {
    data: S,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<S> Mat<S> {
    /// `rows x cols` values row by row, one row every `row_stride` elements.
    pub fn new(data: S, rows: usize, cols: usize, row_stride: usize) -> Self {
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The transposed matrix on the same data.
    pub fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    /// The number of elements from the first one to the last one.
    fn span(&self) -> usize {
        if self.rows == 0 || self.cols == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride + 1
    }
}

/// `dst += a b`, on all threads if `parallel`.
pub(super) fn matmul<E: Float>(dst: Mat<&mut [E]>, a: Mat<&[E]>, b: Mat<&[E]>, parallel: bool) {
    assert_eq!((a.rows, b.cols), (dst.rows, dst.cols), "matmul: output");
    assert_eq!(a.cols, b.rows, "matmul: inner size");
    assert!(dst.span() <= dst.data.len(), "matmul: dst is too short");
    assert!(a.span() <= a.data.len(), "matmul: a is too short");
    assert!(b.span() <= b.data.len(), "matmul: b is too short");
    // Distinct elements of dst have distinct addresses: one stride is 1 and the other spans a whole row.
    let (short, long) = if dst.col_stride == 1 { (dst.cols, dst.row_stride) } else { (dst.rows, dst.col_stride) };
    assert!(short <= long || dst.rows.min(dst.cols) <= 1, "matmul: dst overlaps itself");

    let threads = if parallel { Parallelism::Rayon(0) } else { Parallelism::None };
    // SAFETY: the assertions above keep every element that gemm reads or writes inside its slice and the elements of
    // dst apart; dst is borrowed mutably, so it overlaps neither a nor b; E is f32 or f64 (Float has no other
    // implementation in this crate, and gemm panics on a type that it does not know).
    unsafe {
        gemm::gemm(
            dst.rows,
            dst.cols,
            a.cols,
            dst.data.as_mut_ptr(),
            dst.col_stride as isize,
            dst.row_stride as isize,
            true,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            E::ONE,
            E::ONE,
            false,
            false,
            false,
            threads,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_views() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // 2x3
        let b = [1.0, 0.0, 9.0, 0.0, 1.0, 9.0, 1.0, 1.0, 9.0]; // 3x2 in rows of 3
        let mut c = [0.0; 4];
        matmul(Mat::new(&mut c[..], 2, 2, 2), Mat::new(&a[..], 2, 3, 3), Mat::new(&b[..], 3, 2, 3), false);
        assert_eq!(c, [4.0, 5.0, 10.0, 11.0]);
        // c += (b^T a^T)^T is the same again
        matmul(Mat::new(&mut c[..], 2, 2, 2).t(), Mat::new(&b[..], 3, 2, 3).t(), Mat::new(&a[..], 2, 3, 3).t(), true);
        assert_eq!(c, [8.0, 10.0, 20.0, 22.0]);
    }

    #[test]
    #[should_panic(expected = "matmul: b is too short")]
    fn short_slices_are_refused() {
        let (a, b, mut c) = ([0.0f32; 4], [0.0; 3], [0.0; 4]);
        matmul(Mat::new(&mut c[..], 2, 2, 2), Mat::new(&a[..], 2, 2, 2), Mat::new(&b[..], 2, 2, 2), false);
    }

    #[test]
    #[should_panic(expected = "overlaps itself")]
    fn overlapping_rows_are_refused() {
        let (a, b, mut c) = ([0.0f32; 4], [0.0; 4], [0.0; 4]);
        matmul(Mat::new(&mut c[..], 2, 2, 1), Mat::new(&a[..], 2, 2, 2), Mat::new(&b[..], 2, 2, 2), false);
    }
}
