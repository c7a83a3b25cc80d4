//! Local response normalisation: of each pixel a line of squares between zeros, over which windows slide.

use super::grid::Grid;
use super::lanes::{Work, across, get, put, with_vectors};
use super::rows::{Chunks, Rows, Scratch};
use super::simd::Simd;
use super::team::Team;

/// `y = x d^-beta`, `d = k + alpha / size * sum of squares`; the kernel in `kernels::lrn` says of which channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lrn {
    pub size: usize,
    pub alpha: f64,
    pub beta: f64,
    pub k: f64,
}

impl Lrn {
    /// Channels of a window before its own, and behind.
    fn sides(&self) -> [usize; 2] {
        [self.size / 2, self.size.saturating_sub(1) / 2]
    }

    /// Numbers of a line: a channel's, and zeros on both sides.
    fn line(&self, channels: usize) -> usize {
        (channels + self.size).next_multiple_of(16)
    }

    /// Numbers of scratch for each thread.
    pub fn scratch(&self, channels: usize) -> usize {
        2 * self.line(channels)
    }

    pub fn forward(self, team: &Team, x: Grid, y: Grid, scratch: &mut [f32]) {
        self.run(team, x, None, y, scratch);
    }

    /// Adds to `dx`: `dx[i] += dy[i] d[i]^-beta - 2 alpha beta / size x[i] * sum of dy[c] x[c] d[c]^(-beta - 1)` over the
    /// channels c whose windows hold i.
    pub fn backward(self, team: &Team, x: Grid, dy: Grid, dx: Grid, scratch: &mut [f32]) {
        self.run(team, x, Some(dy), dx, scratch);
    }

    fn run(self, team: &Team, x: Grid, dy: Option<Grid>, to: Grid, scratch: &mut [f32]) {
        let (each, scratch, chunks) = (self.scratch(x.channels), Scratch::of(scratch), Chunks::of(x));
        let channels = x.channels;
        team.each(chunks.count(), |chunk, lane| {
            // SAFETY: each lane has scratch of its own.
            let lines = unsafe { scratch.part(lane * each, each) };
            lines.fill(0.0);
            let (squares, products) = lines.split_at_mut(self.line(channels));
            let (squares, products) = (squares.as_mut_ptr(), products.as_mut_ptr());
            let ((x, count), (to, _)) = (chunks.rows(x, chunk), chunks.rows(to, chunk));
            // SAFETY: pixels of the maps, which tasks write each its own, and lines of so many channels and a window.
            unsafe {
                match dy.map(|dy| chunks.rows(dy, chunk).0) {
                    None => with_vectors(team.isa(), Forward { lrn: self, x, count, channels, squares, y: to }),
                    Some(dy) => {
                        let work = Backward { lrn: self, x, dy, count, channels, squares, products, dx: to };
                        with_vectors(team.isa(), work);
                    }
                }
            }
        });
    }

    /// Writes the squares of a pixel's channels into a line.
    ///
    /// # Safety
    /// The processor has the vectors; the pixel has so many channels, and the line room for them behind zeros.
    #[inline(always)]
    unsafe fn squares<S: Simd>(&self, x: *const f32, channels: usize, line: *mut f32) {
        // SAFETY: the caller's.
        unsafe {
            let line = line.add(self.sides()[0]);
            across!(S, channels, |c, width, FULL| {
                let x = get::<S, FULL>(x.add(c), width);
                put::<S, FULL>(line.add(c), S::mul(x, x), width);
            });
        }
    }

    /// The sum of a window of a line from number `c` on.
    ///
    /// # Safety
    /// As of [`Self::squares`].
    #[inline(always)]
    unsafe fn window<S: Simd, const FULL: bool>(&self, line: *const f32, c: usize, width: usize) -> S::V {
        // SAFETY: the caller's; a line is a window longer than there are channels.
        unsafe {
            let mut sum = S::zero();
            for tap in 0..self.size {
                sum = S::add(sum, get::<S, FULL>(line.add(c + tap), width));
            }
            sum
        }
    }

    /// d of channels from `c` on, and `d^-beta`.
    ///
    /// # Safety
    /// As of [`Self::window`].
    #[inline(always)]
    unsafe fn divisor<S: Simd, const FULL: bool>(&self, line: *const f32, c: usize, width: usize) -> (S::V, S::V) {
        // SAFETY: the caller's.
        unsafe {
            let share = S::splat((self.alpha / self.size as f64) as f32);
            let d = S::fma(self.window::<S, FULL>(line, c, width), share, S::splat(self.k as f32));
            // Of the usual exponents as roots, which are faster.
            let power = if self.beta == 0.75 {
                let root = S::sqrt(d);
                S::div(S::splat(1.0), S::mul(root, S::sqrt(root)))
            } else if self.beta == 0.5 {
                S::div(S::splat(1.0), S::sqrt(d))
            } else {
                S::map(d, |d| f64::from(d).powf(-self.beta) as f32)
            };
            (d, power)
        }
    }
}

struct Forward {
    lrn: Lrn,
    x: Rows,
    count: usize,
    channels: usize,
    squares: *mut f32,
    y: Rows,
}

impl Work for Forward {
    #[inline(always)]
    unsafe fn run<S: Simd>(&self) {
        for row in 0..self.count {
            // SAFETY: pixels of the maps, and a line.
            unsafe {
                let (x, y) = (self.x.at(row), self.y.at(row));
                self.lrn.squares::<S>(x, self.channels, self.squares);
                across!(S, self.channels, |c, width, FULL| {
                    let (_, power) = self.lrn.divisor::<S, FULL>(self.squares, c, width);
                    put::<S, FULL>(y.add(c), S::mul(get::<S, FULL>(x.add(c), width), power), width);
                });
            }
        }
    }
}

struct Backward {
    lrn: Lrn,
    x: Rows,
    dy: Rows,
    count: usize,
    channels: usize,
    squares: *mut f32,
    products: *mut f32,
    dx: Rows,
}

impl Work for Backward {
    #[inline(always)]
    unsafe fn run<S: Simd>(&self) {
        let factor = (-2.0 * self.lrn.alpha * self.lrn.beta / self.lrn.size as f64) as f32;
        // The windows that hold a channel are mirrored.
        let behind = self.lrn.sides()[1];
        for row in 0..self.count {
            // SAFETY: pixels of the maps, and two lines.
            unsafe {
                let (x, dy, dx) = (self.x.at(row), self.dy.at(row), self.dx.at(row));
                self.lrn.squares::<S>(x, self.channels, self.squares);
                across!(S, self.channels, |c, width, FULL| {
                    let (d, power) = self.lrn.divisor::<S, FULL>(self.squares, c, width);
                    let direct = S::mul(get::<S, FULL>(dy.add(c), width), power);
                    let product = S::div(S::mul(direct, get::<S, FULL>(x.add(c), width)), d);
                    put::<S, FULL>(self.products.add(behind + c), product, width);
                    put::<S, FULL>(dx.add(c), S::add(get::<S, FULL>(dx.add(c), width), direct), width);
                });
                across!(S, self.channels, |c, width, FULL| {
                    let sum = self.lrn.window::<S, FULL>(self.products, c, width);
                    let along = S::mul(get::<S, FULL>(x.add(c), width), S::splat(factor));
                    put::<S, FULL>(dx.add(c), S::fma(along, sum, get::<S, FULL>(dx.add(c), width)), width);
                });
            }
        }
    }
}
