//! Pooling. The overhang of ceil mode is written as padding: `ceil_mode` would leave to the reader what the last window counts,
//! and readers differ.

use cnn_lang::graph::{Pool, Shape};

use super::builder::Builder;
use super::tensors::{int, ints};
use crate::kernels::window::Axis;

/// Where the window of a pooling stands on a map.
struct Window {
    axes: [Axis; 2],
    /// By how much the last window reaches beyond the padding.
    overhang: [usize; 2],
}

impl Window {
    fn new(pool: &Pool, from: Shape, to: Shape) -> Window {
        let size = |shape: Shape| shape.spatial().unwrap_or([1, 1]);
        let axes = Axis::pair(size(from), size(to), pool.kernel, pool.stride, pool.pad, pool.dilation);
        let overhang = axes.map(|axis| {
            let end = (axis.output - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1;
            end.saturating_sub(axis.input + axis.before + axis.after)
        });
        Window { axes, overhang }
    }

    fn before(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.axes[axis].before)
    }

    fn after(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.axes[axis].after)
    }

    /// Padding behind, overhang included.
    fn end(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.axes[axis].after + self.overhang[axis])
    }
}

impl Builder<'_> {
    pub(super) fn maxpool(&mut self, index: usize, pool: &Pool, x: &str, from: Shape, to: Shape) -> String {
        let window = Window::new(pool, from, to);
        let (mut before, mut after, mut x) = (window.before(), window.end(), x.to_owned());
        // Readers refuse padding as large as the kernel, and give windows that see padding alone some finite number.
        if pool.dilation != [1, 1] && [before, after] != [[0; 2]; 2] {
            x = self.border(index, &x, before, after, f64::NEG_INFINITY);
            (before, after) = ([0; 2], [0; 2]);
        }
        let mut attributes = geometry(pool, before, after);
        attributes.push(ints("dilations", &pool.dilation));
        self.push(index, "MaxPool", &[&x], attributes)
    }

    /// What counts in the divisor is in the map: padding that does stands there as zeros, unless nothing hangs over.
    pub(super) fn avgpool(
        &mut self,
        index: usize,
        pool: &Pool,
        count_pad: bool,
        x: &str,
        from: Shape,
        to: Shape,
    ) -> String {
        let window = Window::new(pool, from, to);
        let (mut before, mut after, mut x) = (window.before(), window.end(), x.to_owned());
        let padded = pool.pad != [0; 4];
        let all = count_pad && padded && window.overhang == [0; 2];
        if count_pad && padded && !all {
            x = self.border(index, &x, before, window.after(), 0.0);
            (before, after) = ([0; 2], window.overhang);
        }
        let mut attributes = geometry(pool, before, after);
        attributes.push(int("count_include_pad", usize::from(all)));
        self.push(index, "AveragePool", &[&x], attributes)
    }

    fn border(&mut self, index: usize, x: &str, before: [usize; 2], after: [usize; 2], value: f64) -> String {
        let [before, after] = [before, after].map(|[rows, cols]| [0, rows as i64, cols as i64]);
        self.pad(index, x, before, after, value)
    }

    /// The mean of each bin, rows first: a product from the left, then one from the right. Bins overlap where sizes do not
    /// divide.
    pub(super) fn adaptive_avgpool(&mut self, index: usize, out: [usize; 2], x: &str, from: Shape) -> String {
        if out == [1, 1] {
            return self.push(index, "GlobalAveragePool", &[x], Vec::new());
        }
        let [height, width] = from.spatial().unwrap_or([1, 1]);
        let mean = |bin: usize, at: usize, size: usize, out: usize| {
            let bin = bin * size / out..((bin + 1) * size).div_ceil(out);
            if bin.contains(&at) { 1.0 / bin.len() as f64 } else { 0.0 }
        };
        let rows = (0..out[0]).flat_map(|bin| (0..height).map(move |at| mean(bin, at, height, out[0])));
        let cols = (0..width).flat_map(|at| (0..out[1]).map(move |bin| mean(bin, at, width, out[1])));
        let (rows, cols) = (self.floats(&[out[0], height], rows), self.floats(&[width, out[1]], cols));
        let x = self.push(index, "MatMul", &[&rows, x], Vec::new());
        self.push(index, "MatMul", &[&x, &cols], Vec::new())
    }
}

/// Attributes of both poolings; pairs are height, width.
fn geometry(pool: &Pool, before: [usize; 2], after: [usize; 2]) -> Vec<super::proto::AttributeProto> {
    vec![ints("kernel_shape", &pool.kernel), ints("strides", &pool.stride), ints("pads", &[before, after].concat())]
}
