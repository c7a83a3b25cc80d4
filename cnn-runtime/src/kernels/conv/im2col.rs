//! Convolution as a product of matrices: the inputs under the window at one output become a column, and the weights of
//! a group times all columns are its outputs. Chellapilla et al. 2006, <https://inria.hal.science/inria-00112631>.
//!
//! Columns are packed straight from the maps into the panels of the product. How the work is cut depends on the sizes
//! alone, so the results do not depend on the threads.

use std::ops::Range;

use super::Conv;
use super::columns::Columns;
use crate::kernels::Float;
use crate::kernels::parallel::{self, Shared};
use crate::kernels::product::{COLS, Product, WORKSPACE, multiply};
use crate::kernels::window::Axis;

/// Tasks that are aimed at where the sizes allow it, for that many threads to have work.
const TASKS: usize = 8;

/// The most elements that partial sums of the weight gradient take: 2 MiB in f32.
const PARTIALS: usize = 1 << 19;

impl Conv {
    /// A 1x1 window that skips nothing sees no rows: its maps are as good as vectors.
    fn flat(&self) -> Self {
        let plain = |axis: &Axis| axis.kernel == 1 && axis.stride == 1 && axis.pads() == 0;
        if !plain(&self.rows) || !plain(&self.cols) {
            return *self;
        }
        let [rows, cols] = [1, self.in_plane()].map(Axis::identity);
        Self { rows, cols, ..*self }
    }

    fn columns(&self, group: usize) -> Columns {
        Columns { channels: self.inputs, first: group * self.in_group(), rows: self.rows, cols: self.cols }
    }

    fn output_maps(&self, group: usize) -> Columns {
        Columns::of_maps(self.outputs, group * self.out_group(), self.out_plane())
    }

    /// Where the weights of a group start.
    fn first_weight(&self, group: usize) -> usize {
        group * self.out_group() * self.taps()
    }

    /// Partial sums of the weight gradient, over so many runs of columns: more than one only where the weights are few.
    fn parts(&self) -> usize {
        let weights = (self.outputs * self.taps()).max(1);
        (self.batch * self.out_plane() / (2 * COLS)).min(PARTIALS / weights).clamp(1, TASKS)
    }

    /// Elements of workspace for products on so many lanes.
    pub(super) fn product_workspace(&self, lanes: usize) -> usize {
        let parts = self.parts();
        lanes.max(1) * WORKSPACE + if parts > 1 { parts * self.outputs * self.taps() } else { 0 }
    }
}

/// Cuts a product of `groups` matrices into blocks: how many columns and how many rows each has.
fn cut(groups: usize, rows: usize, columns: usize) -> (usize, usize) {
    let across = columns.div_ceil(COLS).max(1);
    let width = columns.div_ceil(across).next_multiple_of(32);
    // shorter blocks pack the same columns again, so there are no more of them than there are threads to feed
    let down = TASKS.div_ceil(groups * across).min(rows.div_ceil(32)).max(1);
    (width, rows.div_ceil(down).next_multiple_of(8))
}

/// `f(group, rows, columns, buffer)` for every block of a product.
fn for_blocks<E: Float>(
    groups: usize,
    [rows, columns]: [usize; 2],
    [height, width]: [usize; 2],
    workspace: &mut [E],
    f: impl Fn(usize, Range<usize>, Range<usize>, &mut [E]) + Sync,
) {
    let (down, across) = (rows.div_ceil(height), columns.div_ceil(width));
    parallel::tasks(groups * down * across, WORKSPACE, workspace, |task, buffer| {
        let (group, block) = (task / (down * across), task % (down * across));
        let (row, column) = (block / across * height, block % across * width);
        f(group, row..(row + height).min(rows), column..(column + width).min(columns), buffer);
    });
}

/// `y += filters * columns of x`
struct Correlate<'a, E> {
    columns: Columns,
    x: &'a [E],
    filters: Filters<'a, E>,
    outputs: Columns,
    y: &'a Shared<'a, E>,
}

/// The left factor of a correlation, `[channels out, channels in * window]`.
#[derive(Clone, Copy)]
enum Filters<'a, E> {
    /// Weights of a group as they are, `[out_group, taps]`.
    Straight(&'a [E], usize),
    /// The same with both kinds of channels exchanged and each window (of so many elements) turned by half a circle.
    Turned(&'a [E], usize, usize),
}

impl<E: Float> Product<E> for Correlate<'_, E> {
    fn left(&self, rows: Range<usize>, depth: Range<usize>, panel: &mut [E], height: usize) {
        match self.filters {
            Filters::Straight(weight, taps) => {
                for (i, row) in rows.enumerate() {
                    let weight = &weight[row * taps..][depth.clone()];
                    panel[i..].iter_mut().step_by(height).zip(weight).for_each(|(to, &w)| *to = w);
                }
            }
            Filters::Turned(weight, taps, window) => {
                for (panel, k) in panel.chunks_exact_mut(height).zip(depth) {
                    let from = k / window * taps + window - 1 - k % window;
                    let weight = weight[from..].iter().step_by(window).skip(rows.start);
                    panel[..rows.len()].iter_mut().zip(weight).for_each(|(to, &w)| *to = w);
                }
            }
        }
    }

    fn right(&self, depth: Range<usize>, cols: Range<usize>, panels: &mut [E], width: usize) {
        self.columns.pack(self.x, depth, cols, panels, width);
    }

    fn add(&self, row: usize, col: usize, line: &[E]) {
        self.outputs.runs(row, col..col + line.len(), |offset, at, len| {
            // SAFETY: a block of the product writes its own rows and columns, and no other task has them.
            let y = unsafe { self.y.part(at, len) };
            y.iter_mut().zip(&line[offset..]).for_each(|(y, &sum)| *y += sum);
        });
    }
}

/// `y += weight * x`
pub(super) fn forward<E: Float>(conv: &Conv, x: &[E], weight: &[E], y: &mut [E], workspace: &mut [E]) {
    let conv = conv.flat();
    let (rows, columns) = (conv.out_group(), conv.batch * conv.out_plane());
    let (width, height) = cut(conv.groups, rows, columns);
    let y = Shared::new(y);
    for_blocks(conv.groups, [rows, columns], [height, width], workspace, |group, rows, columns, buffer| {
        let filters = Filters::Straight(&weight[conv.first_weight(group)..], conv.taps());
        let product = Correlate { columns: conv.columns(group), x, filters, outputs: conv.output_maps(group), y: &y };
        multiply(&product, rows, columns, 0..conv.taps(), buffer);
    });
}

/// `dx += weight^T * dy`
pub(super) fn input_grad<E: Float>(conv: &Conv, weight: &[E], dy: &[E], dx: &mut [E], workspace: &mut [E]) {
    let conv = conv.flat();
    let dx = Shared::new(dx);
    if let (Some(turned_rows), Some(turned_cols)) = (conv.rows.turned(), conv.cols.turned()) {
        // with stride 1 it is a convolution itself
        let (rows, columns) = (conv.in_group(), conv.batch * conv.in_plane());
        let (width, height) = cut(conv.groups, rows, columns);
        let window = conv.rows.kernel * conv.cols.kernel;
        for_blocks(conv.groups, [rows, columns], [height, width], workspace, |group, rows, columns, buffer| {
            let first = group * conv.out_group();
            let product = Correlate {
                columns: Columns { channels: conv.outputs, first, rows: turned_rows, cols: turned_cols },
                x: dy,
                filters: Filters::Turned(&weight[conv.first_weight(group)..], conv.taps(), window),
                outputs: Columns::of_maps(conv.inputs, group * conv.in_group(), conv.in_plane()),
                y: &dx,
            };
            multiply(&product, rows, columns, 0..conv.out_group() * window, buffer);
        });
        return;
    }
    // Elsewhere columns are added back to where they come from. They overlap, so a task takes samples and channels whole.
    let (plane, window) = (conv.out_plane(), conv.rows.kernel * conv.cols.kernel);
    let samples = (COLS / plane).clamp(1, conv.batch.div_ceil(TASKS));
    let down = TASKS.div_ceil(conv.groups * conv.batch.div_ceil(samples)).min(conv.taps().div_ceil(64)).max(1);
    let height = conv.in_group().div_ceil(down) * window;
    let blocks = [conv.taps(), conv.batch * plane];
    for_blocks(conv.groups, blocks, [height, samples * plane], workspace, |group, taps, columns, buffer| {
        let weight = &weight[conv.first_weight(group)..];
        let maps = conv.output_maps(group);
        let product = Scatter { columns: conv.columns(group), weight, taps: conv.taps(), maps, dy, dx: &dx };
        multiply(&product, taps, columns, 0..conv.out_group(), buffer);
    });
}

/// `columns of dx += weight^T * dy`
struct Scatter<'a, E> {
    columns: Columns,
    weight: &'a [E],
    taps: usize,
    maps: Columns,
    dy: &'a [E],
    dx: &'a Shared<'a, E>,
}

impl<E: Float> Product<E> for Scatter<'_, E> {
    fn left(&self, rows: Range<usize>, depth: Range<usize>, panel: &mut [E], height: usize) {
        for (panel, k) in panel.chunks_exact_mut(height).zip(depth) {
            panel[..rows.len()].copy_from_slice(&self.weight[k * self.taps..][rows.clone()]);
        }
    }

    fn right(&self, depth: Range<usize>, cols: Range<usize>, panels: &mut [E], width: usize) {
        self.maps.pack(self.dy, depth, cols, panels, width);
    }

    fn add(&self, row: usize, col: usize, line: &[E]) {
        let stride = self.columns.cols.stride;
        self.columns.runs(row, col..col + line.len(), |offset, at, len| {
            // SAFETY: the run lies in one channel of one sample, and a task takes both whole.
            let dx = unsafe { self.dx.part(at, (len - 1) * stride + 1) };
            dx.iter_mut().step_by(stride).zip(&line[offset..]).for_each(|(dx, &sum)| *dx += sum);
        });
    }
}

/// `dweight += dy * columns of x, transposed`
struct Gradient<'a, E> {
    maps: Columns,
    dy: &'a [E],
    columns: Columns,
    x: &'a [E],
    dweight: &'a Shared<'a, E>,
    /// Where the group's weights start.
    first: usize,
    taps: usize,
}

impl<E: Float> Product<E> for Gradient<'_, E> {
    fn left(&self, rows: Range<usize>, depth: Range<usize>, panel: &mut [E], height: usize) {
        self.maps.pack_transposed(self.dy, depth, rows, panel, height);
    }

    fn right(&self, depth: Range<usize>, cols: Range<usize>, panels: &mut [E], width: usize) {
        self.columns.pack_transposed(self.x, depth, cols, panels, width);
    }

    fn add(&self, row: usize, col: usize, line: &[E]) {
        // SAFETY: a block of the product writes its own rows and columns, and no other task has them.
        let dweight = unsafe { self.dweight.part(self.first + row * self.taps + col, line.len()) };
        dweight.iter_mut().zip(line).for_each(|(dw, &sum)| *dw += sum);
    }
}

/// `dweight += dy * x^T`
pub(super) fn weight_grad<E: Float>(conv: &Conv, x: &[E], dy: &[E], dweight: &mut [E], workspace: &mut [E]) {
    let conv = conv.flat();
    let (weights, parts, columns) = (dweight.len(), conv.parts(), conv.batch * conv.out_plane());
    let held = if parts > 1 { parts * weights } else { 0 };
    assert!(
        workspace.len() >= held,
        "conv: {held} elements of workspace are the least; this is a bug in the calling code"
    );
    let (partials, workspace) = workspace.split_at_mut(held);
    partials.fill(E::ZERO);

    let down = TASKS.div_ceil(conv.groups * parts).min(conv.taps().div_ceil(96)).max(1);
    let width = conv.taps().div_ceil(down).min(COLS).next_multiple_of(32);
    let sums = |to: &Shared<E>, workspace: &mut [E]| {
        let across = conv.taps().div_ceil(width);
        parallel::tasks(parts * conv.groups * across, WORKSPACE, workspace, |task, buffer| {
            let (part, group, block) = (task / across / conv.groups, task / across % conv.groups, task % across);
            let product = Gradient {
                maps: conv.output_maps(group),
                dy,
                columns: conv.columns(group),
                x,
                dweight: to,
                first: part * weights + conv.first_weight(group),
                taps: conv.taps(),
            };
            let taps = block * width..((block + 1) * width).min(conv.taps());
            let columns = part * columns / parts..(part + 1) * columns / parts;
            multiply(&product, 0..conv.out_group(), taps, columns, buffer);
        });
    };
    if parts == 1 {
        return sums(&Shared::new(dweight), workspace);
    }
    sums(&Shared::new(partials), workspace);
    for partial in partials.chunks_exact(weights) {
        parallel::zip(dweight, partial, |dw, part| *dw += part);
    }
}
